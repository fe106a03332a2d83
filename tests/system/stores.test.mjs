// SPDX-License-Identifier: Apache-2.0
// Where the bytes of files are: a directory, and an S3 bucket of a real neighbour.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { environmentOf, startAsker, startCeph, startSwift } from '../stores/kit.mjs';
import { contract, people } from '../stores/suite.mjs';

test('a directory', async (t) => {
  const ask = await startAsker(t);
  assert.equal((await ask.store()).status, 'up');
  await contract(t, ask);
});

test('Swift', async (t) => {
  const swift = await startSwift(t);
  const ask = await startAsker(t, { env: environmentOf(swift) });
  await contract(t, ask, swift);
  await people(t, ask, swift);
});

test('Ceph', { skip: process.env.TEST_STORES !== 'full' && 'with TEST_STORES=full (tests/run stores)' }, async (t) => {
  const ceph = await startCeph(t);
  const ask = await startAsker(t, { env: environmentOf(ceph) });
  await contract(t, ask, ceph);
  await people(t, ask, ceph);
});
