// SPDX-License-Identifier: Apache-2.0
// measure: what a process has used, what a load program says, medians of both.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function read (path) {
  try { return readFileSync(path, 'utf8'); } catch { return ''; }
}

/** The processes of PIDS and all below them. */
export function tree (pids) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(Number(name));
  }
  const found = [];
  for (const todo = [...pids]; todo.length;) {
    const pid = todo.pop();
    found.push(pid);
    todo.push(...children.get(pid) ?? []);
  }
  return found;
}

/** Microseconds of CPU that they have used: all threads, user and system. */
export function cpu (pids) {
  let ns = 0;
  for (const pid of tree(pids)) {
    let tasks = [];
    try { tasks = readdirSync(`/proc/${pid}/task`); } catch { continue; }
    for (const task of tasks) ns += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]);
  }
  return ns / 1e3;
}

/** KiB of memory, shared pages divided among those who share them. */
export function pss (pids) {
  let sum = 0;
  for (const pid of tree(pids)) sum += Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
  return sum;
}

/** KiB that are theirs alone: what grows when they keep something. */
export function own (pids) {
  let sum = 0;
  for (const pid of tree(pids))
    for (const [, kib] of read(`/proc/${pid}/smaps_rollup`).matchAll(/^Private_\w+:\s+(\d+)/mg)) sum += Number(kib);
  return sum;
}

export function descriptors (pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function median (values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export const spread = (values) => ({ median: median(values), min: Math.min(...values), max: Math.max(...values) });

/** A program that says lines on standard output and ends with its standard input. */
export class Program {
  constructor (file, args, options = {}) {
    this.child = spawn(file, args.map(String), { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.lines = [];
    this.waiting = [];
    this.said = '';
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const waits = this.waiting.shift();
      if (waits) waits.done(line); else this.lines.push(line);
    });
    this.child.stderr.on('data', (text) => { this.said = (this.said + text).slice(-4000); });
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((done) => this.child.once('exit', (code, signal) => {
      // lines that came with the end are read first
      setImmediate(() => setTimeout(() => {
        for (const { fail } of this.waiting.splice(0)) fail(new Error(`${file} ended with ${code ?? signal}: ${this.said}`));
        done(code ?? signal);
      }, 20));
    }));
    this.child.once('error', (error) => this.waiting.splice(0).forEach(({ fail }) => fail(error)));
  }

  get pid () { return this.child.pid; }

  line () {
    if (this.lines.length) return Promise.resolve(this.lines.shift());
    return new Promise((done, fail) => this.waiting.push({ done, fail }));
  }

  async end () {
    this.child.stdin.end();
    return this.ended;
  }

  async kill (signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended;
  }
}

/** The load programs, from the folder that they were built in. */
export class Load {
  constructor (folder) { this.folder = folder; }

  program (name, ...args) { return new Program(join(this.folder, name), args); }

  /** A closed loop; throws if any answer is not 2xx. */
  async run ({ port, method = 'GET', path, connections, seconds, headers = [], body, key = false, warm = false }) {
    const args = [port, method, [path].flat().join(','), connections, seconds, ...headers.flatMap((line) => ['-H', line])];
    if (body !== undefined) args.push('-H', 'Content-Type: application/json', '-b', body);
    if (key) args.push('-k');
    const program = this.program('bench-load', ...args);
    const result = JSON.parse(await program.line());
    await program.ended;
    if (result.other > 0) throw new Error(`${method} ${[path].flat()[0]}: ${result.other} answers are not 2xx (${result.first_other}): no measurement`);
    if (result.requests === 0 && !warm) throw new Error(`${method} ${[path].flat()[0]}: nothing was answered`);
    return { ...result, rps: result.requests / result.seconds };
  }
}
