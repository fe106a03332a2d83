// SPDX-License-Identifier: Apache-2.0
// What the supervisor is for: plugins that misbehave, refusals, reloads, handover to another program, the end.
// RELOADS (default 6) is how often the search for leaks reloads.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { childrenOf, daedalus, folder, here, sleep, source, startHost, until } from './kit.mjs';
import { freePort } from './ports.mjs';
import { Service, command } from './service.mjs';
import { memory } from './talk.mjs';

const build = process.env.TEST_BUILD ?? join(source, 'build');
const faulty = join(build, 'tests', 'plugin-api', 'faulty', 'faulty.so');
const next = join(build, 'tests', 'next', 'daedalus-next');
const isSanitized = process.env.ASAN_OPTIONS !== undefined;
const modeOf = (path) => statSync(path).mode & 0o777;

function linesOf (log, message) {
  return log.flatMap((line) => {
    try { const entry = JSON.parse(line); return entry.message === message ? [entry] : []; } catch { return []; }
  });
}

/** A host with the plugin that does what it is asked to; its crashes are wanted. */
async function startFaulty (t, { workers = 2, set = [], ...options } = {}) {
  const host = await startHost(t, { keep: true, workers, set, args: ['--plugin', faulty], ...options });
  t.after(() => host.stop());
  host.line = (message, is = () => true, ms = 8000) =>
    until(() => linesOf(host.log, message).find(is), ms, `the line "${message}"`);
  return host;
}

/** Asks on a connection of its own; the answer may never come. */
const attempt = (host, path, options) => host.request('GET', path, options).then((reply) => reply.status, (error) => error.code ?? error.message);

/** Requests one after the other until it is told to end; what was not 200. */
function load (t, host, { agent } = {}) {
  const failures = [];
  let going = true, sent = 0;
  const run = (async () => {
    while (going) {
      sent += 1;
      try {
        const { status } = await host.request('GET', '/api/me', { agent });
        if (status !== 200) failures.push(status);
      } catch (error) { failures.push(error.code ?? error.message); }
    }
  })();
  t.after(() => { going = false; });
  return { async end () { going = false; await run; return { failures, sent }; } };
}

