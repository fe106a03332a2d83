// SPDX-License-Identifier: Apache-2.0
// mutants: a contract that is changed makes the suite fail, where it should.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { folder } from '../system/kit.mjs';
import { readSpec } from './spec.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** Runs the tests of FILE whose names match PATTERN on a copy of the contract that CHANGE has changed. */
async function run (t, change, file, pattern) {
  const doc = readSpec();
  change(doc);
  const copy = join(folder(t), 'openapi.yaml');
  writeFileSync(copy, stringify(doc, { aliasDuplicateObjects: false }));
  const env = { ...process.env, CONTRACT_OPENAPI: copy, CONTRACT_RUNS: '10' };
  delete env.NODE_TEST_CONTEXT; // a run of its own
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', `--test-name-pattern=${pattern}`, join(here, file)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return text;
}

function failed (text, name, why) {
  assert.match(text, new RegExp(`^not ok \\d+ - ${name}`, 'm'), text);
  assert.match(text, why, text);
}

const rename = (doc) => {
  const { Me } = doc.components.schemas;
  Me.properties.mail = Me.properties.email;
  delete Me.properties.email;
  Me.required = Me.required.map((name) => name === 'email' ? 'mail' : name);
};

test('a contract that is not changed passes', async (t) => {
  const text = await run(t, () => {}, 'fuzz.mjs', 'getMe keeps');
  assert.match(text, /^ok \d+ - getMe keeps/m);
  assert.doesNotMatch(text, /^not ok/m);
});

test('a route that is removed from the file is found', async (t) => {
  const text = await run(t, (doc) => { delete doc.paths['/api/me']; }, 'routes.mjs', 'has the routes of the file');
  failed(text, 'the host has the routes of the file', /GET \/api\/me of plugin auth is not in the file/);
});

test('a route that only the file has is found', async (t) => {
  const text = await run(t, (doc) => { doc.paths['/api/you'] = doc.paths['/api/me']; }, 'routes.mjs', 'has the routes of the file');
  failed(text, 'the host has the routes of the file', /GET \/api\/you is in the file, the host has no such route/);
});

test('a field that is renamed is found', async (t) => {
  failed(await run(t, rename, 'fuzz.mjs', 'getMe keeps'), 'getMe keeps', /body of 200: /);
});

test('a status that is unknown to the file is found', async (t) => {
  const text = await run(t, ({ paths }) => {
    const { responses } = paths['/api/me'].get;
    responses[202] = responses[200];
    delete responses[200];
  }, 'fuzz.mjs', 'getMe keeps');
  failed(text, 'getMe keeps', /status 200 is not declared/);
});

test('a status that is unknown to the host is found', async (t) => {
  const text = await run(t, ({ paths }) => { paths['/api/me'].get.responses[418] = paths['/api/me'].get.responses[200]; }, 'routes.mjs', 'names no status');
  failed(text, 'the file names no status that is unknown', /418/);
});
