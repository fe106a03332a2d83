// SPDX-License-Identifier: Apache-2.0
// How common MCP clients are told of an endpoint, ready to be pasted.

export interface Endpoint {
  /** What the client calls it: letters, digits, "-" and "_". */
  name: string;
  url: string;
  token: string;
}

export interface Snippet {
  id: 'claude' | 'json' | 'vscode' | 'sdk' | 'curl';
  /** Names of programs and files: the same in each language. */
  title: string;
  text: string;
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);

export function snippets({ name, url, token }: Endpoint): Snippet[] {
  const bearer = `Bearer ${token}`;
  const server = { type: 'http', url, headers: { Authorization: bearer } };
  return [
    { id: 'claude', title: 'Claude Code', text: `claude mcp add --transport http ${name} "${url}" --header "Authorization: ${bearer}"` },
    { id: 'json', title: 'mcp.json (Cursor, Claude)', text: json({ mcpServers: { [name]: server } }) },
    { id: 'vscode', title: '.vscode/mcp.json (VS Code)', text: json({ servers: { [name]: server } }) },
    {
      id: 'sdk',
      title: 'TypeScript SDK',
      text: `import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const client = new Client({ name: 'my-program', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL('${url}'), {
  requestInit: { headers: { Authorization: '${bearer}' } },
}));
console.log((await client.listTools()).tools.map(({ name }) => name));
await client.close();`,
    },
    {
      id: 'curl',
      title: 'curl',
      text: `curl -sS "${url}" -H "Authorization: ${bearer}" -H "Content-Type: application/json" \\
  -H "Accept: application/json, text/event-stream" \\
  -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'`,
    },
  ];
}
