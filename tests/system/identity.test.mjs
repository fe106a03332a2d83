// SPDX-License-Identifier: Apache-2.0
// identity: personal access tokens: what they may do, how long, and that no one else's word counts.
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import assert from 'node:assert/strict';
import { daedalus, databases, folder, sleep, startHost, until } from './kit.mjs';

const proxy = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy'];
const bearer = (token) => ({ anonymous: true, headers: { Authorization: `Bearer ${token}` } });

/** A token of PERSON with SCOPES. */
async function tokenOf (host, person, scopes, more = {}) {
  const reply = await host.request('POST', '/api/tokens', { person, body: { name: scopes.join('+'), scopes, ...more } });
  assert.equal(reply.status, 201, reply.text);
  return reply.json;
}

function command (host, ...words) {
  const run = spawnSync(daedalus, [...words, '--set', `host.data-dir=${host.dataDir}`], { encoding: 'utf8' });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

test('a token does what its scopes hold, no more, and no longer than it is there', { timeout: 180_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const host = await startHost(t, { database: make(), workers: 2, set: proxy });
      const workspace = await host.workspace('Mine', { person: 'ada' });
      await sleep(400); // people are written a moment later

      const reads = await tokenOf(host, 'ada', ['read']);
      assert.match(reads.token, /^dat_[0-9a-f]{64}$/);
      const me = await host.request('GET', '/api/me', bearer(reads.token));
      assert.deepEqual([me.status, me.json.subject, me.json.email, me.json.method, me.json.admin], [200, 'ada', 'ada@example.org', 'token', false]);
      assert.equal((await host.request('GET', `/api/workspaces/${workspace.id}`, bearer(reads.token))).status, 200);
      assert.equal((await host.request('HEAD', `/api/workspaces/${workspace.id}`, bearer(reads.token))).status, 200);
      const refused = await host.request('POST', '/api/workspaces', { ...bearer(reads.token), body: { name: 'x' } });
      assert.deepEqual([refused.status, refused.json.code], [403, 'insufficient_scope']);
      assert.equal(refused.headers['www-authenticate'], 'Bearer realm="daedalus", error="insufficient_scope", scope="write"');

      const writes = await tokenOf(host, 'ada', ['write', 'write']);
      assert.deepEqual(writes.scopes, ['write']);
      assert.equal((await host.request('POST', '/api/workspaces', { ...bearer(writes.token), body: { name: 'x' } })).status, 201);
      assert.equal((await host.request('GET', '/api/workspaces', bearer(writes.token))).status, 403);

      // no token makes or takes tokens, and identity headers do not widen one
      const all = await tokenOf(host, 'ada', ['read', 'write', 'mcp', 'metrics']);
      for (const [method, path, body] of [['GET', '/api/tokens'], ['POST', '/api/tokens', { name: 'x', scopes: ['read'] }], ['DELETE', `/api/tokens/${reads.id}`]])
        assert.equal((await host.request(method, path, { ...bearer(all.token), body })).status, 403, method);
      const both = { anonymous: true, headers: { ...host.headers('ada'), Authorization: `Bearer ${reads.token}` } };
      assert.equal((await host.request('POST', '/api/workspaces', { ...both, body: { name: 'x' } })).status, 403);

      // bob has nothing of it
      assert.deepEqual((await host.ok('GET', '/api/tokens', { person: 'bob' })).items, []);
      assert.equal((await host.request('DELETE', `/api/tokens/${reads.id}`, { person: 'bob' })).status, 404);

      const used = () => host.ok('GET', '/api/tokens', { person: 'ada' }).then(({ items }) => items.find(({ id }) => id === reads.id).last_used_at);
      await until(used, 10_000, 'the use of a token');
      const listed = JSON.stringify(await host.ok('GET', '/api/tokens', { person: 'ada' }));
      assert.ok(!listed.includes('dat_'), 'a token is shown once');

      assert.equal((await host.request('DELETE', `/api/tokens/${reads.id}`, { person: 'ada' })).status, 204);
      for (let i = 0; i < 6; i++) { // each on a connection of its own: both workers
        const gone = await host.request('GET', '/api/me', bearer(reads.token));
        assert.deepEqual([gone.status, gone.json.code], [401, 'invalid_token']);
        assert.match(gone.headers['www-authenticate'], /error="invalid_token"/);
      }
    });
  }
});

