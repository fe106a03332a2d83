// SPDX-License-Identifier: Apache-2.0
// access: open event streams end within two seconds, on every host, when what let them begin is gone.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { daedalus, databases, EventReader, sleep, startHost, startPostgres, until } from './kit.mjs';

const proxy = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy'];
const WITHIN = 2000;

/** Hosts of one installation: one with two workers, and on PostgreSQL a second beside it. */
async function startHosts (t, name, database) {
  const set = [...proxy, 'plugin librarian.pace=5ms'];
  const hosts = [await startHost(t, { database, workers: 2, set })];
  if (name !== 'sqlite') hosts.push(await startHost(t, { database, workers: 1, set }));
  return hosts;
}

/** Streams of PERSON (or by TOKEN): of the conversation and of all that is theirs, on each worker of each host. */
async function openStreams (t, hosts, conversation, { person, token }) {
  const options = token ? { anonymous: true, headers: { Authorization: `Bearer ${token}` } } : { person };
  const readers = [];
  for (const host of hosts) {
    for (const path of [`/api/conversations/${conversation.id}/events`, `/api/events?watch=${conversation.id}:0`]) {
      const workers = new Set();
      for (let i = 0; i < 40 && workers.size < host.workers().length; i++) {
        const reader = await new EventReader(host, path, options).opened;
        t.after(() => reader.close());
        assert.equal(reader.status, 200);
        readers.push(reader);
        workers.add(host.workerOf(reader.req.socket));
      }
      assert.equal(workers.size, host.workers().length, 'a stream on each worker');
    }
  }
  return readers;
}

/** Does WHAT; all READERS then end in time with their REASONS. */
async function allEnd (readers, reasons, what) {
  const begun = performance.now();
  await what();
  await until(() => readers.every((reader) => reader.ended), 8000, `the end of all streams; ${readers.filter((one) => !one.ended).length} of ${readers.length}`);
  const took = performance.now() - begun;
  for (const reader of readers) {
    assert.equal(reader.events.at(-1).event, 'session.ended');
    assert.ok(reasons.includes(reader.events.at(-1).data.reason), reader.events.at(-1).data.reason);
  }
  assert.ok(took < WITHIN, `it took ${Math.round(took)} ms`);
  return Math.round(took);
}

async function known (host, ...people) {
  for (const person of people) await host.ok('GET', '/api/me', { person });
  await sleep(500); // people are written a moment later
}

test('who loses a right loses their open streams, on every worker of every host', { timeout: 240_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const hosts = await startHosts(t, name, make());
      const [host] = hosts;
      const last = hosts.at(-1);
      await known(host, 'ada', 'bob', 'eve');
      const workspace = await host.workspace('Shared', { person: 'ada' });
      const other = await host.workspace('Other', { person: 'ada' });
      const path = `/api/workspaces/${workspace.id}/members`;
      const conversation = await host.conversation(workspace, {}, { person: 'ada' });
      for (const person of ['bob', 'eve'])
        assert.equal((await host.ok('POST', path, { person: 'ada', body: { email: `${person}@example.org`, role: 'editor' } })).state, 'active');
      const tokenOf = (person) => host.ok('POST', '/api/tokens', { person, body: { name: 'x', scopes: ['read'] } });
      const took = {};

      await t.test('a token that is revoked, by its owner or by the command', async (t) => {
        const [first, second, kept] = [await tokenOf('bob'), await tokenOf('bob'), await tokenOf('bob')];
        const stays = [...await openStreams(t, hosts, conversation, { person: 'bob' }), ...await openStreams(t, hosts, conversation, { token: kept.token })];
        took.revoked = await allEnd(await openStreams(t, hosts, conversation, { token: first.token }), ['signed_out'],
          () => last.request('DELETE', `/api/tokens/${first.id}`, { person: 'bob' }));
        took.command = await allEnd(await openStreams(t, hosts, conversation, { token: second.token }), ['signed_out'],
          () => spawnSync(daedalus, ['token', 'revoke', second.id, '--set', `host.data-dir=${host.dataDir}`]));
        assert.ok(stays.every((reader) => !reader.ended), 'what was not revoked goes on');
      });

      await t.test('a member who becomes less, and one who is removed', async (t) => {
        const mine = await openStreams(t, hosts, conversation, { person: 'ada' });
        took.demoted = await allEnd(await openStreams(t, hosts, conversation, { person: 'bob' }), ['access_changed'],
          () => last.ok('PATCH', `${path}/bob`, { person: 'ada', body: { role: 'viewer' } }));
        // they come back and read on
        const back = await openStreams(t, hosts, conversation, { person: 'bob' });
        const { message } = await host.post(conversation, 'still readable', { person: 'ada', agent: null });
        for (const reader of back) await reader.find(({ event, data }) => event === 'message.created' && data.message.id === message.id, 5000);
        // who becomes more goes on
        await host.ok('PATCH', `${path}/bob`, { person: 'ada', body: { role: 'editor' } });
        await sleep(2500);
        assert.ok(back.every((reader) => !reader.ended));
        took.removed = await allEnd(back, ['access_lost', 'access_changed'], () => last.request('DELETE', `${path}/bob`, { person: 'ada' }));
        assert.ok(mine.every((reader) => !reader.ended), "others' streams go on");
        assert.equal((await last.request('GET', `/api/conversations/${conversation.id}/events`, { person: 'bob' })).status, 404);
      });

      await t.test('a workspace that is deleted', async (t) => {
        const away = await openStreams(t, hosts, await host.conversation(other, {}, { person: 'ada' }), { person: 'ada' });
        const elsewhere = await new EventReader(host, '/api/events', { person: 'bob' }).opened;
        t.after(() => elsewhere.close());
        const readers = await openStreams(t, hosts, conversation, { person: 'eve' });
        took.deleted = await allEnd(readers, ['access_lost', 'access_changed'], () => last.ok('DELETE', `/api/workspaces/${workspace.id}`, { person: 'ada' }));
        const ownOf = (reader) => reader.req.path.startsWith('/api/events');
        assert.ok(away.filter((reader) => !ownOf(reader)).every((reader) => !reader.ended), 'conversations of other workspaces go on');
        assert.ok(!elsewhere.ended, 'who did not share it notices nothing');
      });
      t.diagnostic(`${name}: ended after ${JSON.stringify(took)} ms`);
    });
  }
});

test('a lost hint keeps no stream open', { timeout: 120_000 }, async (t) => {
  const postgres = await startPostgres(t);
  const database = postgres.database();
  const host = await startHost(t, { database, set: proxy });
  const workspace = await host.workspace('Shared', { person: 'ada' });
  const conversation = await host.conversation(workspace, {}, { person: 'ada' });
  const token = await host.ok('POST', '/api/tokens', { person: 'ada', body: { name: 'x', scopes: ['read'] } });
  const readers = await openStreams(t, [host], conversation, { token: token.token });
  // behind the hosts' backs: no hint is sent
  execFileSync('psql', ['-qAt', '-v', 'ON_ERROR_STOP=1', database, '-c', 'DELETE FROM daedalus.access_token']);
  await sleep(3000);
  assert.ok(readers.every((reader) => !reader.ended), 'nobody has told it');
  const begun = performance.now();
  await until(() => readers.every((reader) => reader.ended), 62_000, 'the end of all streams');
  t.diagnostic(`noticed after ${Math.round(performance.now() - begun + 3000)} ms`);
  assert.deepEqual(readers.map((reader) => reader.events.at(-1).data), readers.map(() => ({ reason: 'signed_out' })));
});
