// SPDX-License-Identifier: Apache-2.0
// Ports for programs that must be told one: below those that the kernel gives to outgoing connections
// (Linux: ip-sysctl, ip_local_port_range), so that a port stays free while its program is started anew.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowest = 10_000;

function ephemeral () {
  try { return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]); }
  catch { return 32_768; }
}

const listens = (port) => new Promise((done) => {
  const server = createServer();
  server.once('error', () => done(0));
  server.listen(port, '127.0.0.1', () => { const { port: given } = server.address(); server.close(() => done(given)); });
});

/** A TCP port of 127.0.0.1 that nothing listens on. */
export async function freePort () {
  const room = ephemeral() - lowest;
  for (let i = 0; room > 0 && i < 100; i++) {
    const port = await listens(lowest + Math.floor(Math.random() * room));
    if (port) return port;
  }
  return listens(0);
}
