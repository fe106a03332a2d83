// SPDX-License-Identifier: Apache-2.0
// The stream's reader: connects, is cut, waits, comes back, gives up only where nobody is signed in.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallerEvent } from '#lib/api/types.ts';
import { backoff } from '#lib/events/backoff.ts';
import { Feed, type FeedStatus } from '#lib/events/feed.ts';

class Server {
  readonly urls: string[] = [];
  readonly events: CallerEvent[] = [];
  readonly statuses: FeedStatus[] = [];
  answer: () => Response = () => this.stream();
  controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  position = 1;
  readonly feed = new Feed(
    {
      url: () => `/api/events?watch=c:${this.position}`,
      events: (events) => this.events.push(...events),
      status: (status) => this.statuses.push(status),
    },
    async (url, init) => {
      this.urls.push(String(url));
      init?.signal?.addEventListener('abort', () => {
        try {
          this.controller?.error(new DOMException('aborted', 'AbortError'));
        } catch {
          // ended already
        }
      });
      return this.answer();
    },
  );

  stream(): Response {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  send(text: string): void {
    this.controller?.enqueue(new TextEncoder().encode(text));
  }

  get last(): string | undefined {
    return this.statuses.at(-1)?.kind;
  }
}

const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const event = (text: string): string => `event: state.agent\ndata: ${JSON.stringify({ slug: text })}\n\n`;

describe('the feed', () => {
  let server: Server;
  beforeEach(() => {
    vi.useFakeTimers();
    server = new Server();
  });
  afterEach(() => {
    server.feed.stop();
    vi.useRealTimers();
  });

  it('reads events however they are cut', async () => {
    server.feed.start();
    await settle();
    for (const byte of new TextEncoder().encode(`: hello\n\n${event('naïve')}`)) server.controller?.enqueue(new Uint8Array([byte]));
    await settle();
    expect(server.last).toBe('live');
    expect(server.events).toEqual([{ event: 'state.agent', data: { slug: 'naïve' } }]);
  });

  it('leaves out what is not JSON and goes on', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    server.feed.start();
    await settle();
    server.send(`event: state\ndata: {oops\n\n${event('b')}`);
    await settle();
    expect(server.events).toHaveLength(1);
    expect(warn).toHaveBeenCalledOnce();
  });

  it('comes back from the position that is known by then', async () => {
    server.feed.start();
    await settle();
    server.position = 7;
    server.controller?.close();
    await settle();
    expect(server.last).toBe('waiting');
    await settle(600);
    expect(server.urls).toEqual(['/api/events?watch=c:1', '/api/events?watch=c:7']);
    expect(server.last).toBe('live');
  });

  it('takes 45 s without a byte for a lost connection, and 44 s not', async () => {
    server.feed.start();
    await settle();
    await settle(44_000);
    server.send(': beat\n\n');
    await settle(44_000);
    expect(server.last).toBe('live');
    await settle(1_500);
    expect(server.urls.length).toBe(2);
  });

  it('waits as long as the host asks', async () => {
    server.answer = () => new Response('{"code":"draining","status":503}', { status: 503, headers: { 'retry-after': '20' } });
    server.feed.start();
    await settle(19_000);
    expect(server.urls).toHaveLength(1);
    await settle(2_000);
    expect(server.urls).toHaveLength(2);
  });

  it('tries at once when it is told that the connection is back', async () => {
    server.answer = () => Response.error();
    server.feed.start();
    await settle(20_000);
    const tries = server.urls.length;
    server.answer = () => server.stream();
    server.feed.retryNow();
    await settle();
    expect(server.urls).toHaveLength(tries + 1);
    expect(server.last).toBe('live');
  });

  it('does not disturb a connection that stands', async () => {
    server.feed.start();
    await settle();
    server.feed.retryNow();
    await settle();
    expect(server.urls).toHaveLength(1);
  });

  it('ends where nobody is signed in', async () => {
    server.answer = () => new Response('{"code":"unauthorized","status":401,"sign_in_url":"/in"}', { status: 401 });
    server.feed.start();
    await settle(60_000);
    expect(server.urls).toHaveLength(1);
    expect(server.statuses.at(-1)).toMatchObject({ kind: 'ended', error: { signInUrl: '/in' } });
  });

  it('reads only once at a time, whatever is asked of it', async () => {
    server.feed.start();
    server.feed.start();
    server.feed.restart();
    server.feed.restart();
    await settle(5_000);
    expect(server.last).toBe('live');
    const tries = server.urls.length;
    await settle(40_000);
    expect(server.urls).toHaveLength(tries);
  });
});

describe('the backoff', () => {
  it('doubles up to half a minute and never less than half of it', () => {
    expect([0, 1, 2, 5, 6, 20].map((failures) => backoff(failures, () => 1))).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000]);
    expect(backoff(6, () => 0)).toBe(15_000);
  });
});
