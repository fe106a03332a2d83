// SPDX-License-Identifier: Apache-2.0
// matrix: matrix.txt against the running host: each route, asked by each kind of person and token.
//
// A route of the host without a row fails, and so does a row without a route. MATRIX_SHOW=1 prints the table as the
// host has it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test as testOf } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startHost, until } from '../system/kit.mjs';
import { closeClient, send } from './client.mjs';
import { freshDatabase, on } from './database.mjs';
import { Spec } from './spec.mjs';
import { bodyFor, fill, routeTable } from './table.mjs';

const spec = new Spec();
const test = (name, func) => testOf(`${name}, ${on}`, func);
const routes = routeTable();

// Who asks: people by name, tokens of the workspace's owner by scope.
const people = { nobody: null, another: 'bob', viewer: 'vic', editor: 'edi', owner: 'ada', admin: 'sue' };
const scopes = ['read', 'write', 'mcp', 'metrics'];

// What a row sends where the body that fits its route is not what is asked about, or is not to come twice.
const bodies = {
  'PATCH /api/workspaces/{workspace_id}': () => ({ name: 'x' }),
  'PATCH /api/workspaces/{workspace_id} archived': () => ({ archived: false }),
  'POST /api/workspaces/{workspace_id}/members': () => ({ email: `guest${count++}@example.org`, role: 'viewer' }),
};
// What takes away what it names: each cell gets its own.
const takes = /^(DELETE \/api\/(workspaces|conversations|tokens|files)\/|POST \/api\/tokens)/;

let count = 0;
let host;
let tokens;
let shared;
const ended = [];

async function ask (who, method, target, body) {
  const headers = who in people ? (people[who] ? host.headers(people[who]) : {}) : { Authorization: `Bearer ${tokens[who]}` };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  return await send(host, method, target, { headers, body: body !== undefined ? JSON.stringify(body) : undefined });
}

async function must (who, method, target, body) {
  const reply = await ask(who, method, target, body);
  assert.ok(reply.status < 300, `${method} ${target}: ${reply.status} ${reply.text}`);
  return reply.json;
}

/** A workspace of Ada's with its members, and what belongs to it. */
async function make () {
  const workspace = await must('owner', 'POST', '/api/workspaces', { name: 'Works' });
  for (const [name, role] of [['edi', 'editor'], ['vic', 'viewer'], ['gus', 'viewer']])
    await must('owner', 'POST', `/api/workspaces/${workspace.id}/members`, { email: `${name}@example.org`, role });
  const conversation = await must('owner', 'POST', `/api/workspaces/${workspace.id}/conversations`, {});
  const token = await must('owner', 'POST', '/api/tokens', { name: 'x', scopes: ['read'] });
  const file = await must('owner', 'POST', `/api/workspaces/${workspace.id}/files?name=x.txt`);
  return { ...shared, workspace_id: workspace.id, conversation_id: conversation.id, token_id: token.id, file_id: file.id };
}

