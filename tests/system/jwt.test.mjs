// SPDX-License-Identifier: Apache-2.0
// jwt: bearers of an issuer: which are believed, how forged ones are refused, and what an outage of the issuer means.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import assert from 'node:assert/strict';
import { daedalus, folder, sleep, startHost, until } from './kit.mjs';
import { base64url, makeKey, now, signature, startIssuer } from './issuer.mjs';

const jwt = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=jwt'];
const proxy = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy'];
const bearer = (token) => ({ anonymous: true, headers: { Authorization: `Bearer ${token}` } });
const me = (host, token) => host.request('GET', '/api/me', bearer(token));
const refusals = (host, from) => host.log.slice(from).filter((line) => line.includes('credential refused'));

test('MCP clients learn who signs tokens (RFC 9728), and a plain 404 where nobody does', { timeout: 60_000 }, async (t) => {
  const issuer = await startIssuer(t);
  const host = await startHost(t, { set: [...jwt, ...issuer.settings] });
  const well = '/.well-known/oauth-protected-resource';
  const base = (await host.request('GET', well, { anonymous: true })).json.resource;
  assert.match(base, /^http:\/\/127\.0\.0\.1:\d+$/);
  for (const path of ['/api/mcp', '/api/mcp/tester']) {
    const { status, json } = await host.request('GET', well + path, { anonymous: true });
    assert.equal(status, 200);
    assert.deepEqual(json, { resource: base + path, resource_name: 'Daedalus', authorization_servers: [issuer.issuer], bearer_methods_supported: ['header'] });
    for (const options of [{ anonymous: true }, bearer('x.y.z')]) {
      const refused = await host.request('POST', path, { ...options, body: '{}' });
      assert.equal(refused.status, 401);
      assert.ok(refused.headers['www-authenticate'].includes(`resource_metadata="${base}${well}${path}"`), refused.headers['www-authenticate']);
    }
  }
  assert.ok(!(await host.request('GET', '/api/me', { anonymous: true })).headers['www-authenticate'].includes('resource_metadata'), 'only where MCP clients connect');
  const alone = await startHost(t);
  for (const path of [well, `${well}/api/mcp`, '/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server/api/mcp', '/.well-known/openid-configuration']) {
    const reply = await alone.request('GET', path, { anonymous: true });
    assert.equal(reply.status, 404, path);
    assert.equal(reply.json.code, 'not_found', 'never the page');
  }
  const register = await alone.request('POST', '/register', { anonymous: true, body: '{}' });
  assert.ok([404, 405].includes(register.status) && register.json.code);
  assert.ok(!(await alone.request('POST', '/api/mcp', { anonymous: true, body: '{}' })).headers['www-authenticate'].includes('resource_metadata'));
});

