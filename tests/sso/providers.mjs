// SPDX-License-Identifier: Apache-2.0
// Real OpenID providers: oidc-provider from npm, and glewlwyd of Debian.
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Provider from 'oidc-provider';
import { folder, until } from '../system/kit.mjs';
import { freePort } from '../system/ports.mjs';

const AUDIENCE = 'daedalus';
const MACHINE = 'the-secret-of-the-machine';
export const PASSWORD = 'a password of hers';

/** A key pair as a JWK with its private half. */
function key(type, options, alg) {
  return { ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid: `${alg}-1`, alg, use: 'sig' };
}

/** oidc-provider: any name signs in with any password; a machine gets bearers for the audience it asks for. */
export async function startOidcProvider(t, { id, secret, redirect, home }) {
  const port = await freePort(), issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
    clients: [
      { client_id: id, client_secret: secret, redirect_uris: [redirect], post_logout_redirect_uris: [home], grant_types: ['authorization_code'], response_types: ['code'] },
      { client_id: 'machine', client_secret: MACHINE, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    conformIdTokenClaims: false,
    scopes: ['openid', 'email', 'profile', 'api'],
    findAccount: (_context, name) => ({ accountId: name, claims: () => ({ sub: name, email: `${name}@example.org`, email_verified: true, name: `${name} of the provider`, groups: ['readers'] }) }),
    cookies: { keys: [randomUUID()] },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `urn:${AUDIENCE}`,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({ scope: 'api', audience: resource.slice('urn:'.length), accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: resource === `urn:${AUDIENCE}` ? 'RS256' : 'ES256' } } }),
      },
    },
    pkce: { required: () => false },
  });
  const server = http.createServer(provider.callback());
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { issuer, jwks: `${issuer}/jwks`, audience: AUDIENCE, token: `${issuer}/token`, ask: (name) => ({ scope: 'api', resource: `urn:${name}` }) };
}

/** glewlwyd: alice signs in with PASSWORD; a machine gets bearers whose audience is the scope that it asks for. */
export async function startGlewlwyd(t, { id, secret, redirect, home }) {
  const dir = folder(t), port = await freePort(), base = `http://127.0.0.1:${port}`, issuer = `${base}/api/oidc`;
  const schema = gunzipSync(readFileSync('/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz'));
  const made = spawnSync('sqlite3', [join(dir, 'glewlwyd.db')], { input: schema, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`sqlite3: ${made.error ?? made.stderr}`);
  const web = join(dir, 'web'); // Debian has put its settings into a folder of their name
  cpSync('/usr/share/glewlwyd/webapp', web, { recursive: true, dereference: true, filter: (path) => !path.endsWith('config.json') });
  copyFileSync('/usr/share/glewlwyd/templates/config.json', join(web, 'config.json'));
  const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'application/javascript', '.json': 'application/json', '*': 'application/octet-stream' };
  writeFileSync(join(dir, 'glewlwyd.conf'), `port=${port}
bind_address="127.0.0.1"
external_url="${base}"
login_url="login.html"
api_prefix="api"
static_files_path="${web}/"
static_files_mime_types = (${Object.entries(types).map(([extension, type]) => `{ extension = "${extension}" mime_type = "${type}" }`).join(', ')});
log_mode="console"
log_level="ERROR"
session_key="GLEWLWYD2_SESSION_ID"
session_expiration=3600
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = { type = "sqlite3" path = "${join(dir, 'glewlwyd.db')}" };
`);
  const child = spawn('glewlwyd', [`--config-file=${join(dir, 'glewlwyd.conf')}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', done));
  t.after(async () => { child.kill('SIGTERM'); await ended; });
  await until(async () => { try { return (await fetch(`${base}/login.html`)).ok; } catch { return false; } }, 15_000, 'glewlwyd');

  let cookie = '';
  const make = async (path, body) => {
    const reply = await fetch(`${base}/api/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json', cookie }, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(`glewlwyd: ${path}: ${reply.status} ${await reply.text()}`);
    cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie;
  };
  await make('auth/', { username: 'admin', password: 'password' }); // those that its own schema begins with
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await make('mod/plugin/', { module: 'oidc', name: 'oidc', display_name: 'OIDC', parameters: {
    iss: issuer, 'jwt-type': 'rsa', 'jwt-key-size': '256', key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: publicKey.export({ type: 'spki', format: 'pem' }), 'jwks-show': true,
    'access-token-duration': 300, 'refresh-token-duration': 3600, 'code-duration': 60, 'refresh-token-rolling': false, 'allow-non-oidc': true, 'subject-type': 'public',
    'auth-type-code-enabled': true, 'auth-type-token-enabled': false, 'auth-type-id-token-enabled': true, 'auth-type-none-enabled': true, 'auth-type-password-enabled': false,
    'auth-type-client-enabled': true, 'auth-type-refresh-enabled': false, 'session-management-allowed': true, 'session-cookie-name': 'GLEWLWYD2_OIDC_SID', 'session-cookie-expiration': 3600,
    'name-claim': 'mandatory', 'email-claim': 'mandatory', 'name-claim-scope': [], 'email-claim-scope': [], scope: [], claims: [] } });
  for (const name of [AUDIENCE, 'elsewhere']) await make('scope/', { name, display_name: name, password_required: false, scheme: {} });
  await make('user/?source=database', { username: 'alice', name: 'alice of the provider', email: 'alice@example.org', password: PASSWORD, enabled: true, scope: ['openid', 'g_profile'] });
  await make('client/?source=database', { client_id: id, name: 'Daedalus', enabled: true, confidential: true, client_secret: secret, token_endpoint_auth_method: ['client_secret_basic'],
    redirect_uri: [redirect], post_logout_redirect_uris: home, authorization_type: ['code'], scope: ['openid'] });
  await make('client/?source=database', { client_id: 'machine', name: 'machine', enabled: true, confidential: true, client_secret: MACHINE, token_endpoint_auth_method: ['client_secret_basic'],
    authorization_type: ['client_credentials'], scope: [AUDIENCE, 'elsewhere'] });
  return { issuer, jwks: `${issuer}/jwks`, audience: AUDIENCE, token: `${issuer}/token`, ask: (name) => ({ scope: name }) };
}

/** A bearer of a PROVIDER for the audience NAME. */
export async function machineBearer({ token: endpoint, ask }, name) {
  const reply = await fetch(endpoint, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`machine:${MACHINE}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...ask(name) }),
  });
  const { access_token: token, ...rest } = await reply.json();
  if (!token) throw new Error(`the provider gave no token: ${JSON.stringify(rest)}`);
  return token;
}
