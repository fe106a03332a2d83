// SPDX-License-Identifier: Apache-2.0
// talk: a host with one agent called "tester", and questions to it.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { startHost } from './kit.mjs';

const ends = { done: 'turn.done', failed: 'turn.failed', cancelled: 'turn.cancelled', interrupted: 'turn.interrupted' };

/** A host with the agent at URL and a conversation with it. */
export async function talkWith (t, url, { set = [], ...options } = {}) {
  const host = await startHost(t, { ...options, set: [`agent tester.url=${url}`, ...set] });
  const conversation = await host.conversation(await host.workspace('Agents'), { agent: 'tester' });
  return { host, conversation };
}

/** Asks, and waits until the turn has ended and a reader has seen it end. */
export async function ask (host, conversation, content, { ms = 20_000, ...options } = {}) {
  const reader = await host.events(conversation, options).opened;
  const { turn } = await host.post(conversation, content, options);
  const ended = await host.ended(turn.id, ms, options);
  const end = await reader.find(({ event, data }) => event === ends[ended.state] && data.turn_id === turn.id);
  reader.close();
  const { items } = await host.ok('GET', `/api/conversations/${conversation.id}/messages`, options);
  return { turn: ended, answer: items.find(({ id }) => id === turn.answer_id), events: reader.events, end };
}

/** What an agent of the folder agents/ has seen so far. */
export async function observe (agent) {
  return await (await fetch(new URL('/observed', agent.url))).json();
}

/** The open descriptors of a process, as what they lead to. */
export function descriptors (pid) {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try { return [readlinkSync(`/proc/${pid}/fd/${fd}`)]; } catch { return []; }
  });
}

/** Resident memory of a process in MiB: now, and at its highest. */
export function memory (pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)[1]) / 1024;
  return { now: of('VmRSS'), highest: of('VmHWM') };
}
