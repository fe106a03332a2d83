// SPDX-License-Identifier: Apache-2.0
// An MCP server written by hand, without sessions, for what no SDK does: redirects, tools on many
// pages, answers without end. What it does is in its environment or in the message.
//
//   message: oversize    a JSON answer of 64 MiB      longline   one line of a stream without end
//            longevent   one event of many lines      flood      chunks of 256 KiB without end
//            toolflood   tools without end            anything else: it says it again
//
// ODD_REDIRECT: a path or an address to which /mcp redirects with ODD_STATUS (308); it answers itself at
// /moved. ODD_PAGES=N: its tool is on the last of N pages of tools; 0: they never end.
// ODD_SESSION_MS: sessions, each of which begins so late.
// GET /observed: requests by path, bytes of the last answer that were taken.
import { createServer } from 'node:http';

const env = process.env;
const observed = { paths: [], authorizations: [], pages: 0, written: 0, closed: 0, began: 0, opened: [], left: [] };
const tool = {
  name: 'send_message',
  inputSchema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
};
const other = (i) => ({ name: `other_${i}`, inputSchema: { type: 'object', properties: {} } });

async function body (request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString('utf8') || 'null');
}

/** Writes what PIECE gives until it gives nothing or nobody takes it any more. */
async function pour (response, piece) {
  let gone = false;
  let wake = () => {};
  observed.written = 0;
  response.on('close', () => { gone = true; wake(); }).on('drain', () => wake());
  for (let i = 0; !gone; i++) {
    const bytes = piece(i);
    if (bytes === null) break;
    observed.written += bytes.length;
    if (!response.write(bytes)) await new Promise((done) => { wake = done; });
  }
  if (gone) observed.closed++;
  else response.end();
}

const event = (message) => `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
const said = (data) => event({ method: 'notifications/message', params: { level: 'info', data } });

async function speak (response, id, message) {
  const stream = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };
  const block = Buffer.alloc(64 * 1024, 'x');

  switch (message) {
  case 'oversize':
    response.writeHead(200, { 'content-type': 'application/json' });
    return await pour(response, (i) => i === 0 ? `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"`
      : i <= 1024 ? block : i === 1025 ? '"}]}}' : null);
  case 'longline':
    response.writeHead(200, stream);
    return await pour(response, (i) => i === 0 ? 'data: ' : block);
  case 'longevent':
    response.writeHead(200, stream);
    return await pour(response, () => `data: ${block}\n`);
  case 'flood': {
    const chunk = said({ kind: 'assistant_chunk', text: 'x'.repeat(256 * 1024) });
    response.writeHead(200, stream);
    return await pour(response, () => chunk);
  }
  case 'toolflood':
    response.writeHead(200, stream);
    return await pour(response, (i) => said({ kind: 'tool_call', tool_call_id: `call_${i}`, tool_name: 'search' })
      + said({ kind: 'tool_result', tool_call_id: `call_${i}`, tool_name: 'search', content: [{ type: 'text', text: 'y'.repeat(8192) }] }));
  default:
    response.writeHead(200, stream);
    response.end(event({ id, result: { content: [{ type: 'text', text: `You said: ${message}` }] } }));
  }
}

function tools (cursor) {
  const pages = Number(env.ODD_PAGES ?? 1);
  const page = Number(cursor ?? 0);
  observed.pages++;
  if (page === pages - 1) return { tools: [tool] };
  return { tools: [other(page)], nextCursor: String(page + 1) };
}

const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://odd').pathname;
  if (path === '/observed') {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(observed));
  }
  observed.paths.push(path);
  observed.authorizations.push(request.headers.authorization ?? null);
  if (path === '/mcp' && env.ODD_REDIRECT) {
    request.resume();
    response.writeHead(Number(env.ODD_STATUS ?? 308), { location: env.ODD_REDIRECT });
    return response.end();
  }
  if (request.method === 'DELETE') {
    observed.left.push(request.headers['mcp-session-id']);
    return response.writeHead(204).end();
  }
  const message = await body(request);
  if (message?.method === 'initialize' && env.ODD_SESSION_MS) {
    const id = `session-${observed.began++}`;
    await new Promise((done) => setTimeout(done, Number(env.ODD_SESSION_MS)));
    observed.opened.push(id);
    response.setHeader('mcp-session-id', id);
  }
  const reply = (result) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
  };
  if (message === null || message.id === undefined) return response.writeHead(202).end();
  if (message.method === 'initialize')
    return reply({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'odd', version: '1' } });
  if (message.method === 'tools/list') return reply(tools(message.params?.cursor));
  // what was said before stands quoted before the question
  return await speak(response, message.id, message.params.arguments.message.split('\n').at(-1));
});

server.on('clientError', (_error, socket) => socket.destroy());
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/mcp`, pid: process.pid }));
});
