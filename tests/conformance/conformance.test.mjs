// SPDX-License-Identifier: Apache-2.0
// The public conformance suite of MCP through the relay, with authentication on and a session's requests at two workers.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startHost } from '../system/kit.mjs';
import { runSuite, startDoor } from './suite.mjs';
import { startUpstream } from './upstream.mjs';

// Scenarios of each revision, without those of the tasks extension, which the upstream does not have
const revisions = [['2025-11-25', 33], ['2026-07-28', 40]];
const isExtension = (name) => name.startsWith('tasks-');

for (const [revision, scenarios] of revisions)
  test(`the relay at ${revision}`, { timeout: 300_000 }, async (t) => {
    const upstream = await startUpstream(t);
    const host = await startHost(t, { workers: 2, set: [`agent upstream.url=${upstream}`] });
    const { token } = await host.ok('POST', '/api/tokens', { body: { name: 'suite', scopes: ['mcp'] } });
    const door = await startDoor(t, `${host.url}/api/mcp/upstream`, { Authorization: `Bearer ${token}` });
    const { passed, failed, text } = await runSuite(['server', '--url', door, '--requirements', revision, '--timeout', '6000']);
    assert.deepEqual(failed.filter((name) => !isExtension(name)), [], text);
    assert.equal(passed.filter((name) => !isExtension(name)).length, scenarios, text);
    const relayed = await host.metric('daedalus_mcp_relay_requests_total', { server: 'upstream' });
    assert.ok(relayed > scenarios, `${relayed} requests went through the relay`);
  });