test('a plugin that misbehaves', async (t) => {
  const host = await startFaulty(t, { set: ['plugin faulty.stop-leaks=true'] });
  const faults = (kind) => host.metric('daedalus_plugin_faults_total', { plugin: 'faulty', kind });
  const restarts = (reason) => host.metric('daedalus_worker_restarts_total', { reason });

  await t.test('no reply is a 500 and a fault; a second one is ignored and a fault', async () => {
    for (const path of ['silent', 'lost', 'pool-silent']) {
      const reply = await host.request('GET', `/api/faulty/${path}`);
      assert.equal(reply.status, 500, path);
      assert.equal(reply.headers['content-type'], 'application/problem+json');
    }
    assert.equal((await host.request('GET', '/api/faulty/twice')).text, 'first\n');
    await until(async () => await faults('no_reply') === 3 && await faults('second_reply') === 1, 3000, 'the faults');
  });

  await t.test('a loop that is a second late is a warning with plugin and route', async () => {
    assert.equal((await host.request('GET', '/api/faulty/block/1600')).status, 204);
    await host.line('loop is late', ({ plugin, route }) => plugin === 'faulty' && route.includes('/api/faulty/block/'));
    assert.equal((await host.request('GET', '/api/faulty/timer')).status, 204);
    await host.line('loop is late', ({ plugin, route }) => plugin === 'faulty' && route === 'timer');
  });

  await t.test('crash, exit(0) and abort on a pool thread: named, counted, replaced, and the other worker serves on', async (t) => {
    const took = [];
    for (const [index, path] of ['crash', 'exit', 'pool-crash'].entries()) {
      await until(() => host.workers().length === 2 && linesOf(host.log, 'worker is ready').length >= 2 + index, 10_000, 'two workers');
      const before = host.workers();
      const requests = load(t, host);
      // the worker has something else of this plugin in hand, on a pool thread
      const beside = await host.connection(t), fatal = await host.connection(t, { of: beside.worker });
      const other = attempt(host, '/api/faulty/pool/900', { agent: beside.agent });
      const fault = attempt(host, `/api/faulty/${path}`, { agent: fatal.agent });
      assert.match(String(await fault), /ECONNRESET|socket hang up/, path);
      assert.match(String(await other), /ECONNRESET|socket hang up/, path);
      const died = await host.line('worker died', ({ route }) => route?.includes(`/api/faulty/${path}`));
      assert.equal(died.plugin, 'faulty');
      assert.match(died.request_id, /^[0-9a-f-]{36}$/);
      const [gone] = before.filter((pid) => died.pid === pid);
      assert.ok(gone, 'the line names the worker');
      const replaced = await until(() => host.workers().find((pid) => !before.includes(pid)), 5000, 'a new worker');
      assert.ok(replaced);
      await until(() => linesOf(host.log, 'worker is ready').length >= 3 + index, 10_000, 'a new worker that serves');
      const ready = linesOf(host.log, 'worker is ready').at(-1);
      took.push(Date.parse(ready.time) - Date.parse(died.time) - died.again_in_ms);
      // requests that the dead worker had in hand are lost; all others are answered
      const { failures, sent } = await requests.end();
      assert.ok(failures.length <= 1, `${failures} of ${sent}`);
    }
    // on a machine that has something else to do, too
    if (!isSanitized) assert.ok(Math.min(...took) < 300, `${took} ms`);
    await until(async () => await restarts('crash') === 3 && await faults('crash') === 3, 3000, 'the counts');
  });

  await t.test('a loop 10 s late and a pool thread 10 s past its deadline end the worker', async () => {
    const crashed = host.workers();
    const reload = await command(['reload', '--set', `host.data-dir=${host.dataDir}`]); // or it would stay out of service
    assert.equal(reload.status, 0, reload.err);
    const before = await until(() => { const all = host.workers(); return all.length === 2 && !all.some((pid) => crashed.includes(pid)) ? all : null; }, 15_000, 'two workers');
    const seen = linesOf(host.log, 'loop is late').length;
    const loop = attempt(host, '/api/faulty/block/60000');
    const blocked = await until(() => linesOf(host.log, 'loop is late')[seen], 8000, 'the line');
    const pool = attempt(host, '/api/faulty/pool/60000');
    assert.equal((await host.request('GET', '/api/me')).status, 200, 'the other worker serves');
    const stall = await host.line('worker stalls and is ended', ({ pid }) => pid === blocked.pid, 15_000);
    assert.equal(stall.plugin, 'faulty');
    assert.ok(stall.route.includes('/api/faulty/block/'));
    assert.ok(stall.late_ms >= 10_000 && stall.late_ms < 13_000, `${stall.late_ms} ms`);
    const died = await host.line('worker died', ({ pid }) => pid === blocked.pid);
    assert.match(died.how, /Abort/);
    const second = await host.line('worker stalls and is ended', ({ route }) => route.includes('/api/faulty/pool/'), 8000);
    assert.equal(second.plugin, 'faulty');
    assert.match(String(await loop), /ECONNRESET|socket hang up/);
    assert.match(String(await pool), /ECONNRESET|socket hang up/);
    await until(() => host.workers().length === 2 && !host.workers().some((pid) => before.includes(pid)), 10_000, 'two new workers');
    await until(async () => {
      try { return await restarts('stall') === 2 && await faults('stall') === 2 && await restarts('crash') === 3; } catch { return false; }
    }, 5000, 'the counts');
  });

  await t.test('a timer that is left behind is a fault', async () => {
    assert.equal(await host.stop(), 0);
    assert.ok(linesOf(host.log, 'fault of a plugin').some(({ plugin, kind }) => plugin === 'faulty' && kind === 'leak'));
  });
});

