// SPDX-License-Identifier: Apache-2.0
// readers: thousands of readers of event streams (readers.c), as JavaScript drives them.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { source } from '../system/kit.mjs';

const program = process.env.READERS ?? join(process.env.TEST_BUILD ?? join(source, 'build'), 'tests', 'load', 'readers');

/** Starts a process of readers for HOST; `say` sends a command and gives what it answered. */
export async function startReaders (t, host, headers = host.headers()) {
  const child = spawn(program, [String(host.port), ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the readers have ended');
    return JSON.parse(value);
  };
  t.after(() => new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) { done(); return; }
    child.once('exit', done);
    child.stdin.end();
  }));
  const { descriptors } = await next();
  const say = async (command) => {
    child.stdin.write(`${command}\n`);
    return await next();
  };
  return {
    descriptors,
    say,
    /** Posts by POST when all listen for TEXT; milliseconds from before the post to each reader. */
    async reached (text, ms, post) {
      await say(`wait ${ms} ${text}`);
      const began = Date.now() * 1000;
      await post();
      const { seen, of, first_us, p50_us, p99_us, last_us } = await next();
      const [first, p50, p99, last] = [first_us, p50_us, p99_us, last_us].map((us) => (us - began) / 1000);
      return { seen, of, first, p50, p99, last };
    },
  };
}

/** User-space memory of a process that is its own, in KiB. */
export function anonymous (pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Anonymous:\s+(\d+)/m.exec(text)[1]);
}

/** Microseconds of CPU that a process has used in all its threads. */
export function cpu (pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
