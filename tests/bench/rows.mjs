// SPDX-License-Identifier: Apache-2.0
// rows: what is measured, and what it must come to.
//
// A row gives checks. Each has the two figures, how they are held against each other (`ratio`), and
// the bounds; `less: true` means that less is better.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpu, descriptors, median, own, pss, sleep, spread } from './measure.mjs';
import { now } from '../system/issuer.mjs';
import { filesOf } from './bytes.mjs';
import { personHeaders, request } from './contenders.mjs';

const fileMiB = Number(process.env.BENCH_FILE_MIB ?? 256);
const peerName = 'nginx + FastAPI';

function check (what, unit, ours, peer, ratio, must, stretch, less = false) {
  return { what, unit, ours, peer, ratio, must, stretch, less };
}

/** How many times less CPU, and how many times more requests, than the peer. */
function against (results, other, { us, rps }) {
  const ours = results.daedalus, peer = results[other];
  const checks = [check('CPU', 'µs', ours.us, peer.us, peer.us.median / ours.us.median, us[0], us[1])];
  if (rps) checks.push(check('rate', 'req/s', ours.rps, peer.rps, ours.rps.median / peer.rps.median, rps[0], rps[1]));
  return checks;
}

/** Runs WORK by turns without and with what PUT sets up and takes away; gives both spreads of KEY. */
async function beside (groups, key, work, put) {
  const calm = [], busy = [];
  await work();
  for (let round = 0; round < groups.rounds; round++) {
    calm.push((await work())[key]);
    const take = await put();
    busy.push((await work())[key]);
    await take();
  }
  return { calm: spread(calm), busy: spread(busy) };
}

async function held (groups, ...args) {
  const program = groups.load.program('bench-hold', ...args);
  await program.line();
  return async () => { await program.end(); return JSON.parse(await program.line()); };
}

async function streams (groups, contender, count, events, ms) {
  const [conversation] = groups.conversations.slice(-1);
  const path = `/api/conversations/${conversation}`;
  const last = contender.name === 'daedalus' ? JSON.parse((await request(contender.port, 'GET', `${path}/messages`)).text).last_seq : 0;
  const before = own(contender.pids);
  const program = groups.load.program('bench-streams', contender.port, `${path}/events?after=${last}`, count, `${path}/messages`, events, ms,
    ...personHeaders.flatMap((line) => ['-H', line]));
  await program.line();
  await sleep(500);
  const kib = (own(contender.pids) - before) / count, used = cpu(contender.pids);
  program.child.stdin.write('go\n');
  const result = JSON.parse(await program.line());
  await sleep(100);
  const us = (cpu(contender.pids) - used) / result.expected;
  await program.end();
  if (result.arrived !== result.expected || result.gone > 0)
    throw new Error(`${contender.name}: ${result.arrived} of ${result.expected} events came, ${result.gone} streams ended`);
  await sleep(500);
  return { ...result, us, kib };
}

async function staticFile (groups, path, connections, must, stretch) {
  const { ours, peer } = await groups.set('one');
  const results = await groups.compare([ours, peer], { path, connections, headers: [] });
  return [check('CPU', 'µs', results.daedalus.us, results.nginx.us, results.daedalus.us.median / results.nginx.us.median, must, stretch, true)];
}

/** A large file by turns: CPU and rate against nginx, and how much the worker grows. */
async function bytes (groups, way, must, stretch) {
  const { ours, peer } = await groups.set('one'), size = fileMiB * 2 ** 20, runs = { daedalus: [], nginx: [] };
  const places = [];
  for (const contender of [ours, peer]) places.push([runs[contender.name], await filesOf(contender)]);
  for (const [, files] of places) await files.up(size);
  for (let round = 0; round < groups.rounds; round++)
    for (const [list, files] of places) list.push(await files[way](size));
  for (const [, files] of places) await files.end();
  const of = (name, key) => spread(runs[name].map((run) => run[key]));
  const a = of('daedalus', 'ms'), b = of('nginx', 'ms'), [fast, peers] = [of('daedalus', 'rate'), of('nginx', 'rate')];
  return [check('CPU', 'ms', a, b, a.median / b.median, must, stretch, true), check('rate', 'MiB/s', fast, peers, fast.median / peers.median),
    check('grows by', 'MiB', of('daedalus', 'grown'), of('nginx', 'grown'), of('daedalus', 'grown').max, 8, undefined, true)];
}

/** System calls of the contender's worker while WORK goes on. */
async function callsDuring (contender, work) {
  const strace = spawn('strace', ['-f', '-c', '-p', String(contender.workers()[0])], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => strace.once('exit', done));
  let said = '';
  strace.stderr.on('data', (text) => { said += text; });
  while (!said.includes('attached') && strace.exitCode === null) await sleep(10);
  await sleep(200);
  const result = await work();
  strace.kill('SIGINT');
  await ended;
  const total = /^\s*100\.00\s+[\d.]+\s+(?:\d+\s+)?(\d+)\s.*total$/m.exec(said);
  if (!total) throw new Error(`strace: ${said.slice(-300)}`);
  return { calls: Number(total[1]), result };
}

