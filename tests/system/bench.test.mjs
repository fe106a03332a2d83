// SPDX-License-Identifier: Apache-2.0
// The load programs of tests/bench measure what they say: their counts are the host's, wrong answers are no
// measurement, and a figure is judged by its bounds. No speed is asserted.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Load, cpu, own, spread } from '../bench/measure.mjs';
import { verdict } from '../bench/table.mjs';
import { childrenOf, source, startHost } from './kit.mjs';

const load = new Load(join(process.env.TEST_BUILD ?? join(source, 'build'), 'tests', 'bench'));
const built = existsSync(join(load.folder, 'bench-load'));

test('the load program counts what the host counts', { skip: !built && 'not built' }, async (t) => {
  const host = await startHost(t);
  const before = cpu([host.pid]);
  const result = await load.run({ port: host.port, path: '/api/health', connections: 7, seconds: 0.3 });
  assert.ok(result.requests >= 7);
  assert.equal(await host.metric('daedalus_http_requests_total', { route: '/api/health' }), result.requests);
  assert.ok(result.p50_us <= result.p99_us && result.p99_us <= result.max_us * 1.04, JSON.stringify(result));
  assert.ok(cpu([host.pid]) > before, 'workers are counted');
  assert.ok(own([host.pid]) > own(childrenOf(host.pid)), 'and their supervisor');
});

test('each request of an insert is one of its own', { skip: !built && 'not built' }, async (t) => {
  const host = await startHost(t);
  const conversation = await host.conversation(await host.workspace());
  const path = `/api/conversations/${conversation.id}/messages`;
  const result = await load.run({ port: host.port, method: 'POST', path, connections: 3, seconds: 0.3, key: true,
    headers: [`Authorization: Bearer ${host.token}`], body: '{"content":"x","agent":null}' });
  const { last_seq: last } = await host.ok('GET', path);
  const events = host.events(conversation, { after: 0 });
  await events.find(({ id }) => Number(id) === last);
  events.close();
  assert.equal(events.events.filter(({ event }) => event === 'message.created').length, result.requests);
});

test('answers that are not 2xx are no measurement', { skip: !built && 'not built' }, async (t) => {
  const host = await startHost(t);
  await assert.rejects(load.run({ port: host.port, path: '/api/nothing', connections: 1, seconds: 0.1 }), /not 2xx \(404\)/);
});

test('a figure is judged by its bounds', () => {
  for (const [ratio, must, stretch, less, met] of [[2.2, 2.2, 3, false, 'yes'], [2.1, 2.2, 3, false, 'missed'], [3, 2.2, 3, false, 'stretch'],
    [4, 4, 2.8, true, 'yes'], [4.1, 4, 2.8, true, 'missed'], [2, 4, 2.8, true, 'stretch'], [1.9, 2, undefined, true, 'yes'], [NaN, 2, 3, false, 'missed'], [1, undefined, undefined, false, '–']])
    assert.equal(verdict({ ratio, must, stretch, less }), met, `${ratio} of ${must}`);
  assert.deepEqual(spread([3, 1, 2, 10]), { median: 2.5, min: 1, max: 10 });
});
