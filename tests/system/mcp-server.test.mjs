// SPDX-License-Identifier: Apache-2.0
// Daedalus as an MCP server at /api/mcp: the official SDK's client, both eras by hand, two people.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { databases, here, startHost } from './kit.mjs';

const sdk = createRequire(join(here, 'agents', 'package.json'));
const load = (name) => import(pathToFileURL(sdk.resolve(name)));
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==', 'base64');
const proxied = ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1'];

const must = async (host, person, method, path, body) => {
  const headers = { ...host.headers(person), ...body !== undefined && !Buffer.isBuffer(body) ? { 'Content-Type': 'application/json' } : {} };
  const reply = await host.request(method, path, { headers, body: body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body) });
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.json;
};

const tokenOf = async (host, person, scopes = ['mcp', 'read']) => (await must(host, person, 'POST', '/api/tokens', { name: 'mcp', scopes })).token;

async function connect (t, host, token) {
  const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${host.url}/api/mcp`), { requestInit: { headers: { Authorization: `Bearer ${token}` } } }));
  t.after(() => client.close());
  return client;
}

/** A workspace of PERSON with a conversation, a text and an image. */
async function furnish (host, person, name) {
  const workspace = await must(host, person, 'POST', '/api/workspaces', { name, instructions: `Speak of ${name}.` });
  const conversation = await must(host, person, 'POST', `/api/workspaces/${workspace.id}/conversations`, { title: `All about ${name}` });
  for (const content of [`The first word on ${name}`, 'The second word'])
    await must(host, person, 'POST', `/api/conversations/${conversation.id}/messages`, { content, agent: null });
  const text = await must(host, person, 'POST', `/api/workspaces/${workspace.id}/files?name=${name}.txt`, Buffer.from(`What is written of ${name}: Grüße`));
  const image = await must(host, person, 'POST', `/api/workspaces/${workspace.id}/files?name=${name}.png`, PIXEL);
  return { workspace, conversation, text, image };
}

test("the official SDK's client", { timeout: 120_000 }, async (t) => {
  for (const [name, database] of await databases(t))
    await t.test(name, async (t) => {
      const host = await startHost(t, { database: database(), workers: 2, set: proxied });
      const { workspace, conversation, text, image } = await furnish(host, 'ada', 'harbour');
      const foreign = await furnish(host, 'bob', 'samovar');
      const client = await connect(t, host, await tokenOf(host, 'ada'));
      const call = async (tool, args = {}) => await client.callTool({ name: tool, arguments: args });
      const of = async (tool, args) => (await call(tool, args)).structuredContent; // the client holds it against the output schema
      const workspace_id = workspace.id;

      await t.test('tools', async () => {
        const { tools } = await client.listTools();
        assert.equal(tools.length, 8);
        assert.deepEqual((await of('list_workspaces')).workspaces.map(({ id, role }) => [id, role]), [[workspace.id, 'owner']]);
        assert.deepEqual((await of('list_conversations', { workspace_id })).conversations.map(({ id, title, uri }) => [id, title, uri]),
          [[conversation.id, 'All about harbour', `daedalus://conversations/${conversation.id}`]]);
        const { messages } = await of('read_conversation', { conversation_id: conversation.id });
        assert.deepEqual(messages.map(({ role, content }) => [role, content]), [['user', 'The first word on harbour'], ['user', 'The second word']]);
        assert.deepEqual((await of('read_conversation', { conversation_id: conversation.id, limit: 1 })).messages.map(({ content }) => content), ['The second word']);
        assert.deepEqual((await of('search_messages', { workspace_id, query: 'harbour' })).messages.map(({ conversation_id }) => conversation_id), [conversation.id]);
        assert.deepEqual((await of('list_files', { workspace_id })).files.map(({ id }) => id), [image.id, text.id]);
        assert.deepEqual((await of('search_files', { workspace_id, query: 'written' })).files.map(({ id }) => id), [text.id]);
        assert.deepEqual((await of('list_agents', { workspace_id })).agents, [{ name: 'librarian' }]);
        assert.deepEqual((await call('read_file', { file_id: text.id })).content, [{ type: 'text', text: 'What is written of harbour: Grüße' }]);
        assert.deepEqual((await call('read_file', { file_id: image.id })).content, [{ type: 'image', mimeType: 'image/png', data: PIXEL.toString('base64') }]);
      });

      await t.test('tools called wrongly say what to do', async () => {
        for (const [tool, args, word] of [
          ['list_conversations', {}, /list_workspaces/], ['list_conversations', { workspace_id: 'x' }, /list_workspaces/],
          ['search_messages', { workspace_id }, /query/], ['list_workspaces', { all: true }, /no argument "all"/],
          ['read_file', { file_id: randomUUID() }, /no such file/],
        ]) {
          const result = await call(tool, args);
          assert.equal(result.isError, true, tool);
          assert.match(result.content[0].text, word);
        }
        await assert.rejects(call('nothing'), /no such tool/);
      });

      await t.test('resources, prompts, completion', async () => {
        const uris = [];
        let cursor;
        do {
          const page = await client.listResources(cursor ? { cursor } : {});
          uris.push(...page.resources.map(({ uri }) => uri));
          cursor = page.nextCursor;
        } while (cursor);
        assert.deepEqual(uris, [`daedalus://conversations/${conversation.id}`, `daedalus://files/${image.id}`, `daedalus://files/${text.id}`]);
        assert.match((await client.readResource({ uri: uris[0] })).contents[0].text, /^# All about harbour\n\n## ada[\s\S]*The second word/);
        assert.equal((await client.readResource({ uri: uris[1] })).contents[0].blob, PIXEL.toString('base64'));
        assert.equal((await client.readResource({ uri: uris[2] })).contents[0].text, 'What is written of harbour: Grüße');
        await assert.rejects(client.readResource({ uri: 'daedalus://files/none' }), { code: -32002 });
        await assert.rejects(client.listResources({ cursor: 'x' }), { code: -32602 });
        assert.equal((await client.listResourceTemplates()).resourceTemplates.length, 2);
        assert.equal((await client.listPrompts()).prompts[0].name, 'workspace_instructions');
        const { messages } = await client.getPrompt({ name: 'workspace_instructions', arguments: { workspace_id } });
        assert.equal(messages[0].content.text, 'Speak of harbour.');
        const complete = async (ref, name, value) => (await client.complete({ ref, argument: { name, value } })).completion.values;
        const prompt = { type: 'ref/prompt', name: 'workspace_instructions' };
        assert.deepEqual(await complete(prompt, 'workspace_id', 'HARB'), [workspace.id]);
        assert.deepEqual(await complete(prompt, 'workspace_id', workspace.id.slice(0, 20)), [workspace.id]);
        assert.deepEqual(await complete({ type: 'ref/resource', uri: 'daedalus://files/{file_id}' }, 'file_id', 'harbour.t'), [text.id]);
        assert.deepEqual(await complete({ type: 'ref/resource', uri: 'daedalus://conversations/{conversation_id}' }, 'conversation_id', 'about'), [conversation.id]);
      });

      await t.test('what is another person\'s is not there', async () => {
        const gone = { workspace_id: foreign.workspace.id, conversation_id: foreign.conversation.id, file_id: foreign.text.id };
        for (const [tool, args] of [['list_conversations', { workspace_id: gone.workspace_id }], ['search_messages', { workspace_id: gone.workspace_id, query: 'samovar' }],
          ['list_files', { workspace_id: gone.workspace_id }], ['search_files', { workspace_id: gone.workspace_id, query: 'samovar' }], ['list_agents', { workspace_id: gone.workspace_id }],
          ['read_conversation', { conversation_id: gone.conversation_id }], ['read_file', { file_id: gone.file_id }]]) {
          const result = await call(tool, args);
          assert.ok(result.isError && !JSON.stringify(result).includes('samovar'), JSON.stringify(result));
        }
        for (const uri of [`daedalus://conversations/${gone.conversation_id}`, `daedalus://files/${gone.file_id}`])
          await assert.rejects(client.readResource({ uri }), { code: -32002 });
        await assert.rejects(client.getPrompt({ name: 'workspace_instructions', arguments: { workspace_id: gone.workspace_id } }), { code: -32602 });
        const { completion } = await client.complete({ ref: { type: 'ref/prompt', name: 'workspace_instructions' }, argument: { name: 'workspace_id', value: '' } });
        assert.deepEqual(completion.values, [workspace.id]);
      });
    });
});

