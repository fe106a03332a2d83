// SPDX-License-Identifier: Apache-2.0
// Reload: new configuration, new plugins and new workers, and no request is lost.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { daedalus, databases, folder, makeFolder, startHost, until } from './kit.mjs';
import { pluginFolder } from './plugin-folder.mjs';

const run = promisify(execFile);
const pace = Number(process.env.PACE ?? 30); // ms between chunks: 220 makes it a turn of a minute
async function reload (host, config) {
  try {
    const { stdout } = await run(daedalus, ['reload', '--config', config, '--set', `host.data-dir=${host.dataDir}`]);
    return { status: 0, text: stdout };
  } catch (error) {
    return { status: error.code, text: error.stderr };
  }
}

test('reload', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(`${name}: requests on kept and new connections survive five reloads, and a turn runs through them`, async (t) => {
      const plugins = makeFolder(join(folder(t), 'plugins'));
      const config = join(folder(t), 'daedalus.conf');
      cpSync(pluginFolder(), plugins, { recursive: true });
      writeFileSync(config, '[log]\nlevel = info\n');
      const host = await startHost(t, { database: database(), workers: 2, set: [`plugin librarian.pace=${pace}ms`],
        args: ['--plugin-dir', plugins, '--config', config] });
      const workspace = await host.workspace();
      const conversation = await host.conversation(workspace);
      const { turn } = await host.post(conversation, 'count to 300');

      const kept = new http.Agent({ keepAlive: true, maxSockets: 4 });
      let sent = 0;
      const failures = [];
      let going = true;
      const load = async (agent) => {
        while (going || sent < 1000) {
          sent += 1;
          try {
            const reply = await host.request('GET', '/api/me', { agent });
            if (reply.status !== 200) failures.push(reply.status);
          } catch (error) {
            failures.push(error.message);
          }
        }
      };
      const loads = [load(kept), load(kept), load(undefined), load(undefined)];
      const outcomes = [];
      let pids = host.workers();
      for (let round = 0; round < 5; round++) {
        if (round === 1) writeFileSync(config, '[log]\nlevel = info\n[plugin metrics]\nenabled = false\n');
        if (round === 2) writeFileSync(config, '[log]\nlevel = info\n');
        if (round === 3) writeFileSync(config, '[log]\nlevel = loud\n[plugin metricss]\nx = 1\n');
        if (round === 4) writeFileSync(config, '[log]\nlevel = info\n');
        const outcome = await reload(host, config);
        outcomes.push(outcome);
        const now = await until(() => { const all = host.workers(); return all.length >= 2 ? all : null; });
        if (round !== 3) assert.ok(pids.every((pid) => now.indexOf(pid) < 2 || now.includes(pid)), 'old workers drain');
        pids = now;
      }
      const meanwhile = await host.turn(turn.id);
      if (pace > 100) assert.equal(meanwhile.state, 'running', 'it outlives the reloads');
      going = false;
      await Promise.all(loads);
      kept.destroy();
      assert.deepEqual(failures, []);
      assert.deepEqual(outcomes.map(({ status }) => status), [0, 0, 0, 78, 0], JSON.stringify(outcomes));
      assert.match(outcomes[1].text, /plugin metrics: disabled/);
      assert.match(outcomes[3].text, /loud/);
      assert.match(outcomes[3].text, /metricss/);
      const ended = await host.ended(turn.id, 120_000);
      assert.equal(ended.state, 'done', 'the turn ran through');
      t.diagnostic(`${sent} requests, a turn of ${ended.duration_ms} ms`);
    });
  }

  await t.test('a turn is not cut by reloads after it, however many: one too many is refused', async (t) => {
    const config = join(folder(t), 'daedalus.conf');
    writeFileSync(config, '[log]\nlevel = info\n');
    const host = await startHost(t, { set: ['plugin librarian.pace=500ms'], args: ['--config', config] });
    const workspace = await host.workspace();
    const turns = [];
    for (let round = 0; round < 8; round++) {
      const { turn } = await host.post(await host.conversation(workspace), 'count to 300');
      await until(async () => (await host.turn(turn.id)).state === 'running');
      turns.push(turn);
      assert.equal((await reload(host, config)).status, 0, `reload ${round}`);
    }
    const refused = await reload(host, config);
    assert.equal(refused.status, 78);
    assert.match(refused.text, /earlier reloads still finish.*\n.*Reload again when they are done/);
    for (const turn of turns) assert.equal((await host.turn(turn.id)).state, 'running');
    for (const turn of turns) await host.ok('POST', `/api/turns/${turn.id}/cancel`);
    for (const turn of turns) assert.equal((await host.ended(turn.id)).state, 'cancelled');
    await until(async () => (await reload(host, config)).status === 0, 15_000, 'a reload once they are done');
  });

  await t.test('counters are the sum over all workers, whichever is asked', async (t) => {
    const host = await startHost(t, { workers: 2 });
    for (let i = 0; i < 200; i++) assert.equal((await host.request('GET', '/api/me')).status, 200);
    await until(async () => (await host.metric('daedalus_http_requests_total', { route: '/api/me', status: '200' })) === 200, 3000, '200 requests in /metrics');
    for (let i = 0; i < 10; i++)
      assert.equal(await host.metric('daedalus_http_requests_total', { route: '/api/me', status: '200' }), 200);
  });

  await t.test('a killed worker is replaced from the generation that was checked', async (t) => {
    const plugins = makeFolder(join(folder(t), 'plugins'));
    const config = join(folder(t), 'daedalus.conf');
    cpSync(pluginFolder(), plugins, { recursive: true });
    writeFileSync(config, '[log]\nlevel = info\n');
    const host = await startHost(t, { args: ['--plugin-dir', plugins, '--config', config] });
    // the plugin on disk is now garbage, put there as packages do, by rename; and the keyfile is wrong
    writeFileSync(join(plugins, 'new'), 'this is no plugin');
    renameSync(join(plugins, 'new'), join(plugins, 'workspaces.so'));
    unlinkSync(join(plugins, 'metrics.so'));
    writeFileSync(config, '[nonsense]\nx = 1\n');
    const [pid] = host.workers();
    process.kill(pid, 'SIGKILL');
    await until(() => { const [now] = host.workers(); return now && now !== pid; }, 5000, 'a new worker');
    await until(async () => { try { return (await host.request('GET', '/api/workspaces')).status === 200; } catch { return false; } }, 5000, 'workspaces');
    assert.equal((await host.request('GET', '/metrics', { anonymous: true })).status, 200);
    const refused = await reload(host, config);
    assert.equal(refused.status, 78);
    assert.match(refused.text, /nonsense/);
    assert.match(refused.text, /workspaces/);
  });

  await t.test('SIGHUP reloads too', async (t) => {
    const host = await startHost(t, { workers: 2 });
    const before = host.workers();
    process.kill(host.pid, 'SIGHUP');
    await until(() => host.workers().every((pid) => !before.includes(pid)) && host.workers().length === 2, 15_000, 'new workers');
    assert.equal((await host.request('GET', '/api/me')).status, 200);
  });
});
