// SPDX-License-Identifier: Apache-2.0
// `daedalus run --ephemeral`: a throw-away instance that leaves nothing behind.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { childrenOf, folder, startHost, until } from './kit.mjs';
import { Service } from './service.mjs';

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

test('what is killed leaves nothing in temporary folders', async (t) => {
  const own = folder(t);
  const env = { TMPDIR: own };
  const shared = () => readdirSync('/dev/shm').filter((name) => /daedalus/i.test(name));
  const before = shared();

  await t.test('a service whose whole group is killed while it drains', async (t) => {
    const service = await Service.at(t, { settings: ['host.workers=2'], env });
    const host = await service.start();
    const conversation = await host.conversation(await host.workspace());
    const { turn } = await host.post(conversation, 'count to 300');
    await until(async () => (await host.turn(turn.id)).state === 'running', 5000, 'the turn');
    assert.equal((await service.reload()).status, 0);
    assert.ok(host.workers().length > 2, 'old ones drain');
    await service.kill();
    assert.deepEqual([readdirSync(own), shared()], [[], before]);
  });

  await t.test('a throw-away instance that is killed is swept away by the next, which spares the living', async (t) => {
    const keep = join(own, 'daedalus-backup'); // nobody's instance
    mkdirSync(keep);
    const killed = await startHost(t, { env, keep: true });
    process.kill(killed.pid, 'SIGKILL');
    await until(() => !existsSync(`/proc/${killed.pid}`), 5000, 'its end');
    assert.ok(existsSync(killed.dataDir));
    const one = await startHost(t, { env, keep: true });
    const two = await startHost(t, { env, keep: true });
    assert.ok(!existsSync(killed.dataDir));
    for (const host of [one, two]) {
      assert.equal((await host.request('GET', '/api/me')).status, 200);
      assert.equal(await host.stop(), 0);
    }
    assert.deepEqual([readdirSync(own), shared()], [['daedalus-backup'], before]);
  });
});
