// SPDX-License-Identifier: Apache-2.0
// The one event stream of this tab. Reads by fetch, not by EventSource: that one gives up for good on a
// 503, shows no status and cannot be told where to go on.
import { createParser } from 'eventsource-parser';
import type { CallerEvent } from '../api/types.ts';
import { ApiError, asApiError, fromResponse, noAnswer } from '../api/problem.ts';
import { backoff } from './backoff.ts';

export type FeedStatus =
  | { kind: 'idle' }
  | { kind: 'connecting'; failures: number }
  | { kind: 'live' }
  | { kind: 'waiting'; failures: number; retryAt: number; error: ApiError }
  | { kind: 'ended'; error: ApiError };

export interface FeedHooks {
  /** The address to read from, asked for at each connection. */
  url: () => string;
  /** The events of one read, in order. */
  events: (events: CallerEvent[]) => void;
  status: (status: FeedStatus) => void;
}

const SILENCE = 45_000; // the host says something at least every 15 s
const STABLE = 10_000; // a connection that held this long starts the waiting anew

export class Feed {
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private running = false;
  private waiting = false;

  constructor(
    private readonly hooks: FeedHooks,
    private readonly fetcher: typeof fetch = (...args) => fetch(...args),
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.failures = 0;
    void this.connect();
  }

  stop(): void {
    if (!this.running) return;
    this.running = false;
    this.waiting = false;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    this.hooks.status({ kind: 'idle' });
  }

  /** Reads anew from the address as it is now. */
  restart(): void {
    if (!this.running) return;
    clearTimeout(this.timer);
    this.abort?.abort();
    void this.connect();
  }

  /** Does not wait any longer, if it does. */
  retryNow(): void {
    if (this.running && this.waiting) this.restart();
  }

  private async connect(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    this.waiting = false;
    this.hooks.status({ kind: 'connecting', failures: this.failures });
    const began = Date.now();
    let error = noAnswer();
    try {
      await this.read(abort);
    } catch (reason) {
      if (reason instanceof ApiError) error = reason;
    }
    abort.abort();
    if (this.abort !== abort || !this.running) return;
    if (error.status === 401) {
      this.running = false;
      this.hooks.status({ kind: 'ended', error });
      return;
    }
    if (Date.now() - began > STABLE) this.failures = 0;
    this.wait(error);
  }

  private wait(error: ApiError): void {
    const delay = Math.max(backoff(this.failures++), (error.retryAfter ?? 0) * 1000);
    this.waiting = true;
    this.hooks.status({ kind: 'waiting', failures: this.failures, retryAt: Date.now() + delay, error });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), delay);
  }

  /** Reads until the stream ends; throws where it does not even begin. */
  private async read(abort: AbortController): Promise<void> {
    let silence = setTimeout(() => abort.abort(), SILENCE);
    try {
      const response = await this.fetcher(this.hooks.url(), {
        headers: { accept: 'text/event-stream' },
        cache: 'no-store',
        credentials: 'same-origin',
        redirect: 'error',
        signal: abort.signal,
      });
      if (!response.ok || !response.body) {
        throw fromResponse(response, await response.json().catch(() => null));
      }
      const batch: CallerEvent[] = [];
      const parser = createParser({
        onEvent: ({ event, data }) => {
          const parsed = parse(event, data);
          if (parsed) batch.push(parsed);
        },
      });
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      this.hooks.status({ kind: 'live' });
      for (;;) {
        const { done, value } = await reader.read();
        if (done || abort.signal.aborted) break;
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE);
        parser.feed(decoder.decode(value, { stream: true }));
        if (batch.length > 0) this.hooks.events(batch.splice(0));
      }
    } catch (reason) {
      throw reason instanceof ApiError ? reason : noAnswer();
    } finally {
      clearTimeout(silence);
    }
  }
}

function parse(event: string | undefined, data: string): CallerEvent | null {
  try {
    return { event: event ?? 'message', data: JSON.parse(data) } as unknown as CallerEvent;
  } catch (reason) {
    console.warn('an event of the stream is not JSON', event, asApiError(reason).detail);
    return null;
  }
}
