// SPDX-License-Identifier: Apache-2.0
// Object stores that are out of order: at every stage, for a while or for good, by the store's word or without one.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folder, sleep, until } from './kit.mjs';
import { MiB, environmentOf, matter, startAsker, startFaults, startSwift, sumOf } from '../stores/kit.mjs';

// Every fault at every stage: with TEST_STORES=full (tests/run stores); else some.
const full = process.env.TEST_STORES === 'full';
const some = (rows, n) => full ? rows : rows.slice(0, n);
const small = matter(300_000), large = matter(20 * MiB + 5);
const busy = { status: 503 }, slowDown = { status: 503, code: 'SlowDown' }, internal = { status: 500, code: 'InternalError' },
  late = { status: 400, code: 'RequestTimeout' }, digest = { status: 400, code: 'BadDigest' };

/** What goes wrong at which request, and whether the object is large. */
const passing = some([
  ['put', 'half', small], ['part', 'mute', large], ['part', slowDown, large], ['create', busy, large], ['complete', { status: 200, code: 'InternalError' }, large],
  ...[busy, slowDown, internal, late, digest, 'refuse', 'half', 'mute', 'stall'].flatMap((fault) => [['put', fault, small], ['part', fault, large]]),
  ...[busy, slowDown, internal, 'refuse', 'mute', 'short', 'stall'].map((fault) => ['create', fault, large]),
  ...[busy, slowDown, internal, 'refuse', 'half', 'mute', 'short', 'stall', { status: 200, code: 'InternalError' }].map((fault) => ['complete', fault, large]),
], 5);

const lasting = some([
  ['put', busy, small, 503], ['part', { status: 507 }, large, 507], ['complete', { status: 200, code: 'InternalError' }, large, 503],
  ['put', 'refuse', small, 503], ['put', { status: 403, code: 'QuotaExceeded' }, small, 507], ['put', { status: 507 }, small, 507],
  ['create', busy, large, 503], ['part', slowDown, large, 503], ['part', 'mute', large, 503], ['part', { status: 507 }, large, 507],
  ['part', { status: 403, code: 'AccessDenied' }, large, 409],
  ['complete', busy, large, 503], ['complete', { status: 200, code: 'InternalError' }, large, 503], ['complete', 'refuse', large, 503],
], 3);

/** Uploads by people, and what they are told. */
const told = some([
  ['put', 'mute', small, 503], ['put', { status: 403, code: 'QuotaExceeded' }, small, 507], ['put', { status: 403, code: 'InvalidAccessKeyId' }, small, 503],
  ['complete', 'mute', large, 503], ['put', busy, small, 503], ['create', 'refuse', large, 503], ['part', slowDown, large, 503], ['part', { status: 507 }, large, 507],
  ['put', { status: 404, code: 'NoSuchBucket' }, small, 503],
], 3);

const nameOf = ([what, fault], i) => `${i}-${what}-${fault.code ?? fault.status ?? fault}`;

const objectOf = (req) => decodeURIComponent(new URL(req.url, 'http://x').pathname).split('/').at(-1);

/** A rule by the name of the object: its row's fault, `times` times. */
function ruleOf (rows, times) {
  const left = new Map(rows.map((row, i) => [nameOf(row, i), { what: row[0], fault: row[1], times }]));
  return (what, n, req) => {
    const one = left.get(objectOf(req));
    if (!one || one.what !== what || one.times === 0) return undefined;
    one.times -= 1;
    return one.fault;
  };
}

/** Runs JOBS, four at a time. */
async function fewAtOnce (jobs) {
  const left = jobs.map((job, i) => async () => [i, await job()]), results = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let job; (job = left.shift());) { const [i, result] = await job(); results[i] = result; }
  }));
  return results;
}

const post = (host, path, name, bytes) =>
  host.request('POST', `${path}?name=${encodeURIComponent(name)}`, { body: bytes, headers: { 'Content-Type': 'application/octet-stream' } });

