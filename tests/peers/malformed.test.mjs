// SPDX-License-Identifier: Apache-2.0
// Every row of the corpus, and that nothing ran which must not have.
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startHost } from '../system/kit.mjs';
import { FIN, corpus, largestFile } from './corpus.mjs';
import { Wire, pause, readAnswers } from './wire.mjs';

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const show = ({ answers, interim, odd }, wire) =>
  `${[...interim, ...answers.map((one) => one.status)].join(' ') || 'nothing'}${odd ? `, ${odd}` : ''}, ${wire.closed ? 'closed' : 'open'}`;

async function play (row, host) {
  const wire = new Wire(host.port);
  const last = Buffer.from(`GET /live HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nConnection: close\r\n\r\n`);
  let n = row.answers.length;
  try {
    for (const part of row.send) {
      if (part === FIN) wire.shut();
      else if (typeof part === 'number') await pause(part);
      else await wire.send(part);
    }
    if (row.then === 'open') {
      /* whoever is in step answers this one, and this one alone */
      n += 1;
      await wire.send(last);
    }
    if (row.then === 'either') await wire.untilAnswers(n, 8000, row.heads);
    else await wire.untilClosed(8000);
    const got = readAnswers(wire.bytes, row.heads);
    const seen = show(got, wire);
    assert.equal(got.odd, null, seen);
    assert.equal(got.answers.length, n, `${row.answers.join(' ')} wanted, but ${seen}`);
    row.answers.forEach((wanted, i) => assert.ok([wanted].flat().includes(got.answers[i].status), `${wanted} wanted, but ${seen}`));
    if (row.then === 'open') assert.equal(got.answers[n - 1].status, 200, `out of step: ${seen}`);
    if (row.then !== 'either') assert.ok(wire.closed, seen);
    if (row.then === 'closed' && n > 0 && !row.send.includes(FIN)) assert.ok(got.answers[n - 1].closes, `closed without saying so: ${seen}`);
    if (row.interim) assert.deepEqual(got.interim, row.interim, seen);
    if (row.most) assert.ok(wire.length <= row.most, `${wire.length} bytes`);
    if (row.never) assert.ok(!wire.bytes.includes(row.never), `it says ${row.never}`);
    for (const { status, body, fields } of got.answers) {
      if (status >= 400 && body.length > 0) assert.equal(JSON.parse(body).status, status);
      if (status >= 400 && body.length > 0) assert.equal(fields.get('content-type'), 'application/problem+json');
    }
  } finally {
    wire.leave();
  }
}

async function workspaces (host) {
  const names = [];
  for (let after = ''; after !== null;) {
    const page = await host.ok('GET', `/api/workspaces?limit=100${after ? `&after=${encodeURIComponent(after)}` : ''}`);
    names.push(...page.items.map((item) => item.name));
    after = page.next;
  }
  return names.sort();
}

test('malformed and abusive requests', async (t) => {
  /* sanitizers would keep what was freed, and it looked like growth */
  const env = { G_DEBUG: 'fatal-warnings', ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` };
  const host = await startHost(t, { workers: 1, env });
  const [worker] = host.workers();
  const rows = corpus({ host: `127.0.0.1:${host.port}`, token: host.token, ...await largestFile(host) });
  await host.ok('GET', '/api/me');
  const before = rssOf(worker);

  for (const row of rows) await t.test(row.name, () => play(row, host));

  await t.test('nothing ran that was hidden or refused', async () => {
    assert.deepEqual(await workspaces(host), rows.filter((row) => row.creates).map((row) => row.workspace).sort());
  });
  await t.test('the worker is the same, and has not grown', () => {
    assert.deepEqual(host.workers(), [worker]);
    assert.ok(rssOf(worker) - before < 32 * 1024, `${rssOf(worker) - before} KiB more`);
  });
});