test('a token of the issuer is the person, with e-mail, name and groups', { timeout: 60_000 }, async (t) => {
  const issuer = await startIssuer(t);
  const host = await startHost(t, { set: [...jwt, ...issuer.settings, 'plugin auth.admin-groups=bosses'] });
  for (const key of [issuer.rsa, issuer.ec]) {
    const reply = await me(host, issuer.token({}, { key }));
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(reply.json, { subject: 'ada', email: 'ada@example.org', name: 'Ada', groups: ['staff'], admin: false, method: 'jwt' });
  }
  const good = {
    'an audience among several': issuer.token({ aud: ['other', issuer.audience] }),
    'no type': issuer.token({}, { head: { typ: undefined } }),
    'an access token': issuer.token({}, { head: { typ: 'at+jwt' } }),
    'no kid where one key only can be meant': issuer.token({}, { head: { kid: undefined } }),
    'one that ended 3 s ago': issuer.token({ exp: now() - 3 }),
    'one that begins in 3 s': issuer.token({ nbf: now() + 3 }),
    'an end with a fraction': issuer.token({ exp: now() + 10.5 }),
    'keys and addresses in the head, which do not matter': issuer.token({}, { head: { jku: `${issuer.url}/evil`, x5u: `${issuer.url}/evil`, jwk: makeKey('rsa', 'r1').jwk } }),
    'large, with many claims': issuer.token({ tags: Array.from({ length: 700 }, (_, i) => `tag ${i}`) }),
  };
  for (const [name, token] of Object.entries(good)) assert.equal((await me(host, token)).status, 200, name);
  const lower = await host.request('GET', '/api/me', { anonymous: true, headers: { Authorization: `bearer  ${issuer.token()}` } });
  assert.equal(lower.status, 200);

  const boss = await me(host, issuer.token({ sub: 'bo', email: 'bo@example.org', email_verified: false, name: undefined, groups: ['bosses', 5, 'a\nb'] }));
  assert.deepEqual([boss.json.admin, boss.json.email, boss.json.name, boss.json.groups], [true, null, 'bo', ['bosses']]);
  // what a session may do, but for what would outlive the token
  assert.equal((await host.request('POST', '/api/workspaces', { ...bearer(good['no type']), body: { name: 'x' } })).status, 201);
  const minted = await host.request('POST', '/api/tokens', { ...bearer(good['no type']), body: { name: 'x', scopes: ['read'] } });
  assert.deepEqual([minted.status, minted.json.code], [403, 'insufficient_scope']);
  // headers say nothing in this mode
  assert.equal((await host.request('GET', '/api/me', { person: 'eve' })).status, 401);
  assert.equal((await host.request('GET', '/api/me', { anonymous: true, headers: { ...host.headers('eve'), Authorization: `Bearer ${issuer.token()}` } })).json.subject, 'ada');
  assert.ok(await host.metric('daedalus_auth_ignored_identity_headers_total') >= 2);
});

test('bearers beside a proxy; the claims and the certificate of choice', { timeout: 60_000 }, async (t) => {
  const issuer = await startIssuer(t);
  const file = join(folder(t), 'issuer.pem');
  writeFileSync(file, issuer.rsa.pem + issuer.ec.pem, { mode: 0o600 });
  const host = await startHost(t, { set: [...proxy, `plugin auth.issuer=${issuer.issuer}`, `plugin auth.audience=other;${issuer.audience}`, `plugin auth.certificate-file=${file}`,
    'plugin auth.subject-claim=id', 'plugin auth.email-claim=mail', 'plugin auth.name-claims=nick;full', 'plugin auth.groups-claim=roles'] });
  const claims = { id: '7f3a', sub: 'x', mail: 'a@example.org', full: 'Full', roles: 'one' };
  for (const key of [issuer.rsa, issuer.ec]) {
    const reply = await me(host, issuer.token(claims, { key, head: { kid: 'any' } }));
    assert.deepEqual(reply.json, { subject: '7f3a', email: 'a@example.org', name: 'Full', groups: ['one'], admin: false, method: 'jwt' });
  }
  assert.equal((await me(host, issuer.token(claims, { key: makeKey('rsa', 'r1') }))).status, 401);
  assert.equal((await me(host, issuer.token())).status, 401);
  assert.equal((await host.request('GET', '/api/me', { person: 'bob' })).json.subject, 'bob');
  // a proxy that has checked the token itself names the person
  const both = await host.request('GET', '/api/me', { anonymous: true, headers: { ...host.headers('bob'), Authorization: `Bearer ${issuer.token({ ...claims, exp: now() - 60 })}` } });
  assert.deepEqual([both.status, both.json.subject], [200, 'bob']);
  assert.equal(issuer.fetches, 0);
});

