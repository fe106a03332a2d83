// SPDX-License-Identifier: Apache-2.0
// Limits: what several workers allow together, and that nothing of it is lost when one dies.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { databases, sleep, startHost, until } from './kit.mjs';
import { Service } from './service.mjs';
import { descriptors } from './talk.mjs';

const micros = (time) => {
  const [, seconds, rest] = /^(.*?)(?:\.(\d+))?Z$/.exec(time);
  return Date.parse(`${seconds}Z`) * 1000 + Number((rest ?? '').padEnd(6, '0'));
};

/** How many of TURNS ran at the same moment, at most. */
function most (turns) {
  const steps = turns.flatMap(({ started_at, finished_at }) => [[micros(started_at), 1], [micros(finished_at), -1]]);
  let now = 0, highest = 0;
  for (const [, step] of steps.sort((a, b) => a[0] - b[0] || a[1] - b[1])) highest = Math.max(highest, now += step);
  return highest;
}

const refused = (reply, code) => {
  assert.equal(reply.status, 429, reply.text);
  assert.equal(reply.json.code, code);
  assert.match(reply.headers['retry-after'], /^[1-9]\d*$/);
  return Number(reply.headers['retry-after']);
};

/** An open connection that was served once; resolves to null where it was closed instead. */
function connect (port, localAddress = '127.0.0.1') {
  return new Promise((done) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => done(null));
    socket.on('close', () => done(null));
    socket.once('data', () => done(socket));
    socket.write('GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  });
}

test('turns at once', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(`${name}: four workers together run ten, and the others wait for their turn`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 4, set: ['limits.turns=10', 'plugin librarian.pace=40ms'] });
      const workspace = await host.workspace();
      const conversations = await Promise.all(Array.from({ length: 40 }, () => host.conversation(workspace)));
      const asked = await Promise.all(conversations.map((one) => host.post(one, 'count to 20')));
      const turns = await Promise.all(asked.map(({ turn }) => host.ended(turn.id, 60_000)));

      assert.deepEqual([...new Set(turns.map(({ state }) => state))], ['done']);
      assert.equal(most(turns), 10);
      // the oldest come first: who asked among the last did not begin among the first
      const order = [...turns].sort((a, b) => micros(a.started_at) - micros(b.started_at)).slice(0, 10);
      const asking = [...turns].sort((a, b) => micros(a.created_at) - micros(b.created_at)).slice(-10);
      assert.ok(order.filter((one) => asking.includes(one)).length <= 2, 'late questions overtook early ones');
      assert.ok(host.log.some((line) => line.includes('limit reached') && line.includes('"setting":"turns"')), 'the log tells it');
    });

    await t.test(`${name}: what a killed worker ran leaves room at once`, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2, set: ['limits.turns=2', 'plugin librarian.pace=100ms'] });
      const workspace = await host.workspace();
      const ask = async (text) => (await host.post(await host.conversation(workspace), text)).turn;
      const first = [await ask('count to 200'), await ask('count to 200')];
      await until(async () => (await Promise.all(first.map(({ id }) => host.turn(id)))).every(({ state }) => state === 'running'), 10_000, 'both turns to run');
      const waiting = await ask('count to 5');
      await sleep(700);
      assert.equal((await host.turn(waiting.id)).state, 'queued');
      for (const pid of host.workers()) process.kill(pid, 'SIGKILL');
      await until(async () => { try { return (await host.turn(waiting.id)).state === 'done'; } catch { return false; } }, 20_000, 'the end of the turn that waited');
      const again = [await ask('count to 30'), await ask('count to 30')];
      const turns = await Promise.all(again.map(({ id }) => host.ended(id)));
      assert.deepEqual(turns.map(({ state }) => state), ['done', 'done']);
      assert.equal(most(turns), 2);
    });
  }
});

test('changes a second are one budget for all workers', async (t) => {
  const host = await startHost(t, { workers: 2, set: ['limits.writes-per-second=2'] });
  const before = await host.metric('daedalus_http_rejected_total', { reason: 'rate' });
  const start = performance.now();
  const replies = await Promise.all(Array.from({ length: 60 }, () => host.request('POST', '/api/workspaces', { body: { name: 'W' } })));
  const room = 20 + 2 * Math.ceil((performance.now() - start) / 1000);
  const made = replies.filter(({ status }) => status === 201).length;
  const late = replies.filter(({ status }) => status !== 201);

  assert.ok(made >= 20 && made <= room, `${made} of at most ${room}`);
  for (const reply of late) assert.equal(refused(reply, 'too_many_writes'), 1);
  assert.equal(await host.metric('daedalus_http_rejected_total', { reason: 'rate' }) - before, late.length);
  const told = host.log.filter((line) => line.includes('limit reached')).length;
  assert.ok(told >= 1 && told <= 2 * Math.ceil((performance.now() - start) / 1000) + 2, `${told} lines for ${late.length} refusals`);
  // reading goes on, and after the time that was told so does writing
  assert.equal((await host.request('GET', '/api/workspaces')).status, 200);
  const last = await until(async () => {
    const reply = await host.request('POST', '/api/workspaces', { body: { name: 'W' } });
    return reply.status === 429 ? reply : null;
  }, 10_000, 'a refusal');
  await sleep(refused(last, 'too_many_writes') * 1000);
  assert.equal((await host.request('POST', '/api/workspaces', { body: { name: 'W' } })).status, 201);
});

