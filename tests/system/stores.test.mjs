// SPDX-License-Identifier: Apache-2.0
// Where the bytes of files are: a directory, and an S3 bucket of a real neighbour.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { environmentOf, startAsker, startSwift } from '../stores/kit.mjs';
import { contract } from '../stores/suite.mjs';

test('a directory', async (t) => {
  const ask = await startAsker(t);
  assert.equal((await ask.store()).status, 'up');
  await contract(t, ask);
});

test('Swift', async (t) => {
  const swift = await startSwift(t);
  const ask = await startAsker(t, { env: environmentOf(swift) });
  await contract(t, ask, { client: swift.client });
});