test('wishes for tokens that make no sense are refused', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { set: proxy });
  const wrong = [{}, { name: 'x' }, { name: 'x', scopes: [] }, { name: 'x', scopes: ['admin'] }, { name: 'x', scopes: 'read' }, { name: '', scopes: ['read'] },
    { name: 'x', scopes: ['read'], expires_in_days: 0 }, { name: 'x', scopes: ['read'], expires_in_days: 367 }, { name: 'x', scopes: ['read'], subject: 'eve' }];
  for (const body of wrong) assert.equal((await host.request('POST', '/api/tokens', { person: 'ada', body })).status, 422, JSON.stringify(body));
  assert.equal((await host.request('DELETE', '/api/tokens/x', { person: 'ada' })).status, 404);
  assert.equal((await host.request('DELETE', `/api/tokens/${randomUUID()}`, { person: 'ada' })).status, 404);
  for (let i = 0; i < 100; i++) await tokenOf(host, 'cyd', ['read']);
  const more = await host.request('POST', '/api/tokens', { person: 'cyd', body: { name: 'x', scopes: ['read'] } });
  assert.deepEqual([more.status, more.json.code], [409, 'too_many_tokens']);
});

test('each credential that is not believed is 401 with one line in the log, which holds no secret', { timeout: 60_000 }, async (t) => {
  for (const set of [proxy, []]) {
    const host = await startHost(t, { set });
    const good = await tokenOf(host, set === proxy ? 'ada' : undefined, ['read']);
    const digits = good.token.slice(4);
    const forged = [`dat_${'0'.repeat(64)}`, `dat_${digits.toUpperCase()}x`, `dat_${digits.slice(1)}`, `dat_${digits}0`, `DAT_${digits}`, 'dat_', digits, `dal_${digits}`, 'x', 'a.b.c',
      `${good.token}, ${good.token}`];
    for (const text of forged) {
      const before = host.log.length;
      const reply = await host.request('GET', '/api/me', bearer(text));
      assert.deepEqual([reply.status, reply.json.code], [401, 'invalid_token'], text);
      const lines = await until(() => {
        const found = host.log.slice(before).filter((line) => JSON.stringify(line).includes('credential refused'));
        return found.length > 0 && found;
      }, 5000, `a line about ${text}`);
      assert.equal(lines.length, 1);
      assert.ok(!JSON.stringify(lines[0]).includes(digits.slice(2, 20)));
    }
    const doubled = await host.request('GET', '/api/me', { anonymous: true, headers: { Authorization: [`Bearer ${good.token}`, `Bearer ${good.token}`] } });
    assert.ok([400, 401].includes(doubled.status), doubled.text);
    assert.equal((await host.request('GET', '/api/me', { anonymous: true, headers: { Authorization: `bearer  ${good.token}` } })).status, 200);
  }
});

test('metrics are also for tokens with that scope, wherever they come from', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { set: [...proxy, 'plugin metrics.networks=192.0.2.1'] });
  const scrapes = await tokenOf(host, 'ada', ['metrics']);
  const reads = await tokenOf(host, 'ada', ['read']);
  assert.equal((await host.request('GET', '/metrics', bearer(scrapes.token))).status, 200);
  assert.equal((await host.request('GET', '/api/me', bearer(scrapes.token))).status, 403);
  assert.equal((await host.request('GET', '/metrics', bearer(reads.token))).status, 403);
  assert.equal((await host.request('GET', '/metrics', { anonymous: true })).status, 403);
  assert.equal((await host.request('GET', '/metrics', { person: 'ada' })).status, 403);
});

