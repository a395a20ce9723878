const { optionsOf } = require('../../session.cjs');

// Called for each application of the process.
module.exports = () => {
  const setting = JSON.parse(process.env.INTEROP_SETTING);
  return {
    keys: setting.keys.join(','),
    session: optionsOf(setting),
    interop: { store: setting.store },
    security: { csrf: { enable: false } },
    rundir: process.env.INTEROP_TMP,
    logger: { dir: process.env.INTEROP_TMP, level: 'NONE', consoleLevel: 'NONE' },
  };
};
