// SPDX-License-Identifier: Apache-2.0
// Memory of relayed streams: 500 that are idle, 100 whose readers take nothing of 100 MB; and that none outlives its client.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { sleep, startHost, until } from '../system/kit.mjs';
import { memory } from '../system/talk.mjs';

const MB = 1e6;
const IDLE = 500, STALLED = 100, RESULT = 100 * MB;
const headOf = (type, more) => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${more}\r\n`;

/** An agent that answers GET with an event stream on which nothing comes, POST with a result of 100 MB. */
async function startPeer (t) {
  const block = Buffer.alloc(1 << 16, 'x');
  const open = new Set();
  const server = net.createServer((socket) => {
    let head = '';
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.on('data', (bytes) => {
      if (open.has(socket)) return;
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      if (head.includes('"initialize"')) { socket.end('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'); return; } // the look at its health
      open.add(socket);
      if (head.startsWith('GET')) { socket.write(`${headOf('text/event-stream', 'Transfer-Encoding: chunked\r\n')}9\r\ndata: 1\n\n\r\n`); return; }
      socket.write(headOf('application/json', `Content-Length: ${RESULT}\r\n`));
      let left = RESULT;
      const more = () => { while (left > 0 && !socket.destroyed) { left -= block.length; if (!socket.write(block.subarray(0, Math.min(block.length, left + block.length)))) { socket.once('drain', more); return; } } };
      more();
    });
  });
  await new Promise((done) => { server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, done); });
  t.after(() => { for (const socket of open) socket.destroy(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, open };
}

/** Sends a request and reads no more than its head. */
function ask (host, method, body = '') {
  const auth = Object.entries(host.headers()).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const socket = net.connect(host.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`${method} /api/mcp/peer HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\n${auth}${body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`}\r\n${body}`);
  return new Promise((done, fail) => {
    socket.once('close', () => fail(new Error('it was closed')));
    socket.once('data', (bytes) => {
      socket.pause();
      if (bytes.toString('latin1').startsWith('HTTP/1.1 200')) done(socket); else fail(new Error(bytes.toString('latin1')));
    });
  });
}

async function gone (peer, sockets) {
  const at = Date.now();
  for (const socket of sockets) socket.destroy();
  await until(() => peer.open.size === 0, 2000, 'the end of all streams at the agent');
  return Date.now() - at;
}

test('relayed streams', { timeout: 300_000 }, async (t) => {
  const peer = await startPeer(t);
  const host = await startHost(t, { workers: 1, set: [`agent peer.url=${peer.url}`, 'upstream.connections=1000'] });
  const [worker] = host.workers();

  await t.test(`${IDLE} that are idle`, async (t) => {
    const warm = await Promise.all(Array.from({ length: 20 }, () => ask(host, 'GET')));
    await gone(peer, warm);
    const before = memory(worker).now;
    const sockets = [];
    for (let i = 0; i < IDLE / 50; i++) sockets.push(...await Promise.all(Array.from({ length: 50 }, () => ask(host, 'GET'))));
    await sleep(1000);
    const each = (memory(worker).now - before) * 1024 / IDLE;
    assert.equal(peer.open.size, IDLE);
    t.diagnostic(`${each.toFixed(1)} KiB each`);
    assert.ok(each <= 32, `${each.toFixed(1)} KiB each`);
    t.diagnostic(`gone at the agent after ${await gone(peer, sockets)} ms`);
  });

  await t.test(`${STALLED} whose readers take nothing of 100 MB`, async (t) => {
    const before = memory(worker).now;
    const sockets = [];
    for (let i = 0; i < STALLED / 20; i++) sockets.push(...await Promise.all(Array.from({ length: 20 }, () => ask(host, 'POST', '{}'))));
    await sleep(3000);
    const each = (memory(worker).now - before) / STALLED;
    assert.equal(peer.open.size, STALLED);
    t.diagnostic(`${each.toFixed(2)} MiB each`);
    assert.ok(each <= 1, `${each.toFixed(2)} MiB each`);
    t.diagnostic(`gone at the agent after ${await gone(peer, sockets)} ms`);
  });
});