test('a plugin that ends the process when it starts', async (t) => {
  const mood = join(folder(t), 'mood');
  const set = [`plugin faulty.start-mood=${mood}`];

  await t.test('at the first start: the end, with what happened', async () => {
    for (const [text, status, said] of [['crash', 1, /start.*faulty/s], ['sad', 78, /plugin "faulty": cannot start: it is in the mood "sad"/]]) {
      writeFileSync(mood, text);
      const run = await command(['run', '--ephemeral', '--plugin', faulty, '--set', set[0]]);
      assert.equal(run.status, status, run.err);
      assert.match(run.err.split('\n').filter((line) => !line.startsWith('{')).join('\n'), said);
      assert.equal(run.out, '');
    }
  });

  await t.test('later: the reload is refused and the old go on; replacements come ever later', async (t) => {
    writeFileSync(mood, 'well');
    writeFileSync(mood, '');
    const host = await startFaulty(t, { workers: 1, set: [`plugin faulty.start-mood=${mood}.none`] });
    const service = { place: ['--set', `host.data-dir=${host.dataDir}`] };
    const before = host.workers();
    writeFileSync(`${mood}.none`, 'exit');
    const refused = await command(['reload', ...service.place]);
    assert.equal(refused.status, 78, refused.err + refused.out);
    assert.match(refused.err, /start.*faulty/s);
    assert.equal((await host.request('GET', '/api/me')).status, 200);
    assert.deepEqual(host.workers().filter((pid) => before.includes(pid)), before);

    const seen = linesOf(host.log, 'worker died').length;
    process.kill(before[0], 'SIGKILL');
    const deaths = await until(() => { const lines = linesOf(host.log, 'worker died').slice(seen); return lines.length >= 5 ? lines : null; }, 30_000, 'five deaths');
    const pauses = deaths.map(({ again_in_ms }) => again_in_ms);
    assert.deepEqual(pauses.slice(0, 5), [0, 100, 200, 400, 800]);
    assert.ok(deaths.slice(1).every(({ plugin, route }) => plugin === 'faulty' && route === 'start'));
    writeFileSync(`${mood}.none`, 'sad');
    await host.line('worker cannot start', ({ why }) => /in the mood/.test(why));
    renameSync(`${mood}.none`, mood);
    await until(async () => { try { return (await host.request('GET', '/api/me')).status === 200; } catch { return false; } }, 15_000, 'a worker again');
  });

  await t.test('one that ends the check is named, and left out where that is wanted', async (t) => {
    const args = ['--config', '/dev/null', '--plugin', faulty, '--set', 'plugin faulty.configure-crashes=true'];
    const check = await command(['check', ...args]);
    assert.equal(check.status, 78);
    assert.match(check.out, /plugin "faulty": ends the process while it is checked \(Aborted\)\n {4}\S/);
    assert.match(check.out, /\n1 complaint\n$/);
    const host = await startHost(t, { args: [...args, '--set', 'host.on-plugin-failure=continue'] });
    assert.equal((await host.request('GET', '/api/me')).status, 200);
    assert.ok(linesOf(host.log, 'plugin left out').some(({ plugin }) => plugin === 'faulty'));
  });
});

