// SPDX-License-Identifier: Apache-2.0
// Every way in which a client can leave, many times: the worker's descriptors are as many as before, and its
// memory hardly more.
//
// Memory is judged only where the program has no sanitizer, which would keep what was freed. All ways are gone
// once, TIMES each, so that pools and caches have their size; what the worker's private pages (smaps) grow by while
// all are gone a second time is what leavers leave behind, spread over them.
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startHost, until } from '../system/kit.mjs';
import { Wire, pause } from './wire.mjs';

const times = Number(process.env.TIMES ?? (process.env.PEERS === 'full' ? 1000 : 60));
const atOnce = 10;
const mostBytes = 16; // for each who left
const isSanitized = (pid) => readFileSync(`/proc/${pid}/maps`, 'latin1').includes('libasan');
const memory = (pid) => 1024 * Number(/^Private_Dirty:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))[1]);
const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** Functions of a connection that has just been made. */
function ways ({ port, token }) {
  const fields = `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n`;
  const get = `GET /live HTTP/1.1\r\n${fields}\r\n`;
  const large = `GET /metrics HTTP/1.1\r\n${fields}\r\n`.repeat(20);
  const events = `GET /api/events HTTP/1.1\r\n${fields}Accept: text/event-stream\r\n\r\n`;
  const body = `POST /api/workspaces HTTP/1.1\r\n${fields}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name":`;
  const answered = async (wire, text) => { await wire.send(text); assert.ok(await wire.untilAnswers(1, 5000)); };
  const some = async (wire, text) => { await wire.send(text); assert.ok(await wire.until(() => wire.length > 0, 5000)); };
  return {
    'closes without a word': (wire) => wire.leave(),
    'breaks without a word': (wire) => wire.break(),
    'closes within the head': async (wire) => { await wire.send(get.slice(0, 25)); wire.leave(); },
    'breaks within the head': async (wire) => { await wire.send(get.slice(0, 25)); await pause(3); wire.break(); },
    'closes after the request': async (wire) => { await wire.send(get); wire.leave(); },
    'breaks after the request': async (wire) => { await wire.send(get); wire.break(); },
    'closes with the answer unread': async (wire) => { await wire.send(get); await pause(5); wire.leave(); },
    'closes after two answers': async (wire) => { await answered(wire, get); await wire.send(get); await wire.untilAnswers(2, 5000); wire.leave(); },
    'breaks after an answer': async (wire) => { await answered(wire, get); wire.break(); },
    'breaks within the second request': async (wire) => { await answered(wire, get); await wire.send(get); wire.break(); },
    'closes within the body': async (wire) => { await wire.send(body); await pause(3); wire.leave(); },
    'breaks within the body': async (wire) => { await wire.send(body); await pause(3); wire.break(); },
    'breaks within the answer': async (wire) => { await some(wire, large); wire.break(); },
    'closes after what is no request': async (wire) => { await wire.send('?\r\n\r\n'); await pause(2); wire.leave(); },
    'finishes and waits': async (wire) => { await wire.send(get); wire.shut(); assert.ok(await wire.untilClosed(5000)); wire.leave(); },
    'closes an event stream': async (wire) => { await some(wire, events); wire.leave(); },
    'breaks an event stream': async (wire) => { await some(wire, events); wire.break(); },
  };
}

test('ways to leave', async (t) => {
  const host = await startHost(t, { workers: 1, env: { G_DEBUG: 'fatal-warnings' } });
  const [worker] = host.workers();
  const all = ways(host);

  const leave = async (way, n) => {
    for (let i = 0; i < n; i += atOnce) {
      await Promise.all(Array.from({ length: Math.min(atOnce, n - i) }, async () => {
        const wire = new Wire(host.port);
        try {
          await wire.opened;
          await way(wire);
        } finally {
          wire.leave();
        }
      }));
    }
  };
  /* what is opened once, at the first use, is no leak */
  for (const way of Object.values(all)) await leave(way, atOnce);
  await until(async () => (await host.metric('daedalus_http_connections')) <= 1, 15_000, 'the end of all connections');

  for (const [name, way] of Object.entries(all)) {
    await t.test(`${name}, ${times} times`, async () => {
      const before = descriptors(worker);
      await leave(way, times);
      await until(() => descriptors(worker) <= before, 15_000, `${before} descriptors (there are ${descriptors(worker)})`);
    });
  }
  if (!isSanitized(worker)) {
    await t.test(`all ways again, ${times} times each: at most ${mostBytes} bytes are left of each`, async (sub) => {
      const before = memory(worker);
      for (const way of Object.values(all)) await leave(way, times);
      await until(async () => (await host.metric('daedalus_http_connections')) <= 1, 15_000, 'the end of all connections');
      const left = (memory(worker) - before) / (times * Object.keys(all).length);
      sub.diagnostic(`${left.toFixed(1)} bytes each`);
      assert.ok(left <= mostBytes, `${left.toFixed(1)} bytes each`);
    });
  }
  await t.test('the worker is the same', () => assert.deepEqual(host.workers(), [worker]));
});
