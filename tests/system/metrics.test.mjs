// SPDX-License-Identifier: Apache-2.0
// /metrics: what promtool accepts, complete from the first scrape, and only for those who may.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { families, sources } from '../../docs/metrics.mjs';
import { folder, source, startHost, until } from './kit.mjs';
import { freePort } from './ports.mjs';

/** A real Prometheus that scrapes HOST each second; asks its API. */
async function startPrometheus (t, host) {
  const dir = folder(t), port = await freePort();
  writeFileSync(join(dir, 'prometheus.yml'), `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: daedalus
    static_configs: [{ targets: ['127.0.0.1:${host.port}'] }]
`);
  const child = spawn('prometheus', [`--config.file=${join(dir, 'prometheus.yml')}`, `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`, '--enable-feature=exemplar-storage'], { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', done));
  t.after(async () => { child.kill('SIGKILL'); await ended; });
  return async (path, parameters) => {
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`);
      return (await reply.json()).data;
    } catch { return null; } // it is not up yet
  };
}

// Each with a sample, not only its name.
const fromTheStart = ['daedalus_up', 'daedalus_build_info', 'daedalus_plugin_up', 'daedalus_plugin_faults_total',
  'daedalus_http_requests_total', 'daedalus_http_request_duration_seconds', 'daedalus_http_requests_in_flight',
  'daedalus_http_connections', 'daedalus_http_rejected_total',
  'daedalus_event_streams_active', 'daedalus_events_total', 'daedalus_event_delivery_seconds',
  'daedalus_mcp_connections_active', 'daedalus_mcp_requests_total', 'daedalus_mcp_request_duration_seconds', 'daedalus_mcp_reconnects_total',
  'daedalus_agent_turns_total', 'daedalus_agent_turn_duration_seconds', 'daedalus_agent_first_text_seconds', 'daedalus_agent_turns_active',
  'daedalus_agent_tool_calls_total', 'daedalus_agent_health',
  'daedalus_database_work_seconds', 'daedalus_database_wait_seconds', 'daedalus_database_connections', 'daedalus_database_retries_total',
  'daedalus_worker_restarts_total', 'daedalus_worker_loop_lag_seconds', 'daedalus_bus_messages_total',
  'process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds'];

test('metrics', async (t) => {
  await t.test('promtool accepts the first scrape, and every family is there', async (t) => {
    const host = await startHost(t, { workers: 2 });
    const reply = await host.request('GET', '/metrics', { anonymous: true });
    assert.equal(reply.status, 200);
    assert.match(reply.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: reply.text, encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    const missing = fromTheStart.filter((family) => !new RegExp(`^# TYPE ${family} `, 'm').test(reply.text) || !new RegExp(`^${family}(_count)?(\\{.*\\})? `, 'm').test(reply.text));
    assert.deepEqual(missing, []);
    assert.match(reply.text, /^daedalus_up 1$/m);
    assert.match(reply.text, /^daedalus_agent_turns_total\{.*outcome="done".*\} 0$/m);
    assert.match(reply.text, /^daedalus_mcp_connections_active\{server="librarian"\} 1$/m);
  });

  await t.test('OpenMetrics where it is asked for', async (t) => {
    const host = await startHost(t);
    const reply = await host.request('GET', '/metrics', { anonymous: true, headers: { Accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } });
    assert.match(reply.headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/);
    assert.ok(reply.text.endsWith('# EOF\n'));
  });

  await t.test('a real Prometheus scrapes it, and gives the request of a bucket back', async (t) => {
    const host = await startHost(t, { workers: 2 });
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const reply = await host.request('GET', '/api/me', { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    const ask = await startPrometheus(t, host);
    await until(async () => (await ask('query', { query: 'up{job="daedalus"} == 1' }))?.result.length === 1, 30_000, 'the first scrape');
    const found = await until(async () => {
      const now = Date.now() / 1000;
      const series = await ask('query_exemplars', { query: 'daedalus_http_request_duration_seconds_bucket{route="/api/me"}', start: now - 300, end: now + 60 });
      return series?.flatMap(({ exemplars }) => exemplars).find(({ labels }) => labels.trace_id === trace);
    }, 15_000, 'the exemplar');
    assert.equal(found.labels.request_id, reply.headers['x-request-id']);
    assert.ok(Number(found.value) > 0 && Number(found.value) < 10, found.value);
    const { activeTargets } = await ask('targets', {});
    assert.deepEqual(activeTargets.map(({ health, lastError }) => [health, lastError]), [['up', '']]);
  });

  await t.test('docs/metrics.md is made of what is really there', async (t) => {
    // One host has one store of objects; the other's families are those of a host that has it.
    const hosts = [await startHost(t), await startHost(t, { env: { DAEDALUS_S3_ENDPOINT: `http://127.0.0.1:${await freePort()}`, DAEDALUS_S3_ACCESS_KEY: 'key', DAEDALUS_S3_SECRET_KEY: 'secret' } })];
    const texts = await Promise.all(hosts.map(async (host) => (await host.request('GET', '/metrics', { anonymous: true })).text));
    const declared = families(sources(source));
    const told = texts.flatMap((text) => [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(([, name, help, type]) => [name, { name, type, help: help.replaceAll('\\\\', '\\') }]));
    const seen = [...new Map(told).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(declared.map(({ name, type, help }) => ({ name, type, help })), seen);
    const text = texts.join('');
    for (const { name, type, labels, buckets } of declared) {
      const sample = new RegExp(`^${name}${type === 'histogram' ? '_bucket' : ''}(?:\\{(.*)\\})? `, 'm').exec(text);
      if (!sample) continue; // of nothing yet
      const names = [...(sample[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
      assert.deepEqual(names, labels.map(([label]) => label), name);
      if (type === 'histogram') {
        const bounds = [...text.matchAll(new RegExp(`^${name}_bucket\\{.*le="([^"]+)"\\} `, 'gm'))].map(([, bound]) => bound);
        assert.deepEqual(bounds.slice(0, buckets.length + 1), [...buckets.map(String), '+Inf'], name);
      }
    }
  });

  await t.test('behind a trusted proxy the client address decides', async (t) => {
    const host = await startHost(t, { set: ['http.trusted-proxies=127.0.0.1'] });
    const from = (address) => host.request('GET', '/metrics', { anonymous: true, headers: { 'X-Forwarded-For': address } });
    assert.equal((await from('172.16.4.5')).status, 200);
    assert.equal((await from('203.0.113.9')).status, 403);
    assert.equal((await from('172.16.4.5, 203.0.113.9')).status, 403);
  });

  await t.test('a forwarded request of an untrusted proxy is never internal', async (t) => {
    const host = await startHost(t);
    const reply = await host.request('GET', '/metrics', { anonymous: true, headers: { 'X-Forwarded-For': '127.0.0.1' } });
    assert.equal(reply.status, 403);
  });

  await t.test('requests are counted by route, never by path', async (t) => {
    const host = await startHost(t);
    const workspace = await host.workspace();
    await host.ok('GET', `/api/workspaces/${workspace.id}`);
    assert.equal(await host.metric('daedalus_http_requests_total', { route: '/api/workspaces/{workspace_id}', method: 'GET', status: '200' }), 1);
    const { text } = await host.request('GET', '/metrics', { anonymous: true });
    assert.ok(!text.includes(workspace.id));
  });
});
