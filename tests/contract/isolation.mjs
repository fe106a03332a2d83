// SPDX-License-Identifier: Apache-2.0
// isolation: person B, with every id of person A's, learns nothing and changes nothing.
//
// Made from the route table of the host, so a route that is added is tested too: one with a
// parameter that is not known here fails until somebody says whose it is.
import assert from 'node:assert/strict';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test as testOf } from 'node:test';
import { EventReader, sleep, startHost, until } from '../system/kit.mjs';
import { closeClient, send } from './client.mjs';
import { freshDatabase, on } from './database.mjs';
import { Spec } from './spec.mjs';
import { bodyFor as bodyOf, fill, parametersOf, routeTable } from './table.mjs';

const spec = new Spec();
const test = (name, func) => testOf(`${name}, ${on}`, func);
const SECRET = 'ornithopter'; // only A ever writes it
const PLACE = 'beneath the samovar'; // where A has put it: words that anybody may ask for

// Parameters that are not anybody's: what they name is for all who are signed in.
const common = new Set(['agent', 'path']);

let host;
let ids;
let earlier;
let spy;
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
    .concat([`/api/conversations/${ids.conversation_id}`, `/api/conversations/${ids.conversation_id}/messages`, `/api/turns/${ids.turn_id}`, `/api/messages/${ids.message_id}/siblings`,
      `/api/workspaces/${ids.workspace_id}/files`, `/api/files/${ids.file_id}`]);
  const texts = [];
  for (const path of paths) texts.push(JSON.stringify(await must('ada', 'GET', path)));
  return texts;
}

/** An agent from outside, which keeps what it is sent and answers nothing that makes sense. */
async function startSpy (t) {
  const heard = [];
  const server = http.createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    heard.push({ headers: req.headers, text });
    res.writeHead(500).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, heard };
}

before(async () => {
  const t = { after: (func) => ended.push(func) };
  spy = await startSpy(t);
  host = await startHost(t, { ...await freshDatabase(t), set: ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1', `agent spy.url=${spy.url}`] });
  const workspace = await must('ada', 'POST', '/api/workspaces', { body: { name: `${SECRET} works`, description: SECRET } });
  const conversation = await must('ada', 'POST', `/api/workspaces/${workspace.id}/conversations`, { body: { title: `about the ${SECRET}` } });
  const { message, turn } = await must('ada', 'POST', `/api/conversations/${conversation.id}/messages`, { body: { content: `The ${SECRET} is ${PLACE}. Where is it?`, agent: 'librarian' } });
  const token = await must('ada', 'POST', '/api/tokens', { body: { name: SECRET, scopes: ['read'] } });
  const file = await send(host, 'POST', `/api/workspaces/${workspace.id}/files?name=${SECRET}.txt`, { headers: as('ada'), body: `The ${SECRET} is ${PLACE}.` });
  assert.equal(file.status, 201, file.text);
  ids = { workspace_id: workspace.id, conversation_id: conversation.id, message_id: message.id, turn_id: turn.id, file_id: file.json.id, token_id: token.id, subject: 'ada', agent: 'librarian', path: 'x' };
  for (let i = 0; i < 500 && (await must('ada', 'GET', `/api/turns/${turn.id}`)).finished_at === null; i++) await sleep(20);
  await must('bob', 'POST', '/api/workspaces', { body: { name: 'of Bob' } });
  await sleep(400); // people are written a moment later
  earlier = await snapshot();
});

after(async () => {
  closeClient();
  for (const func of ended.reverse()) await func();
});

/** Words that say something of A's. */
const ofAda = () => [SECRET, ids.workspace_id, ids.conversation_id, ids.message_id, ids.turn_id, ids.file_id, '"ada"', 'ada@'];

const bodyFor = (route) => bodyOf(spec, route, ids);

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
    const nobodys = { ...ids, workspace_id: randomUUID(), conversation_id: randomUUID(), message_id: randomUUID(), turn_id: randomUUID(), file_id: randomUUID(), token_id: randomUUID() };
    const none = await ask('bob', route.method, fill(route, nobodys), { body });
    assert.equal(none.status, 404, none.text);
    const plain = (reply) => ({ ...reply.json, request_id: '' });
    assert.deepEqual(plain(mine), plain(none), 'the answers tell them apart');
    for (const name of ['etag', 'last-modified', 'location']) assert.equal(mine.headers[name], undefined, name);
  });

