// SPDX-License-Identifier: Apache-2.0
// Sockets that a service manager opens and keeps, and the units that are shipped.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import http from 'node:http';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { childrenOf, daedalus, folder, here, source, until } from './kit.mjs';
import { freePort } from './ports.mjs';
import { command } from './service.mjs';

const next = join(process.env.TEST_BUILD ?? join(source, 'build'), 'tests', 'next', 'daedalus-next');

/** A service manager's part: sockets that outlive the program they are passed to. */
class Holder {
  static async open (t, ...sockets) {
    const holder = new Holder();
    holder.dir = folder(t);
    holder.child = spawn('python3', [join(here, 'socket-holder.py'), ...sockets], { stdio: ['pipe', 'pipe', 'inherit'] });
    holder.said = [];
    createInterface({ input: holder.child.stdout }).on('line', (line) => holder.said.push(JSON.parse(line)));
    await until(() => holder.said.length > 0, 5000, 'the sockets');
    t.after(() => {
      holder.child.kill('SIGKILL');
      try { if (holder.runs) process.kill(-holder.pid, 'SIGKILL'); } catch { /* it has ended */ }
    });
    return holder;
  }

  get log () { return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : ''; }
  get logFile () { return join(this.dir, 'log'); }
  get runs () { return this.said.at(-1).pid !== undefined; }
  get place () { return ['--config', '/dev/null', '--set', `host.data-dir=${join(this.dir, 'data')}`]; }

  async start (program, args) {
    const seen = this.said.length;
    this.child.stdin.write(`${JSON.stringify({ argv: [program, 'run', ...this.place, ...args], log: this.logFile })}\n`);
    this.pid = (await until(() => this.said[seen], 5000, 'the program')).pid;
  }

  async ended () {
    return (await until(() => this.said.at(-1).status !== undefined && this.said.at(-1), 60_000, 'the end')).status;
  }
}

/** Status of /api/health at a port or a path. */
const health = (where) => new Promise((done, fail) => {
  const to = typeof where === 'number' ? { host: '127.0.0.1', port: where } : { socketPath: where };
  http.get({ ...to, path: '/api/health', agent: false }, (res) => { res.resume(); res.on('end', () => done(res.statusCode)); }).on('error', fail);
});

test('sockets that the service manager keeps', async (t) => {
  const dir = folder(t);
  const port = await freePort(), path = join(dir, 'http.sock');
  const holder = await Holder.open(t, `${port}=web`, `${path}=local`);
  const program = join(dir, 'daedalus');
  const args = ['--set', `http.listen=systemd:web,unix:${path}`];
  copyFileSync(daedalus, program);

  await t.test('are served, whether named or by their address', async () => {
    await holder.start(program, args);
    assert.equal(await health(port), 200); // waited while it started
    assert.equal(await health(path), 200);
    for (const pid of childrenOf(holder.pid))
      assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /LISTEN_/, 'nobody else is to take them');
  });

  await t.test('are kept through a reload and a program of another layout', async () => {
    for (const file of [null, next]) {
      let going = true;
      const answers = (async () => {
        const all = [];
        while (going) all.push(await health(port).catch((error) => error.code));
        return all;
      })();
      if (file) {
        copyFileSync(file, `${program}.new`);
        renameSync(`${program}.new`, program);
      }
      const reload = await command(['reload', ...holder.place, ...args], { program });
      going = false;
      assert.equal(reload.status, 0, reload.err);
      assert.deepEqual([...new Set(await answers)], [200]);
      assert.equal(await health(path), 200);
    }
  });

  await t.test('are left open at the end: who comes meanwhile waits for the next start', async () => {
    process.kill(holder.pid, 'SIGTERM');
    assert.equal(await holder.ended(), 0, holder.log);
    assert.ok(existsSync(path));
    const waits = [health(port), health(path)];
    await holder.start(daedalus, ['--set', 'http.listen=systemd']);
    assert.deepEqual(await Promise.all(waits), [200, 200]);
    process.kill(holder.pid, 'SIGTERM');
    assert.equal(await holder.ended(), 0);
    assert.doesNotMatch(holder.log, /Sanitizer|runtime error:/);
  });

  await t.test('that listen does not name are complained of, and names that nobody passed', async () => {
    await holder.start(daedalus, ['--set', `http.listen=127.0.0.1:${port},systemd:other`]);
    assert.equal(await holder.ended(), 78);
    assert.match(holder.log, new RegExp(`passes unix:${path}, which listen does not name\\n {4}Write listen = systemd`));
    assert.match(holder.log, /passes no socket for "systemd:other"\n {4}Enable the socket unit/);
    const alone = await command(['run', ...holder.place, '--set', 'http.listen=systemd']);
    assert.equal(alone.status, 78);
    assert.match(alone.err, /passes no socket for "systemd"/);
  });
});

test('a descriptor that is no listening socket is complained of', async (t) => {
  const holder = await Holder.open(t, 'datagram=odd');
  await holder.start(daedalus, ['--set', `http.listen=127.0.0.1:${await freePort()}`]);
  assert.equal(await holder.ended(), 78);
  assert.match(holder.log, /passes "odd", which is no listening stream socket\n {4}Write ListenStream= and Accept=no/);
});

test("systemd's own launcher starts it with the first connection", async (t) => {
  const port = await freePort(), dir = folder(t);
  const names = ['PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'].filter((name) => name in process.env);
  const child = spawn('systemd-socket-activate', ['-l', `127.0.0.1:${port}`, ...names.flatMap((name) => ['-E', name]),
    daedalus, 'run', '--config', '/dev/null', '--set', `host.data-dir=${join(dir, 'data')}`, '--set', 'http.listen=systemd'],
  { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  let said = '';
  child.stderr.on('data', (bytes) => { said += bytes; });
  t.after(() => child.kill('SIGKILL'));
  await until(() => /Listening on/.test(said), 5000, 'the launcher');
  assert.equal(await health(port), 200);
  child.kill('SIGTERM');
  assert.equal(await ended, 0, said);
});

test('the units that are installed', async (t) => {
  const root = dirname(dirname(daedalus));
  const units = ['daedalus.service', 'daedalus.socket'].map((name) => join(root, 'lib', 'systemd', 'system', name));

  await t.test('satisfy systemd-analyze, without a word', async () => {
    const { status, out, err } = await command(['verify', '--man=no', ...units], { program: 'systemd-analyze' });
    assert.equal(out + err, '');
    assert.equal(status, 0);
  });

  await t.test('expose little', async () => {
    const { status, out } = await command(['security', '--offline=yes', '--threshold=20', units[0]], { program: 'systemd-analyze' });
    assert.equal(status, 0, out);
  });

  await t.test('make the user that the service runs as', async () => {
    const { status, err } = await command(['--dry-run', join(root, 'lib', 'sysusers.d', 'daedalus.conf')], { program: 'systemd-sysusers' });
    assert.equal(status, 0, err);
  });
});
