// SPDX-License-Identifier: Apache-2.0
// Many questions: of two people at once, with a past that is too long, and so many that a leak would show.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { databases, sleep, startAgent, startHost, textOf, until } from './kit.mjs';
import { ask, descriptors, observe, talkWith } from './talk.mjs';

test('two people who ask at once in one conversation get their answers in order', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(name, async (t) => {
      const agent = await startAgent(t, 'streaming-agent.mjs');
      const host = await startHost(t, { database: database(), workers: 2,
        set: [`agent tester.url=${agent.url}`, 'plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1'] });
      const ada = { person: 'ada' }, ben = { person: 'ben' };
      const workspace = await host.workspace('Shared', ada);
      const conversation = await host.conversation(workspace, { agent: 'tester' }, ada);
      // ben is invited before he comes for the first time
      const invited = await host.ok('POST', `/api/workspaces/${workspace.id}/members`, { body: { email: 'Ben@Example.org', role: 'editor' }, ...ada });
      assert.equal(invited.state, 'invited');
      await until(async () => (await host.request('GET', `/api/conversations/${conversation.id}`, ben)).status === 200, 5000, 'ben\'s membership');
      const members = await host.ok('GET', `/api/workspaces/${workspace.id}/members`, ada);
      assert.deepEqual(members.items.map(({ subject, role, state }) => [subject, role, state]), [['ada', 'owner', 'active'], ['ben', 'editor', 'active']]);
      const reader = await host.events(conversation, ben).opened;
      const posts = await Promise.all([
        host.post(conversation, 'ada asks chunks=6', ada), host.post(conversation, 'ben asks chunks=6', ben),
        host.post(conversation, 'ada asks again chunks=3', ada), host.post(conversation, 'ben asks again chunks=3', ben),
      ]);
      const turns = await Promise.all(posts.map(({ turn }) => host.ended(turn.id, 20_000, ben)));
      assert.deepEqual(turns.map(({ state }) => state), ['done', 'done', 'done', 'done'], turns.map(({ error_detail }) => error_detail).join());
      const order = turns.toSorted((a, b) => a.started_at.localeCompare(b.started_at));
      for (let i = 1; i < order.length; i++) {
        assert.ok(order[i - 1].finished_at <= order[i].started_at, 'one turn at a time');
      }
      await until(() => reader.events.filter(({ event }) => event === 'turn.done').length === 4, 5000, 'four ends on the stream');
      // what was queued first is answered first, and each question is shown with who asked it
      const queued = [...new Set(reader.events.filter(({ event }) => event === 'turn.queued').map(({ data }) => data.turn_id))];
      const done = reader.events.filter(({ event }) => event === 'turn.done').map(({ data }) => data.turn_id);
      assert.deepEqual(done, queued);
      assert.deepEqual(order.map(({ id }) => id), queued);
      const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`, ada);
      for (const { message, turn } of posts) {
        const question = items.find(({ id }) => id === message.id);
        assert.equal(question.author.subject, question.content.slice(0, 3));
        const answer = items.find(({ id }) => id === turn.answer_id);
        assert.ok(answer.content.includes(question.content), 'its own question is answered');
        assert.equal(textOf(reader.events, turn.answer_id), answer.content);
      }
      const { calls } = await observe(agent);
      assert.equal(calls.length, 4);
      assert.deepEqual(calls.map(({ history }) => history), [0, 2, 4, 6], 'each knows what was said before');
      reader.close();
    });
  }
});

test('a past that is too long is told from its newest on, and the answer says so', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(name, async (t) => {
      const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_STATELESS: '1' } });
      const { host, conversation } = await talkWith(t, agent.url, { database: database(), set: ['agent tester.history-limit=2K'] });
      const first = await ask(host, conversation, `the oldest ${'x'.repeat(1200)} chunks=1`);
      assert.deepEqual(first.answer.notes, []);
      await ask(host, conversation, 'the newer one chunks=1');
      const { turn, answer, end } = await ask(host, conversation, 'recall');
      assert.equal(turn.state, 'done', turn.error_detail);
      assert.match(answer.content, /the newer one/);
      assert.ok(!answer.content.includes('the oldest'), 'the oldest is left out');
      assert.deepEqual(turn.notes, ['history_cut']);
      assert.deepEqual(answer.notes, ['history_cut']);
      assert.deepEqual(end.data.message.notes, ['history_cut'], 'readers are told by the event');
      const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`);
      assert.deepEqual(items.filter(({ role }) => role === 'user').flatMap(({ notes }) => notes), [], 'questions have none');
    });
  }
});

