// What the session plugin of an application is given. The Rust side has the same hooks in `src/hooks.rs`.

// A session is for the visitor who began it, and says who wrote it last.
const bound = {
  valid: (ctx, session) => session.visitor === ctx.get('x-visitor'),
  beforeSave(ctx, session) {
    session.visitor = ctx.get('x-visitor');
    session.writer = 'node';
  },
};

// The id in a header of its own.
const externalKey = {
  get: ctx => ctx.get('x-session'),
  set: (ctx, id) => ctx.set('x-session', id),
};

// The session in its cookie as JSON in hexadecimal digits.
const inHex = {
  encode: value => Buffer.from(JSON.stringify(value)).toString('hex'),
  decode: text => JSON.parse(Buffer.from(text, 'hex').toString()),
};

exports.optionsOf = setting => ({
  ...setting.options,
  ...(setting.bound && bound),
  ...(setting.inHeader && { externalKey }),
  ...(setting.inHex && inHex),
});

exports.redisStore = (Redis, { redis, prefix }) => {
  const client = new Redis(redis);
  return {
    async get(key) {
      const text = await client.get(prefix + key);
      return text ? JSON.parse(text) : null;
    },
    async set(key, value, maxAge, { ctx }) {
      const life = typeof maxAge === 'number' ? maxAge : 86400000;
      await client.set(prefix + key, JSON.stringify(aged(value, ctx)), 'PX', life);
    },
    async destroy(key) {
      await client.del(prefix + key);
    },
  };
};

// Writes the session as if that many milliseconds of its life had passed.
exports.saveAged = async (ctx, millis) => {
  ctx.state.aged = millis;
  const { encode } = ctx.sessionOptions;
  ctx.sessionOptions.encode = value => encode(aged(value, ctx));
  await ctx.session.save();
};

function aged(value, ctx) {
  const { aged = 0 } = ctx.state;
  return aged ? { ...value, _expire: value._expire - aged } : value;
}