/** What anybody might try: [what it is, token, what the log says]. */
function forgeries (issuer) {
  const other = makeKey('rsa', 'r1'), weak = makeKey('weak', 'w1');
  const good = issuer.token();
  const [head, claims, sign] = good.split('.');
  const ec = issuer.token({}, { key: issuer.ec });
  const make = (text, key = issuer.rsa) => `${text}.${signature(text, key, key.alg).toString('base64url')}`;
  const withHead = (more) => issuer.token({}, { head: more });
  const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  const algorithm = /algorithm/, form = /not three parts|no JSON object/, sig = /signature does not fit/, unknown = /not known/;
  return [
    ['alg none', issuer.token({}, { head: { alg: 'none' } }), algorithm],
    ['alg None', issuer.token({}, { head: { alg: 'None' }, by: 'none' }), algorithm],
    ['alg NONE with the signature of another', `${base64url({ alg: 'NONE', kid: 'r1' })}.${claims}.${sign}`, algorithm],
    ['no alg', issuer.token({}, { head: { alg: undefined }, by: 'RS256' }), algorithm],
    ['alg that is no text', issuer.token({}, { head: { alg: ['RS256'] }, by: 'RS256' }), algorithm],
    ['alg rs256', issuer.token({}, { head: { alg: 'rs256' }, by: 'RS256' }), algorithm],
    ['alg with a NUL', issuer.token({}, { head: { alg: 'RS256\0' }, by: 'RS256' }), /algorithm|no JSON object/],
    ['HS256 keyed with the public key', issuer.token({}, { head: { alg: 'HS256' }, secret: issuer.rsa.pem }), algorithm],
    ['HS256 keyed with nothing', issuer.token({}, { head: { alg: 'HS256' }, secret: '' }), algorithm],
    ['RS512', issuer.token({}, { head: { alg: 'RS512' } }), algorithm],
    ['PS256', issuer.token({}, { head: { alg: 'PS256' } }), algorithm],
    ['EdDSA', issuer.token({}, { key: makeKey('ed25519', 'o1') }), algorithm],
    ['ES384', issuer.token({}, { key: makeKey('p384', 'p1') }), algorithm],
    ['a kid nobody knows', issuer.token({}, { key: makeKey('rsa', 'r9') }), unknown],
    ['a kid that is a path', issuer.token({}, { key: makeKey('rsa', '../../../dev/null') }), unknown],
    ['a kid that is SQL', issuer.token({}, { key: makeKey('rsa', "' OR '1'='1") }), unknown],
    ['a kid that is a number', withHead({ kid: 1 }), /no text/],
    ['a kid with a NUL', withHead({ kid: 'r1\0x' }), /no text|no JSON object/],
    ['the kid of a key of another type', issuer.token({}, { head: { kid: 'e1' } }), unknown],
    ['ES256 with the kid of an RSA key', issuer.token({}, { key: issuer.ec, head: { kid: 'r1' } }), unknown],
    ['a weak key of the issuer', issuer.token({}, { key: weak, head: { kid: 'w1' } }), unknown],
    ['a key of another under the right kid', issuer.token({}, { key: other }), sig],
    ['that key within the head', issuer.token({}, { key: other, head: { jwk: other.jwk } }), sig],
    ['that key behind jku', issuer.token({}, { key: other, head: { jku: `${issuer.url}/evil` } }), sig],
    ['that key behind x5u', issuer.token({}, { key: other, head: { x5u: `${issuer.url}/evil` } }), sig],
    ['that key in x5c', issuer.token({}, { key: other, head: { x5c: [other.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] } }), sig],
    ['crit', withHead({ crit: ['exp'], exp: now() + 60 }), /critical/],
    ['crit for b64', withHead({ crit: ['b64'], b64: false }), /critical/],
    ['crit that is empty', withHead({ crit: [] }), /critical/],
    ['typ of a logout token', withHead({ typ: 'logout+jwt' }), /type/],
    ['typ of a proof', withHead({ typ: 'dpop+jwt' }), /type/],
    ['typ that is no text', withHead({ typ: null }), /type/],
    ['iss of another', issuer.token({ iss: 'https://evil.example' }), /another issuer/],
    ['iss with a slash more', issuer.token({ iss: `${issuer.issuer}/` }), /another issuer/],
    ['iss that is a list', issuer.token({ iss: [issuer.issuer] }), /another issuer/],
    ['no iss', issuer.token({ iss: undefined }), /another issuer/],
    ['aud of another', issuer.token({ aud: 'other' }), /another audience/],
    ['aud without ours', issuer.token({ aud: ['x', 'y'] }), /another audience/],
    ['aud that is empty', issuer.token({ aud: [] }), /another audience/],
    ['aud that is an object', issuer.token({ aud: { [issuer.audience]: true } }), /another audience/],
    ['no aud', issuer.token({ aud: undefined }), /another audience/],
    ['expired', issuer.token({ exp: now() - 6 }), /expired/],
    ['expired long ago', issuer.token({ exp: 0 }), /expired/],
    ['no exp', issuer.token({ exp: undefined }), /no end/],
    ['exp as text', issuer.token({ exp: String(now() + 300) }), /no end/],
    ['exp below zero', issuer.token({ exp: -1 }), /no end/],
    ['exp true', issuer.token({ exp: true }), /no end/],
    ['not valid yet', issuer.token({ nbf: now() + 30 }), /not valid yet/],
    ['nbf as text', issuer.token({ nbf: '0' }), /no time/],
    ['a refresh token', issuer.token({ tokenType: 'refresh-token' }), /refresh/],
    ['a refresh token of another make', issuer.token({ typ: 'Refresh' }), /refresh/],
    ['no sub', issuer.token({ sub: undefined }), /subject/],
    ['an empty sub', issuer.token({ sub: '' }), /subject/],
    ['sub that is a number', issuer.token({ sub: 7 }), /subject/],
    ['sub of the local person', issuer.token({ sub: 'local' }), /subject/],
    ['sub of an invitation', issuer.token({ sub: 'invitation:ada@example.org' }), /subject/],
    ['sub with a line feed', issuer.token({ sub: 'ada\nadmin' }), /subject/],
    ['sub of 256 bytes', issuer.token({ sub: 'x'.repeat(256) }), /subject/],
    ['claims of another token', `${head}.${issuer.token({ sub: 'eve' }).split('.')[1]}.${sign}`, sig],
    ['one letter of the claims changed', `${head}.${flip(claims, 20)}.${sign}`, sig],
    ['one letter of the signature changed', `${head}.${claims}.${flip(sign, 10)}`, sig],
    ['ES256 with the signature in DER', issuer.token({}, { key: issuer.ec, der: true }), sig],
    ['ES256 of zeros', `${ec.split('.', 2).join('.')}.${base64url(Buffer.alloc(64))}`, sig],
    ['the signature of RS256 under ES256', `${ec.split('.', 2).join('.')}.${sign}`, sig],
    ['no signature', `${head}.${claims}.`, sig],
    ['truncated', good.slice(0, -5), sig],
    ['truncated in the claims', good.slice(0, head.length + 20), form],
    ['two parts', `${head}.${claims}`, form],
    ['four parts', `${good}.`, form],
    ['five parts, as encrypted ones have', `${good}.${claims}.${sign}`, form],
    ['points only', '..', form],
    ['padded base64', `${head}=.${claims}.${sign}`, form],
    ['letters of plain base64', make(`${base64url({ alg: 'RS256', kid: 'r1' })}.${Buffer.from(JSON.stringify(issuer.claims({ name: '???>>>' }))).toString('base64').replace(/=+$/, '')}+/`), form],
    ['a head that is no JSON', `${base64url('{"alg":"RS256"')}.${claims}.${sign}`, form],
    ['a head that is a list', `${base64url('["RS256"]')}.${claims}.${sign}`, form],
    ['a head with alg twice', make(`${base64url('{"alg":"none","alg":"RS256","kid":"r1"}')}.${claims}`), form],
    ['claims with sub twice', issuer.token(JSON.stringify(issuer.claims()).replace('{', '{"sub":"admin",')), form],
    ['claims with exp twice', issuer.token(JSON.stringify(issuer.claims({ exp: 1 })).replace('{', `{"exp":${now() + 60},`)), form],
    ['claims that are a text', issuer.token('"ada"'), form],
    ['claims of another character set', make(`${head}.${base64url(Buffer.from([0x7b, 0xff, 0x7d]))}`), form],
    ['claims that are very deep', issuer.token(`{"a":${'['.repeat(2000)}${']'.repeat(2000)}}`), form],
    ['empty', '', form],
    ['JSON instead of three parts', '{}', form],
    ['huge', `${head}.${claims}${'A'.repeat(20_000)}.${sign}`, /longer than/],
    ['a token of the local mode', `dal_${'0'.repeat(64)}`, form],
    ['two in one header', `${good} ${good}`, form],
    ['two with a comma', `${good},Bearer ${good}`, form],
  ];
}

