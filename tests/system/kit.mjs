// SPDX-License-Identifier: Apache-2.0
// kit: the real host, real databases and real agents for the system tests.
//
// Each start picks free ports and its own temporary directory; each is ended by its own stop,
// which the test registers with t.after.
import { spawn, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

export const here = dirname(fileURLToPath(import.meta.url));
export const source = process.env.TEST_SOURCE ?? join(here, '..', '..');
export const daedalus = process.env.DAEDALUS ?? join(source, 'build', 'root', 'bin', 'daedalus');

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Calls LOOK until it gives something true; fails after MS. */
export async function until (look, ms = 10_000, what = 'the awaited state') {
  const end = Date.now() + ms;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms} ms`);
    await sleep(20);
  }
}

export function folder (t, name = 'daedalus-test-') {
  const path = mkdtempSync(join(tmpdir(), name));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A child that fails to speak is ended: nobody else would, and its pipes keep the test's process. */
function firstLine (child, ms, what) {
  return new Promise((done, fail) => {
    const lines = createInterface({ input: child.stdout });
    const timer = setTimeout(() => { child.kill('SIGKILL'); fail(new Error(`${what} said nothing within ${ms} ms`)); }, ms);
    lines.once('line', (line) => { clearTimeout(timer); done(line); });
    child.once('error', (error) => { clearTimeout(timer); fail(error); });
    child.once('exit', (code, signal) => { clearTimeout(timer); fail(new Error(`${what} ended: ${code ?? signal}`)); });
  });
}

export function childrenOf (pid) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid ? [Number(name)] : [];
    } catch { return []; }
  });
}

/** A running host. */
export class Host {
  constructor (child, facts, log) {
    this.child = child;
    this.log = log;
    Object.assign(this, { url: facts.url, pid: facts.pid, token: facts.token, startLink: facts.start_link, dataDir: facts.data_dir });
    this.cookie = null;
  }

  get port () { return Number(new URL(this.url).port); }

  /** Pids of workers, oldest first. */
  workers () {
    return childrenOf(this.pid).filter((pid) => {
      try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('(worker)'); } catch { return false; }
    }).sort((a, b) => a - b);
  }

  /** The worker at the other end of a client's open SOCKET. */
  workerOf (socket) {
    const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
    const row = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/))
      .find(([, local, remote]) => local?.endsWith(`:${hex(this.port)}`) && remote.endsWith(`:${hex(socket.localPort)}`));
    return this.workers().find((pid) => readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try { return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${row[9]}]`; } catch { return false; }
    }));
  }

  /** An agent with one kept connection, and the worker that serves it: OF, or any but NOT. */
  async connection (t, { of, not } = {}) {
    for (;;) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      t.after(() => agent.destroy());
      await this.request('GET', '/api/health', { agent });
      const worker = this.workerOf(Object.values(agent.freeSockets)[0][0]);
      if (worker !== not && worker === (of ?? worker)) return { agent, worker };
    }
  }

  headers (person) {
    if (person) return { 'X-Forwarded-User': person, 'X-Forwarded-Email': `${person}@example.org`, 'X-Forwarded-Preferred-Username': person };
    return { Authorization: `Bearer ${this.token}` };
  }

  /** One request. BODY is sent as JSON unless it is a string or buffer. */
  async request (method, path, { body, headers = {}, person, agent, anonymous = false } = {}) {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { ...(anonymous ? {} : this.headers(person)), ...(text !== undefined ? { 'Content-Type': 'application/json' } : {}), ...headers };
    return await new Promise((done, fail) => {
      const req = http.request(this.url + path, { method, headers: all, agent: agent ?? false }, (res) => {
        const chunks = [];
        res.on('data', (chunk) => chunks.push(chunk));
        res.on('error', fail);
        res.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const type = res.headers['content-type'] ?? '';
          done({ status: res.statusCode, headers: res.headers, text: bytes.toString('utf8'),
            json: type.includes('json') && bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : null });
        });
      });
      req.on('error', fail);
      if (text !== undefined) req.write(text);
      req.end();
    });
  }

  async ok (method, path, options = {}) {
    const reply = await this.request(method, path, options);
    assert.ok(reply.status >= 200 && reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.json;
  }

  workspace (name = 'Test', options = {}) {
    return this.ok('POST', '/api/workspaces', { body: { name }, ...options });
  }

  conversation (workspace, body = {}, options = {}) {
    return this.ok('POST', `/api/workspaces/${workspace.id}/conversations`, { body, ...options });
  }

  async post (conversation, content, { agent, parent_id, key = randomUUID(), kept, ...options } = {}) {
    const body = { content };
    if (agent !== undefined) body.agent = agent;
    if (parent_id !== undefined) body.parent_id = parent_id;
    return await this.ok('POST', `/api/conversations/${conversation.id}/messages`,
      { body, headers: { 'Idempotency-Key': key }, ...options, agent: kept });
  }

  async turn (id, options = {}) {
    return await this.ok('GET', `/api/turns/${id}`, options);
  }

  /** Waits until the turn has ended. */
  async ended (id, ms = 20_000, options = {}) {
    return await until(async () => {
      const turn = await this.turn(id, options);
      return ['done', 'failed', 'cancelled', 'interrupted'].includes(turn.state) ? turn : null;
    }, ms, `the end of turn ${id}`);
  }

  events (conversation, options = {}) {
    return new EventReader(this, `/api/conversations/${conversation.id}/events`, options);
  }

  async metric (name, labels = {}) {
    const { text } = await this.request('GET', '/metrics', { anonymous: true });
    let sum = 0;
    for (const line of text.split('\n')) {
      const match = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match || match[1] !== name) continue;
      if (Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`))) sum += Number(match[3]);
    }
    return sum;
  }

  async stop () {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const ended = new Promise((done) => this.child.once('exit', (code) => done(code)));
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 40_000);
    const code = await ended;
    clearTimeout(timer);
    return code;
  }
}

/** Reads Server-Sent Events; `events` grows as they come, each with `at` (ms). */
export class EventReader {
  constructor (host, path, { after, person, headers = {}, anonymous = false } = {}) {
    this.events = [];
    this.comments = 0;
    this.ended = false;
    const query = after !== undefined ? `${path.includes('?') ? '&' : '?'}after=${after}` : '';
    this.opened = new Promise((done, fail) => {
      this.req = http.request(host.url + path + query, { headers: { ...(anonymous ? {} : host.headers(person)), Accept: 'text/event-stream', ...headers }, agent: false }, (res) => {
        this.status = res.statusCode;
        this.res = res;
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk) => {
          text += chunk;
          for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) this.#take(text.slice(0, end));
        });
        res.on('end', () => { this.ended = true; });
        res.on('error', () => { this.ended = true; });
        done(this);
      });
      this.req.on('error', (error) => { this.ended = true; fail(error); });
      this.req.end();
    });
    this.opened.catch(() => {});
  }

  #take (block) {
    const event = { event: 'message', id: null, data: '', at: performance.now() };
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) { this.comments += 1; continue; }
      const [, field, value] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
      if (field === 'data') event.data += (event.data ? '\n' : '') + value;
      else if (field) event[field] = value;
    }
    if (event.data === '') return;
    event.data = JSON.parse(event.data);
    this.events.push(event);
  }

  async find (wanted, ms = 20_000) {
    const is = typeof wanted === 'string' ? (event) => event.event === wanted : wanted;
    return await until(() => this.events.find(is), ms, `event ${wanted}`);
  }

  close () { this.req.destroy(); }
}

/** The text of a message as a reader of EVENTS has it. */
export function textOf (events, messageId) {
  let text = Buffer.alloc(0);
  for (const { event, data } of events) {
    if (data.message_id !== messageId && data.message?.id !== messageId) continue;
    if (event === 'message.snapshot') text = Buffer.from(data.content);
    else if (event === 'turn.chunk') {
      assert.equal(data.offset, text.length, 'a chunk is missing or doubled');
      text = Buffer.concat([text, Buffer.from(data.text)]);
    }
  }
  return text.toString('utf8');
}

/** Pooled URL -> the same database's direct one. */
const direct = new Map();

/** The settings, "GROUP.KEY=VALUE", that put a host on DATABASE: "sqlite" or a URL. */
export function databaseSettings (database) {
  if (database === 'sqlite') return [];
  if (!direct.has(database)) return [`database.url=${database}`];
  return [`database.url=${database}`, 'database.prepare=false', `database.listen-url=${direct.get(database)}`];
}

/** A test asks as one person from one address, and faster than people do. */
export const unlimited = ['limits.writes-per-second=0', 'limits.streams-per-person=0', 'limits.connections-per-address=0'];

/** Starts the real host. `database`: "sqlite" or a conninfo of PostgreSQL; `limits`: with those that it has by itself. */
export async function startHost (t, { database = 'sqlite', workers, set = [], args = [], env = {}, config, keep = false, limits = false } = {}) {
  const sets = [...(limits ? [] : unlimited), ...set];
  if (workers) sets.push(`host.workers=${workers}`);
  sets.push(...databaseSettings(database));
  const all = ['run', '--ephemeral', ...sets.flatMap((one) => ['--set', one]), ...args];
  if (config !== undefined) {
    const file = join(folder(t), 'daedalus.conf');
    writeFileSync(file, config);
    all.push('--config', file);
  }
  const child = spawn(daedalus, all, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const log = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  let facts;
  try {
    facts = JSON.parse(await firstLine(child, 60_000, 'daedalus'));
  } catch (error) {
    error.message += `\n${log.slice(-40).join('\n')}`;
    throw error;
  }
  const host = new Host(child, facts, log);
  if (!keep) t.after(async () => {
    const code = await host.stop();
    const faults = log.filter((line) => /AddressSanitizer|runtime error:|LeakSanitizer|CRITICAL|"leak"/.test(line));
    assert.deepEqual(faults.slice(0, 5), [], 'the host said something that it must not');
    assert.equal(code, 0, `the host ended with ${code}`);
  });
  return host;
}

/** A private PostgreSQL cluster; `database()` gives the conninfo URL of a fresh database. */
export async function startPostgres (t) {
  const dir = mkdtempSync(join(tmpdir(), 'daedalus-pg-'));
  const script = join(here, 'postgres.sh');
  execFileSync('sh', [script, 'start', dir], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = () => { execFileSync('sh', [script, 'stop', dir], { stdio: 'ignore' }); };
  t.after(() => { stop(); rmSync(dir, { recursive: true, force: true }); });
  return {
    dir,
    script,
    stop,
    database () {
      const name = `d${randomUUID().replaceAll('-', '')}`;
      return execFileSync('sh', [script, 'create', dir, name], { encoding: 'utf8' }).trim();
    },
    /** Puts a pgbouncer in transaction mode beside it; gives what makes a URL lead through it. */
    pool (connections = 8) {
      const port = execFileSync('sh', [script, 'pool', dir, String(connections)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
      return (url) => {
        direct.set(`${url}&port=${port}`, url);
        return `${url}&port=${port}`;
      };
    },
    role (name, password) { execFileSync('sh', [script, 'role', dir, name, password]); },
  };
}

/** Starts a Node MCP server of tests/system/agents; resolves to {url, stop, child, ...its first line}. */
export async function startAgent (t, file, { args = [], env = {} } = {}) {
  const child = spawn(process.execPath, [join(here, 'agents', file), ...args], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const facts = JSON.parse(await firstLine(child, 60_000, file));
  const stop = () => new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) { done(); return; }
    child.once('exit', done);
    child.kill('SIGKILL');
  });
  t.after(stop);
  return { ...facts, child, stop };
}

/** The databases that each system test runs on: [name, () => conninfo]. With TEST_POOLER set, PostgreSQL behind
 *  pgbouncer alone. */
export async function databases (t) {
  const postgres = await startPostgres(t);
  if (process.env.TEST_POOLER) {
    const pooled = postgres.pool();
    return [['postgres behind pgbouncer', () => pooled(postgres.database())]];
  }
  return [['sqlite', () => 'sqlite'], ['postgres', () => postgres.database()]];
}

export function makeFolder (path) {
  mkdirSync(path, { recursive: true });
  return path;
}
