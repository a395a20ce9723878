const setting = JSON.parse(process.env.INTEROP_SETTING);

exports.keys = setting.keys.join(',');
exports.session = setting.options;
exports.interop = { store: setting.store };
exports.security = { csrf: { enable: false } };
exports.rundir = process.env.INTEROP_TMP;
exports.logger = { dir: process.env.INTEROP_TMP, level: 'NONE', consoleLevel: 'NONE' };
