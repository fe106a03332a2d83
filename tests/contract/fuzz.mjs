// SPDX-License-Identifier: Apache-2.0
// fuzz: holds the running host against schema/openapi.yaml.
//
// For each operation: bodies that fit, nearly fit, do not, or are no JSON; parameters alike; real
// ids and made-up ones. Whatever comes back must be declared, fit its schema, and say what is
// wrong with the request where something is, and only there. Then a model run: create, read, change with
// good and stale ETags, repeat with Idempotency-Key, list, delete, beside a map in memory.
//
//   CONTRACT_SEED   default fixed, so that a run can be repeated
//   CONTRACT_RUNS   runs for each operation, default 60
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { folder, startHost } from '../system/kit.mjs';
import { anything, broken, fitting, nearly } from './arbitrary.mjs';
import { closeClient, send } from './client.mjs';
import { freshDatabase, on } from './database.mjs';
import { Spec } from './spec.mjs';

const seed = Number(process.env.CONTRACT_SEED ?? 20261123);
const runs = Number(process.env.CONTRACT_RUNS ?? 60);
const spec = new Spec();

// Operations that start work or hold a connection are tried less often.
const fewer = { postMessage: 3, cancelTurn: 4, streamCaller: 4, streamConversation: 4, checkAgent: 6, deleteWorkspace: 3, deleteConversation: 3 };

// A member that names something else may name what is not there: that is 422 with its pointer.
const references = /^\/(agent|default_agent|parent_id|message_id|items\/\d+|file_ids\/\d+)$/;
// What may stand in the way of a request that is well formed.
const obstacles = new Set(['already_member', 'last_owner', 'has_owner', 'not_yourself', 'turn_queue_full', 'turn_over', 'too_many_tokens']);

let host;
let ids;
const given = new Map(); // operation -> set of the statuses that it gave
const ended = [];
before(async () => {
  const t = { after: (func) => ended.push(func) };
  const page = folder(t);
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
  host = await startHost(t, { ...await freshDatabase(t), set: [`host.static-dir=${page}`, 'plugin librarian.pace=5ms', 'plugin workspaces.owner-absent=1s'] });
  ids = await populate();
});
after(async () => {
  closeClient();
  for (const func of ended.reverse()) await func();
});

/** What is wrong with an answer to OP; its status is remembered. */
function complaints (op, reply) {
  given.set(op.id, (given.get(op.id) ?? new Set()).add(reply.status));
  return spec.complaints(op, reply);
}

const newFile = (body = 'A file with some text in it') => host.ok('POST', `/api/workspaces/${ids.workspace_id}/files?name=some.txt`, { body, headers: { 'Content-Type': 'text/plain' } });
const newToken = () => host.ok('POST', '/api/tokens', { body: { name: 'x', scopes: ['read'] } });

async function populate () {
  const workspace = await host.workspace('Fuzz');
  const conversation = await host.conversation(workspace);
  const { message, turn } = await host.post(conversation, 'What is here?');
  ids = { workspace_id: workspace.id };
  return { ...ids, conversation_id: conversation.id, message_id: message.id, turn_id: turn.id, token_id: (await newToken()).id, file_id: (await newFile()).id, subject: 'local', agent: turn.agent, path: 'nothing-here' };
}

// What an operation would take away is made anew for it.
const fresh = {
  // nobody may have more than a hundred
  createToken: async () => { for (const { id } of (await host.ok('GET', '/api/tokens')).items.slice(50)) await host.ok('DELETE', `/api/tokens/${id}`); },
  revokeToken: async () => ({ token_id: (await newToken()).id }),
  deleteFile: async () => ({ file_id: (await newFile()).id }),
  deleteWorkspace: async () => ({ workspace_id: (await host.workspace('Short-lived')).id }),
  deleteConversation: async () => ({ conversation_id: (await host.conversation({ id: ids.workspace_id })).id }),
  removeMember: async () => ({ subject: (await host.ok('POST', `/api/workspaces/${ids.workspace_id}/members`, { body: { email: `${randomUUID()}@example.org`, role: 'viewer' } })).subject }),
  cancelTurn: async () => {
    const conversation = await host.conversation({ id: ids.workspace_id });
    await host.post(conversation, 'count to 20', { agent: ids.agent });
    return { turn_id: (await host.post(conversation, 'count to 10', { agent: ids.agent })).turn.id };
  },
};

