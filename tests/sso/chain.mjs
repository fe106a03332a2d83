// SPDX-License-Identifier: Apache-2.0
// The chain that people sign on through: HAProxy with TLS, Apache httpd with mod_auth_openidc, the real host. Both proxies
// run on the very files of data/, with the names and addresses of the test in place of the examples.
import { spawn } from 'node:child_process';
import { request as plain } from 'node:http';
import { request } from 'node:https';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, filled, makeCertificate } from '../system/examples.mjs';
import { folder, startHost, until } from '../system/kit.mjs';
import { freePort } from '../system/ports.mjs';

const NAME = 'daedalus.test';
const SECRET = 'what only the relying party knows';
const WEB = { id: 'web', secret: 'the-secret-of-the-relying-party' };
const MODULES = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'headers', 'proxy', 'proxy_http', 'auth_openidc'];

/** Runs a program of the chain until the test ends; its words are in DIR/NAME.log. */
function run(t, dir, name, command, args) {
  const log = openSync(join(dir, `${name}.log`), 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise((done) => child.once('exit', done));
  t.after(async () => { child.kill('SIGTERM'); await ended; });
}

/** Starts the chain before an OpenID provider that PROVIDER starts for the client {id, secret, redirect, home}. */
export async function startChain(t, provider) {
  const dir = folder(t);
  const [front, middle] = [await freePort(), await freePort()];
  const url = `https://${NAME}:${front}`;
  const { issuer, jwks, audience } = await provider(t, { ...WEB, redirect: `${url}/oidc/callback`, home: `${url}/` });
  const host = await startHost(t, { limits: true, set: [
    `http.base-url=${url}`, `http.hosts=${NAME};127.0.0.1`, 'http.trusted-proxies=127.0.0.1', 'host.workers=2',
    'plugin auth.mode=proxy', `plugin auth.proxy-secret=${SECRET}`, 'plugin auth.sign-in-url={return}',
    `plugin auth.sign-out-url=/oidc/callback?logout=${encodeURIComponent(`${url}/`)}`,
    `plugin auth.issuer=${issuer}`, `plugin auth.jwks-url=${jwks}`, `plugin auth.audience=${audience}`] });

  const { port } = host;
  const apache = join(dir, 'apache.conf');
  writeFileSync(apache, `ServerRoot /usr/lib/apache2
PidFile ${dir}/apache.pid
Mutex file:${dir} default
ErrorLog ${dir}/apache-error.log
${process.getuid() === 0 ? 'User www-data\nGroup www-data\n' : ''}${MODULES.map((name) => `LoadModule ${name}_module modules/mod_${name}.so\n`).join('')}
${filled('apache/daedalus.conf', [['https://id.example.org', issuer], ['https://daedalus.example.org', url], ['daedalus.example.org', NAME],
    ['192.0.2.2:8080', `127.0.0.1:${middle}`], ['192.0.2.3:8000', `127.0.0.1:${port}`], ['@CLIENT_ID@', WEB.id], ['@CLIENT_SECRET@', `"${WEB.secret}"`],
    ['@PASSPHRASE@', 'a passphrase of this test'.replaceAll(' ', '-')], ['@PROXY_SECRET@', `"${SECRET}"`]])}`);
  check('apache2', ['-t', '-f', apache]);
  run(t, dir, 'apache', 'apache2', ['-DFOREGROUND', '-f', apache]);

  const { key, ca } = makeCertificate(dir, NAME);
  const certificate = join(dir, 'daedalus.pem');
  writeFileSync(certificate, Buffer.concat([ca, readFileSync(key)]), { mode: 0o600 });
  const haproxy = join(dir, 'haproxy.cfg');
  writeFileSync(haproxy, filled('haproxy/daedalus.cfg', [['192.0.2.1:443', `127.0.0.1:${front}`], ['/etc/haproxy/daedalus.pem', certificate],
    ['192.0.2.2:8080', `127.0.0.1:${middle}`], ['192.0.2.3:8000', `127.0.0.1:${port}`], ['daedalus.example.org', NAME]]));
  check('haproxy', ['-c', '-f', haproxy]);
  run(t, dir, 'haproxy', 'haproxy', ['-W', '-db', '-f', haproxy]);

  const chain = {
    host, url, front, middle,
    flags: [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`],
    /** One request at the front, or `at: middle`; HEADERS as [name, value, …] go as they are written. */
    ask: (method, path, headers = [], { at = front, body } = {}) => new Promise((done, fail) => {
      const options = { host: '127.0.0.1', port: at, method, path, agent: false, setHost: false, headers: ['Host', `${NAME}:${front}`, ...headers] };
      const req = at === front ? request({ ...options, servername: NAME, ca }) : plain(options);
      req.on('error', fail);
      req.on('response', (res) => {
        const chunks = [];
        res.on('data', (chunk) => chunks.push(chunk));
        res.on('error', fail);
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          done({ status: res.statusCode, headers: res.headers, text, json: /json/.test(res.headers['content-type'] ?? '') ? JSON.parse(text) : null });
        });
      });
      req.end(body);
    }),
    log: () => ['apache.log', 'apache-error.log', 'haproxy.log'].map((name) => { try { return readFileSync(join(dir, name), 'utf8'); } catch { return ''; } }).join('\n'),
  };
  await until(async () => {
    try { return (await chain.ask('GET', '/ready')).status === 200 && (await chain.ask('GET', '/api/me', ['Accept', 'application/json'])).status === 401; } catch { return false; }
  }, 20_000, 'the chain to serve').catch((error) => { throw new Error(`${error.message}\n${chain.log()}`); });
  return chain;
}
