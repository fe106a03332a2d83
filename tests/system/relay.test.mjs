// SPDX-License-Identifier: Apache-2.0
// The relay at /api/mcp/{agent}: bytes, streams and ends as they are, with bare sockets and with the official SDK on
// both sides.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { here, sleep, startAgent, startHost, until } from './kit.mjs';

const sdk = createRequire(join(here, 'agents', 'package.json'));
const load = (name) => import(pathToFileURL(sdk.resolve(name)));

/** An agent of bare sockets: SERVE gets the connection, the head and what came of the body. */
async function startPeer (t, serve) {
  const requests = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const own = [];
    let got = Buffer.alloc(0);
    const close = () => { for (const request of own) request.closed = true; };
    socket.on('error', () => {});
    socket.on('close', close);
    socket.on('end', close);
    socket.on('data', (bytes) => {
      got = Buffer.concat([got, bytes]);
      const end = got.indexOf('\r\n\r\n');
      const head = got.subarray(0, Math.max(end, 0)).toString('latin1');
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      if (end < 0 || got.length < end + 4 + length) return;
      const request = { socket, head, body: got.subarray(end + 4, end + 4 + length), lines: head.split('\r\n'), closed: false };
      got = got.subarray(end + 4 + length);
      if (request.body.includes('"initialize"')) { socket.end('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'); return; } // the look at its health
      own.push(request);
      requests.push(request);
      serve(request, (text) => socket.write(text));
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { for (const { socket } of requests) socket.destroy(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, port: server.address().port, requests };
}

const relayed = (t, peer, { set = [], ...options } = {}) => startHost(t, { workers: 2, ...options, set: [`agent peer.url=${peer.url}`, 'agent peer.token=what the agent wants', ...set] });

/** A request whose answer is read as it comes. */
function open (host, method, { path = '/api/mcp/peer', headers = {}, body, auth = host.headers() } = {}) {
  const seen = { text: '', ended: null };
  seen.done = new Promise((done) => {
    const end = (how) => { seen.ended ??= how; done(seen); };
    seen.req = http.request(host.url + path, { method, headers: { ...auth, ...headers }, agent: false }, (res) => {
      Object.assign(seen, { status: res.statusCode, headers: res.headers, res });
      res.setEncoding('latin1');
      res.on('data', (text) => { seen.text += text; });
      res.on('end', () => end('whole'));
      res.on('error', () => end('cut'));
    });
    seen.req.on('error', (error) => end(error.code));
    seen.req.end(body);
  });
  return seen;
}

const whole = (body, type = 'application/json', more = '') => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const events = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

test('bytes and headers go through untouched; credentials, cookies and addresses do not', { timeout: 60_000 }, async (t) => {
  const odd = '{ "jsonrpc":"2.0","id":12345678901234567890, "result" : {"z":1e2,"a":"\\u00e9\\/"} }\n';
  const peer = await startPeer(t, (request, write) => write(whole(odd, 'application/json; charset=utf-8', 'Mcp-Session-Id: s 1!\r\nX-Secret-Of-Agent: no\r\nSet-Cookie: a=b\r\n')));
  const host = await relayed(t, peer);
  const sent = '{"method" : "tools/call","id":9007199254740993,\t"params":{"name":"x"}, "jsonrpc":"2.0"}';
  const seen = await open(host, 'POST', { body: sent, headers: {
    'Content-Type': 'application/json', Accept: ['application/json', 'text/event-stream'], 'Mcp-Session-Id': 's 1!', 'MCP-Protocol-Version': '2025-11-25',
    'Last-Event-ID': '7', 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?eA==?=', 'Mcp-Param-Odd_Name': 'v', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    Cookie: 'mine=1', 'X-Forwarded-User': 'mallory' } }).done;
  assert.deepEqual([seen.status, seen.text, seen.ended], [200, odd, 'whole']);
  assert.equal(seen.headers['content-type'], 'application/json; charset=utf-8');
  assert.equal(seen.headers['mcp-session-id'], 's 1!');
  assert.equal(seen.headers['x-secret-of-agent'] ?? seen.headers['set-cookie'], undefined);
  const [{ lines, body }] = peer.requests;
  assert.equal(body.toString(), sent);
  assert.equal(lines[0], 'POST /mcp HTTP/1.1');
  const fields = lines.slice(1).map((line) => line.toLowerCase());
  for (const line of ['accept: application/json', 'accept: text/event-stream', 'content-type: application/json', 'mcp-session-id: s 1!', 'mcp-protocol-version: 2025-11-25', 'last-event-id: 7',
    'mcp-method: tools/call', 'mcp-name: =?base64?ea==?=', 'mcp-param-odd_name: v', 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'authorization: bearer what the agent wants', `host: 127.0.0.1:${peer.port}`]) assert.ok(fields.includes(line), `${line} in\n${fields.join('\n')}`);
  assert.deepEqual(fields.filter((line) => /^(cookie|x-forwarded|x-real|forwarded|origin|referer)/.test(line) || line.includes(host.token.toLowerCase())), []);
  assert.equal(await host.metric('daedalus_mcp_relay_requests_total', { server: 'peer', method: 'tools/call', outcome: 'done' }), 1);
  assert.equal(await host.metric('daedalus_mcp_relay_tool_calls_total', { server: 'peer', tool: 'other' }), 1, 'a tool that nobody knows');
});

test('statuses stay, but not those that would mislead the client', { timeout: 60_000 }, async (t) => {
  let answer;
  const peer = await startPeer(t, (request, write) => write(answer));
  const host = await relayed(t, peer);
  const post = async (text) => { answer = text; return await open(host, 'POST', { body: '{}' }).done; };
  for (const status of [400, 403, 404, 405, 406, 409, 429, 500, 503]) {
    const seen = await post(`HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nAllow: POST\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}`);
    assert.deepEqual([seen.status, seen.text, seen.headers.allow, seen.headers['retry-after']], [status, '{}', 'POST', '3']);
  }
  const accepted = await post('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n');
  assert.deepEqual([accepted.status, accepted.text, accepted.headers['content-length']], [202, '', '0']);
  for (const [text, code] of [
    ['HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer resource_metadata="http://agent/x"\r\nContent-Length: 0\r\n\r\n', 'agent_refused'],
    ['HTTP/1.1 307 There\r\nLocation: http://10.0.0.1/secret\r\nContent-Length: 0\r\n\r\n', 'agent_redirects'],
    ['garbage\r\n\r\n', 'agent_unreachable'],
  ]) {
    const seen = await post(text);
    assert.deepEqual([seen.status, JSON.parse(seen.text).code], [502, code]);
    assert.equal(seen.headers['www-authenticate'] ?? seen.headers.location, undefined);
  }
  assert.equal((await open(host, 'POST', { path: '/api/mcp/nobody', body: '{}' }).done).status, 404);
  assert.equal((await open(host, 'POST', { auth: {}, body: '{}' }).done).status, 401);
  assert.equal((await open(host, 'POST', { body: '{}', headers: { Origin: 'https://evil.example' } }).done).status, 403);
  assert.equal((await open(host, 'PUT', { body: '{}' }).done).status, 405);
  assert.ok(host.log.some((line) => line.includes("refused this host's credential")));
  assert.ok(!host.log.some((line) => line.includes('what the agent wants')));
});

test('a page elsewhere may use it only where it is named', { timeout: 60_000 }, async (t) => {
  const peer = await startPeer(t, (request, write) => write(whole('{}', 'application/json', 'Mcp-Session-Id: one\r\n')));
  const inspector = 'http://localhost:6274';
  const host = await relayed(t, peer, { set: [`http.mcp-origins=${inspector}`] });
  const from = (origin, method, headers = {}) => open(host, method, { headers: { Origin: origin, 'Sec-Fetch-Site': 'cross-site', ...headers }, body: method === 'POST' ? '{}' : undefined }).done;
  const told = ({ headers }) => Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));

  for (const method of ['POST', 'GET', 'DELETE']) {
    const refused = await from('https://evil.example', method);
    assert.deepEqual([refused.status, told(refused)], [403, {}], method);
    const passed = await from(inspector, method);
    assert.equal(passed.status, 200, method);
    assert.equal(passed.headers['access-control-allow-origin'], inspector);
    assert.match(passed.headers['access-control-expose-headers'], /Mcp-Session-Id/);
    assert.equal(passed.headers['access-control-allow-credentials'], undefined);
    assert.equal(passed.headers.vary, 'Origin');
  }
  const asked = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,mcp-param-odd_one' };
  const preflight = await open(host, 'OPTIONS', { auth: {}, headers: { Origin: inspector, ...asked } }).done;
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-headers'], asked['Access-Control-Request-Headers']);
  assert.match(preflight.headers['access-control-allow-methods'], /POST.*DELETE|DELETE.*POST/);
  assert.deepEqual(told(await open(host, 'OPTIONS', { auth: {}, headers: { Origin: 'https://evil.example', ...asked } }).done), {});
  assert.deepEqual(told(await open(host, 'GET', { path: '/api/health', headers: { Origin: inspector } }).done), {}, 'only the paths of MCP');
  const unsigned = await open(host, 'POST', { auth: {}, headers: { Origin: inspector }, body: '{}' }).done;
  assert.deepEqual([unsigned.status, unsigned.headers['access-control-allow-origin']], [401, inspector], 'the page reads why');
});

test('an agent that is down is 502', { timeout: 60_000 }, async (t) => {
  const host = await startHost(t, { workers: 1, set: ['agent peer.url=http://127.0.0.1:9/mcp'] });
  const seen = await open(host, 'POST', { body: '{}' }).done;
  assert.deepEqual([seen.status, JSON.parse(seen.text).code], [502, 'agent_unreachable']);
});

test('events go on as they come; a cut stream is cut, a whole one whole', { timeout: 60_000 }, async (t) => {
  const peer = await startPeer(t, (request, write) => { request.write = write; write(events + chunk('data: 1\n\n')); });
  const host = await relayed(t, peer);
  const seen = open(host, 'GET', { headers: { Accept: 'text/event-stream' } });
  await until(() => seen.text === 'data: 1\n\n', 5000, 'the first event');
  peer.requests[0].write(chunk('data: 2'));
  await until(() => seen.text === 'data: 1\n\ndata: 2', 5000, 'half an event');
  peer.requests[0].socket.destroy();
  assert.equal((await seen.done).ended, 'cut');
  const second = open(host, 'POST', { body: '{}' });
  await until(() => second.text !== '', 5000, 'the first event');
  peer.requests[1].write(`${chunk('data: 2\n\n')}0\r\n\r\n`);
  assert.deepEqual([(await second.done).ended, second.text], ['whole', 'data: 1\n\ndata: 2\n\n']);
  assert.equal(await host.metric('daedalus_mcp_relay_requests_total', { outcome: 'cut' }), 1);
});

test('a client that leaves ends the request at the agent, also before its head has come', { timeout: 60_000 }, async (t) => {
  const peer = await startPeer(t, (request, write) => { if (request.lines[0].startsWith('GET')) write(events + chunk('data: 1\n\n')); });
  const host = await relayed(t, peer);
  const silent = open(host, 'POST', { body: '{}' });
  await until(() => peer.requests.length === 1, 5000, 'the request');
  silent.req.destroy();
  await until(() => peer.requests[0].closed, 1000, 'the end at the agent before its head');
  const streaming = open(host, 'GET');
  await until(() => streaming.text !== '', 5000, 'an event');
  streaming.req.destroy();
  await until(() => peer.requests[1].closed, 1000, 'the end at the agent');
  await until(async () => await host.metric('daedalus_mcp_relay_streams_active') === 0, 5000, 'no open streams');
  assert.equal(await host.metric('daedalus_mcp_relay_requests_total', { outcome: 'left' }), 2);
});

test('what a client does not read is not read from the agent', { timeout: 120_000 }, async (t) => {
  const block = randomBytes(1 << 16).toString('hex').slice(0, 1 << 16);
  const total = 64 << 20;
  let sent = 0;
  const peer = await startPeer(t, ({ socket }, write) => {
    write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: ${total}\r\n\r\n`);
    const more = () => { while (sent < total) { sent += block.length; if (!socket.write(block)) { socket.once('drain', more); return; } } };
    more();
  });
  const host = await relayed(t, peer, { workers: 1 });
  const seen = open(host, 'GET');
  await until(() => seen.res, 5000, 'the head');
  seen.res.pause();
  let before = -1;
  await until(async () => { const still = sent === before; before = sent; await sleep(300); return still; }, 20_000, 'the agent to be stopped');
  assert.ok(sent < 24 << 20, `the agent sent ${sent >> 20} MiB to nobody`);
  seen.res.resume();
  assert.deepEqual([(await seen.done).ended, seen.text.length], ['whole', total]);
});

test('a silent stream gets comments, but never within an event', { timeout: 90_000 }, async (t) => {
  const peer = await startPeer(t, (request, write) => write(events + chunk(request.lines[0].startsWith('GET') ? 'data: 1\r\n\r\n' : 'data: 1\n\ndata: ha')));
  const host = await relayed(t, peer, { workers: 1 });
  const between = open(host, 'GET'), within = open(host, 'POST', { body: '{}' });
  await until(() => between.text.endsWith(':\n\n'), 20_000, 'a comment');
  assert.equal(between.text, 'data: 1\r\n\r\n:\n\n');
  await sleep(1500);
  assert.equal(within.text, 'data: 1\n\ndata: ha');
  between.req.destroy();
  within.req.destroy();
});

test('a token of scope mcp suffices, and loses what it opened within two seconds', { timeout: 60_000 }, async (t) => {
  const peer = await startPeer(t, (request, write) => { if (request.lines[0].startsWith('GET')) write(events + chunk('data: 1\n\n')); });
  const host = await relayed(t, peer);
  const make = async (scope) => await host.ok('POST', '/api/tokens', { body: { name: scope, scopes: [scope] } });
  const mcp = await make('mcp'), read = await make('read');
  const auth = { Authorization: `Bearer ${mcp.token}` };
  assert.equal((await open(host, 'GET', { auth: { Authorization: `Bearer ${read.token}` } }).done).status, 403);
  const streaming = open(host, 'GET', { auth }), silent = open(host, 'POST', { auth, body: '{}' });
  await until(() => streaming.text !== '' && peer.requests.length === 2, 5000, 'both requests');
  await host.ok('DELETE', `/api/tokens/${mcp.id}`);
  const at = Date.now();
  assert.equal((await streaming.done).ended, 'cut');
  assert.equal((await silent.done).status, 401);
  assert.ok(Date.now() - at < 2000, `${Date.now() - at} ms`);
  await until(() => peer.requests.every(({ closed }) => closed), 2000, 'the end at the agent');
});

test("the official SDK's client reaches an agent and the librarian, a session over two workers", { timeout: 90_000 }, async (t) => {
  const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const agent = await startAgent(t, 'streaming-agent.mjs');
  const host = await startHost(t, { workers: 2, set: [`agent tester.url=${agent.url}`] });
  const workspace = await host.workspace('Harbour');
  for (const [path, argument] of [['tester', 'message'], [`librarian?workspace_id=${workspace.id}`, 'message']]) {
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(`${host.url}/api/mcp/${path}`), { requestInit: { headers: host.headers() } });
    await client.connect(transport);
    const { tools } = await client.listTools();
    assert.ok(tools.some(({ name }) => name === 'send_message'), path);
    const progress = [];
    const result = await client.callTool({ name: 'send_message', arguments: { [argument]: 'How many conversations are there?' } }, undefined, { onprogress: (one) => progress.push(one), timeout: 30_000 });
    assert.ok(!result.isError && result.content.length > 0, JSON.stringify(result));
    const server = path.split('?')[0];
    assert.equal(await host.metric('daedalus_mcp_relay_tool_calls_total', { server, tool: 'send_message' }), 1);
    await client.close();
  }
  const nowhere = await open(host, 'POST', { path: '/api/mcp/librarian', body: '{}' }).done;
  assert.deepEqual([nowhere.status, JSON.parse(nowhere.text).code], [422, 'workspace_required']);
});