async function breaking (t, swift) {
  const faults = await startFaults(t, swift);
  const ask = await startAsker(t, { env: environmentOf({ ...swift, endpoint: faults.endpoint }), set: [`plugin store-s3.answer-limit=${full ? 8 : 30}s`] });
  const clean = async (left = /-create-(mute|short)$/) => {
    faults.reset();
    // what the store began without being able to say so is ended by who tidies
    await until(async () => (await swift.client('uploads')).every((key) => left.test(key)), 15_000, 'the end of all uploads');
    await sleep(1100); // Swift's times are whole seconds
    assert.equal(await ask.tidy(), 204);
    assert.deepEqual(await swift.client('uploads'), []);
  };

  await t.test('what passes at any stage of an upload is not noticed', async () => {
    faults.reset(ruleOf(passing, 1));
    const before = await ask.host.metric('daedalus_s3_retries_total');
    const statuses = await fewAtOnce(passing.map((row, i) => () => ask.put(`passing/${nameOf(row, i)}`, row[2])));
    assert.deepEqual(statuses.map((status, i) => `${nameOf(passing[i], i)} ${status}`).filter((one) => !one.endsWith(' 204')), []);
    // a kept connection that is closed before any answer is tried anew without a word
    const told = passing.filter(([, fault]) => fault.status).length;
    const retries = await ask.host.metric('daedalus_s3_retries_total') - before;
    assert.ok(retries >= told, `${retries} retries for ${told} answers`);
    await clean();
    for (const [i, row] of passing.entries()) {
      const seen = await swift.client('look', `passing/${nameOf(row, i)}`);
      assert.equal(seen.sha256, sumOf(row[2]), nameOf(row, i));
    }
  });

  await t.test('what lasts is said, to people too, and leaves nothing', async () => {
    const { host } = ask;
    const path = `/api/workspaces/${(await host.workspace()).id}/files`;
    const kept = (await post(host, path, 'kept', small)).json;
    const rows = [...lasting, ...told];
    const rule = ruleOf(rows, -1);
    faults.reset((what, n, req) => what === 'get' && objectOf(req) === 'kept' ? 'mute' : rule(what, n, req));
    const download = host.request('GET', `/api/files/${kept.id}/content`);
    const replies = await fewAtOnce(rows.map((row, i) => async () => {
      if (i < lasting.length) return { status: await ask.put(`lasting/${nameOf(row, i)}`, row[2]) };
      return await post(host, path, nameOf(row, i), row[2]);
    }));
    assert.deepEqual(replies.map(({ status }, i) => `${nameOf(rows[i], i)} ${status}`), rows.map((row, i) => `${nameOf(row, i)} ${row[3]}`));
    for (const { status, json, headers, text } of [...replies.slice(lasting.length), await download]) {
      assert.equal(json.code, status === 507 ? 'storage_full' : 'store_unavailable');
      if (status === 503) assert.match(headers['retry-after'], /^[1-9]\d*$/);
      assert.doesNotMatch(text, /InvalidAccessKey|NoSuchBucket|Quota|127\.0\.0\.1/, 'what is the admin\'s is not told to people');
    }
    assert.deepEqual((await host.ok('GET', path)).items.map((one) => one.id), [kept.id]);
    await clean();
    assert.deepEqual(await swift.client('keys', 'lasting/'), []);
    // a store that was silent has understood: what was not acknowledged is swept
    await until(async () => (await swift.client('keys', 'workspaces/')).length === 1, 30_000, 'the end of what was not acknowledged');
    assert.equal((await swift.client('look', `workspaces/${path.split('/')[3]}/files/${kept.id}/kept`)).sha256, sumOf(small));
  });

  await t.test('an upload that cannot be is ended at the store, whatever becomes of the word', async () => {
    const rows = some([busy, 'mute', internal, 'refuse', 'stall'], 2);
    const counts = new Map();
    const rule = (what, n, req) => {
      const name = objectOf(req);
      if (what === 'part') return { status: 403, code: 'AccessDenied' };
      if (what !== 'abort') return undefined;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (name === 'never') return busy;
      return counts.get(name) === 1 ? rows[Number(name)] : undefined;
    };
    faults.reset(rule);
    assert.deepEqual(await fewAtOnce(rows.map((_, i) => () => ask.put(`ending/${i}`, large))), rows.map(() => 409));
    await until(async () => (await swift.client('uploads')).length === 0, 20_000, 'the end of the uploads');
    for (const i of rows.keys()) assert.equal(counts.get(String(i)), 2);
    if (!full) return;
    assert.equal(await ask.put('ending/never', large), 409);
    await until(() => counts.get('never') === 6, 20_000, 'the last word');
    assert.deepEqual(await swift.client('uploads'), ['ending/never']);
    await clean(/never$/);
  });

  await t.test('parts that were joined without a word are looked for', async () => {
    const gone = { status: 404, code: 'NoSuchUpload' };
    faults.reset((what, n) => what === 'complete' ? ['mute', gone][n] : what === 'head' ? [busy, 'refuse', 'mute'][n] : undefined);
    assert.equal(await ask.put('joined/yes', large), 204);
    assert.equal(faults.seen.filter((what) => what === 'head').length, 4);
    assert.equal((await swift.client('look', 'joined/yes')).sha256, sumOf(large));
    if (!full) return;
    faults.reset((what, n) => what === 'complete' ? ['refuse', gone][n] : undefined);
    assert.equal(await ask.put('joined/no', large), 503, 'the store has lost its parts');
    assert.ok(faults.seen.includes('head'));
    assert.deepEqual(await swift.client('keys', 'joined/'), ['joined/yes']);
    await clean();
  });

  await t.test('a download goes on where it was cut', async () => {
    await swift.client('put', 'down/text', 'x'.repeat(3_000_000));
    for (const fault of some(['short', busy, slowDown, 'refuse', 'mute', 'stall'], 2)) {
      faults.reset((what, n) => what === 'get' && n < 2 ? fault : undefined);
      const got = await ask.get('down/text', { offset: 1000 });
      assert.deepEqual([got.status, got.size, got.cut], [200, 2_999_000, undefined], JSON.stringify(fault));
      assert.equal(got.sha256, sumOf(Buffer.from('x'.repeat(2_999_000))));
    }
    faults.reset((what, n) => n === 0 ? 'short' : { status: 412, code: 'PreconditionFailed' });
    assert.equal((await ask.get('down/text')).cut, true);
  });

  await t.test('lists and removals are asked again', async () => {
    faults.reset((what, n) => what === 'list' ? [busy, 'refuse', 'mute', 'short'][n] : undefined);
    assert.deepEqual((await ask.list({ prefix: 'down/' })).map((one) => one.key), ['down/text']);
    faults.reset((what, n) => what === 'delete' ? [slowDown, 'mute', 'refuse'][n] : undefined);
    assert.equal(await ask.remove('down/text'), 204);
    faults.reset();
    assert.deepEqual(await ask.list({ prefix: 'down/' }), []);
  });

  await t.test('uploads of the dead are tidied away', async () => {
    for (const key of ['dead/a', 'dead/b ä+', 'dead/c']) await swift.client('begin', key);
    assert.equal((await swift.client('uploads')).length, 3);
    await sleep(1100);
    faults.reset((what, n) => what === 'uploads' || what === 'abort' ? [slowDown, 'mute', 'refuse'][n] : undefined);
    assert.equal(await ask.tidy(), 204);
    assert.deepEqual(await swift.client('uploads'), []);
  });

  await t.test('all is counted; lengths are always said; tries come later each time, by chance', async (t) => {
    const times = new Map();
    faults.reset((what, n, req) => {
      assert.equal(req.headers['transfer-encoding'], undefined);
      if (['PUT', 'POST'].includes(req.method)) assert.match(req.headers['content-length'] ?? '', /^\d+$/, what);
      if (what !== 'put') return undefined;
      const seen = times.get(req.url) ?? times.set(req.url, []).get(req.url);
      seen.push(performance.now());
      return [busy, slowDown][seen.length - 1];
    });
    const { host, ...counted } = await startAsker(t, { env: environmentOf({ ...swift, endpoint: faults.endpoint }) });
    const count = (name, operation, outcome) => host.metric(`daedalus_s3_${name}`, { ...operation && { operation }, ...outcome && { outcome } });
    assert.deepEqual(await Promise.all(Array.from({ length: 8 }, (_, i) => counted.put(`counted/${i}`, small))), Array(8).fill(204));
    assert.equal(await counted.put('counted/large', large), 204);
    assert.equal((await counted.get('counted/large', { offset: 5 })).size, large.length - 5);
    assert.equal(await counted.remove('counted/large'), 204);
    faults.reset((what) => what === 'put' ? { status: 403, code: 'AccessDenied' } : undefined);
    assert.equal(await counted.put('counted/no', small), 409);
    for (const [operation, ok, error, retries] of [['put', 8, 1, 16], ['create', 1, 0, 0], ['part', 3, 0, 0], ['complete', 1, 0, 0], ['get', 1, 0, 0], ['remove', 1, 0, 0], ['abort', 0, 0, 0]]) {
      assert.deepEqual([await count('requests_total', operation, 'ok'), await count('requests_total', operation, 'error'), await count('retries_total', operation)], [ok, error, retries], operation);
      assert.equal(await count('request_duration_seconds_count', operation), ok + error, operation);
    }
    assert.equal(await host.metric('daedalus_s3_bytes_total', { direction: 'in' }), 8 * small.length + large.length);
    assert.equal(await host.metric('daedalus_s3_bytes_total', { direction: 'out' }), large.length - 5);
    const gaps = [...times.values()].filter((seen) => seen.length === 3).map(([first, second, third]) => [second - first, third - second]);
    assert.equal(gaps.length, 8);
    for (const [one, two] of gaps) assert.ok(one >= 95 && two >= 195, `${one} ${two}`);
    assert.ok(new Set(gaps.map(([one]) => Math.round(one))).size > 2, `all at once: ${gaps}`);
  });

  await t.test('no secret is in the log', () => {
    const log = ask.host.log.join('\n');
    assert.match(log, /the object store cannot do what is asked/);
    assert.ok(!log.includes(swift.secret) && !log.includes(swift.access) && !log.includes('Signature='));
  });
}

