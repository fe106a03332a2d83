// SPDX-License-Identifier: Apache-2.0
// What agents do that no SDK does, and what the built-in one must not do: redirects, tools on many pages,
// answers without end, questions past the host.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import { startAgent, startHost, until } from './kit.mjs';
import { ask, memory, observe, talkWith } from './talk.mjs';

const odd = (t, env = {}) => startAgent(t, 'odd-agent.mjs', { env });

test('a redirect', async (t) => {
  for (const status of [307, 308]) {
    await t.test(`${status} on the same server is followed once, with the token`, async (t) => {
      const agent = await odd(t, { ODD_REDIRECT: '/moved', ODD_STATUS: String(status) });
      const { host, conversation } = await talkWith(t, agent.url, { set: ['agent tester.token=the-token-of-tests'] });
      const { turn, answer } = await ask(host, conversation, 'hello');
      assert.equal(turn.state, 'done', turn.error_detail);
      assert.equal(answer.content, 'You said: hello');
      const { paths, authorizations } = await observe(agent);
      assert.ok(paths.filter((path) => path === '/moved').length >= 3);
      assert.ok(authorizations.every((value) => value === 'Bearer the-token-of-tests'));
    });
  }

  await t.test('to another server is refused, and nothing is sent there', async (t) => {
    const target = await odd(t);
    const agent = await odd(t, { ODD_REDIRECT: target.url });
    const { host, conversation } = await talkWith(t, agent.url, { set: ['agent tester.token=the-token-of-tests'] });
    const { turn } = await ask(host, conversation, 'hello');
    assert.equal(turn.state, 'failed');
    assert.equal(turn.error_code, 'agent_protocol');
    assert.deepEqual((await observe(target)).paths, []);
    const checked = await host.ok('POST', '/api/agents/tester/check');
    assert.equal(checked.health, 'error');
    assert.match(checked.reason, /redirects/);
  });

  await t.test('that leads in a circle, or changes the method, is refused', async (t) => {
    for (const [location, status] of [['/mcp', 308], ['/moved', 302], ['/moved', 303]]) {
      const agent = await odd(t, { ODD_REDIRECT: location, ODD_STATUS: String(status) });
      const { host, conversation } = await talkWith(t, agent.url);
      const { turn } = await ask(host, conversation, 'hello');
      assert.equal(turn.error_code, 'agent_protocol', `${status} to ${location}: ${turn.state}`);
      assert.ok(!(await observe(agent)).paths.includes('/moved'));
    }
  });
});

test('a session that begins when its turn was cancelled already is left in order', async (t) => {
  const agent = await odd(t, { ODD_SESSION_MS: '800' });
  const { host, conversation } = await talkWith(t, agent.url);
  const began = (await observe(agent)).began;
  const { turn: { id } } = await host.post(conversation, 'hello');
  await until(async () => (await observe(agent)).began > began, 5000, 'initialize');
  await host.request('POST', `/api/turns/${id}/cancel`);
  assert.equal((await host.ended(id)).state, 'cancelled');
  const { left } = await observe(agent);
  assert.ok(!left.includes(`session-${began}`), 'it is cancelled before it began');
  await until(async () => (await observe(agent)).left.includes(`session-${began}`), 5000, 'the session to be left');
});

test('tools on many pages', async (t) => {
  await t.test('the tool on the last of them is found', async (t) => {
    const agent = await odd(t, { ODD_PAGES: '4' });
    const { host, conversation } = await talkWith(t, agent.url);
    const { turn, answer } = await ask(host, conversation, 'hello');
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.equal(answer.content, 'You said: hello');
    const { tools } = await host.ok('POST', '/api/agents/tester/check');
    assert.deepEqual(tools.map(({ name }) => name), ['other_0', 'other_1', 'other_2', 'send_message']);
  });

  await t.test('pages without end come to one', async (t) => {
    const agent = await odd(t, { ODD_PAGES: '0' });
    const { host, conversation } = await talkWith(t, agent.url);
    const { turn } = await ask(host, conversation, 'hello');
    assert.equal(turn.state, 'failed');
    assert.equal(turn.error_code, 'agent_protocol');
    assert.match(turn.error_detail, /no tool/);
    assert.ok((await observe(agent)).pages <= 60, 'some tens of pages at most');
  });
});

test('an answer without end is a failed turn, is not read on, and fills no memory', async (t) => {
  const agent = await odd(t);
  // what the sanitizer keeps of freed memory is not the worker's
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` };
  const { host, conversation } = await talkWith(t, agent.url, { workers: 1, env });
  await ask(host, conversation, 'hello');
  const [worker] = host.workers();
  const before = memory(worker).now;
  // MiB that are read of each, besides what lies in buffers of the system
  const cases = [['oversize', 16], ['longline', 4], ['longevent', 4], ['flood', 17]];

  for (const [word, most] of cases) {
    const closed = (await observe(agent)).closed;
    const { turn, answer } = await ask(host, conversation, word, { ms: 40_000 });
    assert.equal(turn.state, 'failed', word);
    assert.equal(turn.error_code, 'agent_protocol', word);
    assert.match(turn.error_detail, /too large/, word);
    const seen = await until(async () => {
      const now = await observe(agent);
      return now.closed > closed ? now : null;
    }, 5000, `${word}: the connection's end`);
    assert.ok(seen.written < (most + 10) * 2 ** 20, `${word}: ${seen.written} bytes were taken`);
    if (word === 'flood') assert.ok(answer.content.length > 2 ** 20, 'the text so far stays');
    else assert.equal(answer.content, '');
  }
  const { turn } = await ask(host, conversation, 'and again');
  assert.equal(turn.state, 'done', 'the conversation goes on');
  const grown = memory(worker).highest - before;
  assert.ok(grown < 250, `the worker grew by ${Math.round(grown)} MiB`);
});