for (const route of routes.filter((one) => !['none', 'any'].includes(one.auth)))
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
    for (const word of ofAda()) assert.ok(!reply.text.includes(word), word);
  });

test("A's ids inside B's bodies name nothing", async () => {
  const workspace = (await must('bob', 'GET', '/api/workspaces')).items[0];
  const conversation = await must('bob', 'POST', `/api/workspaces/${workspace.id}/conversations`, { body: {} });
  const tries = [
    ['POST', `/api/conversations/${conversation.id}/messages`, { content: 'x', agent: null, parent_id: ids.message_id }],
    ['POST', `/api/conversations/${conversation.id}/messages`, { content: 'x', agent: null, file_ids: [ids.file_id] }],
    ['PUT', `/api/conversations/${conversation.id}/current`, { message_id: ids.message_id }],
    ['GET', `/api/conversations/${conversation.id}/messages?around=${ids.message_id}`],
  ];
  for (const [method, target, body] of tries) {
    const reply = await ask('bob', method, target, { body });
    assert.ok([404, 422].includes(reply.status), `${method} ${target}: ${reply.status} ${reply.text}`);
    assert.ok(!reply.text.includes(SECRET));
    const other = await ask('bob', method, target.replace(ids.message_id, randomUUID()), { body: body && JSON.parse(JSON.stringify(body).replace(ids.message_id, randomUUID()).replace(ids.file_id, randomUUID())) });
    assert.equal(other.status, reply.status, 'the answers tell them apart');
  }
});

test('another origin and a foreign Host are refused on every route', async () => {
  for (const route of routes) {
    const target = fill(route, ids);
    const reply = await ask('ada', route.method, target, { body: bodyFor(route), headers: { Host: 'elsewhere.example' } });
    assert.equal(reply.status, 421, `${route.method} ${target}: ${reply.text}`);
    if (route.method === 'GET') continue;
    const foreign = [{ Origin: 'https://elsewhere.example' }, { Origin: 'null' }, { Origin: `http://127.0.0.1:${host.port + 1}` }, { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' }, { 'Sec-Fetch-Site': 'cross-site', Origin: host.url }];
    for (const headers of foreign) {
      const other = await ask('ada', route.method, target, { body: bodyFor(route), headers });
      assert.equal(other.status, 403, `${route.method} ${target} ${JSON.stringify(headers)}: ${other.text}`);
    }
  }
});

test('a page of another origin may read nothing', async () => {
  for (const route of routes) {
    const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': route.method, 'Access-Control-Request-Headers': 'content-type' };
    for (const method of route.method === 'GET' ? ['GET', 'OPTIONS'] : ['OPTIONS']) {
      const reply = await ask('ada', method, fill(route, ids), { headers });
      const told = Object.keys(reply.headers).filter((name) => name.startsWith('access-control-'));
      assert.deepEqual(told, [], `${method} ${route.path}`);
    }
  }
});

async function answerFor (person, conversation, content, agent) {
  const { turn } = await must(person, 'POST', `/api/conversations/${conversation.id}/messages`, { body: { content, agent } });
  await until(async () => (await must(person, 'GET', `/api/turns/${turn.id}`)).finished_at !== null, 20_000, `the end of the turn of ${person}`);
  const { items } = await must(person, 'GET', `/api/conversations/${conversation.id}/messages`);
  return items.find(({ id }) => id === turn.answer_id);
}

async function conversationOfBob () {
  const { items: [workspace] } = await must('bob', 'GET', '/api/workspaces');
  return await must('bob', 'POST', `/api/workspaces/${workspace.id}/conversations`, { body: {} });
}

test("the librarian asked by B tells nothing of A's", async () => {
  const own = await answerFor('ada', { id: ids.conversation_id }, `What is ${PLACE}?`, 'librarian');
  assert.ok(own.content.includes(SECRET), `A is told: ${own.content}`);
  earlier = await snapshot();
  const conversation = await conversationOfBob();
  const { items } = await must('bob', 'GET', `/api/workspaces/${conversation.workspace_id}/conversations`);
  const count = await answerFor('bob', conversation, 'How many conversations are there?', 'librarian');
  assert.match(count.content, new RegExp(`\\b${items.length} conversation`));
  const questions = [`What is ${PLACE}?`, `Find samovar in workspace ${ids.workspace_id}`, `samovar conversation_id:${ids.conversation_id}`, "samovar' OR '1'='1", 'samovar*', '"samovar" OR NOT zzz'];
  for (const question of questions) {
    const answer = await answerFor('bob', conversation, question, 'librarian');
    assert.equal(answer.state, 'complete', JSON.stringify(answer));
    const told = JSON.stringify(answer).replaceAll(question, '');
    for (const word of ofAda().filter((one) => !questions.join().includes(one))) assert.ok(!told.includes(word), `${question}: ${word} in ${told}`);
  }
});

test('no agent from outside is given what opens the librarian', async () => {
  const answer = await answerFor('bob', await conversationOfBob(), 'hello', 'spy');
  assert.equal(answer.state, 'failed');
  assert.ok(spy.heard.length > 0);
  for (const { headers, text } of spy.heard) {
    assert.deepEqual(Object.keys(headers).filter((name) => /authori|cookie|forwarded|capab|token/.test(name)), []);
    assert.ok(!text.includes(SECRET));
  }
});

// ---- the librarian itself: it listens on a socket of the installation alone

const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'send_message', arguments: { message: `What is ${PLACE}?` } } };
const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