// What members that name something else may name.
const real = { agent: () => ids.agent, default_agent: () => ids.agent, items: () => [ids.agent], file_ids: () => [ids.file_id], message_id: () => ids.message_id, parent_id: () => ids.message_id };
const withReal = (value) => Object.fromEntries(Object.entries(value).map(([name, one]) => [name, one !== null && real[name] ? real[name]() : one]));

const garbage = fc.constantFrom('0', 'x', '00000000-0000-0000-0000-00000000000g', '%00', '%ff', '..', '%2e%2e', '%2f', 'a%0d%0ab', '%', '-', 'é', "'", '漢'.repeat(50));

/** One path parameter: {kind: 'real' | 'made-up' | 'garbage', text}. */
const pathValue = (parameter) => fc.oneof(
  { weight: 7, arbitrary: fc.constant({ kind: 'real' }) },
  { weight: 2, arbitrary: fitting(spec, parameter.schema).map((value) => ({ kind: 'made-up', text: encodeURIComponent(value) })) },
  { weight: 1, arbitrary: garbage.map((text) => ({ kind: 'garbage', text: encodeURI(text).replaceAll('%25', '%') })) },
);

const encoded = (value) => Array.isArray(value) ? value.map((one) => encodeURIComponent(one)).join(',') : encodeURIComponent(String(value));

/** One query parameter: {fits, text} or absent (undefined). */
function queryValue (parameter) {
  const schema = spec.resolve(parameter.schema);
  const good = fitting(spec, schema).map((value) => ({ fits: true, text: encoded(value) }));
  const wrong = { integer: ['', 'x', '0x10', '1.5', '-1', '0', '201', '99999999999999999999', '+5', ' 1'], boolean: ['', 'yes', 'TRUE', '2'], array: ['x', 'x:1', ':', ',,'], string: [''] }[schema.type];
  const bad = fc.constantFrom(...wrong).filter((text) => doesNotFit(schema, text)).map((text) => ({ fits: false, text: encodeURIComponent(text) }));
  const choices = [{ weight: 3, arbitrary: good }, { weight: 2, arbitrary: bad }];
  if (!parameter.required) choices.push({ weight: 3, arbitrary: fc.constant(undefined) });
  return fc.oneof(...choices);
}

function doesNotFit (schema, text) {
  if (schema.type === 'integer') return !/^-?(0|[1-9]\d*)$/.test(text) || Boolean(spec.misfit(schema, Number(text)));
  if (schema.type === 'boolean') return !['true', 'false'].includes(text);
  return Boolean(spec.misfit(schema, schema.type === 'array' ? text.split(',') : text));
}

/** A body: {kind, bytes}, or a value that is to name what there is: {kind, value}. */
const bodyOf = (schema) => fc.oneof(
  { weight: 3, arbitrary: fitting(spec, schema).map((value) => ({ kind: 'fits', value })) },
  { weight: 2, arbitrary: fitting(spec, schema).map((value) => ({ kind: 'fits', bytes: JSON.stringify(value) })) },
  { weight: 3, arbitrary: nearly(spec, schema).map((value) => ({ kind: 'nearly', bytes: JSON.stringify(value) })) },
  { weight: 1, arbitrary: anything(spec, schema).map((value) => ({ kind: 'anything', bytes: JSON.stringify(value) })) },
  { weight: 1, arbitrary: broken.map((bytes) => ({ kind: 'broken', bytes })) },
);

const requestOf = (op) => fc.record({
  path: fc.record(Object.fromEntries(op.in('path').map((one) => [one.name, op.rest ? fc.constant({ kind: 'real' }) : pathValue(one)]))),
  query: fc.record(Object.fromEntries(op.in('query').map((one) => [one.name, queryValue(one)]))),
  body: op.body ? bodyOf(op.body) : op.bytes ? fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 20_000, size: 'max' }).map((bytes) => ({ kind: 'fits', bytes: Buffer.from(bytes) }))) : fc.constant(null),
  key: op.idempotent ? fc.boolean() : fc.constant(false),
});

