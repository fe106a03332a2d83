// SPDX-License-Identifier: Apache-2.0
// files when something breaks: workers killed in mid-upload, full disks, stores that are down, clients that leave.
// TEST_FILES=full: 50 kills instead of 6, 200 uploads at once, 1 GiB each way.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { daedalus, databaseSettings, databases, folder, sleep, startHost, until } from './kit.mjs';
import { Service } from './service.mjs';

const full = process.env.TEST_FILES === 'full';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const target = (path, name) => `${path}?name=${encodeURIComponent(name)}`;
const octets = { 'Content-Type': 'application/octet-stream' };

/** Paths of files under ROOT; folders may go while it is read. */
function filesIn (root) {
  let names;
  try { names = readdirSync(root); } catch (error) {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return [root];
    throw error;
  }
  return names.flatMap((name) => filesIn(join(root, name)));
}

const objectsOf = (dir) => filesIn(join(dir, 'files', 'objects'));
const unfinishedOf = (dir) => filesIn(join(dir, 'files', 'unfinished'));

/** GET of a file: {status, sha256, size}. Nothing of it is kept. */
function download (host, path) {
  return new Promise((done, fail) => {
    const sum = createHash('sha256');
    let size = 0;
    http.get(host.url + path, { headers: host.headers(), agent: false }, (res) => {
      res.on('data', (chunk) => { sum.update(chunk); size += chunk.length; });
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, size, sha256: sum.digest('hex') }));
      res.on('error', fail);
    }).on('error', fail);
  });
}

/** POST of SIZE made-up bytes, of which only CHUNK is in memory: {status, json, sha256}. */
function uploadMuch (host, path, size, chunk = randomBytes(1 << 20)) {
  return new Promise((done, fail) => {
    const sum = createHash('sha256');
    const req = http.request(host.url + path, { method: 'POST', headers: { ...host.headers(), ...octets, 'Content-Length': size }, agent: false }, async (res) => {
      let text = '';
      for await (const piece of res) text += piece;
      done({ status: res.statusCode, json: JSON.parse(text), sha256: sum.digest('hex') });
    });
    req.on('error', fail);
    let sent = 0;
    const more = () => {
      while (sent < size) {
        const piece = chunk.subarray(0, Math.min(chunk.length, size - sent));
        sent += piece.length;
        sum.update(piece);
        if (!req.write(piece)) { req.once('drain', more); return; }
      }
      req.end();
    };
    more();
  });
}

async function allFiles (host, path) {
  const found = [];
  for (let cursor = ''; cursor !== null;) {
    const page = await host.ok('GET', `${path}?limit=200${cursor && `&cursor=${cursor}`}`);
    found.push(...page.items);
    cursor = page.next;
  }
  return found;
}

