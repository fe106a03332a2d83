// SPDX-License-Identifier: Apache-2.0
// The page's files: variants, caches, ranges, and what becomes of them on the disk meanwhile.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { dirname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { folder, startHost, until } from './kit.mjs';

const script = `export const text = ${JSON.stringify('words '.repeat(3000))};\n`;
const large = randomBytes(3 * 1024 * 1024);

function put (directory, name, bytes, compressed = true) {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  if (!compressed) return;
  writeFileSync(`${path}.br`, brotliCompressSync(bytes));
  writeFileSync(`${path}.gz`, gzipSync(bytes));
}

/** A page as a build leaves it. */
function page (t) {
  const directory = folder(t, 'daedalus-page-');
  put(directory, 'index.html', '<!doctype html><title>page</title>');
  put(directory, 'icon.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>');
  put(directory, '_app/version.json', '{"version":"1"}');
  put(directory, '_app/immutable/a.1234.js', script);
  put(directory, '_app/immutable/large.5678.bin', large, false);
  put(directory, '_app/immutable/empty.0000.js', '', false);
  writeFileSync(join(directory, 'orphan.css.br'), 'of nothing');
  return directory;
}

/** One request by path; `bytes` is the body as it came. */
function get (host, path, headers = {}, method = 'GET') {
  return new Promise((done, fail) => {
    const req = http.request({ port: host.port, host: '127.0.0.1', path, method, headers, agent: false }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', fail);
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, bytes: Buffer.concat(chunks) }));
    });
    req.on('error', fail);
    req.end();
  });
}

const start = (t, directory, more = {}) => startHost(t, { set: [`plugin frontend.directory=${directory}`], ...more });