async function killed (t, swift) {
  const ask = await startAsker(t, { env: environmentOf(swift) });
  const begin = (key, bytes) => {
    const upload = { status: null };
    upload.done = new Promise((done, fail) => {
      const req = http.request(ask.host.url + ask.path('object', { key }), { method: 'PUT', headers: { 'Content-Length': bytes.length }, agent: false },
        (res) => { res.resume(); done(res.statusCode); });
      req.on('error', fail);
      req.write(bytes.subarray(0, 18 * MiB));
      upload.rest = () => req.end(bytes.subarray(18 * MiB));
    });
    return upload;
  };

  await t.test('in mid-PUT, and comes back soon', async () => {
    const upload = begin('killed/soon', large);
    await until(async () => (await swift.client('uploads')).length === 1, 10_000, 'the upload');
    await swift.kill();
    upload.rest();
    await sleep(500);
    await swift.again();
    assert.equal(await upload.done, 204);
    assert.equal((await swift.client('look', 'killed/soon')).sha256, sumOf(large));
  });

  const faults = await startFaults(t, swift);
  const behind = await startAsker(t, { env: environmentOf({ ...swift, endpoint: faults.endpoint }) });
  for (const [what, bytes] of some([['put', matter(12 * MiB)], ['create', large], ['part', large], ['complete', large]], 1)) {
    await t.test(`while it is at "${what}"`, async () => {
      let kill = null;
      faults.reset((now, n, req) => {
        if (now !== what || kill !== null) return undefined;
        kill = new Promise((done) => { if (what === 'create') done(swift.kill()); else req.once('data', () => done(swift.kill())); });
        return undefined;
      });
      const done = behind.put(`killed/${what}`, bytes);
      await until(() => kill !== null, 10_000, 'the request');
      await kill;
      await swift.again();
      assert.equal(await done, 204);
      assert.equal((await swift.client('look', `killed/${what}`)).sha256, sumOf(bytes));
      await sleep(1100);
      assert.equal(await behind.tidy(), 204);
      assert.deepEqual(await swift.client('uploads'), []);
    });
  }

  await t.test('in mid-PUT, and stays away', { skip: !full && 'with TEST_STORES=full' }, async () => {
    const upload = begin('killed/long', large);
    await until(async () => (await swift.client('uploads')).length === 1, 10_000, 'the upload');
    await swift.kill();
    upload.rest();
    assert.equal(await upload.done, 503);
    assert.equal((await ask.get('killed/soon')).status, 503);
    await until(async () => (await ask.store()).status === 'degraded', 40_000, 'the store\'s trouble in /ready');
    assert.equal((await ask.host.request('GET', '/ready', { anonymous: true })).status, 200);
    await swift.again();
    await until(async () => (await ask.get('killed/soon')).status === 200, 10_000, 'the store');
    assert.ok(!(await swift.client('keys', 'killed/')).includes('killed/long'));
    await sleep(1100);
    assert.equal(await ask.tidy(), 204);
    assert.deepEqual(await swift.client('uploads'), []);
  });
}

