// SPDX-License-Identifier: Apache-2.0
// Ten thousand readers of one conversation. Figures need a release build: see README.md.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { sleep, startHost, until } from '../system/kit.mjs';
import { anonymous, cpu, startReaders } from './readers.mjs';

const READERS = Number(process.env.LOAD_READERS ?? 10_000);
const EVENTS = 10;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A host with a conversation; undefined where the machine gives too few descriptors. */
async function startTalk (t, workers) {
  const host = await startHost(t, { workers });
  const conversation = await host.conversation(await host.workspace());
  const post = (content) => host.post(conversation, content, { agent: null });
  const readers = await startReaders(t, host);
  if (readers.descriptors < READERS * 8 / 7 + 500) {
    t.skip(`${readers.descriptors} descriptors are too few for ${READERS} readers`);
    return {};
  }
  await post('begin');
  return { host, readers, post, path: `/api/conversations/${conversation.id}/events` };
}

/** Posts events one after the other; what they took. */
async function say (readers, post, pid, n, word) {
  const rounds = [];
  const before = cpu(pid);
  for (let i = 0; i < EVENTS; i++) {
    const round = await readers.reached(`${word}${i}.`, 20_000, () => post(`${word}${i}. ${'x'.repeat(60)}`));
    assert.equal(round.seen, n, 'an event did not reach all');
    rounds.push(round);
  }
  const all = rounds.map(({ p99 }) => p99);
  return { p99: median(all), best: Math.min(...all), cpu: (cpu(pid) - before) / EVENTS / n };
}

test(`${READERS} readers on one worker`, async (t) => {
  const { host, readers, post, path } = await startTalk(t, 1);
  if (!host) return;
  const [pid] = host.workers();
  await readers.say(`open 1000 ${path}`);
  const few = await say(readers, post, pid, 1000, 'few');
  const before = anonymous(pid);
  const opened = await readers.say(`open ${READERS - 1000} ${path}`);
  assert.deepEqual([opened.reading, opened.refused], [READERS, 0]);
  await sleep(500);
  const each = (anonymous(pid) - before) / (READERS - 1000);
  const many = await say(readers, post, pid, READERS, 'many');
  t.diagnostic(`an event reaches 99 % of ${READERS} within ${many.p99.toFixed(0)} ms (best ${many.best.toFixed(0)}), of 1000 within ${few.p99.toFixed(0)} ms`);
  t.diagnostic(`CPU for an event and stream: ${many.cpu.toFixed(1)} us, with 1000: ${few.cpu.toFixed(1)} us`);
  t.diagnostic(`memory of a stream: ${each.toFixed(2)} KiB`);
  // the best: the readers and whatever else runs here take their time from the same cores
  assert.ok(many.best <= 250, `p99 ${many.best} ms`);
  assert.ok(each <= 1, `${each} KiB each`);
  await readers.say(`close ${READERS}`);
  const began = performance.now();
  await until(async () => readdirSync(`/proc/${pid}/fd`).length < 200 &&
    await host.metric('daedalus_event_streams_active') === 0, 10_000, 'the end of all streams');
  const gone = performance.now() - began;
  t.diagnostic(`gone ${gone.toFixed(0)} ms after the last has left`);
  assert.ok(gone <= 2000, `gone after ${gone} ms`);
});

test(`${READERS} readers resume through a reload`, async (t) => {
  const { host, readers, post, path } = await startTalk(t, 2);
  if (!host) return;
  await readers.say(`open ${READERS} ${path}`);
  await readers.reached('first.', 20_000, () => post('first.'));
  await readers.say('settle 500');
  const { events: [begun] } = await readers.say('report');
  await readers.say('follow 1');
  process.kill(host.pid, 'SIGHUP');
  const going = readers.say('settle 12000');
  for (let i = 0; i < 20; i++) { await post(`during ${i}`); await sleep(400); }
  await going;
  const last = await readers.reached('last.', 20_000, () => post('last.'));
  assert.equal(last.seen, READERS);
  const report = await readers.say('report');
  t.diagnostic(JSON.stringify(report));
  assert.deepEqual(report.events, [begun + 21, begun + 21], 'events lost or doubled');
  assert.equal(report.sums[0], report.sums[1]);
  assert.deepEqual([report.backwards, report.resets, report.refused], [0, 0, 0]);
  assert.ok(report.again_over_ms >= 1500, `all came again within ${report.again_over_ms} ms`);
  assert.ok(report.again_in_100_ms <= READERS / 10, `${report.again_in_100_ms} came again within 100 ms`);
});
