// SPDX-License-Identifier: Apache-2.0
// An MCP server that does all the suite asks for, in both eras of the protocol, to be put behind the relay.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { Refusal, complete, prompts, readResource, resources, templates, tools } from './features.mjs';

const MODERN = '2026-07-28';
const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26'];
const INFO = { name: 'conformance-upstream', version: '1' };
const META = 'io.modelcontextprotocol/';
const isLoopback = (name) => /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(name ?? '');

const fault = (id, { code = -32603, message, data }) => ({ jsonrpc: '2.0', id: id ?? null, error: { code, message, ...data !== undefined ? { data } : {} } });

function sendJson (res, status, value, headers = {}) {
  const bytes = Buffer.from(JSON.stringify(value));
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': bytes.length, ...headers });
  res.end(bytes);
}

const STREAM = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' };

/** The answer to one request: JSON, or an event stream where something is to be said before it. */
class Outlet {
  constructor (res, headers, eventId = null) { Object.assign(this, { res, headers, eventId, streams: false }); }

  #id () { return this.eventId ? `id: ${this.eventId()}\n` : ''; }

  stream () {
    if (this.streams) return;
    this.streams = true;
    this.res.writeHead(200, { ...STREAM, ...this.headers });
    this.res.flushHeaders();
    if (this.eventId) this.res.write(`${this.#id()}retry: 500\ndata: \n\n`);
  }