test('each forged token is 401 with one line that says why and holds nothing of it', { timeout: 120_000 }, async (t) => {
  const issuer = await startIssuer(t);
  issuer.set.push(makeKey('weak', 'w1').jwk, { kty: 'oct', k: base64url('secret'), kid: 'r1' }, makeKey('rsa', 'enc', { use: 'enc' }).jwk);
  const host = await startHost(t, { workers: 1, set: [...proxy, ...issuer.settings, 'plugin auth.jwks-pause=1h'] });
  assert.equal((await me(host, issuer.token())).status, 200);
  const all = forgeries(issuer);
  assert.ok(all.length > 60);
  for (const [name, token, why] of all) {
    const from = host.log.length;
    const reply = await me(host, token);
    assert.deepEqual([reply.status, reply.json?.code], [401, 'invalid_token'], `${name}: ${reply.text}`);
    assert.match(reply.headers['www-authenticate'], /error="invalid_token"/, name);
    const lines = await until(() => refusals(host, from).length > 0 && refusals(host, from), 5000, `a line about ${name}`);
    assert.equal(lines.length, 1, name);
    assert.match(lines[0], why, name);
    for (const part of token.split('.')) if (part.length > 8) assert.ok(!lines[0].includes(part.slice(0, 40)), name);
  }
  assert.equal(await host.metric('daedalus_auth_refused_credentials_total'), all.length);
  const twice = await host.request('GET', '/api/me', { anonymous: true, headers: { Authorization: [`Bearer ${issuer.token()}`, `Bearer ${issuer.token()}`] } });
  assert.equal(twice.status, 400);
  assert.equal(issuer.fetches, 1, 'neither a kid nor a jku makes the host fetch at once');
  assert.equal((await me(host, issuer.token())).status, 200);
});

