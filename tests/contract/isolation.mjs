// SPDX-License-Identifier: Apache-2.0
// isolation: person B, with every id of person A's, learns nothing and changes nothing.
//
// Made from the route table of the host, so a route that is added is tested too: one with a
// parameter that is not known here fails until somebody says whose it is.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sleep, startHost, EventReader } from '../system/kit.mjs';
import { closeClient, send } from './client.mjs';
import { freshDatabase, on } from './database.mjs';
import { Spec } from './spec.mjs';
import { routeTable } from './table.mjs';

const spec = new Spec();
const SECRET = 'ornithopter'; // only A ever writes it

// Parameters that are not anybody's: what they name is for all who are signed in.
const common = new Set(['agent', 'path']);

let host;
let ids;
let earlier;
const ended = [];
const as = (person) => host.headers(person);

async function ask (person, method, target, { body, headers = {} } = {}) {
  const all = { ...(person ? as(person) : {}), ...(body !== undefined ? { 'Content-Type': 'application/json' } : {}), ...headers };
  return await send(host, method, target, { headers: all, body: body !== undefined ? JSON.stringify(body) : undefined });
}

async function must (person, method, target, options) {
  const reply = await ask(person, method, target, options);
  assert.ok(reply.status < 300, `${method} ${target}: ${reply.status} ${reply.text}`);
  return reply.json;
}

/** All that A can read of A's own: B's attempts must not change it. */
async function snapshot () {
  const paths = ['', '/members', '/agents', '/conversations'].map((end) => `/api/workspaces/${ids.workspace_id}${end}`)
    .concat([`/api/conversations/${ids.conversation_id}`, `/api/conversations/${ids.conversation_id}/messages`, `/api/turns/${ids.turn_id}`, `/api/messages/${ids.message_id}/siblings`]);
  const texts = [];
  for (const path of paths) texts.push(JSON.stringify(await must('ada', 'GET', path)));
  return texts;
}

