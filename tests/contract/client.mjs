// SPDX-License-Identifier: Apache-2.0
// client: sends requests as they are, and leaves streams after their first bytes.
import http from 'node:http';

const KEPT = new http.Agent({ keepAlive: true, maxSockets: 4 });

/** BODY: text, bytes or undefined. Resolves to {status, headers, text, json, cut}. */
export function send (host, method, target, { headers = {}, body } = {}) {
  const { hostname, port } = new URL(host.url);
  // Node frames the body of a DELETE only where it is told its length
  if (body != null) headers = { ...headers, 'Content-Length': Buffer.byteLength(body) };
  return new Promise((done, fail) => {
    const req = http.request({ hostname, port, method, path: target, headers, agent: KEPT, insecureHTTPParser: false }, (res) => {
      const chunks = [];
      const finish = (cut) => {
        const text = Buffer.concat(chunks).toString('utf8');
        const type = res.headers['content-type'] ?? '';
        let json = null;
        if (!cut && type.includes('json') && text !== '') {
          try { json = JSON.parse(text); } catch { json = undefined; }
        }
        done({ status: res.statusCode, headers: res.headers, text, json, cut });
      };
      if ((res.headers['content-type'] ?? '').startsWith('text/event-stream')) {
        res.on('error', () => {});
        res.once('data', (chunk) => { chunks.push(chunk); });
        setTimeout(() => { finish(true); req.destroy(); }, 15);
        return;
      }
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', fail);
      res.on('end', () => finish(false));
    });
    req.on('error', fail);
    req.setTimeout(20_000, () => req.destroy(new Error(`${method} ${target}: no answer for 20 s`)));
    req.end(body);
  });
}

export function closeClient () { KEPT.destroy(); }
