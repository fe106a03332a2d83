// SPDX-License-Identifier: Apache-2.0
// Behind pgbouncer in transaction mode: no statement, setting, lock or LISTEN may count on its connection.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { EventReader, startHost, startPostgres, textOf } from './kit.mjs';

test('two hosts share three connections of a pgbouncer in transaction mode', { timeout: 120_000 }, async (t) => {
  const postgres = await startPostgres(t);
  const direct = postgres.database(), database = postgres.pool(3)(direct);
  const proxy = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy'];
  const one = await startHost(t, { database, workers: 2, set: proxy });
  const two = await startHost(t, { database, workers: 2, set: proxy });
  const person = 'ada';
  const ask = (sql) => execFileSync('psql', ['-XAt', direct, '-c', sql], { encoding: 'utf8' }).trim();

  await t.test('they talk through the pooler, with three connections, and hear each other past it', () => {
    const rows = ask(`SELECT count(*) FILTER (WHERE query NOT LIKE 'LISTEN%'), count(*) FILTER (WHERE query LIKE 'LISTEN%')
      FROM pg_stat_activity WHERE datname = current_database () AND pid <> pg_backend_pid ()`).split('|').map(Number);
    assert.ok(rows[0] >= 1 && rows[0] <= 3, `${rows[0]} connections`);
    assert.equal(rows[1], 4, 'one LISTEN a worker');
  });

  await t.test('a turn at one is read at the other as it goes', async () => {
    const conversation = await one.conversation(await one.workspace('Pool', { person }), {}, { person });
    const reader = await new EventReader(two, `/api/conversations/${conversation.id}/events`, { person }).opened;
    const { turn } = await one.post(conversation, 'count to 40', { agent: 'librarian', person });
    await reader.find('turn.done', 30_000);
    assert.equal((await two.ended(turn.id, 10_000, { person })).state, 'done');
    assert.match(textOf(reader.events, turn.answer_id), /\b40\b/);
    reader.close();
  });

  await t.test('many at once, with and without a fault, mix up nothing', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `Workspace ${i}`);
    const made = await Promise.all(names.map((name, i) => (i % 2 ? one : two).workspace(name, { person })));
    const bad = await Promise.all(names.slice(0, 30).map(() => one.request('GET', '/api/workspaces/0190a8b2-5c3d-7e4f-8a91-0123456789ab', { person })));
    assert.deepEqual([...new Set(bad.map(({ status }) => status))], [404]);
    for (const [i, { id }] of made.entries())
      assert.equal((await (i % 2 ? two : one).ok('GET', `/api/workspaces/${id}`, { person })).name, names[i]);
    assert.equal(ask(`SELECT count(*) FROM daedalus.workspace WHERE name LIKE 'Workspace %'`), '120');
  });

  await t.test('nothing of a session was left in the pool', () => {
    assert.equal(ask('SELECT count(*) FROM pg_locks WHERE locktype = $$advisory$$'), '0');
    for (const host of [one, two])
      assert.deepEqual(host.log.filter((line) => /prepared statement|already exists|does not exist/.test(line)), []);
  });
});
