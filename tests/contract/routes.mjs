// SPDX-License-Identifier: Apache-2.0
// routes: schema/openapi.yaml is sound, and names the routes that the host has, no more and no fewer.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startHost } from '../system/kit.mjs';
import { Spec, readSpec, specFile } from './spec.mjs';
import { differences, routeTable } from './table.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const spec = new Spec();

function refs (value, found = new Set()) {
  if (value && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref') found.add(inner);
      else refs(inner, found);
    }
  return found;
}

test('the file passes redocly', () => {
  const lint = spawnSync(process.execPath, [join(here, 'node_modules', '@redocly', 'cli', 'bin', 'cli.js'), 'lint', '--config', join(here, 'redocly.yaml'), specFile],
    { encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } });
  assert.equal(lint.status, 0, lint.stdout + lint.stderr);
});

test('each component is used, and each reference leads somewhere', () => {
  const used = refs(spec.doc);
  for (const ref of used) assert.ok(spec.resolve({ $ref: ref }), `${ref} leads nowhere`);
  const unused = ['schemas', 'responses', 'parameters'].flatMap((kind) => Object.keys(spec.doc.components[kind]).map((name) => `#/components/${kind}/${name}`))
    .filter((ref) => !used.has(ref));
  assert.deepEqual(unused, []);
});

test('objects are closed, and bodies of answers have names', () => {
  const open = Object.entries(spec.doc.components.schemas).filter(([, schema]) => schema.type === 'object' && schema.additionalProperties !== false).map(([name]) => name);
  assert.deepEqual(open, ['Iteration'], 'only what an agent said is as it said it');
  const nameless = spec.operations.flatMap((op) => Object.entries(op.responses).flatMap(([status, response]) =>
    Object.entries(response.content ?? {}).filter(([type, media]) => /json|event-stream/.test(type) && !media.schema.$ref).map(([type]) => `${op.id} ${status} ${type}`)));
  assert.deepEqual(nameless, []);
});

test('each stream describes its events twice alike: as x-events and as its schema', () => {
  const kinds = (schema) => (spec.resolve(schema).oneOf ?? [schema]).flatMap((one) => {
    const inner = spec.resolve(one);
    return inner.oneOf ? kinds(one) : [[inner.properties.event.const, inner.properties.data.$ref]];
  });
  for (const op of spec.operations.filter((one) => one.streams && !one.passes)) {
    const described = kinds(op.responses[200].content['text/event-stream'].schema).sort();
    assert.deepEqual(described, Object.entries(op.events).map(([kind, schema]) => [kind, schema.$ref]).sort(), op.id);
  }
});

// All that this API ever answers; a status that is not here is one that no client expects.
const statuses = [200, 201, 202, 204, 206, 303, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415, 416, 421, 422, 429, 431, 500, 502, 503, 504, 507].map(String);

test('the file names no status that is unknown', () => {
  const named = [...Object.keys(spec.doc['x-statuses']).map((status) => ['x-statuses', status]), ...spec.operations.flatMap((op) => Object.keys(op.responses).map((status) => [op.id, status]))];
  assert.deepEqual(named.filter(([, status]) => !statuses.includes(status)), []);
});

test('the host has the routes of the file, no more and no fewer', () => {
  assert.deepEqual(differences(spec, routeTable()), []);
});

test('the running host names the same routes', async (t) => {
  const host = await startHost(t);
  const { items } = await host.ok('GET', '/api/plugins');
  const known = new Set(routeTable().map((route) => `${route.method} ${route.pattern}`));
  const running = items.flatMap((plugin) => plugin.routes.map((route) => `${route.method} ${route.pattern}`));
  const served = items.filter((plugin) => plugin.state === 'started').map((plugin) => plugin.name);
  assert.deepEqual(served.filter((name) => items.find((plugin) => plugin.name === name).health === 'down'), []);
  const missing = routeTable().filter((route) => route.plugin !== 'host' && !running.includes(`${route.method} ${route.pattern}`));
  assert.deepEqual(missing, []);
  assert.ok(running.some((name) => known.has(name)));
});

// The checks themselves: each must find what it is there for.
test('a removed route, a renamed field and an unknown status are found', () => {
  const routes = routeTable();
  const removed = readSpec();
  delete removed.paths['/api/me'];
  assert.deepEqual(differences(new Spec(removed), routes), ['GET /api/me of plugin auth is not in the file']);

  const reply = { status: 200, headers: { 'content-type': 'application/json', 'x-request-id': 'r' }, text: '{}',
    json: { subject: 'a', email: null, name: 'A', groups: [], admin: false, method: 'local' } };
  assert.deepEqual(spec.complaints(spec.operation('getMe'), reply), []);
  const renamed = readSpec();
  const me = renamed.components.schemas.Me;
  me.properties.mail = me.properties.email;
  delete me.properties.email;
  me.required = me.required.map((name) => name === 'email' ? 'mail' : name);
  const other = new Spec(renamed);
  assert.equal(other.complaints(other.operation('getMe'), reply).length, 1);

  assert.deepEqual(spec.complaints(spec.operation('getMe'), { ...reply, status: 418 }), ['status 418 is not declared']);
});
