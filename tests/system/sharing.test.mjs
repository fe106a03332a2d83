// SPDX-License-Identifier: Apache-2.0
// sharing: whom people find, how an invitation becomes a membership, and what becomes of workspaces without an owner.
import test from 'node:test';
import assert from 'node:assert/strict';
import { databases, sleep, startHost, until } from './kit.mjs';

const proxy = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy'];

/** As the proxy would speak of somebody: in UTF-8, which Node takes a byte each. */
const as = (subject, { email = `${subject}@example.org`, name = subject } = {}) =>
  ({ anonymous: true, headers: { 'X-Forwarded-User': subject, 'X-Forwarded-Email': email, 'X-Forwarded-Preferred-Username': Buffer.from(name).toString('latin1') } });

const found = async (host, who, q, more = '') => (await host.ok('GET', `/api/people?q=${encodeURIComponent(q)}${more}`, who)).items.map(({ subject }) => subject);

async function share (host, owner, workspace, email, role = 'viewer') {
  return await host.ok('POST', `/api/workspaces/${workspace.id}/members`, { ...owner, body: { email, role } });
}

test('people find those who share a workspace with them, and nobody else', { timeout: 120_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const host = await startHost(t, { database: make(), workers: 2, set: proxy });
      const [ada, bob, zoe] = [as('ada', { name: 'Ada Lovelace' }), as('bob', { name: 'Élodie Böhm', email: 'E.Boehm@Example.org' }), as('zoe', { name: 'Zoe 100% _real_' })];
      const eve = as('eve', { name: 'Ada Stranger', email: 'ada2@example.org' });
      for (const who of [ada, bob, zoe, eve]) await host.ok('GET', '/api/me', who);
      await sleep(500); // people are written a moment later
      const works = await host.workspace('Works', ada);
      assert.equal((await share(host, ada, works, 'e.boehm@example.org')).subject, 'bob');
      await share(host, ada, works, 'zoe@example.org');
      await share(host, ada, works, 'unknown@example.org');

      for (const q of ['e', 'EL', 'élo', 'elodie', 'boh', 'Böhm É', 'e.boehm', 'E.BOEHM@ex']) assert.deepEqual(await found(host, ada, q), ['bob'], q);
      for (const q of ['lodie', 'example', '@', '%', '_', '*', 'unknown', 'ada', 'stranger', "'"]) assert.deepEqual(await found(host, ada, q), [], q);
      for (const q of ['100', 'zoe 100', 'real']) assert.deepEqual(await found(host, ada, q), ['zoe'], q);
      assert.deepEqual(await found(host, bob, 'ada'), ['ada'], 'not the stranger');
      assert.deepEqual(await found(host, eve, 'e'), []);
      const [one] = (await host.ok('GET', '/api/people?q=elodie', ada)).items;
      assert.deepEqual(one, { subject: 'bob', name: 'Élodie Böhm', email: 'E.Boehm@Example.org' });
      for (const wrong of ['', '?q=', '?q=%20', `?q=${'x'.repeat(101)}`, '?q=a&limit=0', '?q=a&limit=51']) assert.equal((await host.request('GET', `/api/people${wrong}`, ada)).status, 422, wrong);

      for (let i = 0; i < 12; i++) await host.ok('GET', '/api/me', as(`many${i}`, { name: `Many ${i}` }));
      await sleep(500);
      for (let i = 0; i < 12; i++) await share(host, ada, works, `many${i}@example.org`);
      assert.equal((await found(host, ada, 'many')).length, 10);
      assert.equal((await found(host, ada, 'many', '&limit=50')).length, 12);
      assert.equal((await found(host, ada, 'many', '&limit=1')).length, 1);

      // who left is not found any more, and what was deleted connects nobody
      assert.equal((await host.request('DELETE', `/api/workspaces/${works.id}/members/bob`, bob)).status, 204);
      assert.deepEqual(await found(host, ada, 'elodie'), []);
      assert.deepEqual(await found(host, bob, 'ada'), []);
      await host.ok('DELETE', `/api/workspaces/${works.id}`, ada);
      assert.deepEqual(await found(host, ada, 'zoe'), []);
    });
  }
});

