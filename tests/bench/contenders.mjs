// SPDX-License-Identifier: Apache-2.0
// contenders: starts the database, Daedalus and its peers, each on a free port of this machine, and
// ends what it started.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../system/ports.mjs';
import { Program, sleep } from './measure.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const postgresScript = join(here, '..', 'system', 'postgres.sh');
const python = process.env.BENCH_PYTHON ?? '/usr/bin/python3';
const nginx = '/usr/sbin/nginx';

export const person = 'reader';
export const personHeaders = [`X-Forwarded-User: ${person}`, `X-Forwarded-Email: ${person}@example.org`, `X-Forwarded-Preferred-Username: ${person}`];

export function request (port, method, path, body) {
  const headers = Object.fromEntries(personHeaders.map((line) => line.split(': ')));
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  return new Promise((done, fail) => {
    const req = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (more) => { text += more; });
      res.on('end', () => done({ status: res.statusCode, text }));
      res.on('error', fail);
    });
    req.on('error', fail);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Until it answers, not only listens. */
async function answers (port, program, path, ms = 30_000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(2)) {
    if (program.child.exitCode !== null) throw new Error(`${program.child.spawnargs.join(' ')} ended: ${program.said}`);
    try { if ((await request(port, 'GET', path)).status > 0) return; } catch { /* not yet */ }
  }
  throw new Error(`nothing answers on port ${port}: ${program.said}`);
}

/** What is missing for the peers, or null. */
export function missingPeers () {
  if (!existsSync(nginx)) return 'nginx-light';
  try {
    execFileSync(python, ['-c', 'import fastapi, uvicorn, uvloop, httptools, asyncpg, prometheus_client'], { stdio: 'ignore' });
  } catch { return 'python3-fastapi python3-uvicorn python3-uvloop python3-httptools python3-asyncpg python3-prometheus-client'; }
  return null;
}

export function version (file, ...args) {
  try { return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim().split('\n')[0]; } catch { return null; }
}

export const versions = () => ({
  nginx: existsSync(nginx) ? execFileSync('sh', ['-c', `${nginx} -v 2>&1`], { encoding: 'utf8' }).trim() : null,
  peer: version(python, '-c', 'import fastapi, uvicorn, asyncpg, sys; print("Python", sys.version.split()[0], "fastapi", fastapi.__version__, "uvicorn", uvicorn.__version__, "asyncpg", asyncpg.__version__)'),
});

export class Contenders {
  constructor (build) {
    this.build = build;
    this.daedalus = join(build, 'root', 'bin', 'daedalus');
    this.dir = mkdtempSync(join(tmpdir(), 'bench-'));
    chmodSync(this.dir, 0o755);
    this.running = [];
  }

