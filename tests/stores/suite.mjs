// SPDX-License-Identifier: Apache-2.0
// suite: what object-store/1 promises, alike for every store.
import assert from 'node:assert/strict';
import http from 'node:http';
import { until } from '../system/kit.mjs';
import { MiB, matter, sumOf } from './kit.mjs';

/** `client`: another client of the same store, if there is one. */
export async function contract (t, ask, { client, full = process.env.TEST_STORES === 'full' } = {}) {
  await t.test('gives what it took, whole and in ranges', async () => {
    const key = 'workspaces/0190a1b2/files/0190c3d4/résumé (1) +%2F&=*~.txt';
    for (const size of full ? [0, 1, 70_000, 5 * MiB + 3, 16 * MiB, 16 * MiB + 1, 41 * MiB + 77] : [0, 1, 70_000, 17 * MiB + 77]) {
      const bytes = matter(size);
      assert.equal(await ask.put(key, bytes, { type: 'application/pdf' }), 204, `${size}`);
      const got = await ask.get(key);
      assert.deepEqual([got.status, got.size, got.sha256], [200, size, sumOf(bytes)], `${size}`);
      if (client) assert.deepEqual(await client('look', key), { size, type: 'application/pdf', sha256: sumOf(bytes) });
      for (const [offset, length] of [[0, 10], [size - 5, 100], [Math.floor(size / 2), Math.floor(size / 3)], [size, -1], [size + 9, 5], [0, 0]]) {
        if (offset < 0) continue;
        const part = await ask.get(key, { offset, length });
        const wanted = bytes.subarray(offset, length < 0 ? size : offset + length);
        assert.deepEqual([part.status, part.size, part.sha256], [200, wanted.length, sumOf(wanted)], `${size}: ${offset}+${length}`);
      }
    }
    assert.equal(await ask.remove(key), 204);
  });

  await t.test('takes what has no stated length', async () => {
    for (const size of full ? [0, 10, 16 * MiB, 33 * MiB + 5] : [0, 17 * MiB]) {
      const bytes = matter(size);
      assert.equal(await ask.put('unknown/length', bytes, { query: { length: '-1' } }), 204, `${size}`);
      const got = await ask.get('unknown/length');
      assert.deepEqual([got.size, got.sha256], [size, sumOf(bytes)]);
    }
    assert.equal(await ask.remove('unknown/length'), 204);
  });

  await t.test('an object that is not whole is not there', async () => {
    for (const size of [100, 20 * MiB]) {
      assert.equal(await ask.put('cut/short', matter(size), { query: { length: String(size + 1) } }), 400);
      assert.equal(await ask.put('cut/long', matter(size), { query: { length: String(size - 1) } }), 400);
    }
    assert.deepEqual(await ask.list({ prefix: 'cut/' }), []);
    if (client) await until(async () => (await client('uploads')).length === 0, 10_000, 'the end of all uploads');
  });

  await t.test('whoever leaves leaves nothing', async () => {
    for (const size of [5 * MiB, 40 * MiB]) {
      await new Promise((done) => {
        const req = http.request(ask.host.url + ask.path('object', { key: `left/${size}` }), { method: 'PUT', headers: { 'Content-Length': size }, agent: false });
        req.on('error', done);
        req.write(matter(size - MiB), () => setTimeout(() => { req.destroy(); done(); }, 100));
      });
    }
    if (client) await until(async () => (await client('uploads')).length === 0, 10_000, 'the end of all uploads');
    assert.deepEqual(await ask.list({ prefix: 'left/' }), []);
  });

  await t.test('what is not there is not found, and can be removed', async () => {
    assert.equal((await ask.get('no/such')).status, 404);
    assert.equal((await ask.get('no/such', { offset: 5, length: 5 })).status, 404);
    assert.equal((await ask.get('no/such', { length: 0 })).status, 404);
    assert.equal(await ask.remove('no/such'), 204);
  });

  await t.test('refuses what is no key', async () => {
    for (const key of ['/', '/a', 'a/', 'a//b', '.', '..', 'a/..', '../a', 'a/./b', 'a'.repeat(1025)]) {
      assert.equal(await ask.put(key, Buffer.from('x')), 409, key);
      assert.equal((await ask.get(key)).status, 409, key);
      assert.equal(await ask.remove(key), 409, key);
    }
    assert.deepEqual(await ask.list(), []);
  });

  await t.test('lists in order of bytes, a page at a time', async () => {
    const keys = ['B', 'a-b/c', 'a/b +ä.d', 'a/b/c', 'a/z', 'a0', 'b', 'é', '\u{1F600}'];
    for (const key of keys) assert.equal(await ask.put(key, Buffer.from('123')), 204);
    const names = async (query) => (await ask.list(query)).map((one) => one.key);
    assert.deepEqual(await names({}), keys);
    assert.deepEqual(await names({ prefix: 'a/' }), keys.slice(2, 5));
    assert.deepEqual(await names({ prefix: 'a/b' }), keys.slice(2, 4));
    assert.deepEqual(await names({ after: 'a/b/c', max: '2' }), keys.slice(4, 6));
    assert.deepEqual(await names({ prefix: 'none/' }), []);
    assert.deepEqual(await names({ max: '0' }), []);
    const [first] = await ask.list({ max: '1' });
    assert.equal(first.size, 3);
    assert.ok(Math.abs(first.modified_at / 1000 - Date.now()) < 120_000);
    for (const key of keys) assert.equal(await ask.remove(key), 204);
    assert.deepEqual(await names({}), []);
  });

  await t.test('long names', async () => {
    const key = `${'n'.repeat(255)}/${'m'.repeat(255)}`;
    assert.equal(await ask.put(key, Buffer.from('x')), 204);
    assert.equal((await ask.get(key)).size, 1);
    assert.equal(await ask.remove(key), 204);
  });

  await t.test('many at once', async () => {
    const bytes = Array.from({ length: full ? 24 : 12 }, (_, i) => matter(i % 6 === 0 ? 17 * MiB : 200_000 + i));
    const puts = await Promise.all(bytes.map((one, i) => ask.put(`many/${i}`, one)));
    assert.deepEqual([...new Set(puts)], [204]);
    const gets = await Promise.all(bytes.map((_, i) => ask.get(`many/${i}`)));
    gets.forEach((got, i) => assert.equal(got.sha256, sumOf(bytes[i])));
    assert.deepEqual([...new Set(await Promise.all(bytes.map((_, i) => ask.remove(`many/${i}`))))], [204]);
    assert.deepEqual(await ask.list(), []);
  });
}

