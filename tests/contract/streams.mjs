// SPDX-License-Identifier: Apache-2.0
// streams: each event of both streams is as schema/openapi.yaml says, and each kind that it names is seen.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { EventReader, startHost, until } from '../system/kit.mjs';
import { freshDatabase, on } from './database.mjs';
import { Spec } from './spec.mjs';

const spec = new Spec();
const operations = { conversation: spec.operation('streamConversation'), caller: spec.operation('streamCaller') };
const seen = { conversation: new Set(), caller: new Set() };

let host;
let workspace;
let dead;
const ended = [];
const readers = [];
before(async () => {
  const t = { after: (func) => ended.push(func) };
  dead = await sleeper();
  host = await startHost(t, { ...await freshDatabase(t), set: [`agent dead.url=${dead.url}`] });
  workspace = await host.workspace('Streams');
});
after(async () => {
  for (const reader of readers) reader.close();
  for (const func of ended.reverse()) await func();
});

/** An agent that is down at first; `revive` makes it one that has a tool and says nothing more. */
async function sleeper () {
  const server = createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    const { id, method, params } = text ? JSON.parse(text) : {};
    const tool = { name: 'chat', inputSchema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] } };
    const result = { 'initialize': { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'sleeper', version: '1' } }, 'tools/list': { tools: [tool] } }[method];
    res.writeHead(result ? 200 : 202, { 'Content-Type': 'application/json' });
    res.end(result && JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  const listen = (port) => new Promise((done) => server.listen(port, '127.0.0.1', done));
  await listen(0);
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  ended.push(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${port}/mcp`, revive: () => listen(port) };
}

/** A reader of KIND whose events are judged when the test is over. */
async function read (kind, path, options) {
  const reader = new EventReader(host, path, options);
  reader.kind = kind;
  readers.push(reader);
  return await reader.opened;
}

const follow = (conversation, options) => read('conversation', `/api/conversations/${conversation.id}/events`, options);

function judge (reader) {
  const complaints = reader.events.flatMap((event) => spec.eventComplaints(operations[reader.kind], event));
  assert.deepEqual(complaints.slice(0, 3), []);
  for (const { event } of reader.events) seen[reader.kind].add(event);
  if (reader.kind !== 'conversation') return;
  const ids = reader.events.filter(({ id }) => id !== null).map(({ id }) => Number(id));
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b), 'positions rise');
}

test(`what happens in a conversation comes as declared, ${on}`, async () => {
  const caller = await read('caller', '/api/events');
  await caller.find('state');
  const conversation = await host.conversation(workspace);
  const reader = await follow(conversation, { after: 0 });
  const watching = await read('caller', `/api/events?watch=${conversation.id}:0`);
  const path = `/api/conversations/${conversation.id}`;

  const first = await host.post(conversation, 'count to 25', { agent: 'librarian' });
  const second = await host.post(conversation, 'What did we say of the plan?', { agent: 'librarian' });
  const third = await host.post(conversation, 'never asked', { agent: 'librarian' });
  await host.ok('POST', `/api/turns/${third.turn.id}/cancel`);
  await reader.find(({ event, data }) => event === 'turn.chunk' && data.turn_id === first.turn.id);
  // who joins now gets what is there, in place of the chunks
  const late = await follow(conversation);
  await late.find('message.snapshot');
  await reader.find(({ event, data }) => event === 'turn.done' && data.turn_id === second.turn.id);
  await reader.find('turn.cancelled');
  await reader.find('turn.activity');
  await reader.find('turn.progress');

  const failed = await host.post(conversation, 'Are you there?', { agent: 'dead' });
  await reader.find(({ event, data }) => event === 'turn.failed' && data.turn_id === failed.turn.id);
  // asked anew: the first question gets a sibling
  await host.post(conversation, 'asked anew', { agent: null, parent_id: first.message.parent_id });
  await reader.find('message.updated');
  await host.ok('PUT', `${path}/current`, { body: { message_id: first.message.id } });
  await host.ok('PATCH', path, { body: { title: 'Of streams' } });
  await reader.find(({ event, data }) => event === 'conversation.updated' && data.conversation.title === 'Of streams');
  await host.ok('PUT', `${path}/read`, { body: { seq: 3 } });
  await dead.revive();
  await host.ok('POST', '/api/agents/dead/check');

  const lost = await follow(conversation, { after: 999999 });
  const lostToo = await read('caller', `/api/events?watch=${conversation.id}:999999`);
  for (const one of [lost, lostToo]) await one.find('stream.reset');
  await caller.find('state.turn');
  await caller.find('state.agent');
  await host.ok('DELETE', path);
  await reader.find('conversation.deleted');
  await until(() => reader.ended, 5000, 'the end of the stream of a conversation that is gone');
  await caller.find(({ event, data }) => event === 'state.conversation' && data.deleted);
  await watching.find('conversation.deleted');
  for (const one of [reader, late, lost, lostToo, caller, watching]) judge(one);
});

test(`a turn whose process is killed comes to its end as declared, ${on}`, async () => {
  const conversation = await host.conversation(workspace);
  const reader = await follow(conversation, { after: 0 });
  const { turn } = await host.post(conversation, 'count to 500', { agent: 'librarian' });
  await reader.find('turn.chunk');
  for (const pid of host.workers()) process.kill(pid, 'SIGKILL');
  await until(() => reader.ended, 5000, 'the end of a stream whose worker is gone');
  const last = reader.events.at(-1).id;
  const resumed = await until(() => follow(conversation, { after: last }).catch(() => null), 10_000, 'a new worker');
  const watching = await read('caller', `/api/events?watch=${conversation.id}:${last}`);
  for (const one of [resumed, watching]) await one.find(({ event, data }) => event === 'turn.interrupted' && data.turn_id === turn.id);
  for (const one of [reader, resumed, watching]) judge(one);
});

test(`the streams of a session end with it, as declared, ${on}`, async () => {
  const start = await host.request('GET', new URL(host.startLink).pathname + new URL(host.startLink).search, { anonymous: true });
  assert.equal(start.status, 303, start.text);
  const Cookie = start.headers['set-cookie'][0].split(';')[0];
  const conversation = await host.conversation(workspace);
  const options = { anonymous: true, headers: { Cookie } };
  const own = [await follow(conversation, options), await read('caller', '/api/events', options)];
  const others = await follow(conversation);
  const end = await host.request('POST', '/api/session/end', { anonymous: true, headers: { Cookie } });
  assert.equal(end.status, 204, end.text);
  for (const reader of own) {
    assert.deepEqual((await reader.find('session.ended')).data, { reason: 'signed_out' });
    await until(() => reader.ended, 5000, 'the end of the stream');
    judge(reader);
  }
  assert.ok(!others.ended);
  const { message } = await host.post(conversation, 'still here', { agent: null, key: randomUUID() });
  await others.find(({ event, data }) => event === 'message.created' && data.message.id === message.id);
  judge(others);
});

test(`each kind of event that the file names has been seen, ${on}`, () => {
  for (const [kind, op] of Object.entries(operations)) {
    // who watches names a position, and so has chunks: a snapshot stands only for those that are deleted, minutes later
    const later = kind === 'caller' ? ['message.snapshot'] : [];
    assert.deepEqual(Object.keys(op.events).filter((name) => !seen[kind].has(name) && !later.includes(name)), [], kind);
  }
});