test('a service', async (t) => {
  const service = await Service.at(t, { settings: ['host.workers=2'], args: ['--plugin', faulty] });
  const host = await service.start();

  await t.test('what it keeps is for its owner alone', async () => {
    await until(() => existsSync(join(service.dir, 'run', 'start-link')));
    assert.equal(modeOf(service.dir), 0o700);
    assert.equal(modeOf(join(service.dir, 'run')), 0o700);
    for (const name of ['secret.key', 'run/token', 'run/start-link', 'run/control.sock', 'run/internal.sock'])
      assert.equal(modeOf(join(service.dir, name)), 0o600, name);
  });

  await t.test('a second one on its directory is refused with why and remedy, and does it no harm', async () => {
    const second = await command(['run', ...service.place, '--set', `http.listen=127.0.0.1:${await freePort()}`, '--set', 'log.nosuch=1']);
    assert.equal(second.status, 78);
    assert.match(second.err, /another daedalus runs on ".*data"\n {4}Stop the other one, or give/);
    assert.match(second.err, /nosuch/);
    assert.equal((await service.reload()).status, 0);
    assert.ok(existsSync(join(service.dir, 'run', 'token')));
    assert.equal((await host.request('GET', '/api/me')).status, 200);
  });

  await t.test('taken ports and wrong keys are complained of together', async (t) => {
    const other = folder(t);
    const run = await command(['run', '--config', '/dev/null', '--set', `host.data-dir=${other}`, '--set', 'log.nosuch=1',
      '--set', `http.listen=127.0.0.1:${service.port},127.0.0.1:${await freePort()},[::1]:0,192.0.2.1:1`]);
    assert.equal(run.status, 78);
    assert.match(run.err, new RegExp(`cannot listen on 127.0.0.1:${service.port}: Address already in use\\n {4}Stop the program`));
    assert.match(run.err, /cannot listen on 192.0.2.1:1/);
    assert.match(run.err, /nosuch/);
  });

  await t.test('reload where nothing runs says what to do and makes nothing', async (t) => {
    const nowhere = join(folder(t), 'nowhere');
    const { status, err } = await command(['reload', '--config', '/dev/null', '--set', `host.data-dir=${nowhere}`]);
    assert.equal(status, 1);
    assert.match(err, /no daedalus runs on ".*nowhere.*"\n {4}Start it with "daedalus run"/);
    assert.ok(!existsSync(nowhere));
  });

  await t.test('two reloads at once are both answered, and the later one has seen what was written before it', async () => {
    const first = service.reload();
    await until(() => childrenOf(host.pid).length > 2, 5000, 'the check').catch(() => {});
    service.write('[host]\nadmins = ada\n');
    const second = await service.reload();
    assert.equal((await first).status, 0, (await first).err);
    assert.equal(second.status, 0, second.err);
    assert.match((await first).out + second.out, /admins/);
    service.write('');
    assert.match((await service.reload()).out, /admins/);
  });

  await t.test('SIGHUP logs why it was refused, and a directory does not change under way', async () => {
    service.write('[nonsense]\nx = 1\n');
    host.child.kill('SIGHUP');
    const line = await service.line('reload refused', ({ why }) => /nonsense/.test(why));
    assert.equal(line.level, 'warning');
    service.write('');
    service.write('[host]\nruntime-dir = /tmp/elsewhere\n');
    const { status, err } = await command(['reload', '--config', '/dev/null', '--set', `host.data-dir=${service.dir}`]);
    assert.equal(status, 78);
    assert.match(err, /runtime-dir.*while daedalus runs\n {4}Restart daedalus/);
    assert.ok(!existsSync('/tmp/elsewhere'));
    service.write('');
    assert.equal((await service.reload()).status, 0);
  });

  await t.test('SIGUSR2 switches debug lines on and off, also for workers that come later', async () => {
    const debug = () => service.log.filter((line) => line.includes('"level":"debug"')).length;
    const probe = () => host.request('GET', '/live', { anonymous: true });
    await probe();
    assert.equal(debug(), 0);
    host.child.kill('SIGUSR2');
    await until(async () => { await probe(); return debug() > 0; }, 5000, 'debug lines');
    assert.equal((await service.reload()).status, 0);
    const seen = debug();
    await until(async () => { await probe(); return debug() > seen; }, 5000, 'debug lines of new workers');
    host.child.kill('SIGUSR2');
    await sleep(300);
    const last = debug();
    for (let i = 0; i < 20; i++) await probe();
    assert.equal(debug(), last);
  });

  await t.test('reloads leave neither descriptors nor processes nor memory behind', async () => {
    const rounds = Number(process.env.RELOADS ?? 6);
    const count = () => readdirSync(`/proc/${host.pid}/fd`).length;
    const calm = () => until(() => childrenOf(host.pid).length === 3, 20_000, 'two workers and what forks them');
    let fds, resident;
    for (let round = 0; round < rounds; round++) {
      assert.equal((await service.reload()).status, 0);
      await calm();
      if (round === 1) [fds, resident] = [count(), memory(host.pid).now];
    }
    await until(() => count() <= fds, 3000, `no more than ${fds} descriptors`);
    assert.ok(memory(host.pid).now - resident < 0.5 * rounds, `${resident} -> ${memory(host.pid).now} MiB`);
  });

  await t.test('Ctrl-C reaches all processes, and the supervisor alone acts', async () => {
    const inHand = attempt(host, '/api/faulty/pool/700');
    await sleep(200);
    process.kill(-host.pid, 'SIGINT');
    assert.equal(await inHand, 204, 'what is in hand is answered');
    assert.equal(await service.ended, 0);
    assert.deepEqual(service.lines('worker died'), []);
    assert.deepEqual(readdirSync(join(service.dir, 'run')), []);
    assert.deepEqual(service.log.filter((line) => /AddressSanitizer|runtime error:|LeakSanitizer/.test(line)), []);
  });
});

