// SPDX-License-Identifier: Apache-2.0
// A plugin that keeps crashing is taken out of service alone; one that others need is not.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, source, until } from './kit.mjs';
import { Service } from './service.mjs';

const plugin = (name) => join(process.env.TEST_BUILD ?? join(source, 'build'), 'tests', 'plugin-api', 'faulty', `${name}.so`);

async function start (t, names) {
  const service = await Service.at(t, { settings: ['host.workers=2'], args: names.flatMap((name) => ['--plugin', plugin(name)]) });
  await service.start();
  return service;
}

/** Lets a worker die at PATH, and waits for the next one. */
async function crash (service, path) {
  const ready = service.lines('worker is ready').length, died = service.lines('worker died').length;
  await assert.rejects(service.host.request('GET', path), path);
  const line = await until(() => service.lines('worker died')[died], 10_000, 'the line of its death');
  await until(() => service.lines('worker is ready').length > ready, 15_000, 'its successor');
  return line;
}

async function component (host, name) {
  const { json } = await host.request('GET', '/api/health/ready', { anonymous: true });
  return json.components.find((one) => one.name === name);
}

test('three crashes within a minute take a plugin out of service, alone', async (t) => {
  const service = await start(t, ['faulty']);
  const { host } = service;

  await t.test('its routes answer 503 with Retry-After on all workers; others serve on', async () => {
    for (const path of ['crash', 'exit']) assert.equal((await crash(service, `/api/faulty/${path}`)).plugin, 'faulty');
    assert.equal((await host.request('GET', '/api/faulty/pool/1')).status, 204, 'two are not enough');
    assert.equal((await crash(service, '/api/faulty/pool-crash')).plugin, 'faulty');
    const line = await service.line('plugin is taken out of service');
    assert.deepEqual([line.plugin, line.seconds], ['faulty', 300]);
    const seen = new Set();
    await until(async () => { // each request on a connection of its own, so each worker is asked
      for (const path of ['crash', 'pool/1', 'exit']) {
        const reply = await host.request('GET', `/api/faulty/${path}`);
        assert.equal(reply.status, 503);
        assert.equal(reply.json.code, 'plugin_quarantined');
        assert.equal(reply.headers['content-type'], 'application/problem+json');
        assert.ok(Number(reply.headers['retry-after']) > 200 && Number(reply.headers['retry-after']) <= 300, reply.headers['retry-after']);
      }
      seen.add((await host.request('GET', '/api/me')).status);
      return (await host.metric('daedalus_http_requests_total', { route: '/api/faulty/crash', status: '503' })) >= 20;
    }, 20_000, 'many answers');
    assert.deepEqual([...seen], [200]);
    assert.equal(service.lines('worker died').length, 3);
  });

  await t.test('health and metrics tell', async () => {
    const seen = await until(async () => { const one = await component(host, 'faulty'); return one?.status === 'down' ? one : null; }, 3000, 'the component');
    assert.equal(seen.required, false);
    assert.match(seen.detail, /^out of service for \d+ s after repeated crashes$/);
    const { status, json } = await host.request('GET', '/api/health/ready', { anonymous: true });
    assert.deepEqual([status, json.status], [200, 'degraded']);
    assert.equal(await host.metric('daedalus_plugin_up', { plugin: 'faulty' }), 0);
    assert.equal(await host.metric('daedalus_plugin_faults_total', { plugin: 'faulty', kind: 'crash' }), 3);
    assert.equal(await host.metric('daedalus_up'), 1);
  });

  await t.test('a worker that is started meanwhile knows of it', async () => {
    for (const pid of host.workers()) {
      const ready = service.lines('worker is ready').length;
      process.kill(pid, 'SIGKILL');
      await until(() => service.lines('worker is ready').length > ready, 15_000, 'a successor');
    }
    for (let i = 0; i < 10; i++) assert.equal((await host.request('GET', '/api/faulty/pool/1')).status, 503);
  });

  await t.test('a reload ends it', async () => {
    assert.equal((await service.reload()).status, 0);
    assert.equal((await host.request('GET', '/api/faulty/pool/1')).status, 204);
    await until(async () => await component(host, 'faulty') === undefined, 5000, 'health to forget it');
  });
});

test('a plugin that others need is named for what it does in their calls, and stays', async (t) => {
  const service = await start(t, ['prop', 'leaner']);

  for (const path of ['loop', 'pool', 'loop', 'pool']) {
    const line = await crash(service, `/api/leaner/${path}`);
    assert.equal(line.plugin, 'prop', 'the innermost plugin on the stack');
    assert.equal(line.route, `/api/leaner/${path}`);
  }
  assert.equal((await service.host.request('GET', '/api/prop')).status, 204);
  assert.equal((await service.host.request('GET', '/api/leaner')).status, 204);
  assert.deepEqual(service.lines('plugin is taken out of service'), []);
  assert.equal(await service.host.metric('daedalus_plugin_faults_total', { plugin: 'prop', kind: 'crash' }), 4);
});

test('workers that served and died are replaced while another still starts', async (t) => {
  const mood = join(folder(t), 'mood');
  const service = await Service.at(t, { settings: ['host.workers=2', `plugin faulty.start-mood=${mood}`], args: ['--plugin', plugin('faulty')] });
  const ready = () => service.lines('worker is ready');

  writeFileSync(mood, 'wait');
  const serves = service.start();
  for (let dead = 0; dead < 4; dead++) {
    await until(() => ready().length > dead || !service.runs, 15_000, 'a worker that serves');
    assert.ok(service.runs, service.log.join('\n'));
    process.kill(ready()[dead].pid, 'SIGKILL');
    await until(() => service.lines('worker died').length > dead, 5000, 'its death');
  }
  rmSync(`${mood}.taken`);
  await serves;
});
