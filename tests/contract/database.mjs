// SPDX-License-Identifier: Apache-2.0
// database: the one that this run of the contract tests is on: CONTRACT_DATABASE is "sqlite" (default) or "postgres".
import { startPostgres } from '../system/kit.mjs';

export const on = process.env.CONTRACT_DATABASE === 'postgres' ? 'on PostgreSQL' : 'on SQLite';

let postgres = null;

/** Options of startHost for a fresh database of that kind; T as in node:test, with `after`. */
export async function freshDatabase (t) {
  if (process.env.CONTRACT_DATABASE !== 'postgres') return {};
  postgres ??= startPostgres(t);
  // two workers, so that a next request may come to another one
  return { database: (await postgres).database(), workers: 2 };
}
