// SPDX-License-Identifier: Apache-2.0
// Real MCP servers as agents: the official everything server unmodified, and one on the official SDK that
// streams, and misbehaves when it is told to.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { databases, here, sleep, startAgent, startHost, textOf, until } from './kit.mjs';
import { freePort } from './ports.mjs';
import { ask, observe, talkWith } from './talk.mjs';

test('the everything server, unmodified', async (t) => {
  const port = await freePort();
  const child = spawn(process.execPath, ['-r', join(here, 'agents', 'loopback.cjs'), join(here, 'agents', 'node_modules', '@modelcontextprotocol', 'server-everything', 'dist', 'index.js'), 'streamableHttp'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PORT: String(port) } });
  t.after(() => child.kill('SIGKILL'));
  await until(() => new Promise((done) => {
    fetch(`http://127.0.0.1:${port}/mcp`).then(() => done(true), () => done(false));
  }), 15_000, 'the everything server');
  for (const workers of [1, 2]) {
    await t.test(`${workers === 1 ? 'one worker' : 'two workers'}: its echo answers`, async (t) => {
      const { host, conversation } = await talkWith(t, `http://127.0.0.1:${port}/mcp`, { workers, set: ['agent tester.tool=echo'] });
      for (const content of ['is anybody there?', 'and now?']) {
        const { turn, answer, events } = await ask(host, conversation, content);
        assert.equal(turn.state, 'done', turn.error_detail);
        assert.ok(answer.content.includes(content), answer.content);
        assert.equal(textOf(events, turn.answer_id), answer.content);
      }
    });
  }
});

test('an agent on the official SDK', async (t) => {
  for (const [name, database] of await databases(t)) {
    const kinds = name === 'sqlite' ? [[false, 1], [true, 1], [false, 2], [true, 2]] : [[false, 2], [true, 1]];
    for (const [stateless, workers] of kinds) {
      const how = `${name}, ${workers === 1 ? 'one worker' : 'two workers'}, ${stateless ? 'stateless' : 'with sessions'}`;
      await t.test(`${how}: chunks, tools and progress arrive as they are sent`, async (t) => {
        const agent = await startAgent(t, 'streaming-agent.mjs', { env: stateless ? { AGENT_STATELESS: '1' } : {} });
        const { host, conversation } = await talkWith(t, agent.url, { workers, database: database() });
        const { turn, answer, events, end } = await ask(host, conversation, 'hello chunks=8 pace=60');
        assert.equal(turn.state, 'done', turn.error_detail);
        const chunks = events.filter(({ event }) => event === 'turn.chunk');
        assert.ok(chunks.length >= 3, `${chunks.length} chunks`);
        assert.ok(end.at - chunks[0].at >= 100, `the first chunk came ${end.at - chunks[0].at} ms before the end`);
        assert.equal(textOf(events, turn.answer_id), answer.content);
        assert.ok(events.some(({ event }) => event === 'turn.activity'), 'an activity');
        assert.ok(events.some(({ event }) => event === 'turn.progress'), 'progress');
        assert.ok(Array.isArray(answer.iterations) && answer.iterations.length > 0, 'iterations are kept');
        assert.deepEqual(answer.notes, []);
      });
    }
  }

  await t.test('the past reaches the agent', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_STATELESS: '1' } });
    const { host, conversation } = await talkWith(t, agent.url);
    await ask(host, conversation, 'my name is Ada chunks=2');
    const { answer } = await ask(host, conversation, 'recall');
    assert.match(answer.content, /Ada/);
  });

  await t.test('what the agent does wrong becomes a failed turn with words to act on, and the text so far stays', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs');
    const { host, conversation } = await talkWith(t, agent.url, { set: ['agent tester.silence-limit=2s', 'agent tester.turn-limit=6s'] });
    const cases = [
      ['hang', 'agent_silent', true], ['silent', 'agent_silent', false], ['cut', 'agent_cut', true], ['garbage', 'agent_protocol', false],
      ['errortext', 'agent_error', false], ['iserror', 'agent_error', false], ['rpcerror', 'agent_error', false],
      ['long', 'agent_timeout', true],
    ];
    for (const [word, code, hasText] of cases) {
      const { turn, answer } = await ask(host, conversation, word);
      assert.equal(turn.state, 'failed', word);
      assert.equal(turn.error_code, code, `${word}: ${turn.error_code} ${turn.error_detail}`);
      assert.ok(turn.error_detail?.length > 10, `${word} says why`);
      if (hasText) assert.ok(answer.content.length > 0, `${word}: the text so far stays`);
    }
    const { turn } = await ask(host, conversation, 'and now well again chunks=3');
    assert.equal(turn.state, 'done', 'the conversation goes on');
  });

  await t.test('an agent that is down is said to be so, in health and in the turn', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs');
    const { host, conversation } = await talkWith(t, agent.url);
    await until(async () => (await host.ok('GET', '/api/agents/tester')).health === 'ok', 10_000, 'health ok');
    assert.equal(await host.metric('daedalus_mcp_connections_active', { server: 'tester' }), 1);
    await agent.stop();
    const { turn } = await ask(host, conversation, 'hello?');
    assert.equal(turn.state, 'failed');
    assert.equal(turn.error_code, 'agent_unreachable');
    const checked = await host.ok('POST', '/api/agents/tester/check');
    assert.equal(checked.health, 'error');
    assert.ok(checked.reason);
    await until(async () => (await host.metric('daedalus_mcp_connections_active', { server: 'tester' })) === 0, 5000, 'the gauge at 0');
  });

  await t.test('cancel stops the agent\'s request within a second, asked on another worker', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs');
    const { host, conversation } = await talkWith(t, agent.url, { workers: 2 });
    // whichever worker the next connection meets
    for (let round = 1; round <= 4; round++) {
      const reader = await host.events(conversation).opened;
      const { turn } = await host.post(conversation, 'long');
      await reader.find('turn.chunk');
      const asked = performance.now();
      await host.ok('POST', `/api/turns/${turn.id}/cancel`);
      await until(async () => {
        const { calls } = await observe(agent);
        return calls.filter(({ state }) => state === 'cancelled').length === round;
      }, 3000, 'the agent to see the cancel');
      assert.ok(performance.now() - asked < 1500, `${performance.now() - asked} ms`);
      assert.equal((await host.ended(turn.id)).state, 'cancelled');
      reader.close();
    }
  });

  await t.test('a session that the agent forgot is opened anew', async (t) => {
    const agent = await startAgent(t, 'streaming-agent.mjs', { env: { AGENT_NO_HISTORY: '1' } });
    const { host, conversation } = await talkWith(t, agent.url);
    await ask(host, conversation, 'my name is Grace forget chunks=2');
    await sleep(100);
    const { turn, answer } = await ask(host, conversation, 'recall');
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.match(answer.content, /Grace/);
    assert.deepEqual(turn.notes, ['session_lost']);
    assert.deepEqual(answer.notes, ['session_lost']);
  });

  await t.test('an unknown agent is refused before anything is stored', async (t) => {
    const host = await startHost(t);
    const conversation = await host.conversation(await host.workspace());
    const reply = await host.request('POST', `/api/conversations/${conversation.id}/messages`, { body: { content: 'hi', agent: 'nobody' } });
    assert.equal(reply.status, 422);
    const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`);
    assert.equal(items.length, 0);
  });
});