/** System calls for each request, without those that an idle worker makes in the same time. */
async function systemCalls (groups, contender, path) {
  const { calls: idle } = await callsDuring(contender, () => sleep(2000));
  const { calls, result } = await callsDuring(contender, () => groups.load.run({ port: contender.port, path, connections: 1, seconds: 2 }));
  return (calls - idle) / result.requests;
}

export const rows = [
  { name: 'health', tier: 'quick', title: 'health, 64 connections', peers: true, async run (groups) {
    const { ours, peer } = await groups.set('whole');
    return against(await groups.compare([ours, peer], { path: '/api/health', connections: 64 }), peerName, { us: [2.2, 3] });
  } },
  { name: 'list', tier: 'quick', title: 'list of 20 workspaces', peers: true, async run (groups) {
    const { ours, peer } = await groups.set('whole');
    return against(await groups.compare([ours, peer], { path: '/api/workspaces' }), peerName, { us: [12, 18], rps: [7] });
  } },
  { name: 'insert', tier: 'quick', title: 'message, stored and answered', peers: true, async run (groups) {
    const { ours, peer } = await groups.set('whole');
    const body = JSON.stringify({ content: 'hello "agent", please plan the next step of this work', agent: null });
    return against(await groups.compare([ours, peer], { method: 'POST', path: groups.messages(), body, key: true }), peerName, { us: [3.5, 5], rps: [2.3] });
  } },
  { name: 'memory', tier: 'quick', title: 'memory after that load, 2 workers', peers: true, async run (groups) {
    const { ours, peer } = await groups.set('whole');
    const [a, b] = [pss(ours.pids) / 1024, pss(peer.pids) / 1024].map((value) => spread([value]));
    return [check('PSS', 'MiB', a, b, b.median / a.median, 8, 12)];
  } },
  { name: 'slow-query', tier: 'full', title: 'health beside 4 callers of a 50 ms query', async run (groups) {
    const { ours } = await groups.set('whole');
    const { calm, busy } = await beside(groups, 'p99', () => groups.one(ours, { path: '/api/health', connections: 8 }), async () => {
      const callers = groups.load.run({ port: ours.port, path: '/api/bench/slow', connections: 4, seconds: groups.seconds + 0.8, headers: personHeaders });
      callers.catch(() => {});
      await sleep(300);
      return () => callers;
    });
    return [check('p99', 'ms', busy, calm, busy.median / calm.median, 2, undefined, true)];
  } },
  { name: 'relay', tier: 'quick', title: 'relay of a small answer, 1 worker', peers: true, async run (groups) {
    const { ours, peer } = await groups.set('one');
    const results = await groups.compare([ours, peer], { paths: { daedalus: '/api/bench/relay', nginx: '/relay' }, headers: [] });
    return [check('CPU', 'µs', results.daedalus.us, results.nginx.us, results.daedalus.us.median / results.nginx.us.median, 4, 2.8, true),
      check('rate', 'req/s', results.daedalus.rps, results.nginx.rps, results.daedalus.rps.median / results.nginx.rps.median, 0.4, 0.8),
      check('itself', 'µs', results.daedalus.us, null, results.daedalus.us.median, 80, undefined, true)];
  } },
  { name: 'jwt', tier: 'full', title: 'who am I, by a bearer (RS256) known before, 1 worker', async run (groups) {
    const { ours, issuer } = await groups.set('one');
    const bearer = [`Authorization: Bearer ${issuer.token({ exp: now() + 3600 })}`], by = { headers: [], bearer: [] };
    for (let round = 0; round <= groups.rounds; round++) {
      const plain = await groups.one(ours, { path: '/api/me' }), signed = await groups.one(ours, { path: '/api/me', headers: bearer });
      if (round > 0) { by.headers.push(plain.us); by.bearer.push(signed.us); }
    }
    const [a, b] = [spread(by.bearer), spread(by.headers)];
    return [check('CPU', 'µs', a, b, a.median / b.median, 1.3, 1.1, true)];
  } },
  { name: 'static-20k', tier: 'full', title: 'static file of 20 KB, 1 worker', peers: true, run: (groups) => staticFile(groups, '/page.js', 16, 3.2, 2.4) },
  { name: 'static-1m', tier: 'full', title: 'static file of 1 MB, 1 worker', peers: true, run: (groups) => staticFile(groups, '/big.bin', 8, 1.3, 0.8) },
  { name: 'upload', tier: 'full', title: `upload of ${fileMiB} MiB, hashed and synced, 1 worker`, peers: true, run: (groups) => bytes(groups, 'up', 3, 2) },
  { name: 'download', tier: 'full', title: `download of ${fileMiB} MiB, 1 worker`, peers: true, run: (groups) => bytes(groups, 'down', 3, 2) },
  { name: 'system-calls', tier: 'full', title: 'system calls for a health, 1 connection', async run (groups) {
    if (!existsSync('/usr/bin/strace')) return 'strace is not installed';
    const { ours } = await groups.set('one');
    const calls = await systemCalls(groups, ours, '/api/health');
    return [check('calls', '', spread([calls]), null, calls, 4, undefined, true)];
  } },
  { name: 'idle', tier: 'full', title: 'health beside 5,000 idle connections', async run (groups) {
    const { ours } = await groups.set('one');
    const { calm, busy } = await beside(groups, 'us', () => groups.one(ours, { path: '/api/health', connections: 8, headers: [] }),
      () => held(groups, 'idle', ours.port, '/api/health', 5000));
    return [check('CPU', 'µs', busy, calm, busy.median / calm.median, 1.2, 1, true)];
  } },
  { name: 'closed', tier: 'full', title: '5,000 connections closed idle', async run (groups) {
    const { ours } = await groups.set('one');
    const [worker] = ours.workers();
    const round = async () => { await (await held(groups, 'idle', ours.port, '/api/health', 5000))(); await sleep(500); };
    await round();
    const files = descriptors(worker), kib = own(ours.pids);
    for (let i = 0; i < 3; i++) await round();
    const bytes = (own(ours.pids) - kib) * 1024 / 15000;
    return [check('descriptors', '', spread([descriptors(worker) - files]), null, descriptors(worker) - files, 0, 0, true),
      check('bytes each', 'B', spread([bytes]), null, bytes, 16, 0, true)];
  } },
  { name: 'slow-clients', tier: 'full', title: '50 connections beside 2,000 slow ones', async run (groups) {
    const { ours } = await groups.set('one');
    const { calm, busy } = await beside(groups, 'p99', () => groups.one(ours, { path: '/api/health', connections: 50, headers: [] }), async () => {
      const ends = [await held(groups, 'head', ours.port, '/api/health', 1000, 1000), await held(groups, 'read', ours.port, '/big.bin', 1000, 1000)];
      await sleep(500);
      return () => Promise.all(ends.map((end) => end()));
    });
    return [check('p99', 'ms', busy, calm, busy.median / calm.median, 2, undefined, true)];
  } },
  { name: 'events-1000', tier: 'full', title: 'event to 1,000 streams, 1 worker', peers: true, async run (groups) {
    const { ours, peer } = await groups.set('streams');
    const runs = { daedalus: [], FastAPI: [] };
    for (let round = 0; round < groups.rounds; round++)
      for (const one of [ours, peer]) runs[one.name].push(await streams(groups, one, 1000, 20, 100));
    const of = (name, key) => spread(runs[name].map((run) => run[key]));
    const a = of('daedalus', 'us'), b = of('FastAPI', 'us');
    return [check('CPU', 'µs', a, b, b.median / a.median, 2.5, 3.5),
      check('memory each', 'KiB', of('daedalus', 'kib'), of('FastAPI', 'kib'), Math.max(0, runs.daedalus[0].kib), 1, undefined, true)];
  } },
  { name: 'events-10000', tier: 'full', title: 'event to 10,000 streams, 1 worker', async run (groups) {
    const { ours } = await groups.set('streams');
    const runs = [];
    for (let round = 0; round < groups.rounds; round++) runs.push(await streams(groups, ours, 10000, 5, 1000));
    const p99 = spread(runs.map((run) => run.p99_ms)), kib = spread(runs.map((run) => run.kib));
    return [check('p99', 'ms', p99, null, p99.median, 250, 150, true), check('memory each', 'KiB', kib, null, Math.max(0, kib.max), 1, undefined, true)];
  } },
  { name: 'start', tier: 'full', title: 'start to the first answer, 2 workers', peers: true, async run (groups) {
    await groups.set('whole');
    const { contenders } = groups, took = { ours: [], peer: [] };
    const [ours, peer] = [contenders.copy('seed'), contenders.copy('seed')];
    for (let round = 0; round < Math.max(5, groups.rounds); round++) {
      const a = await contenders.ours({ database: ours });
      took.ours.push(a.took);
      await contenders.stop(a);
      const b = await contenders.fastapi({ database: peer });
      took.peer.push(b.took);
      await contenders.stop(b);
    }
    return [check('time', 'ms', spread(took.ours), spread(took.peer), median(took.peer) / median(took.ours), 10, 20)];
  } },
];