before(async () => {
  const t = { after: (func) => ended.push(func) };
  host = await startHost(t, { ...await freshDatabase(t), set: ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1'] });
  const workspace = await must('ada', 'POST', '/api/workspaces', { body: { name: `${SECRET} works`, description: SECRET } });
  const conversation = await must('ada', 'POST', `/api/workspaces/${workspace.id}/conversations`, { body: { title: `about the ${SECRET}` } });
  const { message, turn } = await must('ada', 'POST', `/api/conversations/${conversation.id}/messages`, { body: { content: `Where is the ${SECRET}?`, agent: 'librarian' } });
  ids = { workspace_id: workspace.id, conversation_id: conversation.id, message_id: message.id, turn_id: turn.id, subject: 'ada', agent: 'librarian', path: 'x' };
  for (let i = 0; i < 500 && (await must('ada', 'GET', `/api/turns/${turn.id}`)).finished_at === null; i++) await sleep(20);
  await must('bob', 'POST', '/api/workspaces', { body: { name: 'of Bob' } });
  await sleep(400); // people are written a moment later
  earlier = await snapshot();
});

after(async () => {
  closeClient();
  for (const func of ended.reverse()) await func();
});

const parametersOf = (route) => [...route.path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name);
const fill = (route, values) => route.path.replace(/\{([a-z_]+)\}/g, (_, name) => encodeURIComponent(values[name]));

/** A body that fits, so that the request gets as far as the question who may do this. */
function bodyFor (route) {
  const op = spec.operations.find((one) => one.method === route.method && one.path === route.path);
  if (!op?.body) return undefined;
  const samples = { name: 'x', title: 'x', content: 'x', agent: null, email: 'eve@example.org', role: 'viewer', items: [], message_id: ids.message_id, seq: 1, archived: true, pinned: true };
  const schema = spec.resolve(op.body);
  return Object.fromEntries(Object.keys(schema.properties).filter((name) => samples[name] !== undefined).map((name) => [name, samples[name]]));
}

const routes = routeTable();
const owned = routes.filter((route) => parametersOf(route).some((name) => !common.has(name)));

test('whose each parameter is, is known', () => {
  for (const route of routes)
    for (const name of parametersOf(route)) assert.ok(ids[name] !== undefined, `{${name}} of ${route.pattern}`);
  assert.ok(owned.length >= 20, `${owned.length} routes`);
});

for (const route of owned)
  test(`${route.method} ${route.path}: A's ids are to B as ids that nobody has`, async () => {
    const body = bodyFor(route);
    const mine = await ask('bob', route.method, fill(route, ids), { body });
    assert.equal(mine.status, 404, mine.text);
    assert.ok(!mine.text.includes(SECRET));
    const nobodys = { ...ids, workspace_id: randomUUID(), conversation_id: randomUUID(), message_id: randomUUID(), turn_id: randomUUID() };
    const none = await ask('bob', route.method, fill(route, nobodys), { body });
    assert.equal(none.status, 404, none.text);
    const plain = (reply) => ({ ...reply.json, request_id: '' });
    assert.deepEqual(plain(mine), plain(none), 'the answers tell them apart');
    for (const name of ['etag', 'last-modified', 'location']) assert.equal(mine.headers[name], undefined, name);
  });

for (const route of routes.filter((one) => one.auth !== 'none'))
  test(`${route.method} ${route.path}: nobody is asked to sign in`, async () => {
    const reply = await ask(null, route.method, fill(route, ids), { body: bodyFor(route) });
    assert.equal(reply.status, 401, reply.text);
    assert.ok(reply.headers['www-authenticate']);
    assert.equal(reply.headers['set-cookie'], undefined);
  });

for (const route of routes.filter((one) => one.auth === 'admin'))
  test(`${route.method} ${route.path}: is not there for those who are no administrators`, async () => {
    assert.equal((await ask('bob', route.method, fill(route, ids), { body: bodyFor(route) })).status, 404);
  });

for (const route of routes.filter((one) => one.method === 'GET' && one.auth === 'user' && !one.streams && parametersOf(one).every((name) => common.has(name))))
  test(`GET ${route.path}: B's answer holds nothing of A's`, async () => {
    const reply = await ask('bob', 'GET', fill(route, ids));
    assert.equal(reply.status, 200, reply.text);
    for (const word of [SECRET, ids.workspace_id, ids.conversation_id, ids.message_id, ids.turn_id, 'ada']) assert.ok(!reply.text.includes(word), word);
  });

test("A's ids inside B's bodies name nothing", async () => {
  const workspace = (await must('bob', 'GET', '/api/workspaces')).items[0];
  const conversation = await must('bob', 'POST', `/api/workspaces/${workspace.id}/conversations`, { body: {} });
  const tries = [
    ['POST', `/api/conversations/${conversation.id}/messages`, { content: 'x', agent: null, parent_id: ids.message_id }],
    ['PUT', `/api/conversations/${conversation.id}/current`, { message_id: ids.message_id }],
    ['GET', `/api/conversations/${conversation.id}/messages?around=${ids.message_id}`],
  ];
  for (const [method, target, body] of tries) {
    const reply = await ask('bob', method, target, { body });
    assert.ok([404, 422].includes(reply.status), `${method} ${target}: ${reply.status} ${reply.text}`);
    assert.ok(!reply.text.includes(SECRET));
    const other = await ask('bob', method, target.replace(ids.message_id, randomUUID()), { body: body && JSON.parse(JSON.stringify(body).replace(ids.message_id, randomUUID())) });
    assert.equal(other.status, reply.status, 'the answers tell them apart');
  }
});

test("B's stream tells nothing of A's, also where B watches it", async () => {
  const reader = new EventReader(host, `/api/events?watch=${ids.conversation_id}:0`, { person: 'bob' });
  await reader.opened;
  await reader.find('state');
  await must('ada', 'POST', `/api/conversations/${ids.conversation_id}/messages`, { body: { content: `More of the ${SECRET}`, agent: null } });
  await sleep(500);
  const text = JSON.stringify(reader.events);
  reader.close();
  for (const word of [SECRET, ids.workspace_id, ids.conversation_id]) assert.ok(!text.includes(word), word);
  earlier = await snapshot();
});

test('an Idempotency-Key is its person\'s own', async () => {
  const headers = { 'Idempotency-Key': randomUUID() };
  const body = { name: `${SECRET} two` };
  const first = await must('ada', 'POST', '/api/workspaces', { body, headers });
  const second = await must('bob', 'POST', '/api/workspaces', { body, headers });
  assert.notEqual(first.id, second.id);
  await must('bob', 'DELETE', `/api/workspaces/${second.id}`);
});

test('identity headers of a peer that is no trusted proxy are nobody\'s', async (t) => {
  const other = await startHost(t, { set: ['plugin auth.mode=proxy'] });
  const reply = await other.request('GET', '/api/me', { person: 'ada' });
  assert.equal(reply.status, 401);
  assert.ok(await other.metric('daedalus_auth_ignored_identity_headers_total') >= 1);
});

test('a doubled identity header is refused', async () => {
  const reply = await send(host, 'GET', '/api/me', { headers: { 'X-Forwarded-User': ['ada', 'bob'] } });
  assert.equal(reply.status, 400, reply.text);
  assert.equal(reply.json.code, 'identity_header_doubled');
});

test('a member sees what they may, a former member nothing', async () => {
  await must('carol', 'GET', '/api/me');
  await sleep(400); // people are written a moment later
  const member = await must('ada', 'POST', `/api/workspaces/${ids.workspace_id}/members`, { body: { email: 'carol@example.org', role: 'viewer' } });
  assert.deepEqual([member.subject, member.state], ['carol', 'active']);
  assert.equal((await ask('carol', 'GET', `/api/conversations/${ids.conversation_id}`)).status, 200);
  for (const [method, end, body] of [['PATCH', '', { name: 'x' }], ['DELETE', ''], ['POST', '/members', { email: 'eve@example.org', role: 'owner' }], ['POST', '/conversations', {}], ['PUT', '/agents', { items: [] }]]) {
    const reply = await ask('carol', method, `/api/workspaces/${ids.workspace_id}${end}`, { body });
    assert.equal(reply.status, 403, `${method} ${end}: ${reply.text}`);
    assert.equal(reply.json.code, 'role_required');
  }
  await must('ada', 'DELETE', `/api/workspaces/${ids.workspace_id}/members/carol`);
  assert.equal((await ask('carol', 'GET', `/api/conversations/${ids.conversation_id}`)).status, 404);
  assert.equal((await ask('ada', 'DELETE', `/api/workspaces/${ids.workspace_id}/members/ada`)).json.code, 'last_owner');
});

test('after all that A has what A had', async () => {
  const workspaceMoves = (texts) => texts.map((text) => text.replace(/"version":\d+/g, '"version":0'));
  assert.deepEqual(workspaceMoves(await snapshot()), workspaceMoves(earlier));
});