test('the end of a service', async (t) => {
  const path = join(folder(t), 'notify');
  const manager = spawn('python3', [join(here, 'notify-socket.py'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => manager.kill());
  const told = [];
  createInterface({ input: manager.stdout }).on('line', (line) => told.push(JSON.parse(line)));
  await until(() => existsSync(path));
  const has = (word) => told.some((lines) => lines.some((line) => line.startsWith(word)));
  const service = await Service.at(t, {
    settings: ['host.drain-delay=1500ms', 'host.stop-limit=3s'], env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' } });
  let host = await service.start();
  let conversation, turn;

  await t.test('the service manager is told of start, reload and life', async () => {
    await until(() => has('READY=1') && has('WATCHDOG=1'), 3000, 'READY and WATCHDOG');
    assert.ok(!has('RELOADING'));
    const seen = told.length;
    assert.equal((await service.reload()).status, 0);
    const since = await until(() => { const later = told.slice(seen).filter((lines) => lines[0] !== 'WATCHDOG=1'); return later.length >= 2 ? later : null; }, 3000, 'two words');
    assert.equal(since[0][0], 'RELOADING=1');
    assert.match(since[0][1], /^MONOTONIC_USEC=\d+$/);
    assert.equal(since[1][0], 'READY=1');
  });

  await t.test('TERM: health says so, requests are still answered, a turn runs to the limit', async () => {
    conversation = await host.conversation(await host.workspace());
    ({ turn } = await host.post(conversation, 'count to 300'));
    await until(async () => (await host.turn(turn.id)).state === 'running', 5000, 'the turn');
    const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const began = Date.now();
    host.child.kill('SIGTERM');
    const health = await until(async () => {
      const reply = await host.request('GET', '/api/health', { anonymous: true });
      return reply.status === 503 ? reply : null;
    }, 1400, 'health to say so');
    assert.equal(health.json.status, 'draining');
    assert.equal((await host.request('GET', '/api/me', { agent: kept })).status, 200);
    const answer = await service.reload();
    assert.equal(answer.status, 1);
    assert.match(answer.err, /on its way out/);
    assert.ok(has('STOPPING=1'));
    await until(async () => (await attempt(host, '/api/me')) === 'ECONNREFUSED', 4000, 'no more listening');
    assert.ok(service.runs, 'the turn keeps it');
    kept.destroy();
    assert.equal(await service.ended, 0);
    const took = Date.now() - began;
    assert.ok(took >= 4000 && took < 8000, `${took} ms`);
    assert.deepEqual(service.lines('worker died'), []);
    assert.equal(told.filter(([word]) => word === 'READY=1').length, 2);
  });

  await t.test('the turn is found interrupted, with the text so far; a second TERM ends at once', async () => {
    host = await service.start();
    assert.equal((await host.ended(turn.id, 10_000)).state, 'interrupted');
    const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`);
    assert.match(items.find(({ id }) => id === turn.answer_id).content, /\b2\b/);
    await host.post(conversation, 'count to 300');
    host.child.kill('SIGTERM');
    await until(() => linesOf(service.log, 'daedalus ends').length >= 2, 2000, 'the first');
    const began = Date.now();
    host.child.kill('SIGTERM');
    assert.equal(await service.ended, 0);
    assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`);
    assert.deepEqual(readdirSync(join(service.dir, 'run')), []);
  });
});

const titled = (pid, word) => childrenOf(pid).filter((child) => {
  try { return readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(word); } catch { return false; }
});

test('workers are forked by a process that has the program loaded', async (t) => {
  const host = await startHost(t, { keep: true, workers: 2 });
  t.after(() => host.stop());
  const [server] = titled(host.pid, '(fork-server)');
  assert.ok(server, 'it is there');
  assert.equal(host.workers().length, 2, 'what it forks are children of the supervisor');

  await t.test('where it has died, another one comes with the next worker', async () => {
    const [worker] = host.workers();
    process.kill(server, 'SIGKILL');
    process.kill(worker, 'SIGKILL');
    await until(() => host.workers().length === 2 && !host.workers().includes(worker), 8000, 'the replacement');
    const servers = titled(host.pid, '(fork-server)');
    assert.ok(servers.length === 1 && servers[0] !== server, `${servers}`);
    await until(async () => await attempt(host, '/api/health') === 200, 8000, 'an answer');
  });

  await t.test('nobody survives the supervisor', async () => {
    const all = childrenOf(host.pid);
    process.kill(host.pid, 'SIGKILL');
    await until(() => all.every((pid) => !existsSync(`/proc/${pid}`)), 8000, `the end of ${all}`);
  });
});

test('handover to a program of another layout', async (t) => {
  const dir = folder(t);
  const program = join(dir, 'daedalus');
  copyFileSync(daedalus, program);
  const mood = join(dir, 'mood');
  const service = await Service.at(t, {
    program, settings: ['host.workers=2', `plugin faulty.start-mood=${mood}`], args: ['--plugin', faulty] });
  const host = await service.start();
  const install = (file) => { copyFileSync(file, `${program}.new`); renameSync(`${program}.new`, program); };
  const hash = (file) => createHash('sha1').update(readFileSync(file)).digest('hex');
  const exeOf = (pid) => { try { return hash(`/proc/${pid}/exe`); } catch { return null; } };
  const conversation = await host.conversation(await host.workspace());

  const [, layoutNow] = /define DAEDALUS_LAYOUT (\d+)/.exec(readFileSync(join(source, 'host', 'paths.h'), 'utf8'));

  for (const [file, layout] of [[next, 1000], [daedalus, layoutNow]]) {
    await t.test(`to layout ${layout}: same supervisor, same sockets, no request lost, a turn runs on`, async (t) => {
      const before = host.workers();
      const { turn } = await host.post(conversation, 'count to 100');
      await until(async () => (await host.turn(turn.id)).state === 'running', 5000, 'the turn');
      const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const loads = [load(t, host, { agent: kept }), load(t, host)];
      install(file);
      const reload = service.reload();
      // a second asker, whose call is on its way while the process changes
      const again = service.reload();
      for (const { status, err } of [await reload, await again]) assert.equal(status, 0, err);
      assert.match((await reload).out + (await again).out, new RegExp(`layout ${layout}`));
      assert.ok(service.runs);
      assert.equal(exeOf(host.pid), hash(file), 'the supervisor is the new program');
      // a worker of the first of the two reloads may end meanwhile
      const now = host.workers().filter((pid) => !before.includes(pid)).map(exeOf).filter(Boolean);
      assert.ok(now.length >= 2 && now.every((exe) => exe === hash(file)), 'the new workers too');
      for (const one of loads) {
        const { failures, sent } = await one.end();
        assert.deepEqual(failures, []);
        assert.ok(sent > 5);
      }
      kept.destroy();
      assert.equal((await host.ended(turn.id, 30_000)).state, 'done', 'the turn ran through');
      await until(() => host.workers().length === 2, 15_000, 'the old workers to end');
      assert.equal((await service.reload()).status, 0, 'reloads go on');
    });
  }

  await t.test('an old worker that stalls is ended by the program that took over', async () => {
    const before = host.workers();
    install(next);
    const reload = service.reload();
    const blocked = attempt(host, '/api/faulty/block/60000'); // before the old ones drain
    assert.equal((await reload).status, 0);
    const stall = await service.line('worker stalls and is ended', () => true, 20_000);
    assert.ok(before.includes(stall.pid), 'an old one');
    assert.equal(stall.plugin, 'faulty');
    assert.match(String(await blocked), /ECONNRESET|socket hang up/);
    const died = await service.line('worker died', ({ pid }) => pid === stall.pid);
    assert.deepEqual([died.plugin, died.again_in_ms], ['faulty', -1]);
    assert.equal((await host.request('GET', '/api/me')).status, 200);
    await until(() => host.workers().length === 2, 15_000, 'the old workers to end');
    install(daedalus);
    assert.equal((await service.reload()).status, 0);
    await until(() => host.workers().length === 2, 15_000, 'the old workers to end');
  });

  await t.test('one whose workers cannot start leaves the old ones serving, and the next reload succeeds', async () => {
    const before = await until(() => { const all = host.workers(); return all.length === 2 ? all : null; }, 15_000, 'two workers');
    writeFileSync(mood, 'sad');
    install(next);
    const refused = await service.reload();
    assert.equal(refused.status, 78);
    assert.match(refused.err, /plugin "faulty": cannot start: it is in the mood "sad"/);
    assert.equal(exeOf(host.pid), hash(next));
    assert.equal((await host.request('GET', '/api/me')).status, 200);
    await until(() => host.workers().join() === before.join(), 15_000, 'the worker that could not start to be gone');
    unlinkSync(mood);
    assert.equal((await service.reload()).status, 0);
    await until(() => host.workers().length === 2 && !host.workers().some((pid) => before.includes(pid)), 15_000, 'new workers');
    assert.equal((await host.request('GET', '/api/me')).status, 200);
  });

  await t.test('and the end is as ever', async () => {
    assert.equal(await service.stop(), 0);
    assert.deepEqual(readdirSync(join(service.dir, 'run')), []);
    assert.deepEqual(service.lines('worker died').filter(({ how }) => how !== 'Aborted'), []); // but the one that stalled
    assert.deepEqual(service.log.filter((line) => /AddressSanitizer|runtime error:|LeakSanitizer/.test(line)), []);
  });
});

test('commands', async (t) => {
  await t.test('config names origins and hides secrets', async (t) => {
    const file = join(folder(t), 'a.conf');
    writeFileSync(file, '[database]\nurl = postgresql://x:hidden@127.0.0.1/x\n[log]\nlevel = debug\n');
    const { status, out } = await command(['config', '--config', file], { env: { DAEDALUS_LISTEN: '127.0.0.1:9' } });
    assert.equal(status, 0);
    assert.match(out, new RegExp(`\\[log\\] level = debug\n    from ${file}:4\n`));
    assert.match(out, /\[http\] listen = 127.0.0.1:9\n {4}from DAEDALUS_LISTEN\n/);
    assert.match(out, /\[database\] url = \(secret\)\n/);
    assert.match(out, /\[host\] environment = development\n {4}from default\n/);
    assert.ok(!out.includes('hidden'));
  });

  await t.test('config --reference prints every key, once', async () => {
    const { status, out } = await command(['config', '--reference', '--config', '/dev/null']);
    assert.equal(status, 0);
    const keys = [...out.matchAll(/^(\[[^\]]+\] [a-z-]+) \(/gm)].map(([, key]) => key);
    assert.deepEqual(keys, [...new Set(keys)]);
    for (const key of ['[host] data-dir', '[host] stop-limit', '[http] listen', '[database] url', '[log] level', '[plugin auth] enabled', '[agent NAME] url'])
      assert.ok(keys.includes(key), key);
  });

  await t.test('version, and words that are none', async () => {
    assert.match((await command(['version'])).out, /^daedalus \d+\.\d+\.\d+ \(.+\), plugin ABI 1\.\d+\n$/);
    const wrong = await command(['rnu']);
    assert.equal(wrong.status, 64);
    assert.match(wrong.err, /"rnu" is not a command/);
    assert.equal((await command(['run', '--prot', '1'])).status, 64);
  });
});

test('every block of C in docs/plugin-author.md compiles', (t) => {
  const blocks = [...readFileSync(join(source, 'docs', 'plugin-author.md'), 'utf8').matchAll(/^```c\n([\s\S]*?)^```$/gm)];
  assert.ok(blocks.length >= 3);
  const pc = spawnSync('find', [join(daedalus, '..', '..'), '-name', 'daedalus-plugin-1.pc'], { encoding: 'utf8' }).stdout.trim();
  const flags = spawnSync('pkg-config', ['--cflags', 'daedalus-plugin-1'],
    { encoding: 'utf8', env: { ...process.env, PKG_CONFIG_PATH: join(pc, '..') } }).stdout.trim().split(/\s+/);
  for (const [index, [, code]] of blocks.entries()) {
    const file = join(folder(t), `block-${index}.c`);
    writeFileSync(file, code);
    for (const compiler of ['gcc', 'clang']) {
      const { status, stderr } = spawnSync(compiler, ['-std=c11', '-fsyntax-only', '-Wall', '-Wextra', '-Werror',
        '-Wno-missing-field-initializers', '-Wno-unused-parameter', ...flags, file], { encoding: 'utf8' });
      assert.equal(status, 0, `block ${index + 1} with ${compiler}:\n${stderr}`);
    }
  }
});