test('a token that was good is refused once it has ended, on each worker', { timeout: 60_000 }, async (t) => {
  const issuer = await startIssuer(t);
  const host = await startHost(t, { workers: 2, set: [...jwt, ...issuer.settings] });
  const token = issuer.token({ exp: now() - 3 }); // 2 s are left of the 5 s that clocks may differ
  for (let i = 0; i < 4; i++) assert.equal((await me(host, token)).status, 200);
  await sleep(2500);
  for (let i = 0; i < 4; i++) assert.equal((await me(host, token)).status, 401);
});

test('keys: fetched once, anew for one that is not known, kept through an outage', { timeout: 120_000 }, async (t) => {
  const issuer = await startIssuer(t);
  const host = await startHost(t, { workers: 1, set: [...jwt, ...issuer.settings] });
  const old = issuer.token();
  const first = await Promise.all(Array.from({ length: 30 }, () => me(host, issuer.token())));
  assert.ok(first.every(({ status }) => status === 200));
  assert.equal(issuer.fetches, 1);

  // the issuer takes a new key: known at the next token of it, with one fetch for all who wait
  await sleep(1100);
  const next = makeKey('rsa', 'r2');
  issuer.set = [next.jwk, issuer.rsa.jwk];
  const rolled = await Promise.all(Array.from({ length: 20 }, () => me(host, issuer.token({}, { key: next }))));
  assert.ok(rolled.every(({ status }) => status === 200));
  assert.equal(issuer.fetches, 2);

  // kids that nobody knows: one fetch in each pause, however many come
  await sleep(1100);
  for (let i = 0; i < 40; i++) assert.equal((await me(host, issuer.token({}, { head: { kid: `x${i}` } }))).status, 401);
  assert.ok(issuer.fetches <= 4, `${issuer.fetches} fetches`);

  // outages of all kinds: what was known is believed, what is not is refused
  const kinds = [(res) => { res.writeHead(500).end('{}'); }, (res) => { res.destroy(); }, (res) => { res.writeHead(200).end('<html>'); },
    (res) => { res.writeHead(200).end('{"keys":[]}'); }, (res) => { res.writeHead(302, { Location: `${issuer.url}/other` }).end(); },
    (res) => { res.writeHead(200).end('x'.repeat(400_000)); }, (res) => { res.writeHead(200, { 'Content-Length': 100 }); res.write('{"keys":'); res.destroy(); }];
  for (const kind of kinds) {
    issuer.answer = kind;
    await sleep(1050);
    assert.equal((await me(host, issuer.token({}, { head: { kid: 'unknown' } }))).status, 401, String(kind));
    assert.equal((await me(host, issuer.token())).status, 200, String(kind));
    assert.equal((await me(host, old)).status, 200);
  }
  assert.equal(host.log.filter((line) => line.includes('keys of the issuer not fetched')).length, 1, 'an outage is said once');

  // back again, without the first key: what it had signed is refused though it was known
  issuer.answer = null;
  issuer.set = [next.jwk];
  await sleep(1050);
  assert.equal((await me(host, issuer.token({}, { head: { kid: 'unknown' } }))).status, 401);
  assert.equal((await me(host, old)).status, 401);
  assert.equal((await me(host, issuer.token({}, { key: next }))).status, 200);
  await until(() => host.log.some((line) => line.includes('keys of the issuer fetched again')), 5000);
});