test('files under fire', async (t) => {
  for (const [name, database] of await databases(t)) {
    const kills = full ? 50 : 6;
    await t.test(`${name}: ${kills} kills in mid-upload, of a worker and of all in turn, lose and alter nothing that was acknowledged, and leave nothing`, async (t) => {
      const settings = ['host.workers=2', 'plugin files.unfinished-after=4s', 'limits.uploads=100', ...databaseSettings(database())];
      const service = await Service.at(t, { settings });
      let host = await service.start();
      const workspace = await host.workspace('Fire');
      const path = `/api/workspaces/${workspace.id}/files`;
      const sent = new Map(); // name -> hash
      const acknowledged = new Map(); // id -> name
      let going = true;
      t.after(() => { going = false; });
      const uploader = async (n) => {
        for (let i = 0; going; i++) {
          const body = randomBytes(1 + Math.floor(Math.random() * (i % 4 === 0 ? 4_000_000 : 300_000)));
          const called = `${n}-${i}.bin`;
          sent.set(called, sha256(body));
          try {
            const reply = await host.request('POST', target(path, called), { body, headers: octets });
            if (reply.status === 201) acknowledged.set(reply.json.id, called);
            else if (![409, 503].includes(reply.status)) throw new Error(`${reply.status} ${reply.text}`);
          } catch (error) {
            if (!/ECONN|socket hang up|EPIPE/.test(error.message + error.code)) throw error;
            await sleep(20);
          }
        }
      };
      const uploaders = Array.from({ length: 5 }, (_, n) => uploader(n));
      for (let kill = 0; kill < kills; kill++) {
        await sleep(50 + Math.random() * 250);
        if (kill % 2 === 0) {
          const pids = host.workers();
          if (pids.length > 0) process.kill(pids[0], 'SIGKILL');
        } else {
          await service.kill();
          host = await service.start();
        }
      }
      await sleep(300);
      going = false;
      await Promise.all(uploaders);
      assert.ok(acknowledged.size >= kills, `${acknowledged.size} uploads only`);

      await sleep(4500); // what never ended is old now
      assert.equal(await service.stop(), 0);
      host = await service.start(); // whose jobs run at once
      await until(() => unfinishedOf(service.dir).length === 0, 90_000, 'the end of what never ended');
      let files;
      await until(async () => {
        files = await allFiles(host, path);
        return objectsOf(service.dir).length === files.length;
      }, 30_000, 'as many objects as files');
      const listed = new Map(files.map((file) => [file.id, file]));
      for (const [id, called] of acknowledged) assert.equal(listed.get(id)?.name, called, 'an acknowledged file is lost');
      for (const file of files) {
        const got = await download(host, `/api/files/${file.id}/content`);
        assert.deepEqual([got.status, got.sha256, file.sha256], [200, sent.get(file.name), sent.get(file.name)], file.name);
        assert.ok(existsSync(join(service.dir, 'files', 'objects', 'workspaces', workspace.id, 'files', file.id, file.name)));
      }
      t.diagnostic(`${sent.size} uploads, ${acknowledged.size} acknowledged, ${files.length} files, ${kills} kills`);
      assert.equal(await service.stop(), 0);
    });

    const many = full ? 200 : 30;
    await t.test(`${name}: ${many} clients leave in mid-upload, at any byte, and leave nothing`, async (t) => {
      const host = await startHost(t, { database: database(), set: ['limits.uploads=0'] });
      const path = `/api/workspaces/${(await host.workspace()).id}/files`;
      const leave = (i) => new Promise((done) => {
        const length = 1_000_000;
        const req = http.request(host.url + target(path, `${i}`), { method: 'POST', headers: { ...host.headers(), ...octets, ...(i % 2 ? { 'Content-Length': length } : { 'Transfer-Encoding': 'chunked' }) }, agent: false });
        req.on('error', done);
        req.on('response', () => done(new Error('it was answered')));
        req.write(randomBytes(Math.floor(Math.random() * (length - 1)) + 1), () => setTimeout(() => req.destroy(new Error('left')), Math.random() * 100));
      });
      for (const error of await Promise.all(Array.from({ length: many }, (_, i) => leave(i)))) assert.equal(error.message, 'left');
      await until(async () => await host.metric('daedalus_file_uploads_total', { outcome: 'left' }) === many, 10_000, 'the word that they left');
      assert.deepEqual((await host.ok('GET', path)).items, []);
      await until(async () => await host.metric('daedalus_file_swept_total', { what: 'row' }) === many, 10_000, 'the end of the rows');
      assert.deepEqual([objectsOf(host.dataDir), unfinishedOf(host.dataDir)], [[], []]);
    });
  }

  await t.test('an object that no row knows is found and removed; one of somebody else and a young one stay', async (t) => {
    const service = await Service.at(t, { settings: ['host.workers=1', 'plugin files.unfinished-after=1h'] });
    const id = '0191b0a4-7c1e-7abc-8def-0123456789ab';
    const root = join(service.dir, 'files', 'objects');
    const lay = (name, age) => {
      mkdirSync(join(root, name, '..'), { recursive: true });
      writeFileSync(join(root, name), 'x');
      utimesSync(join(root, name), Date.now() / 1000 - age, Date.now() / 1000 - age);
      return join(root, name);
    };
    const lost = lay(`workspaces/${id}/files/${id}/lost.txt`, 7200);
    const young = lay(`workspaces/${id}/files/0291b0a4-7c1e-7abc-8def-0123456789ab/young.txt`, 60);
    const others = [lay('workspaces/README', 7200), lay(`workspaces/${id}/export/${id}/x`, 7200), lay(`other/${id}/files/${id}/x`, 7200)];
    await service.start();
    await until(() => !existsSync(lost), 20_000, 'the end of the lost object');
    for (const one of [young, ...others]) assert.ok(existsSync(one), one);
    assert.equal(await service.stop(), 0);
  });

  await t.test('a full disk is 507 and leaves nothing; a store that is down is 503 with Retry-After', async (t) => {
    const program = join(folder(t), 'daedalus');
    writeFileSync(program, `#!/bin/sh\ntrap '' XFSZ\nexec ${daedalus} "$@"\n`);
    chmodSync(program, 0o755);
    const service = await Service.at(t, { program, settings: ['host.workers=1'] });
    const host = await service.start();
    const path = `/api/workspaces/${(await host.workspace()).id}/files`;
    const upload = (size) => host.request('POST', target(path, 'x'), { body: randomBytes(size), headers: octets });
    const limit = (bytes) => execFileSync('prlimit', ['--pid', String(host.workers()[0]), `--fsize=${bytes}:unlimited`]);
    const kept = await upload(3_000_000);
    assert.equal(kept.status, 201, kept.text);
    limit(8 << 20);
    const refused = await upload(12 << 20);
    assert.deepEqual([refused.status, refused.json.code], [507, 'storage_full'], refused.text);
    limit('unlimited');
    assert.equal((await upload(12 << 20)).status, 201);
    assert.equal((await host.ok('GET', path)).items.length, 2);
    await until(() => unfinishedOf(service.dir).length === 0, 10_000, 'the end of what was begun');

    const store = join(service.dir, 'files');
    renameSync(store, `${store}-away`);
    writeFileSync(store, 'no folder');
    for (const reply of [await upload(10), await upload(3_000_000), await host.request('GET', `/api/files/${kept.json.id}/content`)]) {
      assert.deepEqual([reply.status, reply.json.code], [503, 'store_unavailable'], reply.text);
      assert.match(reply.headers['retry-after'], /^[1-9]\d*$/);
    }
    rmSync(store);
    renameSync(`${store}-away`, store);
    assert.equal((await download(host, `/api/files/${kept.json.id}/content`)).sha256, kept.json.sha256);
    assert.equal((await host.ok('GET', path)).items.length, 2);
    assert.equal(await service.stop(), 0);
  });

  await t.test('a file whose bytes are not those it was stored with is never given out as whole', async (t) => {
    const host = await startHost(t);
    const path = `/api/workspaces/${(await host.workspace()).id}/files`;
    const { id } = (await host.request('POST', target(path, 'x'), { body: randomBytes(100_000), headers: octets })).json;
    const [object] = objectsOf(host.dataDir);
    writeFileSync(object, randomBytes(50_000));
    assert.equal((await host.request('GET', `/api/files/${id}/content`)).status, 503);
    rmSync(object);
    assert.equal((await host.request('GET', `/api/files/${id}/content`)).status, 503);
    assert.equal((await host.request('GET', `/api/files/${id}`)).status, 200);
  });
});

