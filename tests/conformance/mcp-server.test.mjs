// SPDX-License-Identifier: Apache-2.0
// The public conformance suite of MCP against /api/mcp. Most of its scenarios ask for tools, resources and prompts of the
// suite's own, which no product has; those that do not are demanded here.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startHost } from '../system/kit.mjs';
import { runSuite, startDoor } from './suite.mjs';

const revisions = {
  '2025-11-25': ['server-initialize', 'logging-set-level', 'ping', 'completion-complete', 'tools-list', 'server-sse-multiple-streams', 'resources-list', 'prompts-list',
    'dns-rebinding-protection', 'server-session-lifecycle'],
  '2026-07-28': ['completion-complete', 'tools-list', 'server-sse-multiple-streams', 'resources-list', 'prompts-list', 'dns-rebinding-protection', 'sep-2164-resource-not-found', 'caching', 'http-header-validation'],
};

for (const [revision, scenarios] of Object.entries(revisions))
  test(`/api/mcp at ${revision}`, { timeout: 300_000 }, async (t) => {
    const host = await startHost(t, { workers: 2 });
    const { token } = await host.ok('POST', '/api/tokens', { body: { name: 'suite', scopes: ['mcp', 'read'] } });
    const door = await startDoor(t, `${host.url}/api/mcp`, { Authorization: `Bearer ${token}` });
    const { passed, failed, text } = await runSuite(['server', '--url', door, '--requirements', revision, '--timeout', '6000']);
    t.diagnostic(`passed: ${passed.join(' ')}`);
    t.diagnostic(`failed: ${failed.join(' ')}`);
    assert.deepEqual(scenarios.filter((name) => !passed.includes(name)), [], text);
  });
