// SPDX-License-Identifier: Apache-2.0
// files-kit: files too large to be held, and the places where the bytes of files are.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import { join, relative } from 'node:path';
import { environmentOf, startCeph, startSwift } from '../stores/kit.mjs';

export const full = process.env.TEST_FILES === 'full';
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
export const target = (path, name) => `${path}?name=${encodeURIComponent(name)}`;
export const octets = { 'Content-Type': 'application/octet-stream' };

/** Paths of files under ROOT; folders may go while it is read. */
export function filesIn (root) {
  let names;
  try { names = readdirSync(root); } catch (error) {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return [root];
    throw error;
  }
  return names.flatMap((name) => filesIn(join(root, name)));
}

/** GET of a file: {status, sha256, size}. Nothing of it is kept. */
export function download (host, path) {
  return new Promise((done, fail) => {
    const sum = createHash('sha256');
    let size = 0;
    http.get(host.url + path, { headers: host.headers(), agent: false }, (res) => {
      res.on('data', (chunk) => { sum.update(chunk); size += chunk.length; });
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, size, sha256: sum.digest('hex') }));
      res.on('error', fail);
    }).on('error', fail);
  });
}

/** POST of SIZE made-up bytes, of which only CHUNK is in memory: {status, json, sha256}. */
export function uploadMuch (host, path, size, chunk = randomBytes(1 << 20)) {
  return new Promise((done, fail) => {
    const sum = createHash('sha256');
    const req = http.request(host.url + path, { method: 'POST', headers: { ...host.headers(), ...octets, 'Content-Length': size }, agent: false }, async (res) => {
      let text = '';
      for await (const piece of res) text += piece;
      done({ status: res.statusCode, json: JSON.parse(text), sha256: sum.digest('hex') });
    });
    req.on('error', fail);
    let sent = 0;
    const more = () => {
      while (sent < size) {
        const piece = chunk.subarray(0, Math.min(chunk.length, size - sent));
        sent += piece.length;
        sum.update(piece);
        if (!req.write(piece)) { req.once('drain', more); return; }
      }
      req.end();
    };
    more();
  });
}

const keyOf = (file) => `workspaces/${file.workspace_id}/files/${file.id}/${file.name}`;

// Places: {env, large, held, slack, pace, keys(dir, prefix), unfinished(dir), look(dir, file)}. DIR is the data directory of the
// host; large: bytes of an upload that shows all the store does; held: MiB of an upload that it keeps in memory at most;
// slack: milliseconds by which its times may be wrong; pace: how long uploads are under way there.

export async function inDirectory () {
  const objects = (dir) => join(dir, 'files', 'objects');
  return {
    env: {},
    large: 4_000_000,
    held: 0,
    slack: 500,
    pace: 250,
    keys: async (dir, prefix = '') => filesIn(join(objects(dir), prefix)).map((path) => relative(objects(dir), path)),
    unfinished: async (dir) => filesIn(join(dir, 'files', 'unfinished')).length,
    look: async (dir, file) => {
      const path = join(objects(dir), keyOf(file)), sum = createHash('sha256');
      for await (const chunk of createReadStream(path)) sum.update(chunk);
      return { size: statSync(path).size, sha256: sum.digest('hex') };
    },
  };
}
inDirectory.called = 'directory';

/** In an S3 bucket of STORE. */
const inBucket = (store) => ({
  ...store,
  env: environmentOf(store),
  large: 20 << 20, // in parts
  held: 16, // what may have to be sent again
  slack: 2000,
  pace: 700,
  keys: (dir, prefix = '') => store.client('keys', prefix),
  unfinished: async () => (await store.client('uploads')).length,
  look: async (dir, file) => {
    const { size, sha256: sum } = await store.client('look', keyOf(file));
    return { size, sha256: sum };
  },
});

export const inSwift = async (t) => inBucket(await startSwift(t));
inSwift.called = 'Swift';

export const inCeph = async (t) => inBucket(await startCeph(t));
inCeph.called = 'Ceph';

/** Where files are in tests on DATABASE: each place with one of the databases, or all with both. */
export function places (database) {
  if (process.env.TEST_STORES === 'full') return [inCeph];
  if (full) return [inDirectory, inSwift];
  return [database === 'sqlite' ? inDirectory : inSwift];
}
