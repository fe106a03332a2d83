// SPDX-License-Identifier: Apache-2.0
// files when something breaks: workers killed in mid-upload, full disks, stores that are down, clients that leave.
// TEST_FILES=full: 50 kills instead of 6, 200 clients that leave, 1 GiB each way, 200 uploads at once.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { daedalus, databaseSettings, databases, folder, sleep, startHost, until } from './kit.mjs';
import { download, filesIn, full, inDirectory, inSwift, octets, places, sha256, target, uploadMuch } from './files-kit.mjs';
import { Service } from './service.mjs';

const objectsOf = (dir) => filesIn(join(dir, 'files', 'objects'));
const unfinishedOf = (dir) => filesIn(join(dir, 'files', 'unfinished'));

async function allFiles (host, path) {
  const found = [];
  for (let cursor = ''; cursor !== null;) {
    const page = await host.ok('GET', `${path}?limit=200${cursor && `&cursor=${cursor}`}`);
    found.push(...page.items);
    cursor = page.next;
  }
  return found;
}

const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** Each of REPLIES is 201 with what BODIES were, or 429 that says when to come again. */
async function keptOrTold (host, replies, bodies) {
  for (const [i, reply] of replies.entries()) {
    if (reply.status === 429) {
      assert.equal(reply.json.code, 'too_many_uploads');
      assert.match(reply.headers['retry-after'], /^[1-9]\d*$/);
      continue;
    }
    const hash = sha256(bodies[i]);
    assert.deepEqual([reply.status, reply.json?.sha256], [201, hash], reply.text);
    assert.equal((await download(host, `/api/files/${reply.json.id}/content`)).sha256, hash);
  }
}

