// SPDX-License-Identifier: Apache-2.0
// kit: object stores to test against, another client of theirs, and a way to them that breaks when told to.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { folder, source, startHost } from '../system/kit.mjs';

const here = join(source, 'tests', 'stores');
const python = '/usr/bin/python3';
export const MiB = 1024 * 1024;
export const asker = join(process.env.TEST_BUILD ?? join(source, 'build'), 'tests', 'stores', 'asker.so');

/** Lines that a child says, one after the other. */
function lines (child) {
  const said = [], waiting = [];
  let over = null;
  createInterface({ input: child.stdout }).on('line', (line) => { const one = waiting.shift(); if (one) one.done(line); else said.push(line); });
  child.once('exit', (code, signal) => { over = new Error(`ended: ${code ?? signal}`); for (const one of waiting) one.fail(over); });
  return () => new Promise((done, fail) => {
    if (said.length > 0) done(said.shift());
    else if (over) fail(over);
    else waiting.push({ done, fail });
  });
}

function end (child) {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) { done(); return; }
    child.once('exit', done);
    child.kill('SIGKILL');
  });
}

async function startClient (t, endpoint, access, secret, bucket) {
  const child = spawn(python, [join(here, 'client.py'), endpoint, access, secret, bucket], { stdio: ['pipe', 'pipe', 'inherit'] });
  const line = lines(child);
  t.after(() => end(child));
  return async (...words) => {
    child.stdin.write(`${JSON.stringify(words)}\n`);
    const answer = JSON.parse(await line());
    if (answer?.error) throw new Error(`${words[0]}: ${answer.error}`);
    return answer;
  };
}

/** A real S3 neighbour: {endpoint, access, secret, bucket, client, kill(), again()}. `ahead`: its clock is wrong by so
 *  many seconds, and it has no bucket. */
export async function startSwift (t, { ahead } = {}) {
  const dir = folder(t, 'daedalus-swift-');
  const facts = { access: 'daedalus:app', secret: 'a-secret/+of-the-tests', bucket: 'daedalus' };
  let child, port = 0;
  const start = async () => {
    child = spawn(python, [join(here, 'swift-s3.py'), dir, String(port), facts.access, facts.secret, ...ahead ? [String(ahead)] : []], { stdio: ['pipe', 'pipe', 'inherit'] });
    port = Number((await lines(child)()).split(' ')[1]);
  };
  await start();
  t.after(() => end(child));
  const endpoint = `http://127.0.0.1:${port}`;
  const client = await startClient(t, endpoint, facts.access, facts.secret, facts.bucket);
  if (!ahead) await client('make');
  return { ...facts, endpoint, port, client, kill: () => end(child), again: start };
}

/** Two ports beside each other that nobody listens on. */
async function freePorts () {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const servers = await Promise.all([port, port + 1].map((one) => new Promise((done) => {
      const server = net.createServer().once('error', () => done(null)).listen(one, '127.0.0.1', () => done(server));
    })));
    await Promise.all(servers.map((server) => server && new Promise((done) => { server.close(done); })));
    if (servers.every(Boolean)) return port;
  }
}

/** Ceph's gateway, as startSwift. */
export async function startCeph (t) {
  const facts = { access: 'daedalus', secret: 'a-secret/+of-the-tests', bucket: 'daedalus' };
  const child = spawn(join(here, 'ceph.sh'), [folder(t, 'daedalus-ceph-'), String(await freePorts()), facts.access, facts.secret], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => new Promise((done) => { child.once('exit', done); child.stdin.end(); }));
  const port = Number((await lines(child)()).split(' ')[1]);
  const endpoint = `http://127.0.0.1:${port}`;
  const client = await startClient(t, endpoint, facts.access, facts.secret, facts.bucket);
  await client('make');
  return { ...facts, endpoint, port, client };
}

/** The environment that puts a host on STORE. */
export const environmentOf = (store) => ({
  DAEDALUS_S3_ENDPOINT: store.endpoint, DAEDALUS_S3_ACCESS_KEY: store.access, DAEDALUS_S3_SECRET_KEY: store.secret, DAEDALUS_S3_BUCKET: store.bucket,
});

/** A way to STORE. `rule(req, n)` says what becomes of the nth request: nothing, "refuse" (the connection is cut
 *  before it is passed on), "half" (cut in its body), "mute" (passed on, cut in place of an answer), "stall" (no
 *  answer ever), "short" (cut in the answer's body), or {status, code}. TLS: files of a key and a certificate. */
