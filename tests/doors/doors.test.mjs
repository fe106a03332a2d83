// SPDX-License-Identifier: Apache-2.0
// MCP past the sign-on proxy, through HAProxy and through nginx, on the very files of data/. SILENCE is how many seconds an
// agent says nothing (90).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { check, filled, makeCertificate } from '../system/examples.mjs';
import { folder, here, startHost, until } from '../system/kit.mjs';
import { freePort } from '../system/ports.mjs';
import { startWaitingAgent } from './waiting-agent.mjs';

const NAME = 'daedalus.test';
const SECRET = 'what only the sign-on proxy knows';
const silence = Number(process.env.SILENCE ?? 90);
const sdk = createRequire(join(here, 'agents', 'package.json'));
const load = (name) => import(pathToFileURL(sdk.resolve(name)));

// each: writes its file into DIR and returns the command that serves it
const doors = {
  haproxy (dir, { front, nowhere, port, cert, key }) {
    const file = join(dir, 'haproxy.cfg'), pem = join(dir, 'both.pem');
    writeFileSync(pem, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
    writeFileSync(file, filled('haproxy/daedalus.cfg', [['192.0.2.1:443', `127.0.0.1:${front}`], ['/etc/haproxy/daedalus.pem', pem],
      ['192.0.2.2:8080', `127.0.0.1:${nowhere}`], ['192.0.2.3:8000', `127.0.0.1:${port}`], ['daedalus.example.org', NAME]]));
    return { test: ['haproxy', '-c', '-f', file], run: ['haproxy', '-W', '-db', '-f', file] };
  },
  nginx (dir, { front, nowhere, port, cert, key }) {
    const site = join(dir, 'site.conf'), file = join(dir, 'nginx.conf');
    writeFileSync(site, filled('nginx/daedalus.conf', [['192.0.2.1:443', `127.0.0.1:${front}`], ['/etc/nginx/daedalus.pem', cert], ['/etc/nginx/daedalus.key', key],
      ['192.0.2.2:4180', `127.0.0.1:${nowhere}`], ['192.0.2.3:8000', `127.0.0.1:${port}`], ['daedalus.example.org', NAME], ['@PROXY_SECRET@', SECRET]]));
    const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n');
    writeFileSync(file, `daemon off;\nmaster_process off;\npid ${dir}/nginx.pid;\nerror_log ${dir}/error.log;\nevents {}\nhttp {\naccess_log off;\n${kept}\ninclude ${site};\n}\n`);
    return { test: ['nginx', '-t', '-c', file], run: ['nginx', '-c', file] };
  },
};

async function startDoor (t, name, port) {
  const dir = folder(t), front = await freePort(), nowhere = await freePort();
  const { cert, key, ca } = makeCertificate(dir, NAME);
  const { test: tested, run } = doors[name](dir, { front, nowhere, port, cert, key });
  check(tested[0], tested.slice(1));
  const log = openSync(join(dir, 'log'), 'a');
  const child = spawn(run[0], run.slice(1), { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise((done) => { child.once('exit', done); });
  t.after(async () => { child.kill('SIGTERM'); await ended; });

  const open = (method, path, headers, body) => new Promise((done, fail) => {
    const req = request({ host: '127.0.0.1', port: front, servername: NAME, ca, method, path, agent: false, setHost: false, headers: { Host: `${NAME}:${front}`, ...headers } }, done);
    req.on('error', fail);
    req.end(body);
  });
  /** As fetch for the SDK: certificate and name are this test's. */
  const through = async (url, { method = 'GET', headers, body, signal } = {}) => {
    const { pathname, search } = new URL(url);
    const res = await open(method, pathname + search, Object.fromEntries(new Headers(headers)), body);
    signal?.addEventListener('abort', () => res.destroy());
    return new Response([204, 304].includes(res.statusCode) ? null : Readable.toWeb(res), { status: res.statusCode, headers: res.headers });
  };
  await until(async () => { try { return (await open('GET', '/api/health', {})).statusCode === 200; } catch { return false; } }, 10_000, `${name} to serve: ${readFileSync(join(dir, 'log'), 'utf8')}`);
  return { url: `https://${NAME}:${front}`, front, through };
}

for (const name of Object.keys(doors))
  test(`${name}: MCP past the sign-on proxy`, { timeout: (silence + 120) * 1000 }, async (t) => {
    const agent = await startWaitingAgent(t);
    const set = ['plugin auth.mode=proxy', `plugin auth.proxy-secret=${SECRET}`, 'http.trusted-proxies=127.0.0.1', `http.hosts=${NAME}`, `agent waiting.url=${agent}`];
    const host = await startHost(t, { workers: 2, set });
    const person = { ...host.headers('ada'), 'X-Proxy-Secret': SECRET };
    const { token } = (await host.request('POST', '/api/tokens', { headers: { ...person, 'Content-Type': 'application/json' }, body: JSON.stringify({ name: 'mcp', scopes: ['mcp'] }) })).json;
    const door = await startDoor(t, name, host.port);

    await t.test('the official client reaches an agent that is silent for long', async () => {
      const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
      const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
      const client = new Client({ name: 'test', version: '1' });
      await client.connect(new StreamableHTTPClientTransport(new URL(`${door.url}/api/mcp/waiting`), { fetch: door.through, requestInit: { headers: { Authorization: `Bearer ${token}` } } }));
      const { content } = await client.callTool({ name: 'wait', arguments: { seconds: silence } }, undefined, { timeout: (silence + 60) * 1000 });
      assert.equal(content[0].text, `after ${silence} s`);
      await client.close();
    });

    await t.test('a forged identity is nobody, with and without the proxy\'s secret', async () => {
      const forged = [{ 'X-Forwarded-User': 'ada' }, { 'X-Forwarded-User': 'ada', 'X-Proxy-Secret': SECRET }, { X_Forwarded_User: 'ada', X_Proxy_Secret: SECRET }, { 'X-Auth-Request-User': 'ada', 'Remote-User': 'ada' }];
      for (const headers of forged)
        for (const path of ['/api/mcp', '/api/mcp/waiting']) {
          const reply = await door.through(`${door.url}${path}`, { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: '{}' });
          assert.equal(reply.status, 401, `${path} ${JSON.stringify(headers)}`);
          await reply.text();
        }
    });

    await t.test('who shows nothing does not get by the sign-on proxy, a bearer does', async () => {
      const page = await door.through(`${door.url}/api/me`, { headers: { 'X-Forwarded-User': 'ada', 'X-Proxy-Secret': SECRET } });
      assert.ok(page.status >= 500, `there is no sign-on proxy here: ${page.status}`);
      const own = await door.through(`${door.url}/api/me`, { headers: { Authorization: 'Bearer dat_unknown', 'X-Forwarded-User': 'ada', 'X-Proxy-Secret': SECRET } });
      assert.equal(own.status, 401);
    });
  });