test('static', async (t) => {
  const directory = page(t);
  const file = (name) => readFileSync(join(directory, name));
  const host = await start(t, directory, { workers: 2 });
  const js = '/_app/immutable/a.1234.js';

  await t.test('each variant goes to those who take it, with a tag of its own', async () => {
    const tags = new Set();
    for (const [accept, suffix, coding] of [
      [undefined, '', undefined], ['', '', undefined], ['identity', '', undefined], ['deflate, zstd', '', undefined],
      ['gzip', '.gz', 'gzip'], ['x, GZip;q=0.1', '.gz', 'gzip'], ['gzip, deflate, br, zstd', '.br', 'br'],
      ['br;q=0.5, gzip', '.gz', 'gzip'], ['br;q=0, gzip;q=0', '', undefined], ['*', '.br', 'br'],
      ['*;q=0.5, br;q=0', '.gz', 'gzip'], ['identity, br;q=0.5', '', undefined], ['identity;q=0, br;q=0.001', '.br', 'br'],
      ['brotli, gz', '', undefined],
    ]) {
      const reply = await get(host, js, accept === undefined ? {} : { 'Accept-Encoding': accept });
      assert.equal(reply.status, 200);
      assert.deepEqual(reply.bytes, file(`_app/immutable/a.1234.js${suffix}`), accept);
      assert.equal(reply.headers['content-encoding'], coding, accept);
      assert.equal(reply.headers.vary, 'Accept-Encoding');
      assert.equal(reply.headers['content-type'], 'text/javascript; charset=utf-8');
      assert.equal(reply.headers['cache-control'], 'public, max-age=31536000, immutable');
      assert.match(reply.headers.etag, /^"[0-9a-f]{32}"$/);
      tags.add(reply.headers.etag);
    }
    assert.equal(tags.size, 3);
  });

  await t.test('what may change is asked for again', async () => {
    for (const path of ['/', '/index.html', '/icon.svg', '/_app/version.json', '/workspaces/1'])
      assert.equal((await get(host, path)).headers['cache-control'], 'no-cache', path);
  });

  await t.test('who holds it already gets 304', async () => {
    for (const accept of ['identity', 'gzip', 'br']) {
      const { headers } = await get(host, js, { 'Accept-Encoding': accept });
      for (const [wanted, status] of [
        [headers.etag, 304], [`W/${headers.etag}`, 304], [`"x", ${headers.etag}`, 304], ['*', 304],
        ['"x"', 200], [headers.etag.slice(1, -1), 200],
      ]) {
        for (const method of ['GET', 'HEAD']) {
          const reply = await get(host, js, { 'Accept-Encoding': accept, 'If-None-Match': wanted }, method);
          assert.equal(reply.status, status, `${method} ${wanted}`);
          assert.equal(reply.headers.etag, headers.etag);
          assert.equal(reply.headers.vary, 'Accept-Encoding');
          assert.equal(reply.headers['cache-control'], headers['cache-control']);
          if (status !== 304) continue;
          assert.equal(reply.bytes.length, 0);
          for (const name of ['content-type', 'content-length', 'content-encoding']) assert.equal(reply.headers[name], undefined, name);
        }
      }
    }
    const other = await get(host, js, { 'Accept-Encoding': 'br' });
    assert.equal((await get(host, js, { 'If-None-Match': other.headers.etag })).status, 200, 'the tag of another variant');
  });

  await t.test('HEAD says what GET would', async () => {
    for (const path of ['/', js, '/_app/immutable/large.5678.bin', '/_app/immutable/empty.0000.js', '/missing.js']) {
      const [all, head] = [await get(host, path), await get(host, path, {}, 'HEAD')];
      assert.equal(head.status, all.status);
      assert.equal(head.bytes.length, 0);
      for (const one of [all, head]) { delete one.headers.date; delete one.headers['x-request-id']; }
      if (all.status === 200) assert.deepEqual(head.headers, all.headers, path);
      if (all.status === 200) assert.equal(Number(head.headers['content-length']), all.bytes.length);
    }
  });

  await t.test('one range is a part, several are the whole', async () => {
    const path = '/_app/immutable/large.5678.bin';
    const { headers: { etag } } = await get(host, path, {}, 'HEAD');
    for (const [range, from, to] of [
      ['0-0', 0, 1], ['1000-1999', 1000, 2000], ['3145000-', 3145000, 3145728], ['-728', 3145000, 3145728],
      ['3145000-9999999999999999999999', 3145000, 3145728], ['0-', 0, 3145728],
    ]) {
      const reply = await get(host, path, { Range: `bytes=${range}` });
      assert.equal(reply.status, 206, range);
      assert.equal(reply.headers['content-range'], `bytes ${from}-${to - 1}/3145728`);
      assert.equal(reply.headers['accept-ranges'], 'bytes');
      assert.equal(reply.headers.etag, etag);
      assert.ok(reply.bytes.equals(large.subarray(from, to)), range);
    }
    for (const headers of [
      { Range: 'bytes=0-1,5-6' }, { Range: `bytes=${'0-,'.repeat(2000)}` }, { Range: 'bytes=5-4' }, { Range: 'lines=0-1' },
      { Range: 'bytes=0-1', 'If-Range': '"another"' }, { Range: 'bytes=0-1', 'If-Range': `W/${etag}` },
      { Range: 'bytes=9999999-', 'If-Range': '"another"' },
    ]) {
      const reply = await get(host, path, headers);
      assert.equal(reply.status, 200, JSON.stringify(headers).slice(0, 80));
      assert.ok(reply.bytes.equals(large));
    }
    assert.equal((await get(host, path, { Range: 'bytes=7-8', 'If-Range': etag })).status, 206);
    const behind = await get(host, path, { Range: 'bytes=3145728-' });
    assert.equal(behind.status, 416);
    assert.equal(behind.headers['content-range'], 'bytes */3145728');
    assert.equal(behind.headers['cache-control'], 'no-store');
    assert.equal(JSON.parse(behind.bytes).code, 'range_not_satisfiable');
    assert.equal((await get(host, '/_app/immutable/empty.0000.js', { Range: 'bytes=0-' })).status, 416);
    assert.equal((await get(host, path, { 'If-Match': '"another"' })).status, 412);
  });

  await t.test('a part of a compressed variant is a part of its bytes', async () => {
    const whole = file('_app/immutable/a.1234.js.br');
    const first = await get(host, js, { 'Accept-Encoding': 'br', Range: 'bytes=0-9' });
    const rest = await get(host, js, { 'Accept-Encoding': 'br', Range: 'bytes=10-', 'If-Range': first.headers.etag });
    assert.equal(first.headers['content-encoding'], 'br');
    assert.deepEqual(Buffer.concat([first.bytes, rest.bytes]), whole);
    /* who resumes with another coding must not get a piece of another file */
    assert.equal((await get(host, js, { 'Accept-Encoding': 'gzip', Range: 'bytes=10-', 'If-Range': first.headers.etag })).status, 200);
  });

  await t.test('a missing file is 404, a place of the page is the page', async () => {
    for (const path of ['/missing.js', '/_app/immutable/b.1234.js', '/_app/immutable/a.1234.js.map', '/orphan.css', '/api/x',
      '/api', '/.well-known/x', '/%2e%2e/%2e%2e/etc/passwd.txt', '/_app/immutable/..%2findex.html']) {
      const reply = await get(host, path);
      assert.equal(reply.status, 404, path);
      assert.equal(reply.headers['content-type'], 'application/problem+json', path);
    }
    for (const path of ['/', '/workspaces', '/a/b/c', '/a/', '/_app/immutable', '/etc/passwd']) {
      const reply = await get(host, path);
      assert.equal(reply.status, 200, path);
      assert.equal(reply.bytes.toString(), '<!doctype html><title>page</title>', path);
    }
    const post = await get(host, js, {}, 'POST');
    assert.equal(post.status, 405);
    assert.equal(post.headers.allow, 'GET, HEAD, OPTIONS');
  });

  await t.test('workers share the memory of what is immutable, and hold no descriptors for it', () => {
    for (const worker of host.workers()) {
      assert.ok(readFileSync(`/proc/${worker}/maps`, 'utf8').includes(join(directory, '_app/immutable/large.5678.bin')));
      for (const fd of readdirSync(`/proc/${worker}/fd`)) {
        let path = '';
        try { path = readlinkSync(`/proc/${worker}/fd/${fd}`); } catch { /* closed meanwhile */ }
        assert.ok(!path.startsWith(directory), path);
      }
    }
  });
});