  send (message) {
    this.stream();
    if (!this.res.destroyed && !this.res.writableEnded) this.res.write(`${this.#id()}event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  end (status, message) {
    if (!this.streams) return sendJson(this.res, status, message, this.headers);
    this.send(message);
    return this.res.end();
  }
}

// ---- methods of both eras

const listed = (table, members) => [...table].map(([name, one]) => ({ name, ...members(one) }));

async function answer (method, params = {}, call) {
  const cached = call.isModern ? { ttlMs: 0, cacheScope: 'private' } : {};
  switch (method) {
  case 'tools/list': return { tools: listed(tools, ({ description, inputSchema }) => ({ description, inputSchema })), ...cached };
  case 'tools/call':
    if (!tools.has(params.name)) throw new Refusal(-32602, `Unknown tool: ${params.name}`);
    return await tools.get(params.name).run({ ...call, params, args: params.arguments ?? {} });
  case 'resources/list': return { resources, ...cached };
  case 'resources/templates/list': return { resourceTemplates: templates, ...cached };
  case 'resources/read': {
    const found = readResource(params.uri);
    if (!found) throw new Refusal(call.isModern ? -32602 : -32002, 'Resource not found', { data: { uri: params.uri } });
    return { contents: found, ...cached };
  }
  case 'prompts/list': return { prompts: listed(prompts, ({ description, arguments: wants }) => ({ description, arguments: wants })), ...cached };
  case 'prompts/get':
    if (!prompts.has(params.name)) throw new Refusal(-32602, `Unknown prompt: ${params.name}`);
    return prompts.get(params.name).get(params.arguments ?? {}, params);
  case 'completion/complete': return complete(params.argument?.value);
  default:
    if (!call.isModern && ['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'].includes(method)) return {};
    throw new Refusal(-32601, 'Method not found', { status: call.isModern ? 404 : 200 });
  }
}

// ---- 2026-07-28

const listeners = new Set();

function announce (what) {
  for (const { id, granted, outlet } of listeners)
    if (granted[`${what}ListChanged`])
      outlet.send({ jsonrpc: '2.0', method: `notifications/${what}/list_changed`, params: { _meta: { [`${META}subscriptionId`]: id } } });
}

function listen (message, outlet) {
  const asked = message.params.notifications ?? {};
  const granted = Object.fromEntries(['toolsListChanged', 'promptsListChanged'].filter((name) => asked[name]).map((name) => [name, true]));
  const listener = { id: message.id, granted, outlet };
  outlet.send({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { _meta: { [`${META}subscriptionId`]: message.id }, notifications: granted } });
  listeners.add(listener);
  outlet.res.on('close', () => listeners.delete(listener));
}

/** The value of a header that may be written in Base64; null: badly. */
function decoded (value) {
  const coded = /^=\?base64\?(.*)\?=$/.exec(value ?? '')?.[1];
  if (coded === undefined) return value;
  return coded.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(coded) ? Buffer.from(coded, 'base64').toString('utf8') : null;
}

/** Headers say again what the body says (2026-07-28, transports). */
function compareHeaders (headers, { method, params }) {
  const same = (name, value) => {
    if (decoded(headers[name.toLowerCase()]) !== value) throw new Refusal(-32020, `Header mismatch: ${name}`, { status: 400 });
  };
  same('Mcp-Method', method);
  if (method === 'resources/read') same('Mcp-Name', params.uri);
  if (method === 'tools/call' || method === 'prompts/get') same('Mcp-Name', params.name);
  if (method !== 'tools/call') return;
  for (const [name, { 'x-mcp-header': header }] of Object.entries(tools.get(params.name)?.inputSchema.properties ?? {})) {
    const value = params.arguments?.[name];
    if (header) same(`Mcp-Param-${header}`, value === undefined || value === null ? undefined : String(value));
  }
}

async function serveModern (req, res, message) {
  const meta = message.params?._meta, version = meta?.[`${META}protocolVersion`], capabilities = meta?.[`${META}clientCapabilities`];
  const outlet = new Outlet(res, {});
  const done = (result) => outlet.end(200, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', ...result, _meta: { ...result._meta, [`${META}serverInfo`]: INFO } } });
  try {
    if (typeof version !== 'string' || typeof capabilities !== 'object' || capabilities === null)
      throw new Refusal(-32602, 'Invalid params: _meta lacks what each request needs', { status: 400 });
    if (req.headers['mcp-protocol-version'] !== version) throw new Refusal(-32020, 'Header mismatch: MCP-Protocol-Version', { status: 400 });
    if (version !== MODERN) throw new Refusal(-32022, 'Unsupported protocol version', { data: { supported: [MODERN, ...LEGACY], requested: version }, status: 400 });
    if (message.id === undefined) return res.writeHead(202).end();
    compareHeaders(req.headers, message);
    if (message.method === 'subscriptions/listen') return listen(message, outlet);
    if (message.method === 'server/discover')
      return done({ supportedVersions: [MODERN, ...LEGACY], ttlMs: 0, cacheScope: 'public',
        capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: {}, completions: {}, logging: {} } });
    const tell = (method, params) => outlet.send({ jsonrpc: '2.0', method, params });
    return done(await answer(message.method, message.params, {
      isModern: true, capabilities, token: meta.progressToken, tell, announce,
      log: (line) => { if (meta[`${META}logLevel`]) tell('notifications/message', { level: 'info', data: line }); },
      stream: () => outlet.stream(),
      leave () {},
      ask () { throw new Refusal(-32603, 'This revision has no requests of servers'); },
    }));
  } catch (error) { return outlet.end(error.status ?? 200, fault(message.id, error)); }
}

// ---- 2025-11-25 and before

const sessions = new Map();

function initialize (res, { id, params }) {
  const session = randomUUID();
  const protocolVersion = LEGACY.includes(params?.protocolVersion) ? params.protocolVersion : LEGACY[0];
  sessions.set(session, { capabilities: params?.capabilities ?? {}, asked: new Map(), told: new Map(), readers: new Set(), questions: 0 });
  sendJson(res, 200, { jsonrpc: '2.0', id, result: { protocolVersion, serverInfo: INFO,
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true }, completions: {}, logging: {} } } }, { 'Mcp-Session-Id': session });
}

/** What is said on a request's stream, also when that has ended: then those who resume get it. */
class Story {
  constructor (session, id, res, headers) {
    let number = 0;
    Object.assign(this, { session, name: String(id), messages: [], left: false });
    this.next = () => number++;
    this.outlet = new Outlet(res, headers, () => `${this.name}:${this.next()}`);
  }

  leave () {
    this.outlet.stream();
    this.left = true;
    this.outlet.res.end();
  }

  say (message) {
    if (!this.left) return this.outlet.send(message);
    this.messages.push({ number: this.next(), message });
    for (const reader of this.session.readers) reader.catchUp(this);
    return undefined;
  }
}

async function serveLegacy (req, res, message) {
  const id = req.headers['mcp-session-id'], version = req.headers['mcp-protocol-version'];
  if (message.method === 'initialize') return initialize(res, message);
  const session = sessions.get(id);
  if (!session) return sendJson(res, id ? 404 : 400, fault(message.id, { code: -32001, message: 'There is no such session' }));
  if (version && !LEGACY.includes(version)) return sendJson(res, 400, fault(message.id, { code: -32000, message: 'Unsupported protocol version' }));
  if (message.method === undefined) session.asked.get(message.id)?.(message);
  if (message.method === undefined || message.id === undefined) return res.writeHead(202, { 'Mcp-Session-Id': id }).end();

  const story = new Story(session, message.id, res, { 'Mcp-Session-Id': id });
  const tell = (method, params) => story.say({ jsonrpc: '2.0', method, params });
  const call = {
    isModern: false, capabilities: session.capabilities, token: message.params?._meta?.progressToken, tell, announce,
    log: (line) => tell('notifications/message', { level: 'info', logger: INFO.name, data: line }),
    stream: () => story.outlet.stream(),
    leave () { session.told.set(story.name, story); story.leave(); },
    ask: (method, params) => new Promise((done, fail) => {
      const question = `question-${++session.questions}`;
      session.asked.set(question, ({ result, error }) => {
        session.asked.delete(question);
        if (error) fail(new Refusal(error.code, error.message)); else done(result);
      });
      story.say({ jsonrpc: '2.0', id: question, method, params });
    }),
  };
  const last = await answer(message.method, message.params, call).then((result) => ({ jsonrpc: '2.0', id: message.id, result }), (error) => fault(message.id, error));
  return story.left ? story.say(last) : story.outlet.end(200, last);
}

function serveGet (req, res) {
  const id = req.headers['mcp-session-id'], session = sessions.get(id);
  if (req.headers['mcp-protocol-version'] === MODERN) return res.writeHead(405, { Allow: 'POST' }).end();
  if (!session) return sendJson(res, id ? 404 : 400, fault(null, { code: -32001, message: 'There is no such session' }));
  const [, name, number] = /^(.*):(\d+)$/.exec(req.headers['last-event-id'] ?? '') ?? [];
  let seen = Number(number ?? -1);
  const reader = {
    catchUp (story) {
      if (story.name !== name) return;
      for (const { number: at, message } of story.messages.filter((one) => one.number > seen)) {
        seen = at;
        res.write(`id: ${name}:${at}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`);
        if (message.method === undefined) res.end();
      }
    },
  };
  res.writeHead(200, { ...STREAM, 'Mcp-Session-Id': id });
  res.flushHeaders();
  session.readers.add(reader);
  res.on('close', () => session.readers.delete(reader));
  if (session.told.has(name)) reader.catchUp(session.told.get(name));
  return undefined;
}

function serveDelete (req, res) {
  if (sessions.delete(req.headers['mcp-session-id'])) res.writeHead(200).end();
  else sendJson(res, 404, fault(null, { code: -32001, message: 'There is no such session' }));
}

// ---- HTTP

async function servePost (req, res) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  let message;
  try { message = JSON.parse(Buffer.concat(chunks)); } catch { return sendJson(res, 400, fault(null, { code: -32700, message: 'Parse error' })); }
  if (message === null || typeof message !== 'object' || Array.isArray(message)) return sendJson(res, 400, fault(null, { code: -32600, message: 'A body is one message' }));
  const version = req.headers['mcp-protocol-version'];
  const isModern = message.params?._meta?.[`${META}protocolVersion`] !== undefined || (version !== undefined && !LEGACY.includes(version))
    || (req.headers['mcp-method'] !== undefined && !req.headers['mcp-session-id'] && message.method !== 'initialize');
  return await (isModern ? serveModern : serveLegacy)(req, res, message);
}

/** Serves /mcp on a free port of 127.0.0.1 until the test ends; resolves to its URL. */
export async function startUpstream (t) {
  const server = http.createServer({ requestTimeout: 0 }, (req, res) => {
    const { method, headers } = req;
    if (req.url !== '/mcp') res.writeHead(404).end();
    else if (!isLoopback(headers.host) || (headers.origin && !isLoopback(headers.origin.replace(/^https?:\/\//, '')))) sendJson(res, 403, fault(null, { code: -32000, message: 'Forbidden' }));
    else if (method === 'POST') servePost(req, res).catch((error) => { if (res.headersSent) res.destroy(); else sendJson(res, 500, fault(null, error)); });
    else if (method === 'GET') serveGet(req, res);
    else if (method === 'DELETE') serveDelete(req, res);
    else res.writeHead(405, { Allow: 'POST, GET, DELETE' }).end();
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}/mcp`;
}