  #folder (name) {
    const path = mkdtempSync(join(this.dir, `${name}-`));
    chmodSync(path, 0o777);
    return path;
  }

  /** The page of the measurements: an index and a file of 20 KB; BIG: one of 1 MB besides. */
  files (big) {
    const path = join(this.dir, big ? 'files-big' : 'files');
    if (existsSync(path)) return path;
    mkdirSync(path);
    writeFileSync(join(path, 'index.html'), '<!doctype html><title>x</title>');
    writeFileSync(join(path, 'page.js'), 'const n = 1;\n'.repeat(1576));
    if (big) writeFileSync(join(path, 'big.bin'), randomBytes(1_000_000));
    return path;
  }

  /** The installed plugins and the one with the routes of the measurements. */
  #plugins () {
    const path = join(this.dir, 'plugins');
    if (existsSync(path)) return path;
    mkdirSync(path);
    const lib = join(this.build, 'root', 'lib');
    const installed = [lib, ...readdirSync(lib).map((name) => join(lib, name))].map((one) => join(one, 'daedalus', 'plugins-1')).find(existsSync);
    for (const name of readdirSync(installed)) copyFileSync(join(installed, name), join(path, name));
    copyFileSync(join(this.build, 'tests', 'bench', 'bench.so'), join(path, 'bench.so'));
    return path;
  }

  postgres () {
    this.cluster = this.#folder('pg');
    const url = execFileSync('sh', [postgresScript, 'start', this.cluster], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
    this.postgresPid = Number(readFileSync(join(this.cluster, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
    return url;
  }

  database (name) {
    return execFileSync('sh', [postgresScript, 'create', this.cluster, name], { encoding: 'utf8' }).trim();
  }

  /** A new copy of database FROM, which nobody may use at that time. */
  copy (from) {
    const name = `copy${this.copies = (this.copies ?? 0) + 1}`;
    const url = `postgresql://daedalus@/postgres?host=${this.cluster}`;
    execFileSync('psql', ['-q', url, '-c', `CREATE DATABASE ${name} TEMPLATE ${from}`], { stdio: ['ignore', 'ignore', 'inherit'] });
    execFileSync('psql', ['-q', url.replace('/postgres?', `/${name}?`), '-c', 'ANALYZE'], { stdio: ['ignore', 'ignore', 'inherit'] });
    return url.replace('/postgres?', `/${name}?`);
  }

  #keep (name, program, port, extra = {}) {
    const contender = { name, program, port, pids: [program.pid], ...extra };
    this.running.push(contender);
    return contender;
  }

  /** `database`: a URL, or SQLite. `took`: milliseconds to the first answer. */
  async ours ({ database, workers = 2, set = [], big = false } = {}) {
    const port = await freePort(), data = this.#folder('data');
    const settings = [`host.workers=${workers}`, 'http.keep-alive=600s', 'http.trusted-proxies=127.0.0.1',
      'plugin auth.mode=proxy', `host.plugin-dir=${this.#plugins()}`, `plugin frontend.directory=${this.files(big)}`, `http.listen=127.0.0.1:${port}`, `host.data-dir=${data}`, 'database.migrate=auto', 'log.level=warning',
      'limits.writes-per-second=0', 'limits.streams-per-person=0', 'limits.connections-per-address=0', ...set];
    if (database) settings.push(`database.url=${database}`);
    const started = performance.now();
    const program = new Program(this.daedalus, ['run', ...settings.flatMap((one) => ['--set', one])],
      { env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DAEDALUS'))) });
    const contender = this.#keep('daedalus', program, port, { stop: () => program.kill('SIGTERM') });
    await answers(port, program, '/api/health');
    contender.took = performance.now() - started;
    contender.workers = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === program.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('(worker)');
      } catch { return false; }
    });
    return contender;
  }

  async fastapi ({ database, workers = 2 }) {
    const port = await freePort();
    const started = performance.now();
    const program = new Program(python, ['-m', 'uvicorn', 'app:app', '--port', port, '--workers', workers, '--no-access-log', '--loop', 'uvloop',
      '--http', 'httptools', '--log-level', 'warning'],
      { cwd: join(here, 'peer'), env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', BASE_DSN: database, PROMETHEUS_MULTIPROC_DIR: this.#folder('prom') } });
    const contender = this.#keep('FastAPI', program, port, { stop: () => program.kill('SIGTERM') });
    await answers(port, program, '/api/health');
    contender.took = performance.now() - started;
    return contender;
  }

  async nginx ({ app = 9, origin = 9, workers = 2 } = {}) {
    const port = await freePort();
    const run = this.#folder('nginx');
    mkdirSync(join(run, 'kept'));
    chmodSync(join(run, 'kept'), 0o777);
    let text = readFileSync(join(here, 'peer', 'nginx.conf'), 'utf8');
    for (const [key, value] of Object.entries({ WORKERS: workers, RUN: run, APP: app, ORIGIN: origin, PORT: port, FILES: this.files(true) }))
      text = text.replaceAll(`@${key}@`, String(value));
    writeFileSync(join(run, 'nginx.conf'), text);
    const program = new Program(nginx, ['-p', run, '-c', join(run, 'nginx.conf'), '-g', 'daemon off;']);
    const contender = this.#keep('nginx', program, port, { stop: () => program.kill('SIGTERM') });
    await answers(port, program, '/index.html');
    return contender;
  }

  /** nginx before FastAPI: one contender. */
  async peer (options) {
    const behind = await this.fastapi(options);
    const before = await this.nginx({ app: behind.port });
    return { name: 'nginx + FastAPI', port: before.port, pids: [...before.pids, ...behind.pids], counts: behind.port, parts: [before, behind] };
  }

  async stop (contender) {
    for (const part of contender.parts ?? [contender]) {
      this.running = this.running.filter((one) => one !== part);
      const timer = setTimeout(() => part.program.kill('SIGKILL'), 15_000);
      await part.stop();
      clearTimeout(timer);
    }
  }

  /** What the running ones said of themselves on standard error. */
  said () {
    return this.running.filter(({ program }) => program.said).map(({ name, program }) => `${name} said: ${program.said}`).join('\n');
  }

  async close () {
    for (const contender of [...this.running].reverse()) await this.stop(contender);
    if (this.cluster) execFileSync('sh', [postgresScript, 'stop', this.cluster], { stdio: 'ignore' });
    rmSync(this.dir, { recursive: true, force: true });
  }
}
