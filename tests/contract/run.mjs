// SPDX-License-Identifier: Apache-2.0
// run: the contract suite, speaking TAP.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const files = ['routes.mjs', 'fuzz.mjs', 'isolation.mjs'].map((name) => join(here, name));
const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', '--test-concurrency=2', ...files], { stdio: 'inherit' });
process.exit(run.status ?? 1);
