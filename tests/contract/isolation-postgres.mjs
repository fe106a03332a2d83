// SPDX-License-Identifier: Apache-2.0
// isolation-postgres: isolation.mjs again, on PostgreSQL and with two workers.
process.env.CONTRACT_DATABASE = 'postgres';
await import('./isolation.mjs');
