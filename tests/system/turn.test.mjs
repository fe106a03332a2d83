// SPDX-License-Identifier: Apache-2.0
// A person asks an agent: the answer streams, and no break of a stream, a worker or a reader loses any of it.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { databases, startHost, textOf, until } from './kit.mjs';

async function conversationOf (host, options) {
  const workspace = await host.workspace('Reading', options);
  return await host.conversation(workspace, {}, options);
}

async function contentOf (host, turn, options) {
  const { items } = await host.ok('GET', `/api/conversations/${turn.conversation_id}/messages`, options);
  return items.find((message) => message.id === turn.answer_id);
}

async function resumedText (host, conversation, answerId, after, lastSeq) {
  const reader = host.events(conversation, { after });
  await reader.opened;
  await until(() => reader.events.some(({ id }) => Number(id) >= lastSeq), 10_000, `events after ${after} up to ${lastSeq}`);
  reader.close();
  return reader.events;
}

test('a turn', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(`${name}: the answer of the built-in agent streams`, async (t) => {
      const host = await startHost(t, { database: database() });
      const conversation = await conversationOf(host);
      const reader = await host.events(conversation).opened;
      const { turn } = await host.post(conversation, 'count to 30');
      const ended = await host.ended(turn.id);
      const done = await reader.find('turn.done');
      const chunks = reader.events.filter(({ event }) => event === 'turn.chunk');
      const answer = await contentOf(host, turn);

      assert.equal(ended.state, 'done');
      assert.ok(chunks.length >= 3, `${chunks.length} chunks`);
      assert.ok(done.at - chunks[0].at >= 100, `the first chunk came ${done.at - chunks[0].at} ms before the end`);
      assert.equal(textOf(reader.events, turn.answer_id), answer.content);
      assert.match(answer.content, /30/);
      const seqs = reader.events.map(({ id }) => Number(id)).filter((id) => id > 0);
      assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b), 'positions rise strictly');
      reader.close();
    });

    await t.test(`${name}: a stream that is cut after each event and resumed gives the same text`, async (t) => {
      const host = await startHost(t, { database: database() });
      const conversation = await conversationOf(host);
      const whole = await host.events(conversation).opened;
      const { turn } = await host.post(conversation, 'count to 12');
      // one reader that is cut after every single event, while the turn runs
      const pieces = [];
      let last = 0;
      while (!pieces.some(({ event }) => event === 'turn.done')) {
        const reader = await host.events(conversation, { after: last }).opened;
        await until(() => reader.events.length > 0, 10_000, `an event after ${last}`);
        const first = reader.events[0];
        reader.close();
        pieces.push(first);
        last = Number(first.id);
      }
      await whole.find('turn.done');
      const answer = await contentOf(host, turn);
      assert.equal(textOf(pieces, turn.answer_id), answer.content);
      assert.equal(textOf(whole.events, turn.answer_id), answer.content);

      // after the end, from every earlier position
      const lastSeq = Math.max(...whole.events.map(({ id }) => Number(id)));
      for (const { id } of [{ id: 0 }, ...whole.events]) {
        if (Number(id) >= lastSeq) continue;
        const before = whole.events.filter((event) => Number(event.id) <= Number(id));
        const later = await resumedText(host, conversation, turn.answer_id, Number(id), lastSeq);
        assert.equal(textOf([...before, ...later], turn.answer_id), answer.content, `resumed after ${id}`);
      }
      whole.close();
    });

    await t.test(`${name}: a worker killed in mid-turn leaves the text so far, interrupted, and a retry that works`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2 });
      const conversation = await conversationOf(host);
      const reader = await host.events(conversation).opened;
      // the worker that takes a question answers it
      const { agent, worker } = await host.connection(t);
      const { message, turn } = await host.post(conversation, 'count to 400', { kept: agent });
      await until(() => reader.events.filter(({ event }) => event === 'turn.chunk').length >= 3, 10_000, 'three chunks');
      const killed = performance.now();
      process.kill(worker, 'SIGKILL');
      const ended = await until(async () => {
        try {
          const now = await host.turn(turn.id);
          return now.state === 'interrupted' ? now : null;
        } catch { return null; }
      }, 8000, 'the interrupted turn');
      assert.ok(performance.now() - killed < 2000, `interrupted after ${performance.now() - killed} ms`);
      assert.equal(ended.state, 'interrupted');
      const answer = await contentOf(host, turn);
      assert.ok(answer.content.length > 0, 'the text so far is kept');
      assert.equal(answer.state, 'interrupted');
      const again = await host.post(conversation, 'count to 5', { parent_id: message.parent_id });
      assert.equal((await host.ended(again.turn.id)).state, 'done');
      reader.close();
    });

    await t.test(`${name}: cancel at another worker ends the turn within a second`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2 });
      const conversation = await conversationOf(host);
      const reader = await host.events(conversation).opened;
      const { agent, worker } = await host.connection(t);
      const other = await host.connection(t, { not: worker });
      const { turn } = await host.post(conversation, 'count to 1000', { kept: agent });
      await reader.find('turn.chunk');
      const asked = performance.now();
      const reply = await host.request('POST', `/api/turns/${turn.id}/cancel`, { agent: other.agent });
      assert.ok(reply.status < 300, reply.text);
      const ended = await host.ended(turn.id, 5000);
      assert.equal(ended.state, 'cancelled');
      assert.ok(performance.now() - asked < 1000, `cancelled after ${performance.now() - asked} ms`);
      assert.ok((await contentOf(host, turn)).content.length > 0, 'the text so far is kept');
      reader.close();
    });

    await t.test(`${name}: questions posted at once are answered in order`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2 });
      const conversation = await conversationOf(host);
      const posts = await Promise.all([host.post(conversation, 'count to 5'), host.post(conversation, 'count to 6')]);
      const turns = await Promise.all(posts.map(({ turn }) => host.ended(turn.id)));
      assert.deepEqual(turns.map(({ state }) => state), ['done', 'done']);
      // who came first is decided by the queue, not by the clock of the worker that took the post
      const [first, second] = [...turns].sort((a, b) => a.started_at.localeCompare(b.started_at));
      assert.ok(first.finished_at <= second.started_at, 'one turn at a time');
    });

    await t.test(`${name}: the sixth waiting question is refused and the others are kept`, async (t) => {
      const host = await startHost(t, { database: database() });
      const conversation = await conversationOf(host);
      const first = await host.post(conversation, 'count to 300');
      for (let i = 0; i < 5; i++) await host.post(conversation, 'count to 2');
      const reply = await host.request('POST', `/api/conversations/${conversation.id}/messages`, { body: { content: 'one too many' } });
      assert.equal(reply.status, 409);
      assert.equal(reply.json.code, 'turn_queue_full');
      await host.ok('POST', `/api/turns/${first.turn.id}/cancel`);
    });

    await t.test(`${name}: a repeated post with one key is one message`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2 });
      const conversation = await conversationOf(host);
      const post = (content) => host.request('POST', `/api/conversations/${conversation.id}/messages`,
        { body: { content, agent: null }, headers: { 'Idempotency-Key': 'the-same-key' } });
      const [one, two] = [await post('once'), await post('once')];
      assert.equal(one.status, two.status);
      assert.equal(one.json.message.id, two.json.message.id);
      const other = await post('something else');
      assert.equal(other.status, 422);
      const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`);
      assert.equal(items.length, 1);
    });
  }
});
