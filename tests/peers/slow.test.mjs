// SPDX-License-Identifier: Apache-2.0
// Clients that are slow on purpose: each is cut in its time, and nobody else waits for them.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startHost } from '../system/kit.mjs';
import { Wire, pause, readAnswers } from './wire.mjs';

/* the limits of the host are 10 s, 30 s for a reader that stalls; its clock looks each second */
const soon = 12_500;
const clients = process.env.PEERS === 'full' ? 2000 : 400;
const stalled = 33_500;

/** Sends FIRST, then DRIP again and again until it is cut: [ms, statuses]. */
async function drip (wire, first, text, gap, limit) {
  const start = performance.now();
  if (first) await wire.send(first);
  while (!wire.closed && performance.now() - start < limit + 2000) {
    await wire.untilClosed(gap);
    if (text && !wire.closed) await wire.send(text, gap);
  }
  const ms = performance.now() - start;
  wire.leave();
  return { ms, cut: wire.closed, statuses: readAnswers(wire.bytes).answers.map((one) => one.status) };
}

test('slow clients', { concurrency: true }, async (t) => {
  const host = await startHost(t, { workers: 1, set: ['http.keep-alive=10s'], env: { G_DEBUG: 'fatal-warnings' } });
  const fields = `Host: 127.0.0.1:${host.port}\r\nAuthorization: Bearer ${host.token}\r\n`;
  const get = (target) => `GET ${target} HTTP/1.1\r\n${fields}\r\n`;
  const post = (extra) => `POST /api/workspaces HTTP/1.1\r\n${fields}Content-Type: application/json\r\n${extra}\r\n`;

  const rows = [
    { name: 'says nothing', statuses: [] },
    { name: 'drips a head', first: `GET /live HTTP/1.1\r\n${fields}X-A: `, text: 'a', statuses: [408] },
    { name: 'drips fields', first: `GET /live HTTP/1.1\r\n${fields}`, text: 'X: y\r\n', gap: 900, statuses: [408] },
    { name: 'drips empty lines', first: '\r\n', text: '', statuses: [408] },
    { name: 'drips a body', first: post('Content-Length: 100000\r\n'), text: 'a', statuses: [408] },
    { name: 'drips chunks', first: post('Transfer-Encoding: chunked\r\n'), text: '1\r\na\r\n', statuses: [408] },
    { name: 'stops within a body', first: `${post('Content-Length: 100000\r\n')}{"name":`, statuses: [408] },
    { name: 'drips the body of what was refused', first: `POST /live HTTP/1.1\r\n${fields}Content-Length: 100000\r\n\r\n`, text: 'a', statuses: [405], limit: stalled, soonest: 0 },
    { name: 'stays idle after an answer', first: get('/live'), statuses: [200] },
  ];
  const all = rows.map((row) => t.test(row.name, async () => {
    const limit = row.limit ?? soon;
    const seen = await drip(new Wire(host.port), row.first, row.text, row.gap ?? 400, limit);
    assert.ok(seen.cut, `still open after ${Math.round(seen.ms)} ms`);
    assert.ok(seen.ms < limit, `cut after ${Math.round(seen.ms)} ms`);
    assert.ok(seen.ms > (row.soonest ?? 9500), `cut after ${Math.round(seen.ms)} ms already`);
    assert.deepEqual(seen.statuses, row.statuses);
  }));

  all.push(t.test('asks for much and reads nothing', async () => {
    const wire = new Wire(host.port, { paused: true });
    const start = performance.now();
    await wire.send(get('/metrics').repeat(3000), 500);
    await pause(stalled);
    wire.read();
    assert.ok(await wire.untilClosed(5000), 'still open');
    assert.ok(performance.now() - start >= stalled);
    assert.ok(readAnswers(wire.bytes).answers.length < 3000, 'all was sent');
    wire.leave();
  }));
  all.push(t.test('an event stream is not cut for being quiet', async () => {
    const wire = new Wire(host.port);
    await wire.send(get('/api/events'));
    await pause(stalled);
    assert.ok(!wire.closed);
    wire.leave();
  }));
  all.push(t.test(`${clients} slow clients hold nobody up`, async () => {
    const slow = Array.from({ length: clients }, () => new Wire(host.port));
    const dripping = slow.map((wire) => drip(wire, 'GET /live HTTP/1.1\r\nX: ', 'a', 500, soon));
    const times = [];
    for (let i = 0; i < 200; i++) {
      const start = performance.now();
      assert.equal((await host.request('GET', '/live', { anonymous: true })).status, 200);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    assert.ok(times[190] < 500, `one in twenty waited ${Math.round(times[190])} ms`);
    for (const { cut } of await Promise.all(dripping)) assert.ok(cut);
  }));
  await Promise.all(all);
});