function targetOf (op, request, real) {
  const path = op.path.replace(/\{([a-z_]+)\}/g, (_, name) => request.path[name].text ?? encodeURIComponent(real[name]));
  const query = Object.entries(request.query).filter(([, value]) => value).map(([name, value]) => `${name}=${value.text}`);
  return path + (query.length ? `?${query.join('&')}` : '');
}

/** What the answer should have been, given what was sent; a list of words. */
function expectations (op, request, reply) {
  const kinds = Object.values(request.path).map((one) => one.kind);
  const queryFits = Object.values(request.query).every((one) => !one || one.fits);
  const found = [];
  const ok = reply.status < 400;
  if (kinds.includes('garbage') && ok) found.push(`a path that leads nowhere gives ${reply.status}`);
  if (request.body && request.body.kind !== 'fits' && ok) found.push(`a body that does not fit (${request.body.kind}) gives ${reply.status}`);
  if (!queryFits && ok) found.push(`a query that does not fit gives ${reply.status}`);
  if (kinds.some((kind) => kind !== 'real') || op.rest || !queryFits) return found;
  if (request.body?.kind === 'broken' && reply.status !== 400) found.push(`no JSON gives ${reply.status}`);
  if (['nearly', 'anything'].includes(request.body?.kind) && ![400, 422].includes(reply.status)) found.push(`a body that does not fit gives ${reply.status}`);
  if ((!request.body || request.body.kind === 'fits') && !ok && !excused(op, reply)) found.push(`a request that fits gives ${reply.status} ${reply.json?.code}: ${JSON.stringify(reply.json?.errors)}`);
  return found;
}

function excused (op, reply) {
  if (op.id === 'startSession') return reply.status === 410;
  // a schema counts characters
  if (reply.json?.code === 'name_invalid') return reply.json.errors.every(({ detail }) => detail === 'has more than 255 bytes');
  if (reply.status === 422) return reply.json?.code === 'cursor_invalid' || (reply.json?.errors?.length > 0 && reply.json.errors.every((one) => references.test(one.pointer) || one.pointer === '?cursor'));
  if (reply.status === 404) return op.in('query').some((one) => one.name === 'around');
  return obstacles.has(reply.json?.code);
}

async function tryOne (op, request) {
  const there = { ...ids, ...await fresh[op.id]?.() };
  const headers = op.auth === 'none' ? {} : host.headers();
  if (request.body) headers['Content-Type'] = op.bytes ? 'image/png' : 'application/json';
  // a fresh one each time: a smaller counterexample must not meet the key of the one before
  if (request.key) headers['Idempotency-Key'] = randomUUID();
  const target = targetOf(op, request, there);
  const body = request.body?.value ? JSON.stringify(withReal(request.body.value)) : request.body?.bytes;
  const reply = await send(host, op.method, target, { headers, body });
  const wrong = [...complaints(op, reply), ...expectations(op, request, reply)];
  assert.deepEqual(wrong, [], `${op.method} ${target} ${body} ${reply.status} ${reply.text.slice(0, 500)}`);
}

// metadata that is there only with an issuer: tests/system/jwt.test.mjs
const elsewhere = new Set(['describeHost', 'describeMcp', 'describeRelay']);

for (const op of spec.operations.filter((one) => !one.passes && !elsewhere.has(one.id))) {
  const simple = !op.body && op.in('query').length === 0 && op.in('path').length === 0;
  const times = simple ? 3 : Math.max(10, Math.floor(runs / (fewer[op.id] ?? 1)));
  test(`${op.id} keeps to the contract (${times} requests), ${on}`, async () => {
    await fc.assert(fc.asyncProperty(requestOf(op), (request) => tryOne(op, request)), { seed, numRuns: times, includeErrorInReport: true, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true });
  });
}

