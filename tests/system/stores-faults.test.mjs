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
  ...[busy, slowDown, 'refuse', 'mute', 'stall'].map((fault) => ['create', fault, large]),
  ...[busy, slowDown, 'refuse', 'mute', 'stall', { status: 200, code: 'InternalError' }].map((fault) => ['complete', fault, large]),
], 5);

const lasting = some([
  ['put', busy, small, 503], ['part', { status: 507 }, large, 507], ['complete', { status: 200, code: 'InternalError' }, large, 503],
  ['put', 'refuse', small, 503], ['put', { status: 403, code: 'QuotaExceeded' }, small, 507], ['put', { status: 507 }, small, 507],
  ['create', busy, large, 503], ['part', slowDown, large, 503], ['part', 'mute', large, 503], ['part', { status: 507 }, large, 507],
  ['part', { status: 403, code: 'AccessDenied' }, large, 409],
  ['complete', busy, large, 503], ['complete', { status: 200, code: 'InternalError' }, large, 503], ['complete', 'refuse', large, 503],
], 3);

const nameOf = ([what, fault], i) => `${i}-${what}-${fault.code ?? fault.status ?? fault}`;

/** A rule by the name of the object: its row's fault, `times` times. */
function ruleOf (rows, times) {
  const left = new Map(rows.map((row, i) => [nameOf(row, i), { what: row[0], fault: row[1], times }]));
  return (what, n, req) => {
    const one = left.get(decodeURIComponent(new URL(req.url, 'http://x').pathname).split('/').at(-1));
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

test('Swift behind a way that breaks', async (t) => {
  const swift = await startSwift(t);
  const faults = await startFaults(t, swift);
  const ask = await startAsker(t, { env: environmentOf({ ...swift, endpoint: faults.endpoint }), set: [`plugin store-s3.answer-limit=${full ? 8 : 30}s`] });
  const clean = async () => {
    faults.reset();
    // what the store began without being able to say so is ended by who tidies
    await until(async () => (await swift.client('uploads')).every((key) => key.includes('create-mute')), 15_000, 'the end of all uploads');
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

  await t.test('what lasts is said, and leaves nothing', async () => {
    faults.reset(ruleOf(lasting, -1));
    const statuses = await fewAtOnce(lasting.map((row, i) => () => ask.put(`lasting/${nameOf(row, i)}`, row[2])));
    assert.deepEqual(statuses, lasting.map((row) => row[3]));
    await clean();
    // a store that was silent may have understood: those are found by who lists
    assert.deepEqual(await swift.client('keys', 'lasting/'), []);
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
    faults.reset(() => busy);
    assert.equal((await ask.get('down/text')).status, 503);
  });

  await t.test('lists and removals are asked again', async () => {
    faults.reset((what, n) => n < 3 ? [busy, 'refuse', 'mute'][n] : undefined);
    assert.deepEqual((await ask.list({ prefix: 'down/' })).map((one) => one.key), ['down/text']);
    faults.reset((what, n) => n < 3 ? [slowDown, 'mute', 'refuse'][n] : undefined);
    assert.equal(await ask.remove('down/text'), 204);
    faults.reset();
    assert.deepEqual(await ask.list({ prefix: 'down/' }), []);
  });

  await t.test('uploads of the dead are tidied away', async () => {
    for (const key of ['dead/a', 'dead/b ä+', 'dead/c']) await swift.client('begin', key);
    assert.equal((await swift.client('uploads')).length, 3);
    await sleep(1100);
    assert.equal(await ask.tidy(), 204);
    assert.deepEqual(await swift.client('uploads'), []);
  });

  await t.test('no secret is in the log', () => {
    const log = ask.host.log.join('\n');
    assert.match(log, /the object store cannot do what is asked/);
    assert.ok(!log.includes(swift.secret) && !log.includes('Signature='));
  });
});

test('Swift is killed', async (t) => {
  const swift = await startSwift(t);
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
    assert.deepEqual(await swift.client('keys', 'killed/'), ['killed/soon']);
    await sleep(1100);
    assert.equal(await ask.tidy(), 204);
    assert.deepEqual(await swift.client('uploads'), []);
  });
});

test('what the store will never take', async (t) => {
  const swift = await startSwift(t);
  const skewed = await startFaults(t, swift);
  skewed.reset(() => ({ status: 403, code: 'RequestTimeTooSkewed' }));
  const rows = [
    ['a wrong secret', { secret: 'wrong' }, /SignatureDoesNotMatch/, /store's own keys/],
    ['a wrong access key', { access: 'nobody:x' }, /SignatureDoesNotMatch/, /store's own keys/],
    ['no bucket', { bucket: 'no-such-bucket' }, /NoSuchBucket/, /Make the bucket/],
    ['a clock that is wrong', { endpoint: skewed.endpoint }, /RequestTimeTooSkewed/, /Set the clocks/],
    ['another region', {}, /AuthorizationHeaderMalformed/, /own region/, { DAEDALUS_S3_REGION: 'eu-west-9' }],
  ];
  for (const [name, other, code, remedy, more = {}] of some(rows, 3)) {
    await t.test(name, async (t) => {
      const ask = await startAsker(t, { env: { ...environmentOf({ ...swift, ...other }), ...more }, set: ['plugin store-s3.required=true'] });
      assert.equal(await ask.put('a/b', Buffer.from('x')), 409);
      assert.equal((await ask.get('a/b')).status, 409);
      await until(async () => (await ask.store()).status === 'down', 10_000, 'the word of /ready');
      assert.equal((await ask.host.request('GET', '/ready', { anonymous: true })).status, 503);
      const said = ask.host.log.filter((line) => line.includes('the object store cannot do what is asked'));
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0], code);
      assert.match(said[0], remedy);
      assert.ok(!ask.host.log.join('\n').includes(swift.secret));
    });
  }
});

test('over TLS payloads are not signed, and certificates count', async (t) => {
  const dir = folder(t), key = join(dir, 'key.pem'), cert = join(dir, 'cert.pem');
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  assert.equal(made.status, 0, String(made.stderr));
  const swift = await startSwift(t);
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
});

test('lists of many pages', async (t) => {
  const keys = Array.from({ length: 25 }, (_, i) => `k ${String(i).padStart(2, '0')}+&<é>`);
  let broken = false, pages = 0;
  const server = http.createServer((req, res) => {
    const query = new URL(req.url, 'http://x').searchParams;
    const left = keys.filter((key) => key > (query.get('start-after') ?? '') && key.startsWith(query.get('prefix') ?? ''));
    const page = broken ? [keys[3], keys[1]] : left.slice(0, 4);
    pages += 1;
    res.end(`<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${left.length > 4}</IsTruncated>${
      page.map((key) => `<Contents><Key>${encodeURIComponent(key).replaceAll('%20', '+')}</Key><Size>7</Size></Contents>`).join('')}</ListBucketResult>`);
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  const ask = await startAsker(t, { env: environmentOf({ endpoint: `http://127.0.0.1:${server.address().port}/some/path/`, access: 'a', secret: 'b', bucket: 'c' }) });
  pages = 0;
  assert.deepEqual((await ask.list({ prefix: 'k' })).map((one) => one.key), keys);
  assert.equal(pages, 7);
  assert.deepEqual((await ask.list({ prefix: 'k', max: '6' })).map((one) => one.key), keys.slice(0, 6));
  assert.deepEqual((await ask.list({ prefix: 'k', after: keys[20] })).map((one) => one.key), keys.slice(21));
  broken = true;
  await assert.rejects(ask.list({ prefix: 'k' }), /out of order/);
});

test('a disk that is full', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'daedalus-disk-'));
  t.after(() => { spawnSync('umount', ['-l', path], { stdio: 'ignore' }); rmdirSync(path); });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path]);
  if (mounted.status !== 0) { t.skip('no right to mount a small file system'); return; }
  const ask = await startAsker(t, { set: [`plugin store-directory.path=${path}/files`] });
  assert.equal(await ask.put('a/kept', small), 204);
  for (const query of [{}, { length: '-1' }]) assert.equal(await ask.put('a/full', large, { query }), 507);
  assert.deepEqual((await ask.list()).map((one) => one.key), ['a/kept']);
  assert.equal((await ask.get('a/kept')).sha256, sumOf(small));
  assert.equal(await ask.put('a/fits', small), 204, 'what did not fit has gone');
  assert.equal(spawnSync('sh', ['-c', `ls -A ${path}/files/unfinished`]).stdout.toString(), '');
});