test('event streams of a person', async (t) => {
  const host = await startHost(t, { workers: 2, set: ['limits.streams-per-person=3'] });
  const conversation = await host.conversation(await host.workspace());
  const open = () => host.events(conversation).opened;
  const readers = [await open(), await open(), await open()];

  assert.deepEqual(readers.map(({ status }) => status), [200, 200, 200]);
  for (let i = 0; i < 4; i++) refused(await host.request('GET', `/api/conversations/${conversation.id}/events`), 'too_many_streams');
  readers[0].close();
  const reader = await until(async () => {
    const one = await open();
    return one.status === 200 ? one : null;
  }, 5000, 'room for another stream');
  refused(await host.request('GET', '/api/events'), 'too_many_streams');

  // those of workers that died are not held against anybody
  for (const pid of host.workers()) process.kill(pid, 'SIGKILL');
  await until(() => [reader, ...readers.slice(1)].every(({ ended }) => ended), 5000, 'the end of all streams');
  const again = [];
  await until(async () => {
    try {
      const one = await open();
      if (one.status === 200) again.push(one);
      else one.close();
    } catch { /* no worker is there yet */ }
    return again.length === 3;
  }, 10_000, 'three streams');
  refused(await host.request('GET', '/api/events'), 'too_many_streams');
  for (const one of again) one.close();
});

test('connections of an address', async (t) => {
  const host = await startHost(t, { workers: 2, set: ['limits.connections-per-address=6'] });
  const open = [];
  for (let i = 0; i < 6; i++) open.push(await connect(host.port));
  assert.ok(open.every((socket) => socket !== null));
  for (let i = 0; i < 4; i++) assert.equal(await connect(host.port), null, 'the seventh is closed');
  const other = await connect(host.port, '127.0.0.2');
  assert.ok(other, 'another address is served');
  other.destroy();
  for (const socket of open) socket.destroy();
  await until(async () => (await connect(host.port))?.destroy(), 5000, 'a connection');
  await until(async () => { try { return await host.metric('daedalus_http_rejected_total', { reason: 'connections' }) === 4; } catch { return false; } }, 5000, 'the count');
});

test('trusted proxies may have any number of connections', async (t) => {
  const host = await startHost(t, { workers: 2, set: ['limits.connections-per-address=3', 'http.trusted-proxies=127.0.0.1'] });
  const open = await Promise.all(Array.from({ length: 20 }, () => connect(host.port)));
  assert.ok(open.every((socket) => socket !== null));
  for (const socket of open) socket.destroy();
});

test('workers have about as many connections each, and none is deaf while others stand still', async (t) => {
  const host = await startHost(t, { workers: 4, set: ['http.keep-alive=60s'] });
  const sockets = (pid) => descriptors(pid).filter((name) => name.startsWith('socket:')).length;
  const workers = host.workers();
  const before = workers.map(sockets);
  const open = [];
  for (let i = 0; i < 50; i++) open.push(...await Promise.all(Array.from({ length: 8 }, () => connect(host.port))));
  assert.ok(open.every((socket) => socket !== null));
  const had = workers.map((pid, i) => sockets(pid) - before[i]);
  t.diagnostic(`connections of each worker: ${had.join(' ')}`);
  assert.ok(Math.max(...had) <= 150, `${had}`);

  for (const pid of workers.slice(1)) process.kill(pid, 'SIGSTOP');
  try {
    const start = performance.now();
    const more = await Promise.all(Array.from({ length: 100 }, () => connect(host.port)));
    assert.ok(more.every((socket) => socket !== null));
    assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`);
    open.push(...more);
  } finally {
    for (const pid of workers.slice(1)) process.kill(pid, 'SIGCONT');
  }
  for (const socket of open) socket.destroy();
});

test('a reload takes up other limits, and counts go on', async (t) => {
  const service = await Service.at(t, { settings: ['host.workers=2'], limits: true });
  service.write('[limits]\nstreams-per-person = 2\n');
  const host = await service.start();
  const limits = async () => (await host.ok('GET', '/api/config')).limits;
  assert.deepEqual(await limits(), { json_body_bytes: 1048576, turns: 200, uploads: 32, writes_per_second: 50, streams_per_person: 2, connections_per_address: 1000 });
  const conversation = await host.conversation(await host.workspace());
  const open = () => host.events(conversation).opened;
  await open();
  await open();
  refused(await host.request('GET', '/api/events'), 'too_many_streams');
  service.write('[limits]\nstreams-per-person = 3\nturns = 0\n');
  const outcome = await service.reload();
  assert.equal(outcome.status, 0, outcome.err);
  assert.match(outcome.out, /streams-per-person/);
  assert.deepEqual([(await limits()).streams_per_person, (await limits()).turns], [3, null]);
  // the old workers end their streams; their readers come again
  const again = [];
  await until(async () => {
    const one = await open();
    if (one.status === 200) again.push(one);
    return again.length === 3;
  }, 10_000, 'three streams');
  refused(await host.request('GET', '/api/events'), 'too_many_streams');

  service.write('[limits]\nturns = many\nupload = 3\n');
  const bad = await service.reload();
  assert.equal(bad.status, 78);
  assert.match(bad.err, /\[limits\] turns/);
  assert.match(bad.err, /uploads/);
  await service.stop();
});