test(`what no operation takes is refused alike everywhere, ${on}`, async () => {
  for (const op of spec.operations.filter((one) => one.path !== '/start')) {
    const target = targetOf(op, { path: Object.fromEntries(op.in('path').map((one) => [one.name, {}])), query: {} }, ids);
    const as = op.auth === 'none' ? {} : host.headers();
    const check = async (what, wanted, options) => {
      const reply = await send(host, op.method, target, options);
      assert.deepEqual(complaints(op, reply), [], `${op.id}, ${what}`);
      assert.ok([wanted].flat().includes(reply.status), `${op.id}, ${what}: ${reply.status} ${reply.text.slice(0, 300)}`);
    };
    if (!['none', 'any'].includes(op.auth)) await check('nobody', 401, { body: op.body ? '{}' : undefined, headers: op.body ? { 'Content-Type': 'application/json' } : {} });
    await check('a foreign Host', 421, { headers: { ...as, Host: 'elsewhere.example' } });
    if (op.method !== 'GET' && !op.rest) {
      await check('another origin', 403, { headers: { ...as, Origin: 'https://elsewhere.example' } });
      await check('another site', 403, { headers: { ...as, 'Sec-Fetch-Site': 'cross-site' } });
    }
    if (!op.idempotent && !op.rest && !['none', 'any'].includes(op.auth)) await check('an Idempotency-Key', op.body ? [400, 422] : 400,
      { body: op.body && '{}', headers: { ...as, ...(op.body ? { 'Content-Type': 'application/json' } : {}), 'Idempotency-Key': randomUUID() } });
    if (op.body) {
      await check('another media type', 415, { headers: { ...as, 'Content-Type': 'text/plain' }, body: '{}' });
      await check('a body of 2 MiB', 413, { headers: { ...as, 'Content-Type': 'application/json' }, body: JSON.stringify({ name: 'x'.repeat(2 << 20) }) });
    } else if (op.method !== 'GET' && !op.rest && !op.bytes) {
      await check('a body where none belongs', 413, { headers: { ...as, 'Content-Type': 'application/json' }, body: '{}' });
    }
  }
});

test(`HEAD says what GET says, and what is unchanged is not sent again, ${on}`, async () => {
  for (const op of spec.operations.filter((one) => one.method === 'GET' && !one.streams && one.path !== '/start')) {
    const target = targetOf(op, { path: Object.fromEntries(op.in('path').map((one) => [one.name, {}])), query: {} }, ids);
    const headers = op.auth === 'none' ? {} : host.headers();
    const got = await send(host, 'GET', target, { headers });
    const head = await send(host, 'HEAD', target, { headers });
    assert.deepEqual([head.status, head.text, head.headers['content-type']], [got.status, '', got.headers['content-type']], op.id);
    assert.equal(head.headers.etag, got.headers.etag, op.id);
    if (!op.in('header').some((one) => one.name === 'If-None-Match')) continue;
    for (const tag of [got.headers.etag, `"other", ${got.headers.etag}`, '*']) {
      const same = await send(host, 'GET', target, { headers: { ...headers, 'If-None-Match': tag } });
      assert.equal(same.status, 304, `${op.id} ${tag}`);
      assert.deepEqual(complaints(op, same), [], op.id);
    }
  }
});

test(`a range of a file is a part of it, ${on}`, async () => {
  for (const op of spec.operations.filter((one) => one.in('header').some(({ name }) => name === 'Range'))) {
    const target = targetOf(op, { path: Object.fromEntries(op.in('path').map((one) => [one.name, {}])), query: {} }, ids);
    const own = op.auth === 'none' ? {} : host.headers();
    const whole = await send(host, 'GET', target, { headers: own });
    for (const [headers, status, text] of [
      [{ Range: 'bytes=0-8' }, 206, whole.text.slice(0, 9)], [{ Range: 'bytes=0-8', 'If-Range': whole.headers.etag }, 206, whole.text.slice(0, 9)],
      [{ Range: 'bytes=0-8', 'If-Range': '"other"' }, 200, whole.text], [{ Range: 'bytes=0-1,3-4' }, 200, whole.text],
      [{ Range: 'bytes=999999999-' }, 416], [{ 'If-Match': '"other"' }, 412],
    ]) {
      const reply = await send(host, 'GET', target, { headers: { ...own, ...headers } });
      assert.equal(reply.status, status, `${op.id} ${JSON.stringify(headers)}`);
      assert.deepEqual(complaints(op, reply), [], op.id);
      if (text !== undefined) assert.equal(reply.text, text, op.id);
    }
  }
});

