// koa with koa-session: one application, on a port of its own, for each setting in the first argument. Says where they
// are in one line, and ends when nobody holds its input any more.

import Redis from 'ioredis';
import Koa from 'koa';
import session from 'koa-session';

import { act } from '../act.mjs';

function redisStore({ redis, prefix }) {
  const client = new Redis(redis);
  return {
    async get(key) {
      const text = await client.get(prefix + key);
      return text ? JSON.parse(text) : null;
    },
    async set(key, value, maxAge) {
      const life = typeof maxAge === 'number' ? maxAge : 86400000;
      await client.set(prefix + key, JSON.stringify(value), 'PX', life);
    },
    async destroy(key) {
      await client.del(prefix + key);
    },
  };
}

function start({ keys, options, store }) {
  const app = new Koa();
  app.keys = keys;
  if (store) options.store = redisStore(store);
  app.use(session(options, app));
  app.use(async ctx => {
    ctx.body = await act(ctx);
  });
  return new Promise(resolve => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

const ports = {};
for (const [name, setting] of Object.entries(JSON.parse(process.argv[2]))) {
  ports[name] = await start(setting);
}
console.log(JSON.stringify(ports));
process.stdin.resume().on('end', () => process.exit());
