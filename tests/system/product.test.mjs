// SPDX-License-Identifier: Apache-2.0
// product: what the product's plugins promise where it is easy to break: large deletions beside other
// writers, rest of the log, snapshots that miss nothing, identity headers as bytes.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import assert from 'node:assert/strict';
import { EventReader, databases, sleep, startHost, startPostgres, until } from './kit.mjs';

const proxy = ['http.trusted-proxies=127.0.0.1', 'plugin auth.mode=proxy'];

/** Runs SQL in the database of HOST, or in the one of the URL. */
function sql (database, host, text) {
  if (database !== 'sqlite')
    return execFileSync('psql', ['-qAt', '-v', 'ON_ERROR_STOP=1', database, '-c', `SET search_path = daedalus; ${text}`], { encoding: 'utf8' }).trim();
  const file = readdirSync(host.dataDir).find((name) => name.endsWith('.db') || name.endsWith('.sqlite'));
  return execFileSync('sqlite3', ['-bail', '-cmd', '.timeout 10000', join(host.dataDir, file), text], { encoding: 'utf8' }).trim();
}

/** MESSAGES messages and as many events in CONVERSATION. */
function fill (database, host, conversation, messages) {
  const text = "'the harbour plan of week ' || g || ' holds cranes, quays, ships and their crews. ' || g * 7919";
  const words = Array(8).fill(text).join(' || ');
  if (database === 'sqlite') {
    sql(database, host, `
      WITH RECURSIVE n (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < ${messages})
      INSERT INTO message (id, conversation_id, role, content, state, created_at)
      SELECT printf('%08x-0000-7000-8000-%012x', g, g), '${conversation.id}', 'user', ${words}, 'complete', 1 FROM n;
      WITH RECURSIVE n (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < ${messages})
      INSERT INTO event (conversation_id, seq, kind, data, created_at)
      SELECT '${conversation.id}', 1000 + g, 'turn.chunk', '{}', 1 FROM n;`);
    return;
  }
  sql(database, host, `
    INSERT INTO message (id, conversation_id, role, content, state, created_at)
    SELECT (lpad (to_hex (g), 8, '0') || '-0000-7000-8000-' || lpad (to_hex (g), 12, '0'))::uuid, '${conversation.id}', 'user', ${words}, 'complete', now () FROM generate_series (1, ${messages}) g;
    INSERT INTO event (conversation_id, seq, kind, data, created_at)
    SELECT '${conversation.id}', 1000 + g, 'turn.chunk', '{}', now () FROM generate_series (1, ${messages}) g;`);
}

test('a workspace of 20,000 messages is deleted beside other writers, who never wait long', { timeout: 240_000 }, async (t) => {
  for (const [name, make] of await databases(t)) {
    await t.test(name, async (t) => {
      const database = make();
      const host = await startHost(t, { database });
      const gone = await host.workspace('Large');
      const conversation = await host.conversation(gone);
      fill(database, host, conversation, 20_000);
      const other = await host.workspace('Small');
      await host.ok('DELETE', `/api/workspaces/${gone.id}`);
      assert.equal((await host.request('GET', `/api/conversations/${conversation.id}`)).status, 404);
      const waits = [];
      const left = () => Number(sql(database, host, `SELECT count(*) FROM conversation WHERE id = '${conversation.id}'`));
      const end = Date.now() + 150_000;
      for (let look = 0; ; ) {
        const began = performance.now();
        await host.conversation(other, { title: 'beside' });
        waits.push(performance.now() - began);
        await sleep(20);
        if (Date.now() > look) {
          if (left() === 0) break;
          look = Date.now() + 1000;
        }
        assert.ok(Date.now() < end, 'the rows of the deleted workspace are still there');
      }
      waits.sort((a, b) => a - b);
      const worst = waits.at(-1);
      t.diagnostic(`${name}: ${waits.length} writes beside it, median ${waits[waits.length >> 1].toFixed(1)} ms, worst ${worst.toFixed(1)} ms`);
      assert.ok(worst < 500, `a writer waited ${worst} ms`);
      assert.equal(sql(database, host, `SELECT count(*) FROM message WHERE conversation_id = '${conversation.id}'`), '0');
      assert.equal(sql(database, host, `SELECT count(*) FROM event WHERE conversation_id = '${conversation.id}'`), '0');
    });
  }
});

