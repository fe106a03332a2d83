// SPDX-License-Identifier: Apache-2.0
// The corpus through HAProxy: what it took for one request is one request to the host too.
//
// HAProxy gives each request that it passes an id of its own. A request that was hidden in
// another would reach the host without one, or with the same one again.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { folder, startHost, until } from '../system/kit.mjs';
import { freePort } from '../system/ports.mjs';
import { FIN, corpus, largestFile } from './corpus.mjs';
import { Wire, pause, readAnswers } from './wire.mjs';

const atOnce = 16;
const anyAnswer = /^HTTP\/1\.[01] (\d{3}) [ -~]*$/;

async function startProxy (t, host) {
  const port = await freePort();
  const file = join(folder(t), 'haproxy.cfg');
  writeFileSync(file, `
global
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "%cp %s %ST %ID"
  unique-id-format %cp-%rt
  timeout connect 2s
  timeout client 3s
  timeout server 20s
  timeout http-request 2s
  http-reuse always
frontend front
  bind 127.0.0.1:${port}
  http-request set-header X-Request-Id %[unique-id]
  default_backend back
backend back
  server host 127.0.0.1:${host.port}
`);
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', done));
  t.after(async () => { child.kill('SIGTERM'); await ended; });
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, client, server, status, id] = /^(\d+) (\S+) (-?\d+) (\S+)$/.exec(line) ?? [];
    if (client) lines.push({ client: Number(client), passed: server === 'host', status: Number(status), id });
  });
  await until(async () => {
    const wire = new Wire(port);
    await wire.opened;
    const open = !wire.closed;
    wire.leave();
    return open;
  }, 5000, 'HAProxy');
  return { port, lines };
}

/** Sends the row and takes what comes: how many answers. */
async function play (row, proxy) {
  const wire = new Wire(proxy.port);
  try {
    await wire.opened;
    const client = wire.socket.localPort;
    for (const part of row.send) {
      if (part === FIN) wire.shut();
      else if (typeof part === 'number') await pause(part);
      else await wire.send(part, 500);
    }
    for (let seen = -1; !wire.closed && seen < wire.length;) {
      seen = wire.length;
      await wire.untilClosed(300);
    }
    return { name: row.name, client, answers: readAnswers(wire.bytes, row.heads, anyAnswer).answers };
  } finally {
    wire.leave();
  }
}

test('the corpus through HAProxy', async (t) => {
  const host = await startHost(t, { workers: 1, env: { G_DEBUG: 'fatal-warnings' }, set: ['http.trusted-proxies=127.0.0.1', 'log.level=debug'] });
  const workers = host.workers();
  const proxy = await startProxy(t, host);
  const rows = corpus({ host: `127.0.0.1:${host.port}`, token: host.token, ...await largestFile(host) });
  const seen = [];
  await pause(300); // lines of what was asked before are on their way
  const from = host.log.length;

  const waiting = [...rows];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let row; (row = waiting.shift());) seen.push(await play(row, proxy));
  }));
  /* what the client no longer waited for comes to an end too */
  let lines = -1;
  await until(async () => {
    const settled = lines === proxy.lines.length;
    lines = proxy.lines.length;
    await pause(500);
    return settled;
  }, 30_000, 'the end of all requests');

  const ran = host.log.slice(from).flatMap((line) => {
    const { message, request_id: id, route, client } = JSON.parse(line);
    // what the host asks its own agents does not pass HAProxy
    return message === 'request' && client !== 'unix' ? [{ id, route }] : [];
  });
  const passed = proxy.lines.filter((line) => line.passed);

  await t.test('HAProxy passed what it should', () => {
    assert.ok(passed.length > 150, `${passed.length} of ${proxy.lines.length}`);
    assert.ok(passed.length < proxy.lines.length);
    assert.ok(ran.length > 150, `${ran.length} ran`);
  });
  await t.test('each request that ran is one that HAProxy passed', () => {
    const ids = new Set(passed.map((line) => line.id));
    assert.deepEqual(ran.filter(({ id }) => !ids.has(id)), []);
  });
  await t.test('none ran twice', () => {
    const ids = ran.map(({ id }) => id);
    assert.deepEqual(ids.filter((id, i) => ids.indexOf(id) !== i), []);
  });
  await t.test('what the host refused as no request is no remainder of another', async () => {
    const refused = await host.metric('daedalus_http_rejected_total', { reason: 'head' });
    assert.ok(refused <= passed.length - ran.length, `${refused} refused, ${ran.length} ran, ${passed.length} passed`);
  });
  await t.test('nobody got more answers than requests', () => {
    for (const { name, client, answers } of seen) {
      const requests = proxy.lines.filter((line) => line.client === client).length;
      assert.ok(answers.length <= requests, `${name}: ${answers.length} answers to ${requests} requests`);
    }
  });
  await t.test('no answer was lost or broken between them', () => {
    /* -1: the client left, or HAProxy took back a request that it had begun to pass; 502: it could not read the answer */
    assert.deepEqual(passed.filter(({ status }) => status === 502), []);
  });
  await t.test('the worker is the same', () => assert.deepEqual(host.workers(), workers));
});