/** What people have uploaded and what another client finds are the same, under the documented key. */
export async function people (t, { host, send }, { client }) {
  await t.test('what people upload is there for another client, under its key, and goes when they delete it', async () => {
    const workspace = await host.workspace('Bytes');
    const files = [['Übersicht – 報告 🗂 (1) +%2F&=*~\'.txt', 70_000], ['naïve ملف.bin', 17 * MiB + 77], ['nothing', 0]];
    for (const [name, size] of files) {
      const bytes = matter(size);
      const file = await host.ok('POST', `/api/workspaces/${workspace.id}/files?name=${encodeURIComponent(name)}`,
        { body: bytes, headers: { 'Content-Type': 'application/octet-stream' } });
      assert.deepEqual([file.name, file.size, file.sha256], [name, size, sumOf(bytes)]);
      const key = `workspaces/${workspace.id}/files/${file.id}/${name}`;
      assert.deepEqual(await client('look', key), { size, type: file.media_type, sha256: sumOf(bytes) });
      assert.deepEqual(await client('keys', `workspaces/${workspace.id}/files/${file.id}`), [key]);
      const got = await send('GET', `/api/files/${file.id}/content`, { headers: host.headers() });
      assert.deepEqual([got.status, got.size, got.sha256], [200, size, sumOf(bytes)]);
      if (size === 0) continue;
      const part = await send('GET', `/api/files/${file.id}/content`, { headers: { ...host.headers(), Range: 'bytes=7-60006' } });
      assert.deepEqual([part.status, part.sha256], [206, sumOf(bytes.subarray(7, 60_007))]);
      await host.ok('DELETE', `/api/files/${file.id}`);
    }
    await until(async () => (await client('keys', `workspaces/${workspace.id}/`)).filter((key) => !key.endsWith('/nothing')).length === 0, 20_000, 'the end of deleted files');
  });
}
