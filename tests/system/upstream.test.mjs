// SPDX-License-Identifier: Apache-2.0
// The outgoing client behind a real route: upstreams that misbehave, bodies both ways, readers that stall.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { sleep, source, startHost, until } from './kit.mjs';

const build = process.env.TEST_BUILD ?? join(source, 'build');
const relay = join(build, 'tests', 'plugin-api', 'relay', 'relay.so');
const MiB = 1024 * 1024;

/** An upstream of bare sockets: SERVE gets each connection and the head of its first request. */
async function startPeer (t, serve) {
  const sockets = new Set();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let head = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    const listen = (bytes) => {
      head += bytes.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const rest = Buffer.from(head.slice(end + 4), 'latin1');
      const request = head;
      head = '';
      serve(socket, request.slice(0, end), rest, () => { socket.off('data', listen); });
    };
    socket.on('data', listen);
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { for (const socket of sockets) socket.destroy(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}`, sockets };
}

async function start (t, peer, set = []) {
  const host = await startHost(t, { keep: true, workers: 1, args: ['--plugin', relay], set: [`plugin relay.to=${peer.url}`, ...set] });
  t.after(() => host.stop());
  return host;
}

/** What a client sees: "200 hello", or "200 hel cut". */
function ask (host, path, { method = 'GET', headers = {} } = {}) {
  return new Promise((done) => {
    const req = http.request(`${host.url}/api/relay/${path}`, { method, headers, agent: false }, (res) => {
      let text = '';
      res.setEncoding('latin1');
      res.on('data', (piece) => { text += piece; });
      res.on('end', () => done(`${res.statusCode} ${text.startsWith('{"type"') ? JSON.parse(text).code : text}`));
      res.on('error', () => done(`${res.statusCode} ${text} cut`));
    });
    req.on('error', (error) => done(error.code));
    req.end();
  });
}

const OK = 'HTTP/1.1 200 OK\r\n', CL = 'Content-Length: 5\r\n', TE = 'Transfer-Encoding: chunked\r\n';
const cases = {
  good: [`${OK}${CL}\r\nhello`, '200 hello'],
  chunks: [`${OK}${TE}\r\n5\r\nhello\r\n0\r\n\r\n`, '200 hello'],
  'until-close': [`${OK}\r\nhello`, '200 hello', 'end'],
  interim: [`HTTP/1.1 103 Early\r\n\r\n${OK}${CL}\r\nhello`, '200 hello'],
  moved: [`HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n${CL}\r\nhello`, '302 hello'],
  'half-close': [`${OK}${CL}\r\nhello`, '200 hello', 'end'],
  hangs: ['', '504 upstream_late'],
  'hangs-in-the-head': [`${OK}Conte`, '504 upstream_late'],
  'hangs-in-the-body': [`${OK}${CL}\r\nhel`, '200 hel cut'],
  closes: ['', '502 upstream_failed', 'end'],
  resets: ['', '502 upstream_failed', 'reset'],
  'cut-head': [`${OK}Conte`, '502 upstream_failed', 'end'],
  'cut-body': [`${OK}${CL}\r\nhel`, '200 hel cut', 'end'],
  'cut-between-chunks': [`${OK}${TE}\r\n5\r\nhello\r\n`, '200 hello cut', 'end'],
  garbage: ['SSH-2.0-OpenSSH_9\r\n', '502 upstream_failed'],
  'http-0.9': ['<html>hello', '502 upstream_failed', 'end'],
  switching: ['HTTP/1.1 101 Switching\r\n\r\n', '502 upstream_failed'],
  'two-lengths': [`${OK}${CL}Content-Length: 6\r\n\r\nhello`, '502 upstream_failed'],
  'length-and-chunks': [`${OK}${CL}${TE}\r\n0\r\n\r\n`, '502 upstream_failed'],
  'large-head': [`${OK}X: ${'a'.repeat(100_000)}\r\n\r\n`, '502 upstream_failed'],
  'many-fields': [`${OK}${'X: y\r\n'.repeat(200)}\r\n`, '502 upstream_failed'],
  'bad-chunk': [`${OK}${TE}\r\n5\r\nhelloXX`, '200 hello cut'],
  'two-answers': [`${OK}${CL}\r\nhello${OK}${CL}\r\nworld`, '200 hello'],
  'too-much': [`${OK}Content-Length: 4\r\n\r\nhello`, '200 hell'],
};

test('upstreams that misbehave', async (t) => {
  const peer = await startPeer(t, (socket, head) => {
    const [bytes, , then] = cases[head.split(' ')[1].slice(1)];
    socket.write(bytes, 'latin1');
    if (then === 'end') socket.end();
    else if (then === 'reset') socket.resetAndDestroy();
  });
  const host = await start(t, peer, ['plugin relay.wait=400']);
  for (const [name, [, expected]] of Object.entries(cases)) {
    await t.test(name, async () => {
      assert.equal(await ask(host, name), expected);
      // and nothing of it comes to who asks next
      assert.equal(await ask(host, 'good'), '200 hello');
    });
  }
  const [worker] = host.workers();
  await host.ok('GET', '/api/health');
  assert.deepEqual(host.workers(), [worker], 'the worker lives');
});

test('nobody listens', async (t) => {
  const host = await start(t, { url: 'http://127.0.0.1:1' });
  assert.equal(await ask(host, 'x'), '502 upstream_failed');
});

test('connections and queue are bounded', async (t) => {
  const waiting = [];
  const peer = await startPeer(t, (socket) => waiting.push(socket));
  const host = await start(t, peer, ['upstream.connections=1', 'upstream.queue=1']);
  const first = ask(host, 'a');
  await until(() => waiting.length === 1);
  const second = ask(host, 'b');
  await sleep(100);
  assert.equal(await ask(host, 'c'), '503 upstream_busy');
  waiting[0].write(`${OK}${CL}\r\nfirst`);
  assert.equal(await first, '200 first');
  await until(() => waiting.length === 2);
  assert.equal(waiting[1], waiting[0], 'over the same connection');
  waiting[1].write(`${OK}${CL}\r\nsecon`);
  assert.equal(await second, '200 secon');
});

test('a client that leaves takes its call with it', async (t) => {
  const peer = await startPeer(t, (socket, head) => {
    if (head.startsWith('GET /stream')) socket.write(`${OK}${TE}\r\n5\r\nhello\r\n`);
  });
  const host = await start(t, peer);
  for (const path of ['silent', 'stream']) {
    const req = http.get(`${host.url}/api/relay/${path}`, { agent: false }, (res) => { res.on('error', () => {}); res.resume(); });
    req.on('error', () => {});
    await until(() => peer.sockets.size === 1);
    await sleep(50);
    const [socket] = peer.sockets;
    const ended = new Promise((done) => { socket.once('end', done); socket.once('close', done); });
    req.destroy();
    await ended;
    socket.destroy();
    await until(() => peer.sockets.size === 0);
  }
});

test('bodies of requests', async (t) => {
  const seen = [];
  const peer = await startPeer(t, (socket, head, rest, done) => {
    done();
    const chunks = [rest];
    const stated = /content-length: (\d+)/i.exec(head)?.[1];
    const look = () => {
      const body = Buffer.concat(chunks);
      if (stated !== undefined ? body.length < Number(stated) : !body.toString('latin1').endsWith('0\r\n\r\n')) return;
      seen.push({ head, body: body.toString('latin1') });
      socket.end(`${OK}${CL}\r\nhello`);
    };
    socket.on('data', (bytes) => { chunks.push(bytes); look(); });
    look();
  });
  const host = await start(t, peer);
  const post = (headers, pieces) => new Promise((done, fail) => {
    const req = http.request(`${host.url}/api/relay/x`, { method: 'POST', headers, agent: false }, (res) => { res.resume(); res.on('end', () => done(res.statusCode)); });
    req.on('error', fail);
    if (headers.Expect) req.on('continue', () => req.end(pieces.join('')));
    else (async () => { for (const piece of pieces) { req.write(piece); await sleep(20); } req.end(); })();
  });
  assert.equal(await post({ 'Content-Type': 'text/plain', 'Content-Length': 6 }, ['abc', 'def']), 200);
  assert.match(seen[0].head, /content-length: 6/i);
  assert.match(seen[0].head, /content-type: text\/plain/i);
  assert.equal(seen[0].body, 'abcdef');
  assert.equal(await post({}, ['abc', 'defg']), 200);
  assert.match(seen[1].head, /transfer-encoding: chunked/i);
  assert.equal(seen[1].body, '3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n');
  assert.equal(await post({ 'Content-Length': 3, Expect: '100-continue' }, ['abc']), 200);
  assert.equal(seen[2].body, 'abc');
  assert.equal(await post({ 'Content-Length': 0 }, []), 200);

  await t.test('one that the client cuts is cut for the upstream too', async () => {
    const before = seen.length;
    const socket = net.connect(host.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /api/relay/x HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await until(() => peer.sockets.size === 1);
    await sleep(50);
    socket.destroy();
    const [other] = peer.sockets;
    other.on('end', () => other.destroy());
    await until(() => peer.sockets.size === 0);
    assert.equal(seen.length, before, 'no whole body came');
  });
});

test('who stalls is waited for, and little is held', async (t) => {
  const size = 48 * MiB, block = randomBytes(MiB);
  const want = createHash('sha256');
  for (let i = 0; i < size / MiB; i++) want.update(block);
  const digest = want.digest('hex');
  let sent = 0, took = 0, socketOfUpload = null, heard = null;
  const peer = await startPeer(t, (socket, head, rest, done) => {
    done();
    if (head.startsWith('POST')) {
      const sum = createHash('sha256').update(rest);
      took = rest.length;
      socketOfUpload = socket;
      socket.on('data', (bytes) => {
        sum.update(bytes);
        took += bytes.length;
        if (took === size) { heard = sum.digest('hex'); socket.write(`${OK}${CL}\r\nhello`); }
      });
      socket.pause();
      return;
    }
    socket.write(`${OK}Content-Length: ${size}\r\n\r\n`);
    const more = () => {
      while (sent < size) {
        sent += MiB;
        if (!socket.write(block)) { socket.once('drain', more); return; }
      }
      socket.end();
    };
    more();
  });
  const host = await start(t, peer);

  await t.test('a reader that stalls', async () => {
    const sum = createHash('sha256');
    let got = 0;
    const res = await new Promise((done, fail) => http.get(`${host.url}/api/relay/x`, { agent: false }, done).on('error', fail));
    res.pause();
    let before = -1;
    await until(async () => { const still = before === sent; before = sent; await sleep(150); return still && sent === before; });
    assert.ok(sent < 24 * MiB, `${sent / MiB} MiB left the upstream for a reader that reads nothing`);
    for await (const bytes of res) { sum.update(bytes); got += bytes.length; }
    assert.equal(got, size);
    assert.equal(sum.digest('hex'), digest);
  });

  await t.test('an upstream that stalls', async () => {
    let given = 0;
    const req = http.request(`${host.url}/api/relay/x`, { method: 'POST', headers: { 'Content-Length': size }, agent: false });
    const answer = new Promise((done, fail) => { req.on('response', done); req.on('error', fail); });
    const push = () => { while (given < size) { given += MiB; if (!req.write(block)) { req.once('drain', push); return; } } req.end(); };
    push();
    let before = -1;
    await until(async () => { const still = socketOfUpload && before === given; before = given; await sleep(150); return still && given === before; });
    assert.ok(given < 24 * MiB, `${given / MiB} MiB left a client whose upstream reads nothing`);
    socketOfUpload.resume();
    const res = await answer;
    res.resume();
    assert.equal(res.statusCode, 200);
    assert.equal(heard, digest);
  });
});
