// SPDX-License-Identifier: Apache-2.0
// run: the contract suite on both databases, speaking TAP.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const names = ['fuzz', 'fuzz-postgres', 'isolation', 'isolation-postgres', 'matrix', 'matrix-postgres', 'streams', 'streams-postgres', 'mutants', 'routes'];
const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', '--test-concurrency=2', '--test-timeout=900000', ...names.map((name) => join(here, `${name}.mjs`))], { stdio: 'inherit' });
process.exit(run.status ?? 1);
