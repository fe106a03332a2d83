// SPDX-License-Identifier: Apache-2.0
// A host that may open only 64 files: it serves on, whoever wants more than there is.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Wire, readAnswers } from './wire.mjs';

/* the kit starts the program that DAEDALUS names */
const folder = mkdtempSync(join(tmpdir(), 'daedalus-scarce-'));
const wrapper = join(folder, 'daedalus');
writeFileSync(wrapper, `#!/bin/sh\nulimit -n 64\nexec '${process.env.DAEDALUS ?? 'build/root/bin/daedalus'}' "$@"\n`);
chmodSync(wrapper, 0o755);
process.env.DAEDALUS = wrapper;
const { startHost } = await import('../system/kit.mjs');
after(() => rmSync(folder, { recursive: true, force: true }));

const clients = Number(process.env.CLIENTS ?? (process.env.PEERS === 'full' ? 10_000 : 1000));

test('sixty-four descriptors', async (t) => {
  const host = await startHost(t, { workers: 1 });
  const workers = host.workers();
  const get = `GET /live HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\n\r\n`;

  /** 'served', 'refused' (closed at once), or 'left waiting'. */
  const ask = async (wire, ms = 5000) => {
    await wire.send(get);
    await wire.untilAnswers(1, ms);
    const [answer] = readAnswers(wire.bytes).answers;
    return answer ? (answer.status === 200 ? 'served' : `answered ${answer.status}`) : wire.closed ? 'refused' : 'left waiting';
  };
  const visit = async (ms) => {
    const wire = new Wire(host.port);
    try { return await ask(wire, ms); } finally { wire.leave(); }
  };

  await t.test(`${clients} polite clients, one after the other`, async () => {
    for (let i = 0; i < clients; i++) assert.equal(await visit(), 'served', `client ${i}`);
  });
  await t.test('200 clients at once are served or refused', async () => {
    const seen = await Promise.all(Array.from({ length: 200 }, () => visit()));
    const count = Object.groupBy ? Object.groupBy(seen, (one) => one) : {};
    assert.deepEqual(seen.filter((one) => one !== 'served' && one !== 'refused'), [], JSON.stringify(count));
    assert.ok(seen.includes('served'));
    assert.equal(await visit(1000), 'served', 'not within a second after');
  });
  await t.test('200 clients that stay idle keep nobody out', async () => {
    const idle = Array.from({ length: 200 }, () => new Wire(host.port));
    await Promise.all(idle.map((wire) => ask(wire)));
    try {
      for (let i = 0; i < 20; i++) assert.equal(await visit(1000), 'served', `client ${i} beside idle ones`);
    } finally {
      for (const wire of idle) wire.leave();
    }
  });
  await t.test('200 clients that say nothing give way after a second', async () => {
    const silent = Array.from({ length: 200 }, () => new Wire(host.port));
    await Promise.all(silent.map((wire) => wire.opened));
    try {
      const end = performance.now() + 3_000;
      while ((await visit(1000)) !== 'served') assert.ok(performance.now() < end, 'nobody is served');
    } finally {
      for (const wire of silent) wire.leave();
    }
    assert.equal(await visit(1000), 'served');
  });
  await t.test('the worker is the same', () => assert.deepEqual(host.workers(), workers));
});
