// SPDX-License-Identifier: Apache-2.0
// coverage: how many lines of the parsers the unit tests run; each file must reach LEAST percent. Speaks TAP.
//
//   node tests/coverage/run.mjs BUILD    BUILD: a meson folder with -Db_coverage=true, whose tests have run
//
// Parsers are what reads bytes that a peer chose: heads, bodies, targets and queries, headers, JSON, events.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const LEAST = 95;
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const build = resolve(process.argv[2]);
const parsers = [
  'host/http/http-head.c', 'host/http/http-body.c', 'host/http/request.c', 'host/http/router.c', 'host/http/origin.c', 'host/http/header.c', 'host/http/condition.c',
  'host/http/range.c', 'host/http/json-check.c', 'host/http/json-key.c', 'host/http/json-read.c', 'host/http/members.c', 'host/http/value.c',
  'host/http/upstream-answer.c', 'host/http/upstream-url.c', 'plugins/common/sse.c',
];

const notes = readdirSync(build, { recursive: true }).filter((path) => path.endsWith('.gcno'));

/** Lines of PATH: Map of number -> times it was run, over all programs that were built of it. */
function linesOf (path) {
  const lines = new Map();
  for (const note of notes.filter((one) => one.endsWith(`${path.replace(/^(host|plugins\/common)\//, '').replaceAll('/', '_')}.gcno`))) {
    const options = { cwd: build, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] };
    const { files } = JSON.parse(execFileSync('gcov', ['--json-format', '--stdout', '-o', dirname(note), note], options));
    for (const file of files.filter((one) => resolve(build, one.file) === join(root, path)))
      for (const { line_number: line, count } of file.lines) lines.set(line, (lines.get(line) ?? 0) + count);
  }
  return lines;
}

let bad = 0;
parsers.forEach((path, i) => {
  const lines = linesOf(path);
  const missed = [...lines].filter(([, count]) => count === 0).map(([line]) => line).sort((a, b) => a - b);
  const percent = lines.size > 0 ? 100 * (lines.size - missed.length) / lines.size : 0;
  const good = percent >= LEAST;
  if (!good) bad += 1;
  console.log(`${good ? 'ok' : 'not ok'} ${i + 1} - ${path}: ${percent.toFixed(1)} % of ${lines.size} lines`);
  if (missed.length > 0) console.log(`  # not run: ${missed.join(' ')}`);
});
console.log(`1..${parsers.length}`);
process.exitCode = bad > 0 ? 1 : 0;
