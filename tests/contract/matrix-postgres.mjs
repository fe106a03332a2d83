// SPDX-License-Identifier: Apache-2.0
// matrix-postgres: matrix.mjs again, on PostgreSQL and with two workers.
process.env.CONTRACT_DATABASE = 'postgres';
await import('./matrix.mjs');
