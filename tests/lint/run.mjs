// SPDX-License-Identifier: Apache-2.0
// lint: runs every rule over the tree, and over fixtures that each rule must refuse. Speaks TAP.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rules } from './rules.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
let n = 0;
let bad = 0;

function report (ok, name, complaints = []) {
  n += 1;
  console.log(`${ok ? 'ok' : 'not ok'} ${n} - ${name}`);
  if (ok) return;
  bad += 1;
  for (const complaint of complaints.slice(0, 40)) console.log(`  # ${complaint}`);
}

function load (folder, paths) {
  const tree = new Map();
  for (const path of paths) {
    const bytes = readFileSync(join(folder, path));
    if (bytes.length < 2_000_000 && !bytes.includes(0)) tree.set(path, bytes.toString('utf8'));
  }
  return tree;
}

function walk (folder, from = folder) {
  return readdirSync(from).flatMap((name) => {
    const path = join(from, name);
    return statSync(path).isDirectory() ? walk(folder, path) : [relative(folder, path)];
  });
}

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n').filter((path) => path && !path.startsWith('tests/lint/fixtures/') && !path.endsWith('package-lock.json'))
  .filter((path) => { try { return statSync(join(root, path)).isFile(); } catch { return false; } });
const tree = load(root, listed);

for (const [name, rule] of Object.entries(rules)) {
  const complaints = rule(tree);
  report(complaints.length === 0, `lint: ${name}`, complaints);
  const folder = join(here, 'fixtures', name);
  report(rule(load(folder, walk(folder))).length > 0, `lint: ${name} refuses its fixture`);
}

const sources = listed.filter((path) => /^(host|plugins|plugin-api\/example|tests\/(unit|plugin-api))\/.*\.c$/.test(path));
const format = spawnSync('clang-format', ['--dry-run', '-Werror', ...sources], { cwd: root, encoding: 'utf8' });
report(format.status === 0, 'lint: clang-format', (format.stderr ?? '').split('\n').filter((line) => line.includes('error:')));

// What the page, the plugins and the program may use of libsoup.
const built = process.env.DAEDALUS;
if (built) {
  const allowed = new Set(readFileSync(join(here, 'libsoup-symbols.txt'), 'utf8').split('\n').filter((line) => line && !line.startsWith('#')));
  const symbols = execFileSync('nm', ['-D', '--undefined-only', built], { encoding: 'utf8' }).match(/\bsoup_\w+/g) ?? [];
  const others = [...new Set(symbols)].filter((symbol) => !allowed.has(symbol));
  report(others.length === 0, 'lint: libsoup symbols are on the list', others);
}
console.log(`1..${n}`);
process.exit(bad === 0 ? 0 : 1);