async function refusing (t, swift) {
  const says = await startFaults(t, swift);
  says.reset(() => ({ status: 403, code: 'RequestTimeTooSkewed' }));
  const rows = [
    ['a wrong secret', { secret: 'wr0ng-0f-the-tests' }, /SignatureDoesNotMatch/, /store's own keys/],
    ['a clock that is wrong', { endpoint: says.endpoint }, /RequestTimeTooSkewed/, /Set the clocks/],
    ['no bucket', { bucket: 'no-such-bucket' }, /NoSuchBucket/, /Make the bucket/],
    ['a wrong access key', { access: 'nobody:x' }, /SignatureDoesNotMatch/, /store's own keys/],
    ['another region', {}, /AuthorizationHeaderMalformed/, /own region/, { DAEDALUS_S3_REGION: 'eu-west-9' }],
  ];
  if (full) rows.push(['a store whose clock is an hour ahead', { endpoint: (await startSwift(t, { ahead: 3600 })).endpoint }, /RequestTimeTooSkewed/, /Set the clocks/]);
  for (const [name, other, code, remedy, more = {}] of some(rows, 3)) {
    await t.test(name, async (t) => {
      const store = { ...swift, ...other };
      const ask = await startAsker(t, { env: { ...environmentOf(store), ...more }, set: ['plugin store-s3.required=true'] });
      assert.equal(await ask.put('a/b', Buffer.from('x')), 409);
      assert.equal((await ask.get('a/b')).status, 409);
      const { id } = await ask.host.workspace();
      const reply = await post(ask.host, `/api/workspaces/${id}/files`, 'a', Buffer.from('x'));
      assert.deepEqual([reply.status, reply.json.code], [503, 'store_unavailable'], reply.text);
      assert.match(reply.headers['retry-after'], /^[1-9]\d*$/);
      assert.doesNotMatch(reply.text, code);
      await until(async () => (await ask.store()).status === 'down', 10_000, 'the word of /ready');
      assert.equal((await ask.host.request('GET', '/ready', { anonymous: true })).status, 503);
      const said = ask.host.log.filter((line) => line.includes('the object store cannot do what is asked'));
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0], code);
      assert.match(said[0], remedy);
      const log = ask.host.log.join('\n');
      for (const secret of [store.secret, store.access, 'Signature=']) assert.ok(!log.includes(secret), secret);
    });
  }
}

