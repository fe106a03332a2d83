// SPDX-License-Identifier: Apache-2.0
// streams-postgres: streams.mjs again, on PostgreSQL and with two workers.
process.env.CONTRACT_DATABASE = 'postgres';
await import('./streams.mjs');
