const path = require('node:path');

const { redisStore } = require('../session.cjs');

module.exports = app => {
  const { store } = app.config.interop;
  if (!store) return;
  const Redis = require(path.join(process.env.INTEROP_HOME, 'node_modules/ioredis'));
  app.sessionStore = redisStore(Redis, store);
};