test('an invitation waits for the first sign-in', { timeout: 120_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const host = await startHost(t, { database: make(), workers: 2, set: proxy });
      const [ada, kim] = [as('ada'), as('8f14e45f', { name: 'Kim', email: 'Kim@Example.org' })];
      const [first, second] = [await host.workspace('First', ada), await host.workspace('Second', ada)];
      const invited = await share(host, ada, first, 'KIM@example.org', 'editor');
      assert.deepEqual([invited.state, invited.email, invited.role], ['invited', 'kim@example.org', 'editor']);
      assert.match(invited.subject, /^invitation:/);
      const again = await host.request('POST', `/api/workspaces/${first.id}/members`, { ...ada, body: { email: 'kim@EXAMPLE.org', role: 'owner' } });
      assert.deepEqual([again.status, again.json.code], [409, 'already_member']);
      const withdrawn = await share(host, ada, second, 'kim@example.org', 'owner');
      assert.equal((await host.request('DELETE', `/api/workspaces/${second.id}/members/${encodeURIComponent(withdrawn.subject)}`, ada)).status, 204);
      await host.ok('PATCH', `/api/workspaces/${first.id}/members/${encodeURIComponent(invited.subject)}`, { ...ada, body: { role: 'viewer' } });
      // nobody becomes somebody by the name of an invitation
      assert.equal((await host.request('GET', '/api/workspaces', as(invited.subject))).status, 400);
      // another address is another person
      assert.deepEqual((await host.ok('GET', '/api/workspaces', as('kim', { email: 'kim@example.com' }))).items, []);

      await host.ok('GET', '/api/me', kim);
      const mine = await until(async () => {
        const { items } = await host.ok('GET', '/api/workspaces', kim);
        return items.length > 0 && items;
      }, 5000, 'the workspace of who was invited');
      assert.deepEqual(mine.map(({ id, role }) => [id, role]), [[first.id, 'viewer']]);
      const { items } = await host.ok('GET', `/api/workspaces/${first.id}/members`, ada);
      assert.deepEqual(items.map(({ subject, state }) => [subject, state]), [['ada', 'active'], ['8f14e45f', 'active']]);
    });
  }
});

test('a workspace that lost its owner gets another one from an administrator, who sees nothing in it', { timeout: 120_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const host = await startHost(t, { database: make(), set: [...proxy, 'plugin auth.admins=sue', 'plugin workspaces.owner-absent=2s'] });
      const [ada, bob, sue] = [as('ada'), as('bob'), as('sue')];
      for (const who of [ada, bob, sue]) await host.ok('GET', '/api/me', who);
      const lost = await host.workspace('Lost', ada);
      await host.conversation(lost, {}, ada);
      await sleep(500);
      await share(host, ada, lost, 'bob@example.org', 'viewer');
      const give = (email, id = lost.id) => host.request('PUT', `/api/admin/workspaces/${id}/owner`, { ...sue, body: { email } });
      assert.deepEqual((await host.ok('GET', '/api/admin/workspaces', sue)).items, []);
      const early = await give('bob@example.org');
      assert.deepEqual([early.status, early.json.code], [409, 'has_owner']);

      const [seen] = await until(async () => {
        const { items } = await host.ok('GET', '/api/admin/workspaces', sue);
        return items.length > 0 && items;
      }, 10_000, 'a workspace without an owner');
      assert.deepEqual([seen.id, seen.name, seen.members], [lost.id, 'Lost', 2]);
      assert.ok(Date.parse(seen.owner_last_seen_at) > 0);
      for (const path of ['', '/members', '/conversations']) assert.equal((await host.request('GET', `/api/workspaces/${lost.id}${path}`, sue)).status, 404);
      const own = await give('sue@example.org');
      assert.deepEqual([own.status, own.json.code], [409, 'not_yourself']);
      assert.equal((await give('bob@example.org', '0190a5a0-0000-7000-8000-000000000000')).status, 404);
      assert.equal((await give('no address')).status, 422);
      const before = host.log.length;
      const given = await give('BOB@example.org');
      assert.deepEqual([given.status, given.json.subject, given.json.role], [200, 'bob', 'owner']);
      assert.ok(await until(() => host.log.slice(before).some((line) => line.includes('another owner') && line.includes(lost.id) && line.includes('sue')), 5000, 'its line in the log'));
      assert.equal((await host.ok('GET', `/api/workspaces/${lost.id}`, bob)).role, 'owner');
      const { items } = await host.ok('GET', `/api/workspaces/${lost.id}/members`, bob);
      assert.deepEqual(items.map(({ subject, role }) => `${subject} ${role}`).sort(), ['ada owner', 'bob owner']);

      // somebody who never came is invited, once
      const far = await host.workspace('Far', ada);
      await sleep(2600);
      const invitations = [await give('new@example.org', far.id), await give('new@example.org', far.id)];
      assert.deepEqual(invitations.map(({ status, json }) => [status, json.state, json.role]), [[200, 'invited', 'owner'], [200, 'invited', 'owner']]);
      assert.equal(invitations[0].json.subject, invitations[1].json.subject);
      await host.ok('GET', '/api/me', as('n1', { email: 'new@example.org' }));
      await until(async () => (await host.request('GET', `/api/workspaces/${far.id}`, as('n1', { email: 'new@example.org' }))).json.role === 'owner', 5000, 'the new owner');
    });
  }
});
