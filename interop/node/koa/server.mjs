// koa with koa-session: one application, on a port of its own, for each setting in the first argument. Says where they
// are in one line, and ends when nobody holds its input any more.

import Redis from 'ioredis';
import Koa from 'koa';
import session from 'koa-session';

import { act } from '../act.mjs';
import { optionsOf, redisStore } from '../session.cjs';

function start(setting) {
  const app = new Koa();
  app.keys = setting.keys;
  const options = optionsOf(setting);
  if (setting.store) options.store = redisStore(Redis, setting.store);
  app.use(session(options, app));
  app.use(async ctx => {
    ctx.body = await act(ctx);
  });
  return new Promise(resolve => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server.address().port));
    server.keepAliveTimeout = 0; // a client may rest between its requests
  });
}

const ports = {};
for (const [name, setting] of Object.entries(JSON.parse(process.argv[2]))) {
  ports[name] = await start(setting);
}
console.log(JSON.stringify(ports));
process.stdin.resume().on('end', () => process.exit());
