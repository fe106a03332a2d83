// SPDX-License-Identifier: Apache-2.0
// Requests to the host: typed by the API's own description, failing with an ApiError and with nothing else.
import createClient, { type Middleware } from 'openapi-fetch';
import { ApiError, fromResponse, noAnswer } from './problem.ts';
import type { paths } from './schema.d.ts';

/** Milliseconds that the host's clock is ahead of this one's. */
export let clockSkew = 0;

let onSignedOut: (error: ApiError) => void = () => {};

export function whenSignedOut(tell: (error: ApiError) => void): void {
  onSignedOut = tell;
}

const clock: Middleware = {
  onResponse({ response }) {
    const date = Date.parse(response.headers.get('date') ?? '');
    const skew = date - Date.now();
    // The header has whole seconds: a smaller difference says nothing.
    if (Number.isFinite(skew)) clockSkew = Math.abs(skew) > 2000 ? skew : 0;
  },
};

const client = createClient<paths>({ baseUrl: '', credentials: 'same-origin', redirect: 'error' });
client.use(clock);
export const api = client;

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a request that has to succeed. */
export async function ask<T>(request: Promise<Answer<T>>): Promise<T> {
  return (await askTagged(request)).body;
}

/** The same with the answer's ETag, for a write that must not undo somebody else's. */
export async function askTagged<T>(request: Promise<Answer<T>>): Promise<{ body: T; etag: string | null }> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === 'AbortError') throw reason;
    throw noAnswer();
  }
  if (answer.response.ok) return { body: answer.data as T, etag: answer.response.headers.get('etag') };
  throw refused(answer.response, answer.error);
}

/** The error of an answer that is none; who is not signed in any more is told so. */
export function refused(response: Response, body: unknown): ApiError {
  const error = fromResponse(response, body);
  if (error.status === 401) onSignedOut(error);
  return error;
}

/** A key that makes repeating a write safe. */
export function newKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Now, by the host's clock. */
export function hostNow(): number {
  return Date.now() + clockSkew;
}
