// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next try: half a second, doubled each time up to half a minute, and never
// all pages at the same moment.
const FIRST = 500;
const LONGEST = 30_000;

export function backoff(failures: number, random: () => number = Math.random): number {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 10));
  return Math.round(full / 2 + (full / 2) * random());
}