test('daedalus token makes, lists and revokes', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { set: proxy });
  const made = command(host, 'token', 'create', 'person=ada', 'name=night build', 'scopes=read,metrics', 'days=3');
  assert.equal(made.status, 0, made.err);
  const token = made.out.trim();
  assert.equal((await host.ok('GET', '/api/me', bearer(token))).subject, 'ada');
  const listed = command(host, 'token', 'list', 'person=ada');
  const [, id] = /^([0-9a-f-]{36}) .* read,metrics +ada, night build$/m.exec(listed.out);
  assert.ok(!listed.out.includes(token));
  assert.equal(command(host, 'token', 'list', 'person=bob').out.split('\n').length, 2);
  assert.equal(command(host, 'token', 'revoke', id).status, 0);
  assert.equal((await host.request('GET', '/api/me', bearer(token))).status, 401);
  for (const words of [[], ['make'], ['create'], ['create', 'person=ada', 'name=x', 'scopes=all'], ['create', 'person=ada', 'name=x', 'scopes=read', 'days=0'],
    ['create', 'person=ada', 'name=x', 'scopes=read', 'size=1'], ['revoke', id], ['revoke', 'x'], ['list', 'ada']]) {
    const run = command(host, 'token', ...words);
    assert.equal(run.status, 1, words.join(' '));
    assert.notEqual(run.err, '');
  }
  assert.equal(command(host, 'tokens').status, 64);
  assert.equal(command(host, 'check', 'twice').status, 64);
});

test('a proxy with a secret is believed only with it, and two are valid while they change', { timeout: 60_000 }, async (t) => {
  const [old, next] = ['an old secret of 27 bytes..', 'the next secret of the proxy'];
  const host = await startHost(t, { set: [...proxy, `plugin auth.proxy-secret=${old}`, `plugin auth.proxy-secret-other=${next}`, 'plugin auth.subject-header=X-Forwarded-Sub'] });
  const ask = (headers) => host.request('GET', '/api/me', { anonymous: true, headers: { 'X-Forwarded-User': 'ada', 'X-Forwarded-Sub': '7f3a', ...headers } });
  for (const secret of [old, next]) {
    const reply = await ask({ 'X-Proxy-Secret': secret });
    assert.deepEqual([reply.status, reply.json.subject], [200, '7f3a'], reply.text);
  }
  const refused = [{}, { 'X-Proxy-Secret': '' }, { 'X-Proxy-Secret': old.slice(1) }, { 'X-Proxy-Secret': `${old}x` }, { 'X-Proxy-Secret': [old, old] }, { 'X_Proxy_Secret': old }];
  for (const headers of refused) {
    const before = host.log.length;
    const reply = await ask(headers);
    assert.equal(reply.status, 401, JSON.stringify(headers));
    const lines = await until(() => host.log.slice(before).some((line) => line.includes('identity headers ignored')) && host.log.slice(before), 5000, 'the line');
    assert.ok(!lines.join().includes('27 bytes'));
  }
  // the subject is one header's alone, and once
  const good = { 'X-Proxy-Secret': next };
  assert.equal((await ask({ ...good, 'X-Forwarded-Sub': ['7f3a', '7f3b'] })).status, 400);
  assert.equal((await host.request('GET', '/api/me', { anonymous: true, headers: { 'X-Forwarded-User': 'ada', 'X_Forwarded_Sub': '7f3a', ...good } })).status, 401);
  assert.equal((await host.request('GET', '/api/me', { anonymous: true, headers: { 'X-Forwarded-User': 'ada', ...good } })).status, 401);
});

