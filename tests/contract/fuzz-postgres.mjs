// SPDX-License-Identifier: Apache-2.0
// fuzz-postgres: fuzz.mjs again, on PostgreSQL and with two workers.
process.env.CONTRACT_DATABASE = 'postgres';
await import('./fuzz.mjs');
