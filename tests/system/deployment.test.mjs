// SPDX-License-Identifier: Apache-2.0
// The environment of the deployment that Daedalus takes over, and production's own rules.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { daedalus, folder, source, startHost, startPostgres } from './kit.mjs';

const s3 = { DAEDALUS_S3_ENDPOINT: 'http://127.0.0.1:9', DAEDALUS_S3_ACCESS_KEY: 'a', DAEDALUS_S3_SECRET_KEY: 'b', DAEDALUS_S3_BUCKET: 'daedalus' };
const proxy = ['http.trusted-proxies=127.0.0.1', 'http.base-url=https://daedalus.example.org'];

function check (env, sets) {
  const run = spawnSync(daedalus, ['check', '--json', '--config', '/dev/null', ...sets.flatMap((set) => ['--set', set])],
    { encoding: 'utf8', env: { ...process.env, ...env } });
  return { status: run.status, text: run.stdout };
}

test('deployment', async (t) => {
  await t.test('the existing environment and two keys for the proxy start the host', async (t) => {
    const postgres = await startPostgres(t);
    // a password that is demanded, with characters that must be percent-encoded, in SQLAlchemy's notation
    postgres.role('existing', 'p@ss/w:r%d');
    const url = postgres.database().replace(/^postgresql:\/\/daedalus@/, 'postgresql+asyncpg://existing:p%40ss%2Fw%3Ar%25d@');
    assert.match(url, /^postgresql\+asyncpg:.*p%40ss/);
    const host = await startHost(t, {
      env: { DAEDALUS_DATABASE_URL: url, DAEDALUS_ENV: 'production', ...s3 },
      set: [...proxy, 'database.migrate=auto'],
    });
    assert.equal((await host.request('GET', '/ready/', { anonymous: true })).status, 200);
    const me = await host.request('GET', '/api/me', { person: 'ada' });
    assert.equal(me.status, 200, me.text);
    assert.equal(me.json.subject, 'ada');
    assert.equal((await host.request('GET', '/api/me', { anonymous: true })).status, 401);
  });

  await t.test('each missing one is named', () => {
    const url = { DAEDALUS_DATABASE_URL: 'postgresql://d@127.0.0.1:9/d' };
    const production = { DAEDALUS_ENV: 'production' };
    const noDatabase = check({ ...production, ...s3 }, proxy);
    assert.equal(noDatabase.status, 78);
    assert.match(noDatabase.text, /DAEDALUS_DATABASE_URL|\burl\b/);
    const noBase = check({ ...production, ...s3, ...url }, [proxy[0]]);
    assert.equal(noBase.status, 78);
    assert.match(noBase.text, /base-url/);
    const noProxy = check({ ...production, ...s3, ...url }, [proxy[1]]);
    assert.equal(noProxy.status, 78);
    assert.match(noProxy.text, /trusted-proxies/);
    const { DAEDALUS_S3_SECRET_KEY: secret, ...noSecret } = s3;
    const noKey = check({ ...production, ...noSecret, ...url }, proxy);
    assert.equal(noKey.status, 78);
    assert.match(noKey.text, /DAEDALUS_S3_SECRET_KEY/);
    const noStore = check({ ...production, ...url }, proxy);
    assert.equal(noStore.status, 78);
    assert.match(noStore.text, /Write object-store = store-directory in \[services\], or configure another provider/);
    const directory = check({ ...production, ...url }, [...proxy, 'services.object-store=store-directory']);
    assert.doesNotMatch(directory.text, /object-store|store-s3/);
  });

  await t.test('the variables are what docs/admin.md says', (t) => {
    const rows = [...readFileSync(join(source, 'docs', 'admin.md'), 'utf8').matchAll(/^\| `(DAEDALUS_\w+)` \| `(\[.+?\] [\w-]+)` \|/gm)];
    const values = { DAEDALUS_ENV: 'development', DAEDALUS_LISTEN: '127.0.0.1:0', DAEDALUS_BASE_URL: 'https://d.example.org', DAEDALUS_TRUSTED_PROXIES: '127.0.0.1',
      DAEDALUS_DATABASE_URL: 'postgresql+asyncpg://d@127.0.0.1:9/d', ...s3, DAEDALUS_S3_REGION: 'here' };
    assert.deepEqual(rows.map(([, name]) => name).sort(), Object.keys(values).sort());
    const env = { ...process.env, ...values };
    const config = (env) => spawnSync(daedalus, ['config', '--config', '/dev/null', '--set', `host.data-dir=${folder(t)}`], { encoding: 'utf8', env }).stdout;
    const text = config(env);
    for (const [, name, key] of rows) assert.match(text, new RegExp(`^${key.replace(/[[\]]/g, '\\$&')} = .*\n    from ${name}$`, 'm'));
    delete env.DAEDALUS_S3_SECRET_KEY;
    env.DAEDALUS_S3_SECRET_KEY_FILE = join(folder(t), 'secret');
    writeFileSync(env.DAEDALUS_S3_SECRET_KEY_FILE, 'b\n', { mode: 0o600 });
    assert.match(config(env), /^\[plugin store-s3\] secret-key = \(secret\)\n    from DAEDALUS_S3_SECRET_KEY_FILE$/m);
  });

  await t.test('local identity is refused in production', () => {
    const { status, text } = check({ DAEDALUS_ENV: 'production', DAEDALUS_DATABASE_URL: 'postgresql://d@127.0.0.1:9/d' },
      [...proxy, 'plugin auth.mode=local']);
    assert.equal(status, 78);
    assert.match(text, /local/);
  });

  await t.test('production refuses to start on a database with pending migrations, and says what to run', async (t) => {
    const postgres = await startPostgres(t);
    const url = postgres.database();
    const args = ['--config', '/dev/null', '--set', `database.url=${url}`, '--set', `host.data-dir=${folder(t)}`,
      '--set', 'http.listen=127.0.0.1:0', '--set', 'services.object-store=store-directory', ...proxy.flatMap((set) => ['--set', set])];
    const env = { ...process.env, DAEDALUS_ENV: 'production' };
    const refused = spawnSync(daedalus, ['run', ...args], { encoding: 'utf8', env, timeout: 20_000 });
    assert.equal(refused.status, 78, refused.stderr);
    assert.match(refused.stderr, /daedalus migrate/);
    const migrated = spawnSync(daedalus, ['migrate', ...args], { encoding: 'utf8', env });
    assert.equal(migrated.status, 0, migrated.stderr);
    const status = spawnSync(daedalus, ['migrate', '--status', ...args], { encoding: 'utf8', env });
    assert.match(status.stdout, /0 pending/);
    const host = await startHost(t, { database: url, set: [...proxy, 'services.object-store=store-directory'], env: { DAEDALUS_ENV: 'production' } });
    assert.equal((await host.request('GET', '/api/health', { anonymous: true })).status, 200);
  });

  await t.test('the host stops well while its database is away', async (t) => {
    const postgres = await startPostgres(t);
    const host = await startHost(t, { database: postgres.database() });
    const workspace = await host.workspace();
    const kept = new Agent({ keepAlive: true });
    t.after(() => kept.destroy());
    assert.equal((await host.request('GET', `/api/workspaces/${workspace.id}`, { agent: kept })).status, 200);
    postgres.stop();
    const answer = host.request('GET', `/api/workspaces/${workspace.id}`, { agent: kept });
    assert.equal(await host.stop(), 0);
    assert.equal((await answer).status, 503);
  });
});
