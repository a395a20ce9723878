// egg with its session plugin, of the version whose folder is the first argument, with the setting in the second. Says
// where it is in one line, and ends when nobody holds its input any more.

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

async function main() {
  const home = path.resolve(process.argv[2]);
  process.env.INTEROP_SETTING = process.argv[3];
  process.env.INTEROP_HOME = home;
  process.env.INTEROP_TMP = fs.mkdtempSync(path.join(os.tmpdir(), 'interop-'));
  process.on('exit', () => fs.rmSync(process.env.INTEROP_TMP, { recursive: true, force: true }));
  const framework = path.join(home, 'node_modules/egg');
  const egg = require(framework);
  const app = await egg.start({
    baseDir: path.join(__dirname, 'egg-app'),
    framework,
    mode: 'single',
    env: 'prod',
    typescript: false,
  });
  const server = http.createServer(app.callback());
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ egg: server.address().port }));
  });
  process.stdin.resume().on('end', () => process.exit());
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