test('both eras, message by message', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { workers: 1 });
  const META = 'io.modelcontextprotocol/';
  const post = async (message, headers = {}) => await host.request('POST', '/api/mcp', {
    headers: { ...host.headers(), 'Content-Type': 'application/json', ...headers }, body: typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message }) });
  const modern = async (method, params = {}, { version = '2026-07-28', headers = {}, id = 7 } = {}) => await post(
    { id, method, params: { ...params, _meta: { [`${META}protocolVersion`]: version, [`${META}clientCapabilities`]: {} } } },
    { 'MCP-Protocol-Version': version, 'Mcp-Method': method, ...headers });
  const fault = ({ status, json }) => [status, json.error?.code];

  await t.test('2025-11-25', async () => {
    const { json } = await post({ id: 'one', method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } } });
    assert.deepEqual([json.id, json.result.protocolVersion, json.result.serverInfo.name, json.result.resultType], ['one', '2025-11-25', 'daedalus', undefined]);
    assert.equal((await post({ id: 1, method: 'initialize', params: { protocolVersion: '1999-01-01' } })).json.result.protocolVersion, '2025-11-25');
    assert.deepEqual((await post({ id: 12345678901234, method: 'ping' })).json, { jsonrpc: '2.0', id: 12345678901234, result: {} });
    assert.equal((await post({ method: 'notifications/initialized' })).status, 202);
    assert.deepEqual(fault(await post({ id: 1, method: 'nothing' })), [200, -32601]);
    assert.deepEqual(fault(await post({ id: 1, method: 'logging/setLevel', params: { level: 'loud' } })), [200, -32602]);
    assert.deepEqual(fault(await post('{"jsonrpc":')), [400, -32700]);
    assert.deepEqual(fault(await post('[]')), [400, -32600]);
    assert.deepEqual(fault(await post({ id: 1, method: 'server/discover' })), [200, -32601]);
  });

  await t.test('2026-07-28', async () => {
    const { status, json } = await modern('server/discover');
    assert.deepEqual([status, json.result.resultType, json.result.supportedVersions[0], json.result._meta[`${META}serverInfo`].name], [200, 'complete', '2026-07-28', 'daedalus']);
    const { json: listed } = await modern('tools/list');
    assert.deepEqual([listed.result.tools.length, listed.result.ttlMs, listed.result.cacheScope], [8, 0, 'private']);
    const called = await modern('tools/call', { name: 'list_workspaces', arguments: {} }, { headers: { 'Mcp-Name': '=?base64?bGlzdF93b3Jrc3BhY2Vz?=' } });
    assert.deepEqual(called.json.result.structuredContent, { workspaces: [] });
    assert.deepEqual(fault(await modern('tools/call', { name: 'list_workspaces' }, { headers: { 'Mcp-Name': 'list_files' } })), [400, -32020]);
    assert.deepEqual(fault(await modern('tools/call', { name: 'list_workspaces' })), [400, -32020]);
    assert.deepEqual(fault(await modern('tools/list', {}, { headers: { 'Mcp-Method': 'ping' } })), [400, -32020]);
    assert.deepEqual(fault(await modern('tools/list', {}, { headers: { 'MCP-Protocol-Version': '2025-11-25' } })), [400, -32020]);
    assert.deepEqual(fault(await post({ id: 1, method: 'tools/list' }, { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' })), [400, -32602]);
    const unsupported = await modern('tools/list', {}, { version: '2030-01-01' });
    assert.deepEqual(fault(unsupported), [400, -32022]);
    assert.ok(unsupported.json.error.data.supported.includes('2026-07-28'));
    for (const method of ['ping', 'initialize', 'logging/setLevel', 'nothing']) assert.deepEqual(fault(await modern(method)), [404, -32601], method);
    assert.deepEqual(fault(await modern('resources/read', { uri: 'daedalus://files/none' }, { headers: { 'Mcp-Name': 'daedalus://files/none' } })), [200, -32602]);
  });

  await t.test('no stream, no session to end, no reading without the scope', async () => {
    for (const method of ['GET', 'DELETE']) assert.equal((await host.request(method, '/api/mcp', { headers: host.headers() })).status, 405, method);
    assert.equal((await host.request('POST', '/api/mcp', { anonymous: true, body: '{}' })).status, 401);
    const bearer = async (scopes) => ({ Authorization: `Bearer ${(await host.ok('POST', '/api/tokens', { body: { name: 'x', scopes } })).token}` });
    const ask = async (auth, message) => await host.request('POST', '/api/mcp', { anonymous: true, headers: auth, body: { jsonrpc: '2.0', id: 1, ...message } });
    const connects = await bearer(['mcp']);
    assert.equal((await ask(connects, { method: 'tools/list' })).status, 200);
    const refused = await ask(connects, { method: 'tools/call', params: { name: 'list_workspaces' } });
    assert.deepEqual([refused.status, refused.json.code], [403, 'insufficient_scope']);
    assert.match(refused.headers['www-authenticate'], /insufficient_scope.*scope="mcp read"/);
    assert.equal((await ask(await bearer(['read']), { method: 'tools/list' })).status, 403);
    assert.ok(await host.metric('daedalus_mcp_server_requests_total', { method: 'tools/call', outcome: 'refused' }) >= 1);
  });
});
