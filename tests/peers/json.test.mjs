// SPDX-License-Identifier: Apache-2.0
// JSON bodies that are as large as may be, or larger in memory than on the wire.
//
// Memory is judged only where the program has no sanitizer: the peak of the worker's resident pages (reset by
// clear_refs) while bodies of one shape are read, one after the other, above what it was before the first of all.
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startHost } from '../system/kit.mjs';

const mebi = 1 << 20;
const most = 12; // times the body
const isSanitized = (pid) => readFileSync(`/proc/${pid}/maps`, 'latin1').includes('libasan');
const kib = (pid, key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);
const padded = (text) => text.padEnd(mebi);
const list = (n, item) => Array.from({ length: n }, item).join(',');

const shapes = [
  { name: 'a nest that never ends', body: '['.repeat(mebi), status: 400 },
  { name: 'a nest of objects', body: padded('{"a":'.repeat(200_000)), status: 400 },
  { name: 'as many empty objects as fit', body: `[${list(Math.floor(mebi / 3) - 1, () => '{}')}]`, status: 400 },
  { name: 'as many values as may be', body: padded(`{"name":[${list(19_900, () => '1')}]}`), status: 422 },
  { name: 'as many objects as may be', body: padded(`{"name":[${list(19_900, () => '{}')}]}`), status: 422 },
  { name: 'as many keys as may be', body: padded(`{"name":{${list(9_900, (_, i) => `"key number ${i} of an object that is large":${i}`)}}}`), status: 422 },
  { name: 'as many keys that nobody knows', body: padded(`{${list(9_900, (_, i) => `"key number ${i} of an object that is large":${i}`)}}`), status: 422 },
  { name: 'one text', body: `{"name":"${'x'.repeat(mebi - 11)}"}`, status: 422 },
  { name: 'one text of escapes', body: padded(`{"name":"${'\\u00e9'.repeat(174_000)}"}`), status: 422 },
  { name: 'one key', body: `{"${'k'.repeat(mebi - 6)}":1}`, status: 422 },
  { name: 'a number of a million digits', body: padded(`{"name":1${'0'.repeat(1_000_000)}}`), status: 400 },
  { name: 'blanks', body: ' '.repeat(mebi), status: 400 },
];

test('large bodies', async (t) => {
  const host = await startHost(t, { workers: 1, env: { G_DEBUG: 'fatal-warnings' } });
  const [worker] = host.workers();
  const post = (body) => host.request('POST', '/api/workspaces', { body });

  for (let i = 0; i < 10; i++) await post({}); // what the first request needs is not the bodies'
  const before = kib(worker, 'VmRSS');
  for (const { name, body, status } of shapes) {
    await t.test(name, async (sub) => {
      assert.ok(body.length <= mebi);
      writeFileSync(`/proc/${worker}/clear_refs`, '5');
      const start = performance.now();
      for (let i = 0; i < 5; i++) assert.equal((await post(body)).status, status);
      const times = (kib(worker, 'VmHWM') - before) * 1024 / body.length;
      sub.diagnostic(`${times.toFixed(1)} times the body at most, ${((performance.now() - start) / 5).toFixed(1)} ms`);
      if (!isSanitized(worker)) assert.ok(times <= most, `${times.toFixed(1)} times the body`);
    });
  }
  await t.test('the worker is the same', () => assert.deepEqual(host.workers(), [worker]));
});