test(`a method that a path does not have is 405 with those it has, ${on}`, async () => {
  const paths = new Map();
  for (const op of spec.operations.filter((one) => !one.rest)) paths.set(op.path, [...paths.get(op.path) ?? [], op]);
  for (const [path, ops] of paths) {
    const target = targetOf(ops[0], { path: Object.fromEntries(ops[0].in('path').map((one) => [one.name, {}])), query: {} }, ids);
    const has = ops.map((op) => op.method);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !has.includes(one))) {
      const reply = await send(host, method, target, { headers: host.headers() });
      assert.equal(reply.status, 405, `${method} ${path}: ${reply.text}`);
      assert.deepEqual(complaints(ops[0], reply), [], `${method} ${path}`);
      assert.deepEqual(reply.headers.allow.split(', ').sort(), [...has, ...has.includes('GET') ? ['HEAD'] : [], 'OPTIONS'].sort(), path);
    }
  }
});

// ---- keys: each operation that takes one, by the same rules

const bodies = {
  createWorkspace: [{ name: 'keyed' }, { name: 'other' }],
  addMember: [{ email: 'keyed@example.org', role: 'viewer' }, { email: 'other@example.org', role: 'viewer' }],
  createConversation: [{ title: 'keyed' }, { title: 'other' }],
  postMessage: [{ content: 'keyed', agent: null }, { content: 'other', agent: null }],
};

for (const op of spec.operations.filter((one) => one.idempotent))
  test(`${op.id}: a key does one thing once, ${on}`, async () => {
    const target = targetOf(op, { path: Object.fromEntries(op.in('path').map((one) => [one.name, {}])), query: {} }, ids);
    const [body, other] = bodies[op.id].map((one) => JSON.stringify(one));
    const ask = async (key, text = body, path = target) => {
      const reply = await send(host, op.method, path, { headers: { ...host.headers(), 'Content-Type': 'application/json', 'Idempotency-Key': key }, body: text });
      assert.deepEqual(complaints(op, reply), [], op.id);
      return reply;
    };
    const key = randomUUID();
    const first = await ask(key);
    assert.ok(first.status < 300, first.text);
    for (const again of [await ask(key), await ask(key)]) {
      assert.deepEqual([again.status, again.text], [first.status, first.text]);
      assert.equal(again.headers.location, first.headers.location);
      assert.equal(again.headers.etag, first.headers.etag);
    }
    const changed = await ask(key, other);
    assert.deepEqual([changed.status, changed.json.code], [422, 'idempotency_key_reused'], changed.text);
    // what was refused is no answer that a key keeps
    const retried = randomUUID();
    assert.equal((await ask(retried, '{"surprise":1}')).status, 422);
    assert.ok((await ask(retried, op.id === 'addMember' ? other : body)).status < 300);
    for (const bad of ['', 'x'.repeat(300), 'a b\u00e9']) assert.equal((await ask(bad)).status, 400, JSON.stringify(bad));
    // many at once: one does it, the others get its answer or are told to wait
    const together = randomUUID();
    const text = JSON.stringify({ ...JSON.parse(body), ...op.id === 'addMember' ? { email: 'together@example.org' } : {} });
    const all = await Promise.all(Array.from({ length: 6 }, () => ask(together, text)));
    for (const reply of all.filter(({ status }) => status === 409)) assert.ok(reply.headers['retry-after'], 'says when to come back');
    const done = all.filter(({ status }) => status < 300);
    assert.ok(done.length >= 1 && all.every(({ status }) => status < 300 || status === 409), all.map(({ status }) => status).join(' '));
    assert.equal(new Set(done.map((reply) => reply.text)).size, 1);
  });

// ---- the model: what a resource is like after any order of calls