test('without keys at all it is 503, and not a moment longer than the issuer is away', { timeout: 60_000 }, async (t) => {
  const issuer = await startIssuer(t);
  issuer.answer = (res) => { res.writeHead(503).end(); };
  const host = await startHost(t, { workers: 1, set: [...jwt, ...issuer.settings] });
  const reply = await me(host, issuer.token());
  assert.deepEqual([reply.status, reply.json.code, reply.headers['retry-after']], [503, 'identity_unavailable', '2']);
  assert.equal((await me(host, 'x.y.z')).status, 401);
  const health = await host.request('GET', '/api/health', { anonymous: true });
  assert.equal(health.status, 200);
  issuer.answer = null;
  await until(async () => (await me(host, issuer.token())).status === 200, 10_000, 'the keys');
});

test('settings that make no sense are refused', { timeout: 60_000 }, async (t) => {
  const check = (...set) => spawnSync(daedalus, ['check', '--set', `host.data-dir=${folder(t)}`, ...[...set].flatMap((one) => ['--set', `plugin auth.${one}`])], { encoding: 'utf8' });
  const good = ['issuer=https://id.example', 'audience=daedalus', 'jwks-url=https://id.example/jwks'];
  const wrong = {
    'has no issuer': ['mode=jwt'],
    'without audience': ['mode=jwt', good[0], good[2]],
    'either jwks-url or certificate-file': ['mode=jwt', good[0], good[1]],
    'keys without an issuer': ['mode=proxy', good[2]],
    'not for mode = local': ['mode=local', ...good],
    'no PEM certificate': ['mode=jwt', good[0], good[1], 'certificate=x'],
    'no PEM  certificate of 1024 bits': ['mode=jwt', good[0], good[1], `certificate=${makeKey('weak', 'w').pem.replaceAll('\n', '\\n')}`],
    'http or https': ['mode=jwt', good[0], good[1], 'jwks-url=ftp://x'],
  };
  for (const [said, set] of Object.entries(wrong)) {
    const run = check(...set);
    assert.notEqual(run.status, 0, said);
    assert.ok((run.stdout + run.stderr).includes(said.replace(/ {2}certificate.*/, ' certificate')), `${said}: ${run.stdout}${run.stderr}`);
  }
  const run = check('mode=jwt', ...good);
  assert.ok(!(run.stdout + run.stderr).includes('refused its configuration'), run.stdout + run.stderr);
});
