// SPDX-License-Identifier: Apache-2.0
// bench: measures Daedalus beside its peers; see README.md.
//
//   node bench.mjs quick|full [ROW ...]      BENCH_BUILD: the release build
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Contenders, missingPeers, version, versions } from './contenders.mjs';
import { Groups } from './groups.mjs';
import { Load } from './measure.mjs';
import { rows } from './rows.mjs';
import { table } from './table.mjs';

const [tier, ...wanted] = process.argv.slice(2);
const build = process.env.BENCH_BUILD;
if (!['quick', 'full'].includes(tier) || !build) {
  console.error('tests/bench/run quick|full [ROW ...]\nrows: ' + rows.map(({ name, tier: of }) => name + (of === 'quick' ? '' : ' (full)')).join(', '));
  process.exit(2);
}
const unknown = wanted.find((name) => !rows.some((row) => row.name === name));
if (unknown) { console.error(`bench: no row is called ${unknown}`); process.exit(2); }

const say = (text) => console.error(`bench: ${text}`);
const missing = missingPeers();
if (missing) say(`rows with a peer are left out: install ${missing}`);

const contenders = new Contenders(build);
const load = new Load(join(build, 'tests', 'bench'));
const groups = new Groups(contenders, load, { peers: !missing, say,
  seconds: Number(process.env.BENCH_SECONDS ?? 2), rounds: Number(process.env.BENCH_ROUNDS ?? (tier === 'quick' ? 3 : 5)) });
const results = [];
let failed = 0;
try {
  for (const row of rows) {
    if (wanted.length ? !wanted.includes(row.name) : tier === 'quick' && row.tier !== 'quick') continue;
    if (row.peers && missing) { results.push({ ...row, skipped: 'no peer' }); continue; }
    const started = performance.now();
    try {
      const checks = await row.run(groups);
      results.push({ ...row, ...(typeof checks === 'string' ? { skipped: checks } : { checks }) });
    } catch (error) {
      failed++;
      results.push({ ...row, error: error.message });
      say(`${row.name}: ${error.stack}\n${contenders.said()}`);
    }
    say(`${row.name} (${((performance.now() - started) / 1e3).toFixed(0)} s)`);
  }
} finally {
  await groups.close();
  await contenders.close();
}

const facts = { tier, seconds: groups.seconds, rounds: groups.rounds, at: new Date().toISOString(), machine: `${cpus().length} × ${cpus()[0].model}`,
  daedalus: version(contenders.daedalus, 'version'), postgres: version('psql', '--version'), ...versions(),
  kernel: execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim() };
const file = process.env.BENCH_JSON ?? join(build, `bench-${tier}.json`);
writeFileSync(file, JSON.stringify({ ...facts, rows: results.map(({ name, title, checks, skipped, error }) => ({ name, title, checks, skipped, error })) }, null, 1) + '\n');
console.log(table(results, facts));
say(`written: ${file}`);
process.exitCode = failed ? 1 : 0;
