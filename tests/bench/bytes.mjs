// SPDX-License-Identifier: Apache-2.0
// bytes: a large file to a contender and back; nothing of it is kept here.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { cpu } from './measure.mjs';
import { personHeaders, request } from './contenders.mjs';

const piece = randomBytes(1 << 20);
const person = Object.fromEntries(personHeaders.map((line) => line.split(': ')));

/** Sends SIZE bytes: what was answered. */
function send (port, method, path, size) {
  return new Promise((done, fail) => {
    const req = http.request({ host: '127.0.0.1', port, method, path, agent: false,
      headers: { ...person, 'Content-Type': 'application/octet-stream', 'Content-Length': size } }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (more) => { text += more; });
      res.on('end', () => { if (res.statusCode === 201) done(text); else fail(new Error(`${method} ${path}: ${res.statusCode} ${text}`)); });
      res.on('error', fail);
    });
    req.on('error', fail);
    let left = size;
    const more = () => {
      while (left > 0) {
        const part = piece.subarray(0, Math.min(piece.length, left));
        left -= part.length;
        if (!req.write(part)) { req.once('drain', more); return; }
      }
      req.end();
    };
    more();
  });
}

/** Takes SIZE bytes. */
function take (port, path, size) {
  return new Promise((done, fail) => {
    http.get({ host: '127.0.0.1', port, path, headers: person, agent: false }, (res) => {
      let got = 0;
      res.on('data', (bytes) => { got += bytes.length; });
      res.on('end', () => { if (res.statusCode === 200 && got === size) done(); else fail(new Error(`${path}: ${res.statusCode}, ${got} bytes of ${size}`)); });
      res.on('error', fail);
    }).on('error', fail);
  });
}

const rss = (pids) => pids.reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024, 0);

/** WORK's {ms of the contender's CPU, MiB a second, MiB that its memory grew, result}. */
async function watched (contender, size, work) {
  const pids = contender.workers?.() ?? contender.pids, before = rss(pids), used = cpu(contender.pids), began = performance.now();
  let most = before;
  const timer = setInterval(() => { most = Math.max(most, rss(pids)); }, 10);
  try {
    const result = await work(), seconds = (performance.now() - began) / 1e3;
    return { ms: (cpu(contender.pids) - used) / 1e3, rate: size / seconds / 2 ** 20, grown: most - before, result };
  } finally { clearInterval(timer); }
}

/** A workspace of CONTENDER, whose files come and go: {up(size), down(size)}, each gives what was watched. */
export async function filesOf (contender) {
  const { port } = contender, ours = contender.name === 'daedalus';
  const workspace = ours ? JSON.parse((await request(port, 'POST', '/api/workspaces', { name: 'Bytes' })).text).id : null;
  let item;
  return {
    up: async (size) => {
      if (item) await request(port, 'DELETE', item);
      const watch = await watched(contender, size, () => ours ? send(port, 'POST', `/api/workspaces/${workspace}/files?name=big.bin`, size) : send(port, 'PUT', '/kept/big.bin', size));
      item = ours ? `/api/files/${JSON.parse(watch.result).id}` : '/kept/big.bin';
      return watch;
    },
    down: (size) => watched(contender, size, () => take(port, ours ? `${item}/content` : item, size)),
    end: () => request(port, 'DELETE', item),
  };
}
