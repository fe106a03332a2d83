// SPDX-License-Identifier: Apache-2.0
// run: peers that do what they should not, against the real host. Prints TAP.
//
//   DAEDALUS=/path/to/daedalus node tests/peers/run.mjs [PART ...]    parts: see README.md
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const asked = process.argv.slice(2);
/* slow does little but wait: the others go on beside it */
const parts = asked.length > 0 ? asked : ['slow', 'proxy', 'malformed', 'leaving', 'scarce', 'json'];

run({ files: parts.map((part) => join(here, `${part}.test.mjs`)), concurrency: 2, timeout: 900_000 })
  .on('test:fail', () => (process.exitCode = 1))
  .compose(tap)
  .pipe(process.stdout);