test('one person under two subjects becomes one: daedalus person merge', { timeout: 180_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const host = await startHost(t, { database: make(), workers: 2, set: proxy });
      const [old, both, asViewer] = await Promise.all(['Old', 'Both', 'As viewer'].map((one) => host.workspace(one, { person: 'old' })));
      await host.workspace('New', { person: 'new' });
      await host.ok('GET', '/api/me', { person: 'bob' });
      await sleep(400); // people are written a moment later
      for (const [workspace, role] of [[both, 'viewer'], [asViewer, 'owner']])
        await host.ok('POST', `/api/workspaces/${workspace.id}/members`, { person: 'old', body: { email: 'new@example.org', role } });
      await host.ok('PATCH', `/api/workspaces/${asViewer.id}/members/old`, { person: 'new', body: { role: 'viewer' } });
      const conversation = await host.conversation(old, { agent: 'librarian' }, { person: 'old' });
      const { turn } = await host.post(conversation, 'hello', { person: 'old' });
      await host.ended(turn.id, 20_000, { person: 'old' });
      const token = await tokenOf(host, 'old', ['read']);

      for (const words of [[], ['merge'], ['merge', 'old'], ['merge', 'old', 'old'], ['merge', 'old', 'nobody'], ['merge', 'nobody', 'new'], ['split', 'old', 'new']]) {
        const run = command(host, 'person', ...words);
        assert.equal(run.status, 1, words.join(' '));
        assert.notEqual(run.err, '');
      }
      assert.equal((await host.ok('GET', '/api/workspaces', { person: 'old' })).items.length, 3, 'what was refused has done nothing');

      const stream = host.events(conversation, { person: 'old' });
      await stream.opened;
      const merged = command(host, 'person', 'merge', 'old', 'new');
      assert.equal(merged.status, 0, merged.err);
      assert.deepEqual((await host.ok('GET', '/api/workspaces', { person: 'new' })).items.map((one) => one.name).sort(), ['As viewer', 'Both', 'New', 'Old']);
      assert.deepEqual((await host.ok('GET', '/api/workspaces', { person: 'old' })).items, []);
      for (const { id } of [old, both, asViewer]) {
        const members = (await host.ok('GET', `/api/workspaces/${id}/members`, { person: 'new' })).items;
        assert.deepEqual(members.map(({ subject, role }) => [subject, role]), [['new', 'owner']]);
        assert.equal((await host.request('GET', `/api/workspaces/${id}`, { person: 'old' })).status, 404);
      }
      const messages = (await host.ok('GET', `/api/conversations/${conversation.id}/messages`, { person: 'new' })).items;
      assert.deepEqual(messages.filter(({ role }) => role === 'user').map(({ author }) => author.subject), ['new']);
      await host.ended((await host.post(conversation, 'again', { person: 'new' })).turn.id, 20_000, { person: 'new' });
      assert.equal((await host.ok('GET', '/api/me', bearer(token.token))).subject, 'new');
      await until(() => stream.ended, 5000, 'the end of the stream of whom there is no more');
      assert.match(command(host, 'person', 'list').out, /Z new, new, new@example.org\n/);
    });
  }
});

test('what the local person made is claimed after the change to single sign-on', { timeout: 120_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const dir = folder(t), database = make();
      const set = [`host.data-dir=${dir}`];
      const alone = await startHost(t, { database, set });
      const workspace = await alone.workspace('Mine');
      await sleep(400);
      await alone.stop();
      const host = await startHost(t, { database, set: [...set, ...proxy] });
      assert.equal((await host.request('GET', '/api/me', { person: 'local' })).status, 400, 'nobody else is local');
      assert.deepEqual((await host.ok('GET', '/api/workspaces', { person: 'ada' })).items, []);
      await sleep(400);
      assert.equal(command({ dataDir: dir }, 'person', 'merge', 'local', 'ada').status, 0);
      assert.deepEqual((await host.ok('GET', '/api/workspaces', { person: 'ada' })).items.map(({ id }) => id), [workspace.id]);
      assert.equal((await host.ok('PATCH', `/api/workspaces/${workspace.id}`, { person: 'ada', body: { name: 'Still mine' } })).name, 'Still mine');
    });
  }
});

