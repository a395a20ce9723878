const path = require('node:path');

module.exports = app => {
  const { store } = app.config.interop;
  if (!store) return;
  const Redis = require(path.join(process.env.INTEROP_HOME, 'node_modules/ioredis'));
  const client = new Redis(store.redis);
  app.sessionStore = {
    async get(key) {
      const text = await client.get(store.prefix + key);
      return text ? JSON.parse(text) : null;
    },
    async set(key, value, maxAge) {
      const life = typeof maxAge === 'number' ? maxAge : 86400000;
      await client.set(store.prefix + key, JSON.stringify(value), 'PX', life);
    },
    async destroy(key) {
      await client.del(store.prefix + key);
    },
  };
};
