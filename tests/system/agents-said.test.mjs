// SPDX-License-Identifier: Apache-2.0
// What agents say on the way to an answer, in each of the ways in which they do.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startAgent, textOf } from './kit.mjs';
import { ask, observe, talkWith } from './talk.mjs';

const activity = ({ name, kind, agent, state, summary }) => [kind, name, agent, state, summary];

test('what is said becomes text, activities and iterations', async (t) => {
  const agent = await startAgent(t, 'streaming-agent.mjs');
  const { host, conversation } = await talkWith(t, agent.url);

  await t.test('pieces are joined, and a final text that only repeats adds nothing', async () => {
    const { turn, answer, events } = await ask(host, conversation, 'hello chunks=3 pace=5');
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.equal(answer.content, 'You said: hello chunks=3 pace=5\n\nPart 2 of 3. Part 3 of 3. \n\nPart of this is final.');
    assert.equal(textOf(events, answer.id), answer.content);
    assert.deepEqual(turn.activities.map(activity), [['tool', 'search', 'tester', 'done', '3 hits']]);
    assert.deepEqual(answer.iterations.map(({ kind }) => kind), ['tool', 'text']);
  });

  await t.test('whole steps are paragraphs, and the last sentence as the final text is no more of them', async () => {
    const { answer } = await ask(host, conversation, 'thin');
    assert.equal(answer.content, 'I will look that up in the archive.\n\nThe harbour was built in 1842. Its wall is of granite. It is still in use.');
    assert.deepEqual(answer.iterations.map(({ kind }) => kind), ['text', 'tool', 'text']);
  });

  await t.test('what an agent below says is an activity under the tool that asked it, and no text', async () => {
    const { turn, answer } = await ask(host, conversation, 'nested chunks=1');
    assert.ok(!answer.content.includes('archive'), answer.content);
    const [search, research, archive] = turn.activities;
    assert.deepEqual(activity(search).slice(0, 4), ['tool', 'search', 'tester', 'done']);
    assert.deepEqual(activity(research), ['agent', 'research', 'research', 'done', 'Looking through the archive.']);
    assert.deepEqual(activity(archive), ['tool', 'archive', 'research', 'done', 'two pages']);
    assert.equal(research.parent_id, search.activity_id);
    assert.equal(archive.parent_id, research.activity_id);
  });

  await t.test('a tool that fails is shown as failed, and the answer goes on', async () => {
    const { turn } = await ask(host, conversation, 'failtool chunks=1');
    assert.equal(turn.state, 'done');
    assert.deepEqual(turn.activities.map(activity), [['tool', 'search', 'tester', 'failed', 'no access']]);
  });

  await t.test('an agent that streams nothing is answered by its final text; pictures and files are named', async () => {
    const { answer, events } = await ask(host, conversation, 'nochunks');
    assert.equal(answer.content, 'You said: nochunks');
    assert.equal(events.filter(({ event }) => event === 'turn.chunk').length, 1);
    const media = await ask(host, conversation, 'media');
    assert.equal(media.answer.content, 'Here is the chart.\n\n[image: image/png]\n\n[file: chart.csv]');
  });

  await t.test('what the agent asks of this host is answered', async () => {
    const { turn } = await ask(host, conversation, 'asks chunks=1');
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.deepEqual((await observe(agent)).answers, [{ ping: {} }, { roots: -32601 }]);
  });

  await t.test('reasons are words of the agent, or words to act on', async () => {
    for (const [content, code, reason] of [
      ['iserror', 'agent_error', /the library is closed today/],
      ['errortext', 'agent_error', /status=529/],
      ['rpcerror', 'agent_error', /./],
    ]) {
      const { turn, end } = await ask(host, conversation, content);
      assert.equal(turn.error_code, code, content);
      assert.match(turn.error_detail, reason);
      assert.equal(end.data.code, code);
      assert.equal(end.data.reason, turn.error_detail);
    }
  });
});

test('ways of the wire', async (t) => {
  await t.test('answers as JSON, without a stream', async (t) => {
    for (const env of [{ AGENT_JSON: '1' }, { AGENT_JSON: '1', AGENT_STATELESS: '1' }]) {
      const agent = await startAgent(t, 'streaming-agent.mjs', { env });
      const { host, conversation } = await talkWith(t, agent.url);
      const { turn, answer } = await ask(host, conversation, 'nochunks');
      assert.equal(turn.state, 'done', turn.error_detail);
      assert.equal(answer.content, 'You said: nochunks');
    }
  });

  await t.test('a stream that was cut is taken up again where the agent can', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_RESUME: '1' } });
    const { host, conversation } = await talkWith(t, agent.url);
    const { turn, answer, events } = await ask(host, conversation, 'cut chunks=6 pace=20');
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.match(answer.content, /Part 2 of 6\. Part 3 of 6\. Part 4 of 6\. Part 5 of 6\. Part 6 of 6\. /);
    assert.equal(textOf(events, answer.id), answer.content);
    assert.ok(await host.metric('daedalus_mcp_reconnects_total', { server: 'tester' }) >= 1);
  });

  await t.test('a token that is demanded is sent, and a wrong one is said to be so', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_TOKEN: 'right-token' } });
    const right = await talkWith(t, agent.url, { set: ['agent tester.token=right-token'] });
    assert.equal((await ask(right.host, right.conversation, 'hello chunks=1')).turn.state, 'done');
    const wrong = await talkWith(t, agent.url, { set: ['agent tester.token=wrong-token'] });
    const { turn } = await ask(wrong.host, wrong.conversation, 'hello chunks=1');
    assert.equal(turn.error_code, 'agent_error');
    assert.match(turn.error_detail, /token/);
    const checked = await wrong.host.ok('POST', '/api/agents/tester/check');
    assert.match(checked.reason, /token/);
    assert.ok(!wrong.host.log.join('\n').includes('wrong-token'), 'the log holds no token');
  });

  await t.test('a session that remembers is kept for its conversation, whichever worker asks', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_NO_HISTORY: '1' } });
    const { host, conversation } = await talkWith(t, agent.url, { workers: 2 });
    for (const name of ['Ada', 'Ben', 'Cy', 'Di']) {
      assert.equal((await ask(host, conversation, `my name is ${name} chunks=1`)).turn.state, 'done');
    }
    const { turn, answer } = await ask(host, conversation, 'recall');
    assert.equal(answer.content, [...['Ada', 'Ben', 'Cy', 'Di'].map((name) => `user: my name is ${name} chunks=1`), 'user: recall'].join('\n'));
    assert.deepEqual(turn.notes, []);
    const { calls } = await observe(agent);
    assert.equal(new Set(calls.map(({ session }) => session)).size, 1, 'one session');
  });

  await t.test('the health that an agent says of itself is shown', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_HEALTH: 'degraded' } });
    const { host } = await talkWith(t, agent.url);
    const checked = await host.ok('POST', '/api/agents/tester/check');
    assert.equal(checked.health, 'degraded');
    assert.equal(checked.reason, 'the model is slow');
    assert.ok(checked.latency_ms > 0);
    assert.deepEqual(checked.tools.map(({ name }) => name), ['send_message', 'get_health']);
    assert.equal(await host.metric('daedalus_agent_health', { agent: 'tester', state: 'degraded' }), 1);
  });
});
