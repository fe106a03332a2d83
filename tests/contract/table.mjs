// SPDX-License-Identifier: Apache-2.0
// table: the route table of the host, and where it differs from the file.
import { execFileSync } from 'node:child_process';
import { daedalus } from '../system/kit.mjs';

/** Routes that clients can reach: {plugin, method, pattern, path, auth, scope, streams, idempotent}. */
export function routeTable () {
  const text = execFileSync(daedalus, ['plugins', '--routes', '--json'], { encoding: 'utf8', maxBuffer: 1 << 24, env: { ...process.env, DAEDALUS_ENV: 'development' } });
  return JSON.parse(text).routes.filter((route) => !route.internal)
    .map((route) => ({ ...route, path: route.pattern.replace(/\{([a-z_]+)(:[a-z]+|\*)?\}/g, '{$1}'), rest: route.pattern.endsWith('*}') }));
}

export const parametersOf = (route) => [...route.path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name);

// Without these nobody gets as far as the question who may do this.
const queries = { 'POST /api/workspaces/{workspace_id}/files': '?name=x.txt', 'GET /api/people': '?q=a' };

/** The target of ROUTE with VALUES in the place of its parameters. */
export const fill = (route, values) => route.path.replace(/\{([a-z_]+)\}/g, (_, name) => encodeURIComponent(values[name])) + (queries[`${route.method} ${route.path}`] ?? '');

/** A body that fits, so that a request gets as far as the question who may do this; undefined: it has none. */
export function bodyFor (spec, route, values) {
  const op = spec.operations.find((one) => one.method === route.method && one.path === route.path);
  if (!op?.body) return undefined;
  const samples = { name: 'x', title: 'x', content: 'x', agent: null, email: 'eve@example.org', scopes: ['read'], role: 'viewer', items: [], message_id: values.message_id, seq: 1, archived: true, pinned: true };
  const schema = spec.resolve(op.body);
  return Object.fromEntries(Object.keys(schema.properties).filter((name) => samples[name] !== undefined).map((name) => [name, samples[name]]));
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
    for (const field of ['auth', 'scope', 'idempotent', 'streams', 'rest'])
      if (op[field] !== route[field]) found.push(`${key(route)}: ${field} is ${route[field]}, in the file ${op[field]}`);
  }
  for (const name of operations.keys()) if (!seen.has(name)) found.push(`${name} is in the file, the host has no such route`);
  return found;
}
