module.exports = app => {
  app.get(/^\/.*/, async ctx => {
    const { act } = await import('../../act.mjs');
    ctx.body = await act(ctx);
  });
};
