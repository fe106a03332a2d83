// SPDX-License-Identifier: Apache-2.0
// A W3C trace that a request belongs to goes on in the log and to the agent that is asked.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startAgent, until } from './kit.mjs';
import { ask, observe, talkWith } from './talk.mjs';

test('the trace of a question', async (t) => {
  const agent = await startAgent(t, 'streaming-agent.mjs');
  const { host, conversation } = await talkWith(t, agent.url);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736', parent = '00f067aa0ba902b7';
  const seen = async (traceparent) => {
    const { turn } = await ask(host, conversation, 'hello chunks=1', { headers: { traceparent } });
    assert.equal(turn.state, 'done', turn.error_detail);
    return { turn, got: (await observe(agent)).calls.at(-1).traceparent };
  };

  await t.test('goes on to the agent, in a span of its own', async () => {
    const { turn, got } = await seen(`00-${trace}-${parent}-01`);
    assert.match(got ?? '', new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    assert.ok(!got.includes(parent));
    const line = await until(() => host.log.find((one) => one.includes(turn.request_id) && one.includes('messages')), 5000, 'the line');
    assert.ok(line.includes(trace), line);
  });

  await t.test('is left out where it is none', async () => {
    const { got } = await seen(`00-${trace}-0000000000000000-01`);
    assert.equal(got, null);
  });
});