async function tls (t, swift) {
  const dir = folder(t), key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem');
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  assert.equal(made.status, 0, String(made.stderr));
  const faults = await startFaults(t, swift, { key, cert });
  const sums = new Set();
  faults.reset((what, n, req) => { if (what === 'put' || what === 'part') sums.add(req.headers['x-amz-content-sha256']); });
  const env = environmentOf({ ...swift, endpoint: faults.endpoint });
  const ask = await startAsker(t, { env, set: [`upstream.ca-file=${cert}`] });
  for (const bytes of [small, large]) {
    assert.equal(await ask.put('tls/a', bytes), 204);
    assert.equal((await ask.get('tls/a')).sha256, sumOf(bytes));
    assert.equal((await swift.client('look', 'tls/a')).sha256, sumOf(bytes));
  }
  assert.deepEqual([...sums], ['UNSIGNED-PAYLOAD']);
  const stranger = await startAsker(t, { env });
  assert.equal(await stranger.put('tls/b', small), 409);
  assert.match(stranger.host.log.join('\n'), /certificate/);
}

test('Swift', async (t) => {
  const swift = await startSwift(t);
  await t.test('behind a way that breaks', (t) => breaking(t, swift));
  await t.test('refuses for good', (t) => refusing(t, swift));
  await t.test('over TLS payloads are not signed, and certificates count', (t) => tls(t, swift));
  await t.test('is killed', (t) => killed(t, swift));
});

