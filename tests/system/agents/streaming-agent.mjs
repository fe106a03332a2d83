// SPDX-License-Identifier: Apache-2.0
// streaming-agent: an agent on the official TypeScript SDK that streams its answer as log
// notifications, reports tools and progress, and misbehaves on request. It serves MCP at /mcp on
// 127.0.0.1, prints one line of JSON with its address, and shows at GET /observed what it saw.
//
// Words in the message steer it (AGENT_WORDS adds words to every message):
//   slow        200 ms between chunks          long       a chunk each 500 ms for AGENT_LONG_MS (60 s)
//   chunks=N    N chunks (8)                   pace=MS    MS between chunks (40)
//   hang        goes silent after one chunk    silent     says nothing at all
//   cut         cuts the stream in mid-answer  garbage    sends bytes that are not JSON
//   errortext   a model error that looks like an answer   iserror    a result that is an error
//   rpcerror    a JSON-RPC error               nochunks   only the final text
//   thin        whole iterations as chunks, the final text is the last sentence only
//   nested      an agent below this one relays its own chunks
//   media       image and resource in the result          failtool   its tool fails
//   asks        asks the client (ping, roots)  forget     loses all sessions after this answer
//   recall      answers with the past it was given or remembers
//
// Environment: PORT (0), AGENT_STATELESS=1, AGENT_NO_HISTORY=1 (no history argument),
// AGENT_TOOL (send_message), AGENT_JSON=1 (JSON answers, no stream), AGENT_RESUME=1 (event ids, a
// cut stream can be resumed), AGENT_HEALTH (ok), AGENT_NO_HEALTH=1, AGENT_TOKEN (demands it as
// bearer). POST /control {"words": …, "health": …, "forget": true} changes a running one.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const env = process.env;
const control = { words: env.AGENT_WORDS ?? '', health: env.AGENT_HEALTH ?? 'ok' };
const observed = { initialize: 0, deleted: 0, answers: [], calls: [] };
const exchange = new AsyncLocalStorage();
const sessions = new Map(); // id -> { transport, remembered }
const loggerName = 'agent.stream';

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Error('cancelled'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });

class Turn {
  constructor(extra) {
    this.extra = extra;
    this.token = extra._meta?.progressToken;
  }

  log(data) {
    return this.extra.sendNotification({
      method: 'notifications/message',
      params: { level: 'info', logger: loggerName, data },
    });
  }

  piece(text) {
    return this.log({ kind: 'assistant_chunk', schema_version: 2, text });
  }

  iteration(text, more = {}) {
    return this.log({
      kind: 'assistant_chunk',
      schema_version: more.via_agent ? 3 : 2,
      content: [{ type: 'text', text }],
      ...more,
    });
  }

  async progress(message, progress, total) {
    if (this.token === undefined) return;
    await this.extra.sendNotification({
      method: 'notifications/progress',
      params: { progressToken: this.token, progress, total, message },
    });
  }

  toolStarted(id, name, more = {}) {
    return this.log({
      kind: 'tool_call',
      schema_version: 2,
      tool_call_id: id,
      tool_name: name,
      arguments: { query: 'harbour' },
      ...more,
    });
  }

  toolEnded(id, name, text, isError, more = {}) {
    return this.log({
      kind: 'tool_result',
      schema_version: 2,
      tool_call_id: id,
      tool_name: name,
      content: [{ type: 'text', text }],
      is_error: isError,
      ...more,
    });
  }
}

const text = (t) => ({ content: [{ type: 'text', text: t }] });
const numberOf = (words, name, fallback) =>
  Number(new RegExp(`\\b${name}=(\\d{1,6})\\b`).exec(words)?.[1] ?? fallback);

async function useTool(turn, has) {
  await turn.progress('demo/search: started', 0);
  await turn.toolStarted('call_1', 'search');
  if (has('nested')) {
    const via = { via_agent: ['research'], parent_call_id: 'call_1' };
    await turn.iteration('Looking through the archive.', via);
    await turn.toolStarted('call_2', 'archive', via);
    await turn.toolEnded('call_2', 'archive', 'two pages', false, via);
  }
  await turn.toolEnded('call_1', 'search', has('failtool') ? 'no access' : '3 hits', has('failtool'));
  await turn.progress('demo/search: completed', 1, 1);
  await turn.progress('demo/agent_loop: step 1 (llm)', 0);
}