test('200 uploads at once, and 1 GiB each way in flat memory', { skip: !full && 'TEST_FILES=full' }, async (t) => {
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` };
  const host = await startHost(t, { workers: 1, env, set: ['limits.uploads=0'] });
  const path = `/api/workspaces/${(await host.workspace()).id}/files`;
  const [pid] = host.workers();
  const memory = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  const watch = async (work) => {
    const before = memory();
    let most = before;
    const timer = setInterval(() => { most = Math.max(most, memory()); }, 20);
    const began = performance.now();
    try { return { result: await work(), grown: most - before, seconds: (performance.now() - began) / 1000 }; } finally { clearInterval(timer); }
  };
  const warm = await uploadMuch(host, target(path, 'warm'), 8 << 20);
  await download(host, `/api/files/${warm.json.id}/content`);

  const up = await watch(() => uploadMuch(host, target(path, 'big'), 1 << 30));
  assert.deepEqual([up.result.status, up.result.json.size, up.result.json.sha256], [201, 1 << 30, up.result.sha256]);
  t.diagnostic(`1 GiB up: the worker grew by ${up.grown} KiB; ${up.seconds.toFixed(1)} s`);
  assert.ok(up.grown < 8192, `${up.grown} KiB`);
  const down = await watch(() => download(host, `/api/files/${up.result.json.id}/content`));
  assert.deepEqual([down.result.status, down.result.size, down.result.sha256], [200, 1 << 30, up.result.sha256]);
  t.diagnostic(`1 GiB down: the worker grew by ${down.grown} KiB; ${down.seconds.toFixed(1)} s`);
  assert.ok(down.grown < 8192, `${down.grown} KiB`);

  const bodies = Array.from({ length: 200 }, () => randomBytes(1_000_000));
  const { result, grown, seconds } = await watch(() => Promise.all(bodies.map((body, i) => host.request('POST', target(path, `${i}`), { body, headers: octets }))));
  result.forEach((one, i) => assert.deepEqual([one.status, one.json?.sha256], [201, sha256(bodies[i])], one.text));
  t.diagnostic(`200 uploads of 1 MB at once: the worker grew by ${grown} KiB; ${seconds.toFixed(1)} s`);
});