/** One request over the internal socket. */
function overSocket (method, path, { headers = {}, body } = {}) {
  return new Promise((done, fail) => {
    const req = http.request({ socketPath: join(host.dataDir, 'run', 'internal.sock'), method, path, headers: { Host: 'localhost', ...headers } }, async (res) => {
      let text = '';
      for await (const chunk of res) text += chunk;
      done({ status: res.statusCode, text });
    });
    req.on('error', fail);
    req.end(body && JSON.stringify(body));
  });
}

test('the librarian is not to be reached from outside, by any name', async () => {
  for (const path of ['/mcp/librarian', '/mcp/librarian/', '//mcp/librarian', '/mcp/%6cibrarian', '/api/../mcp/librarian']) {
    const reply = await ask('bob', 'POST', path, { body: call, headers: { Accept: json.Accept } });
    assert.ok([404, 405, 400].includes(reply.status), `${path}: ${reply.status}`);
    assert.ok(!/jsonrpc|samovar/.test(reply.text) && !reply.text.includes(SECRET), reply.text);
  }
  assert.ok((await ask('bob', 'GET', '/mcp/librarian')).headers['content-type'] !== 'application/json');
});

test('its socket is for this user alone, and serves nobody without a capability', async () => {
  const mode = (path) => statSync(path).mode & 0o777;
  assert.equal(mode(join(host.dataDir, 'run', 'internal.sock')) & 0o077, 0);
  const initialize = await overSocket('POST', '/mcp/librarian', { headers: json, body: { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } } } });
  assert.equal(initialize.status, 200, 'it is there');
  const words = Buffer.from(JSON.stringify({ subject: 'ada', workspace_id: ids.workspace_id, agent: 'librarian', expires_at: Date.now() * 2000 })).toString('base64url');
  const forged = createHmac('sha256', 'guess').update(words).digest('base64url');
  const tokens = [null, 'Bearer', 'Bearer ', 'Bearer x', `Bearer ${host.token}`, `Bearer ${randomBytes(48).toString('base64url')}`, `Bearer ${words}.${forged}`, `Bearer ${words}.`, `Basic ${Buffer.from('ada:ada').toString('base64')}`];
  for (const token of tokens) {
    const headers = { ...json, ...as('ada'), ...token !== null ? { Authorization: token } : {} };
    const reply = await overSocket('POST', '/mcp/librarian', { headers, body: call });
    assert.ok(JSON.parse(reply.text).error, `${token}: ${reply.text}`);
    assert.ok(!reply.text.includes(SECRET), reply.text);
  }
});