const kinds = {
  workspace: { list: () => '/api/workspaces', create: () => '/api/workspaces', item: (id) => `/api/workspaces/${id}`, field: 'name' },
  file: { list: () => `/api/workspaces/${ids.workspace_id}/files`, create: (name) => `/api/workspaces/${ids.workspace_id}/files?name=${encodeURIComponent(name)}`, bytes: true,
    item: (id) => `/api/files/${id}`, field: 'name', texts: () => fitting(spec, { $ref: '#/components/schemas/FileName' }).map((name) => name.normalize('NFC').trim()).filter((name) => name !== '' && Buffer.byteLength(name) <= 255) },
  conversation: { list: () => `/api/workspaces/${ids.workspace_id}/conversations`, create: () => `/api/workspaces/${ids.workspace_id}/conversations`, item: (id) => `/api/conversations/${id}`, field: 'title' },
};

async function call (method, path, { body, headers = {} } = {}) {
  const all = { ...host.headers(), ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers };
  return await send(host, method, path, { headers: all, body: body && JSON.stringify(body) });
}

const pick = (model, n) => [...model.items.keys()][n % Math.max(1, model.items.size)];

class Create {
  constructor (text, key) { Object.assign(this, { text, key }); }
  check () { return true; }
  async run (model, kind) {
    const key = kind.bytes ? null : this.key;
    const headers = key ? { 'Idempotency-Key': key } : {};
    const body = { [kind.field]: this.text };
    const known = key && model.keys.get(key);
    const reply = await call('POST', kind.create(this.text), { body, headers });
    if (known && known.text !== this.text) { assert.equal(reply.status, 422, reply.text); return; }
    assert.equal(reply.status, 201, reply.text);
    if (known) { assert.equal(reply.text, known.answer, 'the repeat gets the first answer'); return; }
    assert.equal(reply.json[kind.field], this.text);
    assert.equal(reply.headers.location, kind.item(reply.json.id));
    model.items.set(reply.json.id, { text: this.text, tag: reply.headers.etag });
    if (key) model.keys.set(key, { text: this.text, answer: reply.text });
  }
  toString () { return `create(${JSON.stringify(this.text)}, ${this.key})`; }
}

class Read {
  constructor (n, conditional) { Object.assign(this, { n, conditional }); }
  check (model) { return model.items.size > 0; }
  async run (model, kind) {
    const id = pick(model, this.n);
    const { text, tag } = model.items.get(id);
    const reply = await call('GET', kind.item(id), { headers: this.conditional ? { 'If-None-Match': tag } : {} });
    assert.equal(reply.status, this.conditional ? 304 : 200, reply.text);
    assert.equal(reply.headers.etag, tag);
    if (!this.conditional) assert.equal(reply.json[kind.field], text);
  }
  toString () { return `read(${this.n}${this.conditional ? ', if changed' : ''})`; }
}

class Change {
  constructor (n, text, tag) { Object.assign(this, { n, text, tag }); }
  check (model) { return model.items.size > 0; }
  async run (model, kind) {
    const id = pick(model, this.n);
    const item = model.items.get(id);
    const headers = { none: {}, good: { 'If-Match': item.tag }, stale: { 'If-Match': item.stale ?? '"never"' }, any: { 'If-Match': '*' },
      list: { 'If-Match': `"v0", ${item.tag}` }, others: { 'If-Match': `"v0", W/${item.tag}` } }[this.tag];
    const reply = await call('PATCH', kind.item(id), { body: { [kind.field]: this.text }, headers });
    if (['stale', 'others'].includes(this.tag)) { assert.equal(reply.status, 412, reply.text); return; }
    assert.equal(reply.status, 200, reply.text);
    assert.notEqual(reply.headers.etag, item.tag);
    model.items.set(id, { text: this.text, tag: reply.headers.etag, stale: item.tag });
  }
  toString () { return `change(${this.n}, ${JSON.stringify(this.text)}, ${this.tag})`; }
}

class Delete {
  constructor (n, tag) { Object.assign(this, { n, tag }); }
  check (model) { return model.items.size > 0; }
  async run (model, kind) {
    const id = pick(model, this.n);
    const item = model.items.get(id);
    const headers = { none: {}, good: { 'If-Match': item.tag }, stale: { 'If-Match': item.stale ?? '"never"' }, list: { 'If-Match': `${item.tag} , "v0"` } }[this.tag];
    const reply = await call('DELETE', kind.item(id), { headers });
    if (this.tag === 'stale') { assert.equal(reply.status, 412, reply.text); return; }
    assert.ok([200, 204].includes(reply.status), reply.text);
    model.items.delete(id);
    assert.equal((await call('GET', kind.item(id))).status, 404);
    assert.equal((await call('DELETE', kind.item(id))).status, 404);
  }
  toString () { return `delete(${this.n}, ${this.tag})`; }
}

