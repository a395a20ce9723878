// egg with its session plugin, of the version whose folder is the first argument: one application, on a port of its
// own, for each setting in the second. Says where they are in one line, and ends when nobody holds its input any more.

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

process.setMaxListeners(0); // each application listens for its end

const home = path.resolve(process.argv[2]);
const framework = path.join(home, 'node_modules/egg');
const egg = require(framework);

async function start(setting) {
  process.env.INTEROP_SETTING = JSON.stringify(setting); // the application's configuration reads it
  const app = await egg.start({
    baseDir: path.join(__dirname, 'egg-app'),
    framework,
    mode: 'single',
    env: 'prod',
    typescript: false,
  });
  const server = http.createServer(app.callback());
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

async function main() {
  process.env.INTEROP_HOME = home;
  process.env.INTEROP_TMP = fs.mkdtempSync(path.join(os.tmpdir(), 'interop-'));
  process.on('exit', () => fs.rmSync(process.env.INTEROP_TMP, { recursive: true, force: true }));
  const ports = {};
  for (const [name, setting] of Object.entries(JSON.parse(process.argv[3]))) {
    ports[name] = await start(setting);
  }
  console.log(JSON.stringify(ports));
  process.stdin.resume().on('end', () => process.exit());
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