test('static files that change on the disk', async (t) => {
  await t.test('a new build beside the old one is served after a reload, whole', async (t) => {
    const directory = page(t), next = page(t);
    const link = join(folder(t), 'page');
    renameSync(directory, link);
    put(next, 'index.html', '<!doctype html><title>next</title>');
    put(next, '_app/immutable/a.1234.js', `${script}//next`);
    const host = await start(t, link, { workers: 2 });
    renameSync(link, directory);
    renameSync(next, link);
    assert.match((await get(host, '/')).bytes.toString(), /page/);
    assert.equal((await get(host, '/_app/immutable/a.1234.js')).bytes.toString(), script);
    process.kill(host.pid, 'SIGHUP');
    await until(async () => /next/.test((await get(host, '/')).bytes.toString()), 20_000, 'the next page');
    await until(async () => (await get(host, '/_app/immutable/a.1234.js')).bytes.toString().endsWith('//next'), 20_000, 'the next file');
    assert.ok(existsSync(directory));
  });

  await t.test('a file that is cut in place cuts answers, and takes nothing down', async (t) => {
    const directory = page(t);
    const host = await start(t, directory, { workers: 1 });
    const [worker] = host.workers();
    const path = '/_app/immutable/large.5678.bin';
    truncateSync(join(directory, path), 100_000);
    const began = Date.now();
    await assert.rejects(get(host, path), /aborted|ECONNRESET|socket hang up/);
    assert.ok(Date.now() - began < 5000, 'the client is told soon');
    assert.equal((await get(host, path, { Range: 'bytes=0-99' })).bytes.length, 100);
    assert.match((await get(host, '/')).bytes.toString(), /page/);
    assert.deepEqual(host.workers(), [worker]);
  });
});
