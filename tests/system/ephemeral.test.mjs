// SPDX-License-Identifier: Apache-2.0
// `daedalus run --ephemeral`: a throw-away instance that leaves nothing behind.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { startHost, childrenOf, until } from './kit.mjs';

test('ephemeral', async (t) => {
  await t.test('serves, and leaves nothing when its input closes', async (t) => {
    const host = await startHost(t);
    assert.ok(existsSync(host.dataDir));
    const pids = [host.pid, ...childrenOf(host.pid)];
    assert.equal((await host.request('GET', '/api/health', { anonymous: true })).status, 200);
    assert.equal(await host.stop(), 0);
    assert.ok(!existsSync(host.dataDir), 'its directory is gone');
    await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)), 2000, 'no process is left');
  });

  await t.test('being on loopback alone grants nothing', async (t) => {
    const host = await startHost(t);
    for (const path of ['/api/me', '/api/workspaces', '/api/agents', '/api/plugins']) {
      const reply = await host.request('GET', path, { anonymous: true });
      assert.equal(reply.status, 401, path);
      assert.equal(reply.headers['content-type'], 'application/problem+json', path);
    }
  });

  await t.test('the start link signs in once', async (t) => {
    const host = await startHost(t);
    const path = host.startLink.slice(host.url.length);
    const first = await host.request('GET', path, { anonymous: true });
    assert.equal(first.status, 303);
    const [cookie] = first.headers['set-cookie'];
    assert.match(cookie, /HttpOnly/i);
    assert.match(cookie, /SameSite=Strict/i);
    const me = await host.request('GET', '/api/me', { anonymous: true, headers: { Cookie: cookie.split(';')[0] } });
    assert.equal(me.status, 200);
    const second = await host.request('GET', path, { anonymous: true });
    assert.ok(second.status >= 400, `the second use gives ${second.status}`);
    assert.equal(second.headers['set-cookie'], undefined);
  });

  await t.test('a foreign Host, a foreign origin and a foreign site are refused', async (t) => {
    const host = await startHost(t);
    assert.equal((await host.request('GET', '/api/health', { anonymous: true, headers: { Host: 'evil.example' } })).status, 421);
    const post = (headers) => host.request('POST', '/api/workspaces', { body: { name: 'x' }, headers });
    assert.equal((await post({ Origin: 'http://evil.example' })).status, 403);
    assert.equal((await post({ 'Sec-Fetch-Site': 'cross-site' })).status, 403);
    assert.equal((await post({ 'Sec-Fetch-Site': 'same-origin' })).status, 201);
    assert.equal((await post({ Origin: host.url })).status, 201);
  });
});
