// SPDX-License-Identifier: Apache-2.0
// table: the route table of the host, and where it differs from the file.
import { execFileSync } from 'node:child_process';
import { daedalus } from '../system/kit.mjs';

/** Routes that clients can reach: {plugin, method, pattern, path, auth, streams, idempotent}. */
export function routeTable () {
  const text = execFileSync(daedalus, ['plugins', '--routes', '--json'], { encoding: 'utf8', maxBuffer: 1 << 24, env: { ...process.env, DAEDALUS_ENV: 'development' } });
  return JSON.parse(text).routes.filter((route) => !route.internal)
    .map((route) => ({ ...route, path: route.pattern.replace(/\{([a-z_]+)(:[a-z]+|\*)?\}/g, '{$1}'), rest: route.pattern.endsWith('*}') }));
}

/** Differences between the routes of a host and the operations of a Spec, as words. */
export function differences (spec, routes) {
  const found = [];
  const key = (one) => `${one.method} ${one.path}`;
  const operations = new Map(spec.operations.map((op) => [key(op), op]));
  const seen = new Set();
  for (const route of routes) {
    const op = operations.get(key(route));
    seen.add(key(route));
    if (!op) { found.push(`${key(route)} of plugin ${route.plugin} is not in the file`); continue; }
    for (const field of ['auth', 'idempotent', 'streams', 'rest'])
      if (op[field] !== route[field]) found.push(`${key(route)}: ${field} is ${route[field]}, in the file ${op[field]}`);
  }
  for (const name of operations.keys()) if (!seen.has(name)) found.push(`${name} is in the file, the host has no such route`);
  return found;
}
