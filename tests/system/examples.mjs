// SPDX-License-Identifier: Apache-2.0
// The examples of data/, run as they are but for what a test puts in the place of their names and addresses.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { source } from './kit.mjs';

/** An example of data/ with the test's own in place of PARTS ([what stands there, what comes in its place]). */
export function filled (path, parts) {
  let text = readFileSync(join(source, 'data', path), 'utf8');
  for (const [from, to] of parts) {
    assert.ok(text.includes(from), `${path} does not say ${from}`);
    text = text.replaceAll(from, to);
  }
  const left = text.split('\n').filter((line) => !/^\s*#/.test(line) && /example\.org|192\.0\.2\.|@[A-Z_]+@/.test(line));
  assert.deepEqual(left, [], `${path}: what the test does not fill in`);
  return text;
}

/** A program that must agree, such as one that checks its configuration. */
export function check (command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${command}: ${error ?? stdout + stderr}`);
}

/** A certificate of NAME, signed by itself, in DIR: paths, and its text for those who are to believe it. */
export function makeCertificate (dir, name) {
  const cert = join(dir, 'certificate.pem'), key = join(dir, 'key.pem');
  check('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', cert]);
  return { cert, key, ca: readFileSync(cert) };
}