class List {
  constructor (limit) { this.limit = limit; }
  check () { return true; }
  async run (model, kind) {
    const seen = [];
    for (let cursor = ''; cursor !== null;) {
      const reply = await call('GET', `${kind.list()}?limit=${this.limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      assert.equal(reply.status, 200, reply.text);
      assert.ok(reply.json.items.length <= this.limit);
      seen.push(...reply.json.items);
      cursor = reply.json.next;
    }
    assert.equal(new Set(seen.map((item) => item.id)).size, seen.length, 'nothing twice');
    const others = model.others;
    const mine = seen.filter((item) => !others.has(item.id));
    assert.deepEqual(mine.map((item) => item.id).sort(), [...model.items.keys()].sort());
    for (const item of mine) assert.equal(item[kind.field], model.items.get(item.id).text);
  }
  toString () { return `list(${this.limit})`; }
}

async function allIds (kind) {
  const found = new Set();
  for (let cursor = ''; cursor !== null;) {
    const reply = await call('GET', `${kind.list()}?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    for (const item of reply.json.items) found.add(item.id);
    cursor = reply.json.next;
  }
  return found;
}

for (const [name, kind] of Object.entries(kinds)) {
  test(`a ${name} is what the model says after any order of calls, ${on}`, async () => {
    const line = kind.texts?.() ?? fitting(spec, { $ref: '#/components/schemas/LineText' });
    const n = fc.nat(20);
    const keys = ['one', 'two', 'three'].map(() => randomUUID());
    const commands = fc.commands([
      fc.tuple(line, fc.option(fc.constantFrom(...keys), { freq: 2 })).map(([text, key]) => new Create(text, key)),
      fc.tuple(n, fc.boolean()).map(([at, conditional]) => new Read(at, conditional)),
      fc.tuple(n, line, fc.constantFrom('none', 'good', 'good', 'stale', 'any', 'list', 'others')).map(([at, text, tag]) => new Change(at, text, tag)),
      fc.tuple(n, fc.constantFrom('none', 'good', 'stale', 'list')).map(([at, tag]) => new Delete(at, tag)),
      fc.constantFrom(1, 2, 3, 50).map((limit) => new List(limit)),
    ], { maxCommands: 25, size: '+1' });
    // keys outlive one order of calls: what they answered is remembered from run to run
    const remembered = new Map();
    await fc.assert(fc.asyncProperty(commands, async (list) => {
      const others = await allIds(kind);
      await fc.asyncModelRun(() => ({ model: { items: new Map(), keys: remembered, others }, real: kind }), list);
    }), { seed, numRuns: Math.max(5, Math.floor(runs / 8)), includeErrorInReport: true });
  });
}

test(`a start link signs in once, ${on}`, async () => {
  const op = spec.operation('startSession');
  const { pathname, search } = new URL(host.startLink);
  const steps = [['HEAD', {}, 204], ['GET', { 'Sec-Purpose': 'prefetch' }, 204], ['GET', {}, 303], ['GET', {}, 410], ['HEAD', {}, 204]];
  for (const [method, headers, status] of steps) {
    const reply = await send(host, method, pathname + search, { headers });
    assert.equal(reply.status, status, `${method} ${JSON.stringify(headers)}`);
    assert.deepEqual(complaints(op, reply), []);
    if (status === 303) assert.match(reply.headers['set-cookie'][0], /; HttpOnly.*; SameSite=Strict|; SameSite=Strict.*; HttpOnly/);
    else assert.equal(reply.headers['set-cookie'], undefined);
  }
});

test(`each success that the file names has been given, ${on}`, () => {
  const missing = spec.operations.filter((one) => !one.passes && !elsewhere.has(one.id)).flatMap((op) => Object.keys(op.responses).map(Number).filter((status) => status < 400 && !given.get(op.id)?.has(status)).map((status) => `${op.id} ${status}`));
  assert.deepEqual(missing, []);
});
