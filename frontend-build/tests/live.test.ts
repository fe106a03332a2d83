// SPDX-License-Identifier: Apache-2.0
// The tab's stream: one at a time, from the position of the conversation that is open, given back when nobody looks.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConversationEvent } from '#lib/api/types.ts';
import { live } from '#lib/state/live.svelte.ts';
import { session } from '#lib/state/session.svelte.ts';

const urls: string[] = [];
let streams: ReadableStreamDefaultController<Uint8Array>[] = [];

function respond(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const url = input instanceof Request ? input.url : String(input);
  if (!url.includes('/api/events')) return Promise.resolve(Response.json({ items: [], next: null }));
  urls.push(url);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      streams.push(controller);
      init?.signal?.addEventListener('abort', () => {
        streams = streams.filter((other) => other !== controller);
        try {
          controller.error(new DOMException('aborted', 'AbortError'));
        } catch {
          // ended already
        }
      });
    },
  });
  return Promise.resolve(new Response(body));
}

function look(state: 'visible' | 'hidden'): void {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}

const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const say = (event: string, data: unknown): void =>
  streams[0]?.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));

describe('the stream of a tab', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', respond);
    urls.length = 0;
    streams = [];
    look('visible');
    live.start();
  });
  afterEach(() => {
    live.stop();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('goes on from the position of the conversation that is open, on one connection', async () => {
    const heard: ConversationEvent[] = [];
    let position: number | null = 5;
    const watcher = { id: 'c1', position: () => position, events: (events: ConversationEvent[]) => void heard.push(...events), connected: vi.fn(), accessChanged: vi.fn() };
    await settle();
    live.watch(watcher);
    await settle();
    expect(urls).toEqual(['/api/events', '/api/events?watch=c1:5']);
    expect(streams).toHaveLength(1);
    expect(watcher.connected).toHaveBeenCalledOnce();
    say('turn.progress', { conversation_id: 'c1', seq: 6 });
    say('turn.progress', { conversation_id: 'other', seq: 9 });
    await settle();
    expect(heard.map(({ data }) => data)).toEqual([{ conversation_id: 'c1', seq: 6 }]);
    position = 6;
    streams[0].close();
    await settle(1000);
    expect(urls.at(-1)).toBe('/api/events?watch=c1:6');
    live.unwatch(watcher);
  });

  it('knows which turns run', async () => {
    await settle();
    say('state', { running: [{ turn_id: 't', conversation_id: 'c', workspace_id: 'w', agent: 'a', state: 'running' }], unread: [], agents: [], build: '1' });
    say('state.turn', { turn_id: 'u', conversation_id: 'd', workspace_id: 'w', agent: 'a', state: 'queued' });
    await settle();
    expect(live.runningIn('w')).toBe(2);
    say('state.turn', { turn_id: 't', conversation_id: 'c', workspace_id: 'w', agent: 'a', state: 'done' });
    await settle();
    expect([live.runningIn('w'), live.isRunning('c'), live.isRunning('d')]).toEqual([1, false, true]);
  });

  it('is given back a minute after the tab was left, and taken up when it is looked at', async () => {
    await settle();
    look('hidden');
    await settle(30_000);
    look('visible');
    look('hidden');
    await settle(40_000);
    expect(streams).toHaveLength(1);
    await settle(30_000);
    expect(streams).toHaveLength(0);
    look('visible');
    await settle();
    expect(streams).toHaveLength(1);
    expect(live.connected).toBe(true);
  });

  it('tells once another build runs', async () => {
    await settle();
    const state = { running: [], unread: [], agents: [] };
    say('state', { ...state, build: '1' });
    await settle();
    expect(session.outdated).toBe(false);
    say('state', { ...state, build: '2' });
    await settle();
    expect(session.outdated).toBe(true);
  });

  it('is read anew, and what is shown with it, when the caller may do less than before', async () => {
    const watcher = { id: 'c1', position: () => 3, events: vi.fn(), connected: vi.fn(), accessChanged: vi.fn() };
    await settle();
    live.watch(watcher);
    await settle();
    const before = urls.length;
    say('session.ended', { reason: 'access_changed' });
    await settle();
    expect(watcher.accessChanged).toHaveBeenCalledOnce();
    expect(urls.slice(before)).toEqual(['/api/events?watch=c1:3']);
    expect(live.connected).toBe(true);
    expect(session.status).not.toBe('signed_out');
    live.unwatch(watcher);
  });

  it('ends with the session', async () => {
    await settle();
    say('session.ended', { reason: 'signed_out' });
    await settle();
    expect(session.status).toBe('signed_out');
  });
});
