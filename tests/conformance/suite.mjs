// SPDX-License-Identifier: Apache-2.0
// Runs the public conformance suite of MCP against a server. It cannot send a credential, so a pipe in front adds one.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** A door to TARGET that adds HEADERS to what goes through, and else changes nothing; resolves to its URL. */
export async function startDoor (t, target, headers) {
  const { hostname, port, pathname, search } = new URL(target);
  const server = http.createServer({ requestTimeout: 0 }, (req, res) => {
    const own = [...req.rawHeaders, ...Object.entries(headers).flat()];
    for (let i = 0; i < own.length; i += 2) // what names the door itself names what is behind it; a foreign name stays
      if (/^(host|origin)$/i.test(own[i])) own[i + 1] = own[i + 1].replace(`${server.address().port}`, port).replace('localhost', hostname);
    const out = http.request({ hostname, port, method: req.method, path: pathname + search, headers: own, setHost: false, agent: false }, (back) => {
      res.writeHead(back.statusCode, back.rawHeaders);
      res.flushHeaders();
      back.pipe(res);
      back.on('error', () => res.destroy());
    });
    out.on('error', () => res.destroy());
    res.on('close', () => out.destroy());
    req.pipe(out);
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}${pathname}`;
}

/** Runs the suite with ARGS; resolves to {text, passed, failed}: all it said, and the names of scenarios. */
export function runSuite (args, { ms = 240_000 } = {}) {
  const program = join(dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json', { paths: [here] })), 'dist', 'index.js');
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    let text = '';
    child.stdout.on('data', (chunk) => { text += chunk; });
    child.stderr.on('data', (chunk) => { text += chunk; });
    child.on('error', fail);
    child.on('close', (status) => {
      clearTimeout(timer);
      // after the results it says once more which of them it does not score
      const results = text.split(/^Total: /m)[0];
      const named = (sign) => [...results.matchAll(new RegExp(`^${sign} ([\\w-]+): `, 'gm'))].map(([, name]) => name);
      if (!/^Total: /m.test(text)) fail(new Error(`the suite ended with ${status}: ${text}`));
      else done({ text, passed: named('✓'), failed: named('✗') });
    });
  });
}
