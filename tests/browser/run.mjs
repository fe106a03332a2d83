// SPDX-License-Identifier: Apache-2.0
// run: the page's own tests, then the page in Chromium against the real host. Prints TAP.
//
//   DAEDALUS=/path/to/daedalus node tests/browser/run.mjs [PART ...]    parts: types check unit browser
//
// SCREENSHOTS names a folder for a picture of each state.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run } from 'node:test';
import { tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const page = join(here, '..', '..', 'frontend-build');
const asked = process.argv.slice(2);
process.env.PATH = execFileSync(join(page, 'node.sh'), { encoding: 'utf8' }).trim() + delimiter + process.env.PATH;
const parts = asked.length > 0 ? asked : ['types', 'check', 'unit', 'browser'];

function step(name, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: page, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (name === 'unit') process.stdout.write(stdout);
  const said = name === 'unit' ? stderr : stdout + stderr;
  console.log(`${status === 0 ? 'ok' : 'not ok'} 1 - page ${name}`);
  if (status !== 0) {
    console.log(said.replace(/^/gm, '  # '));
    process.exitCode = 1;
  }
}

if (!existsSync(join(page, 'node_modules', 'vitest'))) {
  spawnSync('npm', ['ci', '--ignore-scripts', '--silent', '--no-audit', '--no-fund'], { cwd: page, stdio: 'inherit' });
}
if (parts.includes('types')) step('types', 'npm', ['run', '-s', 'types:check']);
if (parts.includes('check')) step('check', 'npm', ['run', '-s', 'check']);
if (parts.includes('unit')) step('unit', 'npm', ['test', '-s', '--', '--reporter=tap-flat']);
if (parts.includes('browser')) {
  const files = ['page', 'trouble', 'people', 'connect', 'files'].map((name) => join(here, `${name}.test.mjs`));
  run({ files, concurrency: 1, timeout: 900_000 })
    .on('test:fail', () => (process.exitCode = 1))
    .compose(tap)
    .pipe(process.stdout);
}