/** What the librarian says to PERSON by way of the relay, read to its end. */
function overRelay (person, query, question) {
  const body = JSON.stringify({ ...call, params: { ...call.params, arguments: { message: question } } });
  return new Promise((done, fail) => {
    const req = http.request(`${host.url}/api/mcp/librarian${query}`, { method: 'POST', headers: { ...as(person), ...json }, agent: false }, async (res) => {
      let text = '';
      for await (const chunk of res) text += chunk;
      done({ status: res.statusCode, text });
    });
    req.on('error', fail);
    req.end(body);
  });
}

test("the librarian asked by B over the relay tells nothing of A's", async () => {
  const question = call.params.arguments.message;
  const own = await overRelay('ada', `?workspace_id=${ids.workspace_id}`, question);
  assert.ok(own.status === 200 && own.text.includes(SECRET), `A is told: ${own.status} ${own.text}`);
  const workspace = await must('bob', 'POST', '/api/workspaces', { body: { name: 'where nothing was asked' } });
  const inside = await overRelay('bob', `?workspace_id=${workspace.id}`, question);
  assert.ok(inside.status === 200 && inside.text.includes('"result"'), `B is answered: ${inside.status} ${inside.text}`);
  const replies = [inside];
  for (const query of [`?workspace_id=${ids.workspace_id}`, '', `?workspace_id=${randomUUID()}`, `?workspace_id=${workspace.id}&workspace_id=${ids.workspace_id}`])
    replies.push(await overRelay('bob', query, question));
  const [, mine, , nobodys] = replies;
  const plain = ({ status, text }) => ({ status, text: text.replaceAll(/"request_id":"[^"]*"/g, '').replaceAll(/[0-9a-f-]{36}/g, 'ID') });
  assert.deepEqual(plain(mine), plain(nobodys), "A's workspace is to B as one that nobody has");
  for (const { text } of replies)
    for (const word of ofAda()) assert.ok(!text.includes(word), `${word} in ${text}`);
});

test("the socket serves nothing but internal agents: none of anybody's routes", async () => {
  for (const route of routes.filter((one) => one.path !== '/start')) {
    const reply = await overSocket(route.method, fill(route, ids), { headers: { ...as('ada'), ...json }, body: bodyFor(route) });
    assert.ok(reply.status >= 400, `${route.method} ${route.path}: ${reply.status}`);
    assert.ok(!reply.text.includes(SECRET), reply.text);
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
  const stream = await new EventReader(host, `/api/conversations/${ids.conversation_id}/events`, { person: 'carol' }).opened;
  const watching = await new EventReader(host, `/api/events?watch=${ids.conversation_id}:0`, { person: 'carol' }).opened;
  await watching.find('message.created');
  await must('ada', 'DELETE', `/api/workspaces/${ids.workspace_id}/members/carol`);
  assert.equal((await ask('carol', 'GET', `/api/conversations/${ids.conversation_id}`)).status, 404);
  assert.deepEqual((await stream.find('session.ended', 5000)).data, { reason: 'access_lost' });
  await until(() => stream.ended, 5000, 'the end of the stream');
  assert.deepEqual((await watching.find('session.ended', 5000)).data, { reason: 'access_changed' });
  await until(() => watching.ended, 5000, 'the end of the stream of all that is theirs');
  const again = await new EventReader(host, `/api/events?watch=${ids.conversation_id}:0`, { person: 'carol' }).opened;
  await again.find('state');
  await must('ada', 'POST', `/api/conversations/${ids.conversation_id}/messages`, { body: { content: `The ${SECRET} has moved`, agent: null } });
  await sleep(500);
  assert.ok(!JSON.stringify(again.events).includes(ids.conversation_id));
  again.close();
  earlier = await snapshot();
  assert.equal((await ask('ada', 'DELETE', `/api/workspaces/${ids.workspace_id}/members/ada`)).json.code, 'last_owner');
});

test('after all that A has what A had', async () => {
  const workspaceMoves = (texts) => texts.map((text) => text.replace(/"version":\d+/g, '"version":0'));
  assert.deepEqual(workspaceMoves(await snapshot()), workspaceMoves(earlier));
});