test('after fifty turns a worker holds what it held before', async (t) => {
  const agent = await startAgent(t, 'streaming-agent.mjs');
  const { host } = await talkWith(t, agent.url, { workers: 1, set: ['agent tester.silence-limit=2s'] });
  const workspace = await host.workspace('Many');
  const conversations = await Promise.all(Array.from({ length: 10 }, () => host.conversation(workspace, { agent: 'tester' })));
  const words = ['hello chunks=2 pace=5', 'iserror', 'cut chunks=4 pace=5', 'garbage chunks=3 pace=5', 'nochunks'];
  const round = async (content) => {
    await Promise.all(conversations.map((conversation) => ask(host, conversation, content)));
  };
  // early: perhaps before the agent has been asked
  const cancelled = async (early) => {
    await Promise.all(conversations.map(async (conversation) => {
      const reader = await host.events(conversation).opened;
      const { turn } = await host.post(conversation, 'long');
      await reader.find(({ event, data }) => data.turn_id === turn.id && event === (early ? 'turn.started' : 'turn.chunk'));
      await host.ok('POST', `/api/turns/${turn.id}/cancel`);
      assert.equal((await host.ended(turn.id)).state, 'cancelled');
      reader.close();
    }));
  };
  await round(words[0]);
  await cancelled(true);
  const [worker] = host.workers();
  const before = descriptors(worker);
  const { sessions: strays } = await observe(agent);
  for (const word of words) await round(word);
  await cancelled(false);
  // connections that nobody uses are closed by and by; ten at once may be kept for the next questions
  let after;
  await until(() => {
    after = descriptors(worker);
    return after.length <= before.length + 4;
  }, 8000, 'the descriptors to be closed').catch(() => {
    const count = (list) => {
      const names = list.map((name) => name.replace(/\[\d+\]/, ''));
      return [...new Set(names)].map((name) => `${name} ${names.filter((other) => other === name).length}`);
    };
    assert.fail(`${before.length} descriptors became ${after.length}: ${count(before).join(', ')} became ${count(after).join(', ')}`);
  });
  await until(async () => (await observe(agent)).sessions.every((id) => strays.includes(id)), 5000, 'the sessions to be left');
});

test('a host that stops in the midst of answers ends in order', async (t) => {
  for (const pause of [10, 60, 110, 160]) {
    await t.test(`after ${pause} ms`, async (t) => {
      const agent = await startAgent(t, 'streaming-agent.mjs');
      const mute = createServer().listen(0, '127.0.0.1');
      await once(mute, 'listening');
      t.after(() => mute.close());
      const { host, conversation } = await talkWith(t, agent.url, { workers: 2, set: [`agent mute.url=http://127.0.0.1:${mute.address().port}/mcp`] });
      const workspace = await host.workspace('Stopping');
      const others = await Promise.all(['librarian', 'tester'].map((name) => host.conversation(workspace, { agent: name })));
      const readers = await Promise.all([conversation, ...others].map((one) => host.events(one).opened));
      await host.post(conversation, 'long');
      await host.post(conversation, 'waits for its turn');
      await host.post(others[0], 'count to 1000');
      await host.post(others[1], 'silent');
      await readers[0].find('turn.chunk');
      await readers[1].find('turn.chunk');
      await until(async () => (await observe(agent)).calls.length === 2, 5000, 'both questions to reach the agent');
      host.request('POST', '/api/agents/mute/check').catch(() => {});
      await sleep(pause);
      const began = performance.now();
      assert.equal(await host.stop(), 0);
      assert.ok(performance.now() - began < 30_000, `stopped after ${Math.round(performance.now() - began)} ms`);
      await until(async () => (await observe(agent)).calls.every(({ state, left }) => state !== 'running' || left), 5000, 'the agent to be left');
      assert.ok(readers.every(({ ended }) => ended), 'readers are told');
    });
  }
});
