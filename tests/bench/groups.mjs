// SPDX-License-Identifier: Apache-2.0
// groups: who is started together, what they all work on, and comparisons in turn (A B C A B C).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Issuer } from '../system/issuer.mjs';
import { cpu, sleep, spread } from './measure.mjs';
import { personHeaders, request } from './contenders.mjs';

const many = 20;

async function post (port, path, body) {
  const { status, text } = await request(port, 'POST', path, body);
  if (status < 200 || status > 299) throw new Error(`POST ${path}: ${status} ${text}`);
  return JSON.parse(text);
}

/** 20 workspaces of one person, and 64 conversations with two messages each in the newest. */
async function seed (port) {
  let workspace;
  for (let i = 1; i <= many; i++) {
    workspace = await post(port, '/api/workspaces', { name: `Workspace "${i}"`,
      description: `The ${i}th place to talk with agents; files, notes and é accents live here, about a line of text.`,
      instructions: i % 3 === 0 ? '' : 'Answer in short sentences and name your sources.' });
  }
  const conversations = [];
  for (let i = 0; i < 64; i++) {
    const conversation = await post(port, `/api/workspaces/${workspace.id}/conversations`, { title: `Talk ${i}` });
    for (const content of ['first', 'second']) await post(port, `/api/conversations/${conversation.id}/messages`, { content, agent: null });
    conversations.push(conversation.id);
  }
  return conversations;
}

async function counted (port) {
  const { text } = await request(port, 'GET', '/metrics');
  let sum = 0;
  for (const line of text.split('\n')) {
    const match = /^(?:daedalus_)?http_requests_total\{(.*)\} (\S+)$/.exec(line);
    if (match && !/route="\/(metrics|mcp)/.test(match[1])) sum += Number(match[2]);
  }
  return sum;
}

/** The contenders that rows share; each set is started when the first row asks for it, and ended with `leave`. */
export class Groups {
  constructor (contenders, load, { peers, seconds, rounds, say }) {
    Object.assign(this, { contenders, load, peers, seconds, rounds, say });
    this.sets = new Map();
  }

  async #databases () {
    if (this.conversations) return;
    if (!this.contenders.cluster) this.contenders.postgres();
    const host = await this.contenders.ours({ database: this.contenders.database('seed') });
    this.conversations = await seed(host.port);
    await this.contenders.stop(host);
  }

  async #make (name) {
    const { contenders } = this;
    if (name === 'whole') {
      await this.#databases();
      const ours = await contenders.ours({ database: contenders.copy('seed') });
      const peer = this.peers ? await contenders.peer({ database: contenders.copy('seed') }) : null;
      return { ours, peer };
    }
    if (name === 'streams') {
      await this.#databases();
      const ours = await contenders.ours({ database: contenders.copy('seed'), workers: 1 });
      const peer = this.peers ? await contenders.fastapi({ database: contenders.copy('seed'), workers: 1 }) : null;
      return { ours, peer };
    }
    const origin = this.load.program('bench-origin');
    const port = Number(await origin.line());
    const issuer = new Issuer('https://id.example'), certificate = join(contenders.dir, 'issuer.pem');
    writeFileSync(certificate, issuer.rsa.pem, { mode: 0o600 });
    const ours = await contenders.ours({ workers: 1, big: true, set: [`plugin bench.upstream=http://127.0.0.1:${port}/`,
      `plugin auth.issuer=${issuer.issuer}`, `plugin auth.audience=${issuer.audience}`, `plugin auth.certificate-file=${certificate}`] });
    const peer = this.peers ? await contenders.nginx({ workers: 1, origin: port }) : null;
    return { ours, peer, origin, issuer };
  }

  /** `whole`: two workers of each on PostgreSQL; `streams`: one of each; `one`: one worker on SQLite beside nginx. */
  async set (name) {
    if (!this.sets.has(name)) {
      for (const other of [...this.sets.keys()]) if (other !== name) await this.leave(other);
      this.sets.set(name, await this.#make(name));
    }
    return this.sets.get(name);
  }

  async leave (name) {
    const { ours, peer, origin } = this.sets.get(name);
    this.sets.delete(name);
    await this.contenders.stop(ours);
    if (peer) await this.contenders.stop(peer);
    await origin?.end();
  }

  async close () {
    for (const name of [...this.sets.keys()]) await this.leave(name);
  }

  messages () { return this.conversations.slice(0, 32).map((id) => `/api/conversations/${id}/messages`); }

  /** One run on one contender: requests per second, µs of its own CPU and p99 of each. */
  async one (contender, options) {
    const asked = { headers: personHeaders, connections: 16, seconds: this.seconds, ...options };
    const before = cpu(contender.pids);
    const result = await this.load.run({ ...asked, port: contender.port });
    return { us: (cpu(contender.pids) - before) / result.requests, rps: result.rps, p50: result.p50_us / 1e3, p99: result.p99_us / 1e3, requests: result.requests };
  }

  /** {name: {us, rps, p99}} of each contender, its own path in `paths` where it has one. */
  async compare (list, options, { count = true } = {}) {
    const results = new Map(list.map(({ name }) => [name, []]));
    const counts = new Map();
    const of = (contender) => ({ ...options, path: options.paths?.[contender.name] ?? options.path });
    for (const contender of list) await this.one(contender, { ...of(contender), seconds: Math.min(1, this.seconds) });
    for (const contender of list) {
      const port = contender.counts ?? (contender.name === 'daedalus' ? contender.port : null);
      if (!count || !port) continue;
      await sleep(100);
      counts.set(contender, { port, before: await counted(port) });
    }
    for (let round = 0; round < this.rounds; round++)
      for (const contender of list) results.get(contender.name).push(await this.one(contender, of(contender)));
    for (const [{ name }, { port, before }] of counts) {
      await sleep(100);
      const theirs = await counted(port) - before, ours = results.get(name).reduce((sum, { requests }) => sum + requests, 0);
      if (theirs !== ours) throw new Error(`${name} counted ${theirs} requests, the load program ${ours}`);
    }
    return Object.fromEntries([...results].map(([name, runs]) =>
      [name, Object.fromEntries(['us', 'rps', 'p50', 'p99'].map((key) => [key, spread(runs.map((run) => run[key]))]))]));
  }
}