test('a conversation at rest loses its events, not its messages, and a reader from before is told so', { timeout: 120_000 }, async (t) => {
  const postgres = await startPostgres(t);
  const database = postgres.database();
  const first = await startHost(t, { database, set: proxy, keep: true });
  const person = 'ada';
  const conversation = await first.conversation(await first.workspace('Rest', { person }), {}, { person });
  const { turn } = await first.post(conversation, 'help', { agent: 'librarian', person });
  await first.ended(turn.id, 20_000, { person });
  await first.stop();
  const old = "now () - interval '31 days'";
  sql(database, null, `UPDATE event SET created_at = ${old}; UPDATE conversation SET last_activity_at = ${old}, events_at = ${old};`);
  const host = await startHost(t, { database, set: proxy });
  await until(() => sql(database, null, 'SELECT count(*) FROM event') === '0', 20_000, 'the end of the old events');
  await until(() => sql(database, null, 'SELECT count(*) FROM conversation WHERE events_at IS NOT NULL') === '0', 5000, 'the mark of the empty log');
  const reader = await host.events(conversation, { after: 1, person }).opened;
  await reader.find('stream.reset');
  reader.close();
  const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`, { person });
  assert.equal(items.length, 2);
  assert.match(items[1].content, /librarian/);
  await host.ok('PATCH', `/api/conversations/${conversation.id}`, { body: { title: 'Awake' }, person });
  assert.equal(sql(database, null, 'SELECT count(*) FROM conversation WHERE events_at IS NOT NULL'), '1');
});

test('a caller\'s stream that opens while turns end hears of each end', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { workers: 2 });
  const workspace = await host.workspace('Moving');
  for (let i = 0; i < 25; i++) {
    const conversation = await host.conversation(workspace, { agent: 'librarian' });
    const { turn } = await host.post(conversation, 'thanks');
    await sleep(i * 8);
    const reader = await new EventReader(host, '/api/events').opened;
    await host.ended(turn.id);
    const known = () => {
      let state = null;
      for (const { event, data } of reader.events) {
        if (event === 'state') state = data.running.find(({ turn_id }) => turn_id === turn.id)?.state ?? 'over';
        if (event === 'state.turn' && data.turn_id === turn.id) state = data.state;
      }
      return state;
    };
    await until(() => ['over', 'done'].includes(known()), 3000, `round ${i}: the end of the turn (known: ${known()})`);
    reader.close();
  }
});

test('identity headers that are not UTF-8 are refused', async (t) => {
  const host = await startHost(t, { set: proxy });
  for (const bytes of [[0xfc], [0xc3], [0x61, 0xff, 0x62], [0xed, 0xa0, 0x80], [0x61, 0xf0, 0x9f]]) {
    for (const name of ['User', 'Email', 'Preferred-Username', 'Groups']) {
      const reply = await new Promise((done, fail) => {
        const socket = net.connect(host.port, '127.0.0.1');
        let text = '';
        socket.on('data', (data) => { text += data; });
        socket.on('end', () => done(text));
        socket.on('error', fail);
        socket.write(Buffer.concat([
          Buffer.from(`GET /api/me HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nConnection: close\r\n${name === 'User' ? '' : 'X-Forwarded-User: ada\r\n'}X-Forwarded-${name}: `),
          Buffer.from(bytes), Buffer.from('\r\n\r\n')]));
      });
      assert.match(reply, /^HTTP\/1\.1 400 /, `${name} ${bytes}: ${reply.slice(0, 80)}`);
    }
  }
  assert.equal((await host.ok('GET', '/api/me', { person: 'ada' })).subject, 'ada');
});

test('a question that waits is not asked any more when its person has been removed', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { set: [...proxy, 'plugin librarian.pace=100ms'] });
  const [ada, bob] = [{ person: 'ada' }, { person: 'bob' }];
  await host.ok('GET', '/api/me', bob);
  const workspace = await host.workspace('Shared', ada);
  const path = `/api/workspaces/${workspace.id}/members`;
  await until(async () => {
    const reply = await host.request('POST', path, { body: { email: 'bob@example.org', role: 'editor' }, ...ada });
    if (reply.status === 201 && reply.json.state === 'active') return true;
    if (reply.status === 201) await host.ok('DELETE', `${path}/${encodeURIComponent(reply.json.subject)}`, ada);
    return false;
  }, 5000, 'bob, who has signed in');
  const conversation = await host.conversation(workspace, { agent: 'librarian' }, ada);
  const running = await host.post(conversation, 'count to 100', ada);
  const waiting = await host.post(conversation, 'count to 3', bob);
  const last = await host.post(conversation, 'thanks', ada);
  const reader = await host.events(conversation, bob).opened;
  await host.ok('DELETE', `${path}/bob`, ada).catch((error) => assert.match(error.message, /JSON|204/));
  const ended = await reader.find('session.ended', 3000);
  assert.equal(ended.data.reason, 'access_lost');
  assert.equal((await host.ended(running.turn.id, 20_000, ada)).state, 'done');
  const over = await host.ended(waiting.turn.id, 20_000, ada);
  assert.equal(over.state, 'cancelled');
  assert.equal(over.started_at, null);
  assert.equal((await host.ended(last.turn.id, 20_000, ada)).state, 'done');
});