/** The rows of matrix.txt: {name, route, expected: {who: status}}. */
function readMatrix () {
  const file = join(dirname(fileURLToPath(import.meta.url)), 'matrix.txt');
  const lines = readFileSync(file, 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');
  const columns = lines.shift().split(/\s+/).slice(1);
  assert.deepEqual(columns, [...Object.keys(people), ...scopes], 'the columns');
  return lines.map((line) => {
    const words = line.split(/\s+/);
    const statuses = words.splice(-columns.length).map(Number);
    const [method, path] = words;
    return { name: words.join(' '), method, path, route: routes.find((one) => one.method === method && one.path === path),
      expected: Object.fromEntries(columns.map((who, i) => [who, statuses[i]])) };
  });
}

/** What one answer of ROW to WHO is, and that HEAD is as GET. */
async function cell (row, who) {
  const ids = takes.test(row.name) ? await make() : shared;
  const route = row.path.endsWith('{subject}') && row.name.endsWith(' leave') ? { ...row.route, path: row.path.replace('{subject}', people[who] ?? 'ada') } : row.route;
  const target = fill(route, ids);
  const body = bodies[row.name] ? bodies[row.name]() : bodyFor(spec, row.route, ids);
  const reply = await ask(who, row.method, target, body);
  if (row.method === 'GET' && !row.route.streams) {
    const head = await ask(who, 'HEAD', target);
    // a one-time link is not used up by HEAD
    if (row.path !== '/start') assert.equal(head.status, reply.status, `HEAD ${target} of ${who}`);
  }
  if (reply.status === 401) assert.ok(reply.headers['www-authenticate'], 'WWW-Authenticate');
  if (reply.status === 403 && scopes.includes(who)) assert.equal(reply.json.code, 'insufficient_scope', `${row.name} of ${who}`);
  if (reply.status === 403 && who in people && row.route.auth !== 'any') assert.equal(reply.json.code, 'role_required', `${row.name} of ${who}`);
  return reply.status;
}

before(async () => {
  const t = { after: (func) => ended.push(func) };
  host = await startHost(t, { ...await freshDatabase(t), set: ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1', 'plugin auth.admins=sue'] });
  for (const name of [...Object.values(people).filter((one) => one), 'gus'])
    assert.equal((await send(host, 'GET', '/api/me', { headers: host.headers(name) })).status, 200);
  tokens = {};
  for (const scope of scopes) tokens[scope] = (await must('owner', 'POST', '/api/tokens', { name: scope, scopes: [scope] })).token;
  // people are written a moment later
  const seen = await must('owner', 'POST', '/api/workspaces', { name: 'Seen' });
  for (const name of ['edi', 'vic', 'gus'])
    await until(async () => {
      const { status, json } = await ask('owner', 'POST', `/api/workspaces/${seen.id}/members`, { email: `${name}@example.org`, role: 'viewer' });
      if (status === 409 || json.state === 'active') return true; // 409: an invitation was bound meanwhile
      await ask('owner', 'DELETE', `/api/workspaces/${seen.id}/members/${encodeURIComponent(json.subject)}`);
      return false;
    }, 10_000, `${name} among the people`);
  shared = { subject: 'gus', agent: 'librarian', path: 'x' };
  shared = await make();
  const { message, turn } = await must('owner', 'POST', `/api/conversations/${shared.conversation_id}/messages`, { content: 'thanks', agent: 'librarian' });
  Object.assign(shared, { message_id: message.id, turn_id: turn.id });
  await until(async () => (await must('owner', 'GET', `/api/turns/${turn.id}`)).finished_at !== null, 20_000, 'the end of the turn');
});

after(async () => {
  closeClient();
  for (const func of ended.reverse()) await func();
});

const rows = readMatrix();

test('each route of the host has a row, and each row a route', () => {
  const named = new Set(rows.map(({ method, path }) => `${method} ${path}`));
  assert.deepEqual(routes.map(({ method, path }) => `${method} ${path}`).filter((name) => !named.has(name)), [], 'routes without a row');
  assert.deepEqual(rows.filter(({ route }) => !route).map(({ name }) => name), [], 'rows without a route');
  assert.deepEqual(rows.map(({ name }) => name).filter((name, i, all) => all.indexOf(name) !== i), [], 'rows that come twice');
});

for (const row of rows.filter(({ route }) => route))
  test(row.name, async () => {
    const found = {};
    for (const who of Object.keys(row.expected)) found[who] = await cell(row, who);
    if (process.env.MATRIX_SHOW) console.error(row.name.padEnd(63), ...Object.values(found));
    else assert.deepEqual(found, row.expected);
  });

test("no administrator's token reaches what administrators do", async () => {
  tokens.admin = (await must('admin', 'POST', '/api/tokens', { name: 'all', scopes })).token;
  const headers = { Authorization: `Bearer ${tokens.admin}` };
  const admins = routes.filter(({ auth }) => auth === 'admin');
  assert.ok(admins.length > 0);
  for (const route of admins) {
    const body = bodyFor(spec, route, shared);
    const reply = await send(host, route.method, fill(route, shared), { headers: { ...headers, ...body ? { 'Content-Type': 'application/json' } : {} }, body: body && JSON.stringify(body) });
    assert.equal(reply.status, 404, `${route.method} ${route.path}: ${reply.text}`);
  }
});
