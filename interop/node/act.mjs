// What an application does with its session: what the path says. The Rust side has the same, but for `aged`.

import { saveAged } from './session.cjs';

export async function act(ctx) {
  const [what, name, value] = ctx.path.slice(1).split('/');
  if (what === 'idle') return 'idle';
  const session = ctx.session;
  switch (what) {
    case 'count':
      session.count = (session.count || 0) + 1;
      return `${session.count}`;
    case 'insert':
      session[name] = decodeURIComponent(value);
      return '';
    case 'values':
      return JSON.stringify(session.toJSON());
    case 'is_new':
      return `${Boolean(session.isNew)}`;
    case 'max_age':
      session.maxAge = name === 'session' ? name : Number(name);
      return '';
    case 'left':
      return session._expire ? `${session._expire - Date.now()}` : 'all';
    case 'aged':
      await saveAged(ctx, Number(name));
      return '';
    case 'save':
      await session.save();
      return '';
    case 'regenerate':
      await session.regenerate();
      return '';
    case 'destroy':
      ctx.session = null;
      return '';
    default:
      ctx.status = 404;
      return '';
  }
}