test('tools without end are shown up to a limit', async (t) => {
  const agent = await odd(t);
  const { host, conversation } = await talkWith(t, agent.url, { set: ['agent tester.turn-limit=4s'] });
  const { turn, answer } = await ask(host, conversation, 'toolflood');
  assert.equal(turn.state, 'failed');
  assert.equal(turn.error_code, 'agent_timeout');
  assert.ok(turn.activities.length > 0 && turn.activities.length <= 1000, `${turn.activities.length} activities`);
  assert.ok(JSON.stringify(answer.iterations).length < 8 * 2 ** 20);
});

/** One request on a Unix socket. */
function onSocket (socketPath, method, path, { body, headers = {} } = {}) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((done, fail) => {
    const request = http.request({ socketPath, method, path, agent: false,
      headers: { Host: 'localhost', ...(text ? { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' } : {}), ...headers } }, (response) => {
      let all = '';
      response.setEncoding('utf8').on('data', (chunk) => { all += chunk; });
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, text: all }));
    });
    request.on('error', fail);
    request.end(text);
  });
}

test('the librarian', async (t) => {
  const secret = 'the lighthouse keeps its lamp in the cellar';

  await t.test('tells nothing on its socket to whoever has no capability', async (t) => {
    const host = await startHost(t);
    const workspace = await host.workspace();
    const conversation = await host.conversation(workspace);
    await host.post(conversation, secret, { agent: null });
    const socket = join(host.dataDir, 'run', 'internal.sock');
    const call = (headers) => onSocket(socket, 'POST', '/mcp/librarian', { headers, body: { jsonrpc: '2.0', id: 1, method: 'tools/call',
      params: { name: 'send_message', arguments: { message: 'What did we say about the lighthouse?', conversation_id: conversation.id } } } });
    const fields = (subject) => Buffer.from(`1\nlibrarian\n${workspace.id}\n${conversation.id}\n${(Date.now() + 60_000) * 1000}\n${subject}`).toString('base64url');
    const tokens = [null, 'Bearer', 'Bearer ', `Bearer ${host.token}`, `Bearer ${fields('local')}`, `Bearer ${fields('local')}.`,
      `Bearer ${fields('local')}.${Buffer.alloc(32).toString('base64url')}`, `Bearer .${Buffer.alloc(32).toString('base64url')}`,
      `Bearer ${'x'.repeat(3000)}.${'y'.repeat(43)}`, 'Basic bG9jYWw6bG9jYWw='];
    for (const token of tokens) {
      const reply = await call(token === null ? {} : { Authorization: token });
      assert.equal(reply.status, 200, token);
      const { error, result } = JSON.parse(reply.text);
      assert.equal(result, undefined, token);
      assert.equal(error.code, -31001, token);
      assert.ok(!reply.text.includes('lamp') && !reply.text.includes(conversation.id), token);
    }
    const tools = await onSocket(socket, 'POST', '/mcp/librarian', { body: { jsonrpc: '2.0', id: 2, method: 'tools/list' } });
    assert.equal(tools.status, 200, 'what it can do is no secret');
    assert.match(tools.text, /send_message/);
    // with a capability, which the host makes, it does tell
    const { turn, answer } = await ask(host, conversation, 'What did we say about the lighthouse?');
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.match(answer.content, /lamp/);
  });

  await t.test('is not on the port that people use, nor are people\'s routes open on its socket', async (t) => {
    const host = await startHost(t);
    for (const method of ['POST', 'GET', 'DELETE']) {
      const reply = await host.request(method, '/mcp/librarian', method === 'POST' ? { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } } : {});
      assert.ok([404, 405].includes(reply.status) || !reply.text.includes('jsonrpc'), `${method}: ${reply.status}`);
      assert.ok(!reply.text.includes('send_message'));
    }
    for (const path of ['/api/me', '/api/workspaces', '/api/agents', '/api/plugins']) {
      const reply = await onSocket(join(host.dataDir, 'run', 'internal.sock'), 'GET', path, { headers: { 'X-Forwarded-User': 'ada' } });
      assert.ok(reply.status === 401 || reply.status === 404 || reply.status === 421, `${path}: ${reply.status}`);
    }
  });

  await t.test('tells one person nothing of another\'s', async (t) => {
    const host = await startHost(t, { set: ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1'] });
    const ada = { person: 'ada' }, ben = { person: 'ben' };
    const hers = await host.conversation(await host.workspace('Ada', ada), {}, ada);
    await host.post(hers, secret, { agent: null, ...ada });
    const his = await host.conversation(await host.workspace('Ben', ben), {}, ben);
    const { turn, answer } = await ask(host, his, 'What did we say about the lighthouse?', ben);
    assert.equal(turn.state, 'done', turn.error_detail);
    assert.ok(!answer.content.includes('lamp'), answer.content);
    const own = await ask(host, hers, 'What did we say about the lighthouse?', ada);
    assert.match(own.answer.content, /lamp/);
  });
});
