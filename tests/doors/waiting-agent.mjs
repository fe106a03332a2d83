// SPDX-License-Identifier: Apache-2.0
// An agent on the official SDK whose tool says nothing, not even the head of its answer, for as long as it is asked to.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const sdk = createRequire(new URL('../system/agents/package.json', import.meta.url));
const load = (name) => import(pathToFileURL(sdk.resolve(name)));
const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = await load('@modelcontextprotocol/sdk/server/streamableHttp.js');
const { z } = await load('zod');

/** Serves /mcp on 127.0.0.1 until the test ends; resolves to its URL. */
export async function startWaitingAgent (t) {
  const server = createServer(async (req, res) => {
    const mcp = new McpServer({ name: 'waiting', version: '1' });
    mcp.registerTool('wait', { description: 'Waits', inputSchema: { seconds: z.number() } }, async ({ seconds }) => {
      await new Promise((done) => { setTimeout(done, seconds * 1000); });
      return { content: [{ type: 'text', text: `after ${seconds} s` }] };
    });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    res.on('close', () => { transport.close(); mcp.close(); });
    await mcp.connect(transport);
    await transport.handleRequest(req, res);
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}/mcp`;
}