async function speak(turn, has, words, message, signal) {
  const gap = has('slow') || has('long') ? (has('long') ? 500 : 200) : numberOf(words, 'pace', 40);
  const n = has('long')
    ? Math.ceil(Number(env.AGENT_LONG_MS ?? 60000) / 500)
    : numberOf(words, 'chunks', 8);
  let all = '';

  for (let i = 1; i <= n; i++) {
    const part = i === 1 ? `You said: ${message}\n\n` : `Part ${i} of ${n}. `;
    await turn.piece(part);
    all += part;
    if (has('hang')) await pause(2 ** 30, signal);
    if (has('cut') && i === 3) {
      exchange.getStore().response.socket.destroy();
      if (!env.AGENT_RESUME) await pause(2 ** 30, signal);
    }
    if (has('garbage') && i === 2) {
      const { response } = exchange.getStore();
      response.write('event: message\ndata: {"jsonrpc": "2.0", oh no\n\n');
      response.end();
      await pause(2 ** 30, signal);
    }
    await pause(gap, signal);
  }
  return all;
}

async function answer(turn, { message, history }, session, call) {
  const words = `${message} ${control.words}`;
  const has = (word) => new RegExp(`\\b${word}\\b`).test(words);
  const { signal } = turn.extra;

  if (has('silent')) await pause(2 ** 30, signal);
  if (has('iserror')) return { ...text('the library is closed today'), isError: true };
  if (has('errortext'))
    return text('I hit an internal error while calling the model: status=529. See fast-agent-error for additional details.');
  if (has('nochunks')) return text(`You said: ${message}`);
  if (has('media'))
    return {
      content: [
        { type: 'text', text: 'Here is the chart.' },
        { type: 'image', data: 'iVBORw0KGgo=', mimeType: 'image/png' },
        { type: 'resource_link', uri: 'file:///chart.csv', name: 'chart.csv' },
      ],
    };
  if (has('recall')) {
    const past = history ? history.map((m) => `${m.role}: ${m.content}`) : (session?.remembered ?? []);
    session?.remembered.push(`user: ${message}`);
    return text(past.length ? past.join('\n') : 'nothing');
  }
  session?.remembered.push(`user: ${message}`);
  if (has('asks')) {
    const answered = await turn.extra.sendRequest({ method: 'ping' }, z.object({}).passthrough());
    observed.answers.push({ ping: answered });
    await turn.extra
      .sendRequest({ method: 'roots/list' }, z.object({}).passthrough())
      .catch((error) => observed.answers.push({ roots: error.code ?? String(error) }));
  }
  if (has('thin')) {
    await turn.iteration('I will look that up in the archive.');
    await useTool(turn, has);
    await turn.iteration('The harbour was built in 1842. Its wall is of granite. It is still in use.');
    return text('It is still in use.');
  }
  await useTool(turn, has);
  const all = await speak(turn, has, words, message, signal);
  call.length = all.length;
  return text('Part of this is final.');
}

