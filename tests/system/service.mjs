// SPDX-License-Identifier: Apache-2.0
// A host as an admin runs it: on a directory, a port and a keyfile that outlive it.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Host, daedalus, folder, unlimited, until } from './kit.mjs';
import { freePort } from './ports.mjs';

/** Runs daedalus to its end: { status, signal, out, err }. */
export function command (args, { program = daedalus, env = {} } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    let out = '', err = '';
    child.stdout.on('data', (bytes) => { out += bytes; });
    child.stderr.on('data', (bytes) => { err += bytes; });
    child.on('error', fail);
    child.on('close', (status, signal) => { clearTimeout(timer); done({ status, signal, out, err }); });
  });
}

export class Service {
  /** SETTINGS are "GROUP.KEY=VALUE" for the command line; `write` fills the keyfile. */
  constructor (t, { settings = [], args = [], env = {}, program = daedalus, port, limits = false }) {
    Object.assign(this, { t, settings: [...(limits ? [] : unlimited), ...settings], args, env, program, port });
    const dir = folder(t);
    this.dir = join(dir, 'data');
    this.config = join(dir, 'daedalus.conf');
    this.log = [];
    this.write('');
    t.after(() => this.kill());
  }

  static async at (t, options = {}) {
    return new Service(t, { ...options, port: await freePort() });
  }

  write (text) { writeFileSync(this.config, text); }

  /** What any command needs to find this service. */
  get place () {
    const sets = [`host.data-dir=${this.dir}`, `http.listen=127.0.0.1:${this.port}`, ...this.settings];
    return ['--config', this.config, ...sets.flatMap((one) => ['--set', one]), ...this.args];
  }

  async start () {
    this.child = spawn(this.program, ['run', ...this.place],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, ...this.env } });
    this.ended = new Promise((done) => this.child.once('exit', (code, signal) => done(code ?? signal)));
    for (const stream of [this.child.stdout, this.child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.log.push(line));
    const served = this.lines('daedalus serves').length;
    this.host = new Host(this.child, { url: `http://127.0.0.1:${this.port}`, pid: this.child.pid, data_dir: this.dir }, this.log);
    try {
      await until(async () => {
        if (this.child.exitCode !== null) throw new Error(`daedalus ended: ${this.child.exitCode}`);
        try {
          this.host.token = readFileSync(join(this.dir, 'run', 'token'), 'utf8').trim();
          return (await this.host.request('GET', '/api/me')).status === 200;
        } catch { return false; }
      }, 60_000, 'the host to serve');
      await until(() => this.lines('daedalus serves').length > served, 60_000, 'all workers'); // one alone answers sooner
    } catch (error) {
      throw new Error(`${error.message}\n${this.log.slice(-20).join('\n')}`);
    }
    return this.host;
  }

  get runs () { return this.child && this.child.exitCode === null && this.child.signalCode === null; }

  reload () { return command(['reload', ...this.place], { program: this.program, env: this.env }); }

  /** Lines of the log as objects, those whose message is MESSAGE. */
  lines (message) {
    return this.log.flatMap((line) => {
      try {
        const entry = JSON.parse(line);
        return entry.message === message ? [entry] : [];
      } catch { return []; }
    });
  }

  async line (message, is = () => true, ms = 10_000) {
    return await until(() => this.lines(message).find(is), ms, `the line "${message}"`);
  }

  async stop (signal = 'SIGTERM') {
    this.child.kill(signal);
    return await this.ended;
  }

  async kill () {
    if (!this.runs) return;
    process.kill(-this.child.pid, 'SIGKILL');
    await this.ended;
  }
}
