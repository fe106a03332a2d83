// SPDX-License-Identifier: Apache-2.0
// Answer rows on their whole way: what becomes of a transaction, of what it wanted counted and
// told, and of a request that is sent again.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { daedalus, databases, folder, source, startHost, until } from './kit.mjs';
import { Service } from './service.mjs';

const build = process.env.TEST_BUILD ?? join(source, 'build');
const args = ['--plugin', join(build, 'tests', 'plugin-api', 'parts', 'answers.so')];

const post = (host, how, key, more = {}) => host.request('POST', '/api/answers',
  { body: { how }, headers: key ? { 'Idempotency-Key': key } : {}, ...more });

/** What the transactions so far have left behind. */
async function left (host) {
  return {
    ...await host.ok('GET', '/api/answers'),
    ...await host.ok('GET', '/api/answers/hints'),
    counted: await host.metric('daedalus_answers_notes_total'),
    told: host.log.filter((line) => line.includes('a note was made')).length,
  };
}

const problem = (reply, status, code) => {
  assert.equal(reply.status, status, reply.text);
  assert.equal(reply.json.code, code);
  assert.equal(reply.headers['content-type'], 'application/problem+json');
};

test('answers', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(`${name}: what is rolled back leaves nothing behind`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 1, args });
      assert.equal((await post(host, 'well')).status, 201);
      await until(async () => (await left(host)).told === 1, 5000, 'the line of the note');
      const before = { notes: 1, hints: 1, counted: 1, told: 1 };
      assert.deepEqual(await left(host), before);
      for (const [how, status, code] of [
        ['refuse', 422, 'refused'], ['conflict', 409, 'conflict'], ['invalid', 422, 'invalid_value'],
        ['wrong', 500, 'internal'], ['nothing', 500, 'internal'], ['late', 504, 'deadline'],
      ]) {
        const key = randomUUID();
        problem(await post(host, how, key), status, code);
        problem(await post(host, how, key), status, code); /* the key was not kept */
        assert.deepEqual(await left(host), before, how);
      }
      assert.equal(await host.metric('daedalus_http_rejected_total', { reason: 'deadline' }), 2);
      assert.equal(await host.metric('daedalus_plugin_faults_total', { plugin: 'answers', kind: 'database' }), 2);
      assert.equal(await host.metric('daedalus_plugin_faults_total', { plugin: 'answers', kind: 'no_reply' }), 2);
    });

    await t.test(`${name}: a key gives the first answer again`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2, args });
      const key = randomUUID();
      const first = await post(host, 'well', key);
      const again = await post(host, 'well', key);
      assert.equal(first.status, 201);
      assert.equal(first.headers['idempotency-replayed'], undefined);
      assert.equal(again.status, 201);
      assert.equal(again.text, first.text);
      assert.equal(again.headers['idempotency-replayed'], 'true');
      assert.equal(first.headers.link, '</first>; rel=a, </second>; rel=b');
      for (const header of ['etag', 'location', 'link', 'content-type', 'cache-control'])
        assert.equal(again.headers[header], first.headers[header], header);
      assert.notEqual(again.headers['x-request-id'], first.headers['x-request-id']);
      problem(await post(host, 'slow', key), 422, 'idempotency_key_reused');
      problem(await host.request('POST', '/api/answers?x=1', { body: { how: 'well' }, headers: { 'Idempotency-Key': key } }),
        422, 'idempotency_key_reused');
      for (const path of ['/api/answers', '/api/answers/secret']) {
        const headers = { 'Idempotency-Key': randomUUID() };
        const options = path.endsWith('secret') ? { headers } : { headers, body: { how: 'long' } };
        assert.equal((await host.request('POST', path, options)).status, 201);
        problem(await host.request('POST', path, options), 409, 'already_done');
      }
      problem(await post(host, 'well', 'k'.repeat(201)), 400, 'invalid_idempotency_key');
      problem(await post(host, 'well', 'a b'), 400, 'invalid_idempotency_key');
      assert.equal((await host.ok('GET', '/api/answers')).notes, 3);
    });

    await t.test(`${name}: one key at once at several workers runs once`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2, args });
      const key = randomUUID();
      const replies = await Promise.all(Array.from({ length: 6 }, () => post(host, 'slow', key)));
      const made = replies.filter(({ status }) => status === 201);
      const others = replies.filter(({ status }) => status !== 201);
      assert.equal(made.filter(({ headers }) => !headers['idempotency-replayed']).length, 1);
      for (const reply of others) {
        if (name === 'sqlite') { /* its writers stand in line, some past their deadline */
          problem(reply, 504, 'deadline');
          continue;
        }
        problem(reply, 409, 'idempotency_in_flight');
        assert.equal(reply.headers['retry-after'], '1');
      }
      if (name !== 'sqlite') assert.ok(others.length > 0, 'some met the first');
      assert.equal((await host.ok('GET', '/api/answers')).notes, 1);
    });
  }

  await t.test('an answer row cannot open a stream', async (t) => {
    const host = await startHost(t, { workers: 1, args });
    assert.equal((await post(host, 'stream')).status, 201);
    assert.equal(await host.metric('daedalus_plugin_faults_total', { plugin: 'answers', kind: 'second_reply' }), 1);
  });

  await t.test('who finds no room in the queue is told to come again', async (t) => {
    const host = await startHost(t, { workers: 1, args });
    const agent = new http.Agent({ maxSockets: Infinity });
    const replies = await Promise.all(Array.from({ length: 280 }, () => host.request('GET', '/api/answers/wait', { agent })));
    const count = (wanted) => replies.filter(({ status }) => status === wanted).length;
    agent.destroy();
    assert.ok(count(204) >= 3 && count(204) <= 9, `${count(204)} were served`);
    assert.equal(count(204) + count(503), replies.length);
    for (const reply of replies.filter(({ status }) => status === 503)) {
      problem(reply, 503, 'busy');
      assert.equal(reply.headers['retry-after'], '1');
    }
    assert.equal((await host.ok('GET', '/api/answers')).notes, 0);
  });

  await t.test('where the disk is full nothing is stored, until there is room again', async (t) => {
    const program = join(folder(t), 'daedalus');
    writeFileSync(program, `#!/bin/sh\ntrap '' XFSZ\nexec ${daedalus} "$@"\n`);
    chmodSync(program, 0o755);
    const service = await Service.at(t, { program, settings: ['host.workers=1'], args });
    const host = await service.start();
    const limit = (bytes) => execFileSync('prlimit', ['--pid', String(host.workers()[0]), `--fsize=${bytes}:unlimited`]);
    assert.equal((await post(host, 'well')).status, 201);
    limit(4096);
    const key = randomUUID();
    problem(await post(host, 'well', key), 507, 'storage_full');
    assert.equal((await host.ok('GET', '/api/answers')).notes, 1);
    limit('unlimited');
    assert.equal((await post(host, 'well', key)).status, 201);
    assert.equal((await host.ok('GET', '/api/answers')).notes, 2);
    assert.equal(await service.stop(), 0);
  });
});