function newServer(session) {
  const server = new McpServer(
    { name: 'streaming-agent', version: '0.1.0' },
    { capabilities: { tools: {}, logging: {} } },
  );
  const schema = {
    message: z.string().describe("the user's turn"),
    conversation_id: z.string().optional(),
  };
  if (!env.AGENT_NO_HISTORY)
    schema.history = z
      .array(z.object({ role: z.enum(['user', 'assistant']), content: z.string() }))
      .optional();

  server.registerTool(
    env.AGENT_TOOL ?? 'send_message',
    { description: 'Talk to the agent', inputSchema: schema },
    async (args, extra) => {
      const call = {
        message: args.message,
        history: args.history?.length ?? null,
        conversation_id: args.conversation_id ?? null,
        session: extra.sessionId ?? null,
        authorization: exchange.getStore().request.headers.authorization ?? null,
        traceparent: exchange.getStore().request.headers.traceparent ?? null,
        state: 'running',
        left: false,
      };
      observed.calls.push(call);
      const { response } = exchange.getStore();
      response.on('close', () => {
        if (!response.writableFinished) call.left = true;
      });
      extra.signal.addEventListener('abort', () => {
        call.state = 'cancelled';
      });
      if (new RegExp('\\brpcerror\\b').test(args.message)) {
        call.state = 'refused';
        return { toolResult: 0, content: 'not a list' };
      }
      try {
        const result = await answer(new Turn(extra), args, session?.(), call);
        if (call.state === 'running') call.state = 'done';
        if (/\bforget\b/.test(args.message)) setTimeout(() => sessions.clear(), 20);
        return result;
      } catch (error) {
        if (call.state === 'running') call.state = `failed: ${error.message}`;
        throw error;
      }
    },
  );
  if (!env.AGENT_NO_HEALTH)
    server.registerTool('get_health', { description: 'Health of the model provider' }, async () =>
      text(JSON.stringify({ status: control.health, reason: control.health === 'ok' ? null : 'the model is slow' })),
    );
  return server;
}

// keeps events so that a cut stream can be resumed
class EventStore {
  events = [];
  async storeEvent(streamId, message) {
    const id = `${streamId}_${this.events.length}`;
    this.events.push({ id, streamId, message });
    return id;
  }
  async getStreamIdForEventId(id) {
    return this.events.find((event) => event.id === id)?.streamId;
  }
  async replayEventsAfter(lastId, { send }) {
    const at = this.events.findIndex((event) => event.id === lastId);
    const streamId = this.events[at]?.streamId ?? '';
    for (const event of this.events.slice(at + 1))
      if (event.streamId === streamId) await send(event.id, event.message);
    return streamId;
  }
}

async function openStateful() {
  const session = { transport: null, remembered: [] };
  session.transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    enableJsonResponse: env.AGENT_JSON === '1',
    eventStore: env.AGENT_RESUME === '1' ? new EventStore() : undefined,
    retryInterval: env.AGENT_RESUME === '1' ? 100 : undefined,
    onsessioninitialized: (id) => sessions.set(id, session),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await newServer(() => session).connect(session.transport);
  return session.transport;
}

async function openStateless(response) {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: env.AGENT_JSON === '1',
  });
  const server = newServer(null);
  await server.connect(transport);
  response.on('close', () => {
    transport.close();
    server.close();
  });
  return transport;
}

const problem = (response, status, code, message) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
};

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

async function serveMcp(request, response) {
  const stateless = env.AGENT_STATELESS === '1';
  if (env.AGENT_TOKEN && request.headers.authorization !== `Bearer ${env.AGENT_TOKEN}`)
    return problem(response, 401, -32001, 'unauthorized');
  if (request.method !== 'POST' && stateless) {
    response.writeHead(405, { allow: 'POST' });
    return response.end();
  }
  if (request.method === 'DELETE') observed.deleted++;
  const message = request.method === 'POST' ? await body(request) : undefined;
  if (message?.method === 'initialize') observed.initialize++;

  let transport;
  if (stateless) transport = await openStateless(response);
  else if (request.headers['mcp-session-id']) {
    transport = sessions.get(request.headers['mcp-session-id'])?.transport;
    if (!transport) return problem(response, 404, -32001, 'Session not found');
  } else if (message?.method === 'initialize') transport = await openStateful();
  else return problem(response, 400, -32000, 'Bad Request: no valid session');
  await exchange.run({ request, response }, () => transport.handleRequest(request, response, message));
}

const server = createServer(async (request, response) => {
  try {
    if (request.url === '/mcp') return await serveMcp(request, response);
    if (request.url === '/control' && request.method === 'POST') {
      const { forget, ...rest } = await body(request);
      Object.assign(control, rest);
      if (forget) sessions.clear();
    }
    if (request.url === '/observed' || request.url === '/control') {
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ ...observed, sessions: [...sessions.keys()] }));
    }
    response.writeHead(404).end();
  } catch (error) {
    if (!response.headersSent) problem(response, 400, -32700, String(error.message));
  }
});

server.listen(Number(env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}/mcp`, observed: `http://127.0.0.1:${port}/observed`, pid: process.pid }));
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