test('headers of nobody: spoofed, doubled, spelt otherwise', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { workers: 1, set: ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy', 'plugin auth.admins=root'] });
  const ask = (headers) => host.request('GET', '/api/me', { anonymous: true, headers });
  const nobody = { // what is none of the family names nobody
    'underscores': { X_Forwarded_User: 'root' }, 'one underscore': { 'X-Forwarded_User': 'root' }, 'other case with underscores': { x_forwarded_user: 'root' },
    'of another family': { 'X-Auth-Request-User': 'root' }, 'of apache': { 'OIDC_CLAIM_sub': 'root' }, 'Remote-User': { 'Remote-User': 'root' }, 'X-Remote-User': { 'X-Remote-User': 'root' },
    'a letter more': { 'X-Forwarded-Users': 'root' }, 'a dot': { 'X.Forwarded.User': 'root' }, 'an e-mail alone': { 'X-Forwarded-Email': 'root@example.org' },
    'groups alone': { 'X-Forwarded-Groups': 'admins' }, 'an empty user': { 'X-Forwarded-User': '' }, 'spaces': { 'X-Forwarded-User': '  ' }, 'Basic': { Authorization: 'Basic cm9vdDpyb290' },
    'a cookie': { Cookie: 'X-Forwarded-User=root; daedalus_session=' + '0'.repeat(64) }, 'Forwarded': { Forwarded: 'for=127.0.0.1;user=root' },
  };
  for (const [name, headers] of Object.entries(nobody)) assert.equal((await ask(headers)).status, 401, name);
  const wrong = {
    'twice': { 'X-Forwarded-User': ['ada', 'root'] }, 'twice the same': { 'X-Forwarded-User': ['ada', 'ada'] }, 'the address twice': { 'X-Forwarded-User': 'ada', 'X-Forwarded-Email': ['a@x', 'b@x'] },
    'groups twice': { 'X-Forwarded-User': 'ada', 'X-Forwarded-Groups': ['a', 'b'] }, 'a tab': { 'X-Forwarded-User': 'ada\troot' }, 'not UTF-8': { 'X-Forwarded-User': Buffer.from([0xe4, 0xff]).toString('latin1') },
    'control characters of C1': { 'X-Forwarded-User': Buffer.from('a\u0085b').toString('latin1') }, '256 bytes': { 'X-Forwarded-User': 'x'.repeat(256) }, 'an invitation': { 'X-Forwarded-User': 'invitation:1' },
    'the local person': { 'X-Forwarded-User': 'local' },
  };
  for (const [name, headers] of Object.entries(wrong)) assert.equal((await ask(headers)).status, 400, name);
  for (const headers of [{ 'x-forwarded-user': 'ada' }, { 'X-FORWARDED-USER': 'ada' }, { 'X-Forwarded-User': ' ada ' }, { 'X-Forwarded-User': 'ada', X_Forwarded_User: 'root', 'X-Auth-Request-User': 'root' }])
    assert.deepEqual([(await ask(headers)).json.subject, (await ask(headers)).json.admin], ['ada', false]);
});

test('headers from whom nobody trusts are ignored, said and counted', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { workers: 1, set: ['http.trusted-proxies=192.0.2.7;unix', 'plugin auth.mode=proxy'] });
  const from = host.log.length;
  assert.equal((await host.request('GET', '/api/me', { person: 'ada' })).status, 401);
  const lines = await until(() => host.log.slice(from).filter((line) => line.includes('identity headers ignored')).length === 1 && host.log.slice(from), 5000, 'the line');
  assert.match(lines.join('\n'), /not from a trusted proxy/);
  assert.equal(await host.metric('daedalus_auth_ignored_identity_headers_total'), 1);
});

test('a Unix socket can be the trusted proxy', { timeout: 60_000 }, async (t) => {
  for (const [trusted, status] of [['unix', 200], ['127.0.0.1', 401]]) {
    const dir = folder(t), socketPath = join(dir, 'http.sock');
    const sets = [`host.data-dir=${dir}/data`, `http.listen=unix:${socketPath}`, `http.trusted-proxies=${trusted}`, 'plugin auth.mode=proxy', 'host.workers=1'];
    const child = spawn(daedalus, ['run', '--config', '/dev/null', ...sets.flatMap((one) => ['--set', one])], { stdio: 'ignore' });
    const ended = new Promise((done) => child.once('exit', done));
    t.after(() => child.kill('SIGKILL'));
    const ask = (path, headers = {}) => new Promise((done) => {
      http.get({ socketPath, path, headers: { Host: 'localhost', ...headers }, agent: false }, (res) => {
        res.resume();
        res.on('end', () => done(res.statusCode));
      }).on('error', () => done(0));
    });
    await until(async () => await ask('/api/health') === 200, 20_000, 'the host');
    assert.equal(await ask('/api/me', { 'X-Forwarded-User': 'ada' }), status, trusted);
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
  }
});