export async function startFaults (t, store, tls) {
  const faults = { rule: () => undefined, seen: [], endpoint: null };
  const agent = new http.Agent({ keepAlive: false });
  const serve = (req, res) => {
    const what = kindOf(req);
    const fault = faults.rule(what, faults.seen.filter((one) => one === what).length, req);
    faults.seen.push(what);
    req.on('error', () => {});
    res.on('error', () => {});
    if (fault === 'refuse') { req.socket.destroy(); return; }
    if (fault === 'stall') { req.resume(); return; }
    if (fault?.status) {
      const body = fault.code ? `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>as the test wants it</Message></Error>` : '';
      req.resume();
      req.on('end', () => { res.writeHead(fault.status, { 'Content-Length': Buffer.byteLength(body) }); res.end(body); });
      return;
    }
    const onward = http.request({ host: '127.0.0.1', port: store.port, method: req.method, path: req.url, headers: req.headers, agent }, (answer) => {
      if (fault === 'mute') { answer.resume(); answer.on('end', () => req.socket.destroy()); return; }
      res.writeHead(answer.statusCode, answer.headers);
      if (fault === 'short') {
        answer.once('data', (bytes) => { res.write(bytes.subarray(0, bytes.length / 2 + 1), () => { req.socket.destroy(); answer.destroy(); }); });
        return;
      }
      answer.on('error', () => req.socket.destroy());
      answer.pipe(res);
    });
    onward.on('error', () => req.socket.destroy());
    if (fault === 'half') {
      req.once('data', (bytes) => { onward.write(bytes); onward.destroy(); req.socket.destroy(); });
      return;
    }
    req.on('close', () => { if (!req.complete) onward.destroy(); });
    req.pipe(onward);
  };
  const server = tls ? https.createServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }, serve) : http.createServer(serve);
  server.keepAliveTimeout = 60_000;
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  faults.endpoint = `http${tls ? 's' : ''}://127.0.0.1:${server.address().port}`;
  faults.reset = (rule = () => undefined) => { faults.rule = rule; faults.seen = []; };
  return faults;
}

function kindOf (req) {
  const query = new URL(req.url, 'http://x').searchParams;
  if (query.has('partNumber')) return 'part';
  if (query.has('uploadId')) return req.method === 'POST' ? 'complete' : 'abort';
  if (query.has('uploads')) return req.method === 'POST' ? 'create' : 'uploads';
  if (query.has('list-type')) return 'list';
  return req.method.toLowerCase();
}

/** Bytes that differ everywhere, and their sum. */
export function matter (size) {
  const block = randomBytes(MiB);
  const bytes = Buffer.alloc(size);
  for (let at = 0, i = 0; at < size; at += MiB, i += 1) {
    block.writeUInt32LE(i, 0);
    block.copy(bytes, at, 0, Math.min(MiB, size - at));
  }
  return bytes;
}

export const sumOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A host with the plugin that asks its store. */
export async function startAsker (t, { set = [], ...options } = {}) {
  const host = await startHost(t, { workers: 1, args: ['--plugin', asker], set, ...options });
  const path = (what, query) => `/api/asker/${what}?${new URLSearchParams(query)}`;
  const send = (method, url, { body, headers = {} } = {}) => new Promise((done, fail) => {
    const req = http.request(host.url + url, { method, headers, agent: false }, (res) => {
      const sum = createHash('sha256');
      const kept = [];
      let size = 0;
      res.on('data', (bytes) => { sum.update(bytes); size += bytes.length; if (size < 2 * MiB) kept.push(bytes); });
      res.on('end', () => done({ status: res.statusCode, size, sha256: sum.digest('hex'), bytes: Buffer.concat(kept) }));
      res.on('error', () => done({ status: res.statusCode, size, cut: true }));
    });
    req.on('error', fail);
    req.end(body);
  });
  return {
    host,
    send,
    path,
    put: async (key, bytes, { type = 'text/plain', query = {}, headers = {} } = {}) =>
      (await send('PUT', path('object', { key, ...query }), { body: bytes, headers: { 'Content-Type': type, 'Content-Length': bytes.length, ...headers } })).status,
    get: (key, query = {}) => send('GET', path('object', { key, ...query })),
    remove: async (key) => (await send('DELETE', path('object', { key }))).status,
    tidy: async () => (await send('POST', path('tidy', {}))).status,
    list: async (query = {}) => {
      const { status, bytes } = await send('GET', path('objects', query));
      if (status !== 200) throw new Error(`list: ${status} ${bytes}`);
      return JSON.parse(bytes).items;
    },
    store: async () => (await host.request('GET', '/ready', { anonymous: true })).json.components?.find((one) => one.name === 'object-store'),
  };
}
