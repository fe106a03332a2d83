// SPDX-License-Identifier: Apache-2.0
// Many readers of one conversation: all get each event once, whoever of them is slow, and whatever becomes of the
// worker that they read from. tests/load does the same with ten thousand.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { sleep, startHost, until } from './kit.mjs';
import { startReaders } from '../load/readers.mjs';

const READERS = 200;

/** A host with a conversation in which all have read one event already. */
async function startTalk (t, workers, n = READERS) {
  const host = await startHost(t, { workers });
  const conversation = await host.conversation(await host.workspace());
  const readers = await startReaders(t, host);
  const path = `/api/conversations/${conversation.id}/events`;
  // a post whose worker dies is repeated with its key, as a client does
  const post = async (content, key = randomUUID()) => {
    try { return await host.post(conversation, content, { agent: null, key }); } catch (error) {
      if (error.code !== 'ECONNRESET') throw error;
      return await post(content, key);
    }
  };
  const opened = await readers.say(`open ${n} ${path}`);
  assert.deepEqual([opened.reading, opened.refused], [n, 0]);
  assert.equal((await readers.reached('begin.', 20_000, () => post('begin.'))).seen, n);
  await readers.say('settle 300');
  const { events } = await readers.say('report');
  return { host, readers, post, begun: events[0] };
}

/** That all have read the same events, COUNT of them, each once and in their order. */
async function assertWhole (readers, count) {
  const report = await readers.say('report');
  assert.deepEqual(report.events, [count, count], `events lost or doubled: ${JSON.stringify(report)}`);
  assert.equal(report.sums[0], report.sums[1]);
  assert.deepEqual([report.backwards, report.resets, report.refused], [0, 0, 0]);
  return report;
}

test('readers whose worker dies go on at another one', async (t) => {
  const { host, readers, post, begun } = await startTalk(t, 2);
  await readers.say('follow 1');
  const [victim] = host.workers();
  const killed = sleep(100).then(() => process.kill(victim, 'SIGKILL'));
  const going = readers.say('settle 1500');
  for (let i = 0; i < 10; i++) await post(`during ${i}`);
  await killed;
  await going;
  assert.equal((await readers.reached('after.', 20_000, () => post('after.'))).seen, READERS);
  const report = await assertWhole(readers, begun + 11);
  assert.ok(report.ends > 0, 'nobody was cut off');
});

test('a reload sends readers away one after the other, and none misses anything', async (t) => {
  const { host, readers, post, begun } = await startTalk(t, 2);
  const before = host.workers();
  await readers.say('follow 1');
  process.kill(host.pid, 'SIGHUP');
  const going = readers.say('settle 6000');
  for (let i = 0; i < 20; i++) { await post(`during ${i}`); await sleep(150); }
  await going;
  await until(() => host.workers().every((pid) => !before.includes(pid)), 20_000, 'new workers');
  assert.equal((await readers.reached('after.', 20_000, () => post('after.'))).seen, READERS);
  const report = await assertWhole(readers, begun + 21);
  assert.equal(report.ends, READERS);
  assert.ok(report.again_over_ms >= 1000, `they came again within ${report.again_over_ms} ms`);
  assert.ok(report.again_in_100_ms <= READERS / 4, `${report.again_in_100_ms} came again at once`);
});

test('readers that do not read are dropped, and resume', async (t) => {
  const { host, readers, post, begun } = await startTalk(t, 1, 50);
  const bulk = 'x'.repeat(90_000);
  await readers.say('follow 1');
  await readers.say('mute 3 1');
  let posts = 0;
  const streams = () => host.metric('daedalus_event_streams_active');
  assert.equal(await streams(), 50);
  const end = Date.now() + 60_000;
  while (await streams() > 47) {
    assert.ok(Date.now() < end, 'nobody was dropped');
    const reading = readers.say('settle 20');
    await Promise.all([post(bulk), reading]);
    posts += 1;
  }
  await readers.say('mute 3 0');
  assert.equal((await readers.reached('after.', 20_000, () => post('after.'))).seen, 50);
  const report = await assertWhole(readers, begun + posts + 1);
  assert.equal(report.ends, 3);
});

test('who leaves is gone at once', async (t) => {
  const { host, readers } = await startTalk(t, 1);
  assert.equal(await host.metric('daedalus_event_streams_active'), READERS);
  await readers.say(`close ${READERS}`);
  await until(async () => await host.metric('daedalus_event_streams_active') === 0, 2000, 'the end of all streams');
});