test('files under fire', async (t) => {
  const all = await databases(t);
  const kills = full ? 50 : 6;
  for (const [name, database] of all) for (const place of places(name)) {
    await t.test(`${name}, ${place.called}: ${kills} kills in mid-upload, of a worker and of all in turn, lose and alter nothing that was acknowledged, and leave nothing`, async (t) => {
      const store = await place(t);
      const settings = ['host.workers=2', 'plugin files.unfinished-after=4s', 'limits.uploads=100', ...databaseSettings(database())];
      const service = await Service.at(t, { settings, env: store.env });
      let host = await service.start();
      const workspace = await host.workspace('Fire');
      const path = `/api/workspaces/${workspace.id}/files`;
      const sent = new Map(); // name -> hash
      const acknowledged = new Map(); // id -> name
      let going = true;
      t.after(() => { going = false; });
      const uploader = async (n) => {
        for (let i = 0; going; i++) {
          const most = i % 8 === 0 ? store.large : i % 4 === 0 ? 4_000_000 : 300_000;
          const body = randomBytes(1 + Math.floor((i % 8 === 0 ? 0.8 + 0.2 * Math.random() : Math.random()) * most));
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
        await sleep(50 + Math.random() * store.pace);
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

      await sleep(store.slack + 4000); // what never ended is old now
      assert.equal(await service.stop(), 0);
      host = await service.start(); // whose jobs run at once
      await until(async () => await store.unfinished(service.dir) === 0, 90_000, 'the end of what never ended');
      let files, keys;
      await until(async () => {
        [files, keys] = [await allFiles(host, path), await store.keys(service.dir)];
        return keys.length === files.length;
      }, 60_000, 'as many objects as files').catch((error) => { throw new Error(`${error.message}: ${keys.length} objects, ${files.length} files`); });
      assert.deepEqual(keys.sort(), files.map((file) => `workspaces/${workspace.id}/files/${file.id}/${file.name}`).sort());
      const listed = new Map(files.map((file) => [file.id, file]));
      for (const [id, called] of acknowledged) assert.equal(listed.get(id)?.name, called, 'an acknowledged file is lost');
      for (const file of files) {
        const got = await download(host, `/api/files/${file.id}/content`);
        assert.deepEqual([got.status, got.sha256, file.sha256], [200, sent.get(file.name), sent.get(file.name)], file.name);
      }
      t.diagnostic(`${sent.size} uploads, ${acknowledged.size} acknowledged, ${files.length} files, ${kills} kills`);
      assert.equal(await service.stop(), 0);
    });
  }

  for (const [name, database] of all) {
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

  await t.test('an object that no row knows is found and removed; one of another installation and a young one stay', async (t) => {
    const service = await Service.at(t, { settings: ['host.workers=1', 'plugin files.unfinished-after=1h'] });
    const file = '0191b0a4-7c1e-7abc-8def-0123456789ab';
    const { id } = await (await service.start()).workspace();
    assert.equal(await service.stop(), 0);
    const root = join(service.dir, 'files', 'objects');
    const lay = (name, age) => {
      mkdirSync(join(root, name, '..'), { recursive: true });
      writeFileSync(join(root, name), 'x');
      utimesSync(join(root, name), Date.now() / 1000 - age, Date.now() / 1000 - age);
      return join(root, name);
    };
    const lost = lay(`workspaces/${id}/files/${file}/lost.txt`, 7200);
    const young = lay(`workspaces/${id}/files/0291b0a4-7c1e-7abc-8def-0123456789ab/young.txt`, 60);
    const others = [lay('workspaces/README', 7200), lay(`workspaces/${file}/files/${file}/theirs.txt`, 7200), lay(`workspaces/${id}/export/${id}/x`, 7200), lay(`other/${id}/files/${id}/x`, 7200)];
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

  await t.test('a small disk fills up: 507, whoever fits is kept, and nothing of the others remains', { skip: !canMount && 'no file system can be mounted here' }, async (t) => {
    const program = join(folder(t), 'daedalus'), disk = folder(t);
    writeFileSync(program, `#!/bin/sh\nexec unshare -rm sh -c 'mount -t tmpfs -o size=32m,mode=700 none ${disk} && exec ${daedalus} "$@"' sh "$@"\n`);
    chmodSync(program, 0o755);
    const service = await Service.at(t, { program, settings: ['host.workers=2', 'limits.uploads=0', `plugin store-directory.path=${disk}`] });
    const host = await service.start();
    const inside = () => join('/proc', String(host.pid), 'root', disk);
    const path = `/api/workspaces/${(await host.workspace()).id}/files`;
    const bodies = Array.from({ length: 9 }, (_, i) => randomBytes(i === 0 ? 40_000_000 : 6_000_000));
    const upload = (body, headers = {}) => host.request('POST', target(path, 'x'), { body, headers: { ...octets, ...headers } });
    assert.deepEqual(await upload(bodies[0]).then(({ status, json }) => [status, json.code]), [507, 'storage_full']);
    assert.equal((await upload(bodies[0], { 'Transfer-Encoding': 'chunked' })).status, 507);
    await until(() => filesIn(inside()).length === 0, 10_000, 'an empty disk');
    for (let round = 0; round < (full ? 10 : 2); round++) {
      const replies = await Promise.all(bodies.slice(1).map((body) => upload(body)));
      const kept = replies.flatMap(({ status, json }, i) => status === 201 ? [[json.id, sha256(bodies[i + 1])]] : []);
      for (const { status, text } of replies) assert.ok([201, 507].includes(status), text);
      assert.ok(kept.length < 6 && replies.length === 8, `${kept.length} of 8 × 6 MB on 32 MiB`);
      assert.equal((await allFiles(host, path)).length, kept.length);
      for (const [id, hash] of kept) assert.equal((await download(host, `/api/files/${id}/content`)).sha256, hash);
      await until(() => filesIn(inside()).length === kept.length, 10_000, 'the end of what did not fit');
      for (const [id] of kept) assert.equal((await host.request('DELETE', `/api/files/${id}`)).status, 204);
      await until(() => filesIn(inside()).length === 0, 10_000, 'an empty disk');
    }
    assert.equal((await upload(bodies[1])).status, 201);
    assert.equal(await service.stop(), 0);
  });

  await t.test('S3 goes away: 503 with Retry-After, in mid-upload as well; what was kept is there when it is back', async (t) => {
    const store = await inSwift(t);
    const service = await Service.at(t, { env: store.env, settings: ['host.workers=1'] });
    const host = await service.start();
    const path = `/api/workspaces/${(await host.workspace()).id}/files`;
    const upload = (size) => host.request('POST', target(path, 'x'), { body: randomBytes(size), headers: octets });
    const kept = (await upload(20 << 20)).json;
    const content = `/api/files/${kept.id}/content`;
    const held = http.request(host.url + target(path, 'held'), { method: 'POST', headers: { ...host.headers(), ...octets, 'Content-Length': 30 << 20 }, agent: false });
    const answered = new Promise((done, fail) => {
      held.on('error', fail);
      held.on('response', async (res) => {
        let text = '';
        for await (const chunk of res) text += chunk;
        done({ status: res.statusCode, headers: res.headers, json: JSON.parse(text), text });
      });
    });
    held.write(randomBytes(24 << 20));
    await until(async () => await store.unfinished() === 1, 20_000, 'an upload in parts');
    await store.kill();
    held.end(randomBytes(6 << 20));
    for (const reply of await Promise.all([answered, upload(10), upload(20 << 20), host.request('GET', content)])) {
      assert.deepEqual([reply.status, reply.json.code], [503, 'store_unavailable'], reply.text);
      assert.match(reply.headers['retry-after'], /^[1-9]\d*$/);
    }
    assert.deepEqual((await host.request('GET', `/api/files/${kept.id}`)).json, kept);
    await store.again();
    assert.equal((await download(host, content)).sha256, kept.sha256);
    const later = (await upload(10)).json;
    assert.deepEqual((await allFiles(host, path)).map(({ id }) => id), [later.id, kept.id]);
    await until(async () => await store.unfinished() === 0 && (await store.keys()).length === 2, 90_000, 'the end of what was not kept');
    assert.equal(await service.stop(), 0);
  });

  await t.test('a reload cuts neither an upload nor a download', async (t) => {
    const service = await Service.at(t, { settings: ['host.workers=1'] });
    const host = await service.start();
    const path = `/api/workspaces/${(await host.workspace()).id}/files`;
    const body = randomBytes(20_000_000), hash = sha256(body);
    const kept = (await host.request('POST', target(path, 'kept'), { body, headers: octets })).json;
    const going = await new Promise((done, fail) => { http.get(`${host.url}/api/files/${kept.id}/content`, { headers: host.headers(), agent: false }, done).on('error', fail); });
    going.pause();
    const req = http.request(host.url + target(path, 'going'), { method: 'POST', headers: { ...host.headers(), ...octets, 'Content-Length': body.length }, agent: false });
    const answered = new Promise((done, fail) => { req.on('response', (res) => { res.resume(); done(res.statusCode); }); req.on('error', fail); });
    req.write(body.subarray(0, 5_000_000));
    await until(() => unfinishedOf(service.dir).length === 1, 10_000, 'an upload under way');
    const before = host.workers();
    assert.equal((await service.reload()).status, 0);
    await until(() => host.workers().some((pid) => !before.includes(pid)), 20_000, 'other workers');
    req.end(body.subarray(5_000_000));
    assert.equal(await answered, 201);
    const chunks = [];
    for await (const chunk of going) chunks.push(chunk);
    assert.equal(sha256(Buffer.concat(chunks)), hash);
    const files = await allFiles(host, path);
    assert.deepEqual(files.map((file) => [file.name, file.sha256]), [['going', hash], ['kept', hash]]);
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

for (const place of [inDirectory, inSwift]) test(`${place.called}: 1 GiB each way in flat memory, and 200 uploads at once`, { skip: !full && 'TEST_FILES=full' }, async (t) => {
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` };
  const store = await place(t);
  const host = await startHost(t, { workers: 1, env: { ...env, ...store.env }, set: ['limits.uploads=0'] });
  const path = `/api/workspaces/${(await host.workspace()).id}/files`;
  const [pid] = host.workers();
  const memory = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  const watch = async (what, work) => {
    const before = memory();
    let most = before;
    const timer = setInterval(() => { most = Math.max(most, memory()); }, 20);
    const began = performance.now();
    let result;
    try { result = await work(); } finally { clearInterval(timer); }
    const grown = (most - before) / 1024;
    t.diagnostic(`${what}: the worker grew by ${grown.toFixed(1)} MiB; ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return { result, grown };
  };
  const warm = await uploadMuch(host, target(path, 'warm'), 64 << 20);
  await download(host, `/api/files/${warm.json.id}/content`);

  const up = await watch('1 GiB up', () => uploadMuch(host, target(path, 'big'), 1 << 30));
  assert.deepEqual([up.result.status, up.result.json?.size, up.result.json?.sha256], [201, 1 << 30, up.result.sha256]);
  assert.ok(up.grown < 8 + store.held, `${up.grown} MiB`);
  const { result: down, grown } = await watch('1 GiB down', () => download(host, `/api/files/${up.result.json.id}/content`));
  assert.deepEqual([down.status, down.size, down.sha256], [200, 1 << 30, up.result.sha256]);
  assert.ok(grown < 8, `${grown} MiB`);
  assert.deepEqual(await store.look(host.dataDir, up.result.json), { size: 1 << 30, sha256: up.result.sha256 }, 'to another client');

  const bodies = Array.from({ length: 200 }, () => randomBytes(1_000_000));
  const { result } = await watch('200 uploads of 1 MB at once', () => Promise.all(bodies.map((body, i) => host.request('POST', target(path, `${i}`), { body, headers: octets }))));
  await keptOrTold(host, result, bodies);
  assert.equal(result.filter(({ status }) => status === 201).length, 200);
});

test('more uploads at once than there may be: each is kept, or told to come again', async (t) => {
  const host = await startHost(t, { workers: 2, set: ['limits.uploads=10'] });
  const path = `/api/workspaces/${(await host.workspace()).id}/files`;
  const bodies = Array.from({ length: 40 }, () => randomBytes(500_000));
  const replies = await Promise.all(bodies.map((body, i) => host.request('POST', target(path, `${i}`), { body, headers: octets })));
  await keptOrTold(host, replies, bodies);
  assert.ok(replies.some(({ status }) => status === 201));
  assert.equal((await allFiles(host, path)).length, replies.filter(({ status }) => status === 201).length);
  await until(() => objectsOf(host.dataDir).length === replies.filter(({ status }) => status === 201).length, 10_000, 'as many objects as files');
});
