// SPDX-License-Identifier: Apache-2.0
// What went wrong with a request, in one shape: a problem the host told, or no answer at all.
import type { Problem } from './types.ts';

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly requestId: string | null = null,
    readonly retryAfter: number | null = null, // seconds
    readonly signInUrl: string | null = null,
    readonly errors: { pointer: string; detail: string }[] = [],
  ) {
    super(`${code}: ${title}`);
  }

  /** The host was not reached, or asks to be left alone for a while: the same request may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export const NO_ANSWER = 'no_answer';

export function noAnswer(): ApiError {
  return new ApiError(0, NO_ANSWER, '', '');
}

function seconds(header: string | null): number | null {
  const value = header === null ? Number.NaN : Number.parseInt(header, 10);
  return Number.isFinite(value) && value >= 0 ? Math.min(value, 3600) : null;
}

/** The error of an answer that is not a success; `body` is what it held, if that was JSON. */
export function fromResponse(response: Response, body: unknown): ApiError {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>;
  return new ApiError(
    response.status,
    problem.code ?? `http_${response.status}`,
    problem.title ?? '',
    problem.detail ?? '',
    problem.request_id ?? response.headers.get('x-request-id'),
    seconds(response.headers.get('retry-after')),
    problem.sign_in_url ?? null,
    problem.errors ?? [],
  );
}

export function asApiError(reason: unknown): ApiError {
  if (reason instanceof ApiError) return reason;
  return new ApiError(0, 'page_fault', '', reason instanceof Error ? reason.message : String(reason));
}
