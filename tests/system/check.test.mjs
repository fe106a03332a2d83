// SPDX-License-Identifier: Apache-2.0
// `daedalus check`: every complaint at once, each with a remedy, exit 78; and what the shipped files look like.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { daedalus, folder, makeFolder, source, startHost, until } from './kit.mjs';
import { pluginFolder } from './plugin-folder.mjs';

const build = process.env.TEST_BUILD ?? join(source, 'build');
const badFolder = join(build, 'tests', 'plugin-api', 'bad');

function check (args, env = {}) {
  const run = spawnSync(daedalus, ['check', '--json', ...args], { encoding: 'utf8', env: { ...process.env, ...env } });
  return { status: run.status, ...JSON.parse(run.stdout) };
}

test('check', async (t) => {
  await t.test('the shipped plugins and no configuration are well', () => {
    const { status, ok, complaints } = check(['--config', '/dev/null']);
    assert.deepEqual(complaints, []);
    assert.equal(ok, true);
    assert.equal(status, 0);
  });

  await t.test('a folder of bad plugins and a keyfile with six faults: all complaints at once', (t) => {
    const plugins = makeFolder(join(folder(t), 'plugins'));
    cpSync(pluginFolder(), plugins, { recursive: true });
    const bad = readdirSync(badFolder).filter((name) => name.endsWith('.so'));
    assert.ok(bad.length >= 12, `${bad.length} bad plugins`);
    for (const name of bad) copyFileSync(join(badFolder, name), join(plugins, name));
    const config = join(folder(t), 'daedalus.conf');
    writeFileSync(config, [
      '[http]', 'listen = somewhere', 'basurl = http://x', '[host]', 'workers = many', '[log]', 'level = loud',
      '[upstream]', 'ca-file = /nonexistent.pem',
      '[plugin nosuch]', 'x = 1', '[agent a]', 'url = ftp://x', ''].join('\n'));
    const { status, complaints } = check(['--plugin-dir', plugins, '--config', config]);
    assert.equal(status, 78);
    for (const { why, remedy } of complaints) {
      assert.ok(why, 'a complaint says why');
      assert.ok(remedy, `a remedy for: ${why}`);
    }
    for (const name of bad) {
      const plugin = name.replace(/\.so$/, '');
      assert.ok(complaints.some((one) => one.plugin === plugin || one.file?.endsWith(`/${name}`)), `a complaint about ${plugin}`);
    }
    const text = JSON.stringify(complaints.filter(({ file }) => file === config));
    for (const word of ['basurl', 'base-url', 'many', 'loud', 'nosuch', 'ftp', 'nonexistent.pem'])
      assert.match(text, new RegExp(word), `a complaint that names ${word}`);
    for (const one of complaints.filter(({ file }) => file === config)) assert.ok(one.line > 0, `a line for ${one.why}`);
  });

  await t.test('an unknown environment name is refused with the nearest known one', () => {
    const { status, complaints } = check(['--config', '/dev/null'], { DAEDALUS_DATABASE_ULR: 'x' });
    assert.equal(status, 78);
    assert.match(JSON.stringify(complaints), /DAEDALUS_DATABASE_URL/);
  });

  await t.test('each shipped plugin shows one symbol', () => {
    for (const name of readdirSync(pluginFolder()).filter((file) => file.endsWith('.so'))) {
      const shown = execFileSync('nm', ['-D', '--defined-only', join(pluginFolder(), name)], { encoding: 'utf8' })
        .split('\n').filter(Boolean).map((line) => line.split(' ')[2])
        // a sanitizer's own marks
        .filter((symbol) => !/^(__odr_asan|__asan|__ubsan|_init|_fini|__start|__stop)/.test(symbol));
      assert.deepEqual(shown, ['daedalus_plugin_1'], name);
    }
  });

  await t.test('the example builds against the installed tree alone and a reload picks it up', async (t) => {
    const prefix = join(daedalus, '..', '..');
    const work = folder(t);
    cpSync(join(source, 'plugin-api', 'example'), join(work, 'hello'), { recursive: true });
    const pkgConfig = execFileSync('find', [prefix, '-name', 'daedalus-plugin-1.pc'], { encoding: 'utf8' }).trim();
    const env = { ...process.env, PKG_CONFIG_PATH: join(pkgConfig, '..') };
    execFileSync('meson', ['setup', join(work, 'build'), join(work, 'hello'), '--prefix', join(work, 'root'),
      ...(process.env.ASAN_OPTIONS ? ['-Db_lundef=false'] : [])], { env, stdio: 'pipe' });
    execFileSync('ninja', ['-C', join(work, 'build')], { env, stdio: 'pipe' });

    const plugins = makeFolder(join(folder(t), 'plugins'));
    cpSync(pluginFolder(), plugins, { recursive: true });
    const schema = makeFolder(join(folder(t), 'schema'));
    cpSync(join(prefix, 'share', 'daedalus', 'schema'), schema, { recursive: true });
    cpSync(join(work, 'hello', 'schema'), schema, { recursive: true, force: true });
    const config = join(folder(t), 'daedalus.conf');
    writeFileSync(config, `[host]\nschema-dir = ${schema}\n`);
    const host = await startHost(t, { args: ['--plugin-dir', plugins, '--config', config] });
    assert.equal((await host.request('GET', '/api/hello/Ada')).status, 404);
    copyFileSync(join(work, 'build', 'hello.so'), join(plugins, 'hello.so'));
    const out = execFileSync(daedalus, ['reload', '--config', config, '--set', `host.data-dir=${host.dataDir}`], { encoding: 'utf8' });
    assert.match(out, /plugin hello: new/);
    const reply = await until(async () => {
      const answer = await host.request('GET', '/api/hello/Ada');
      return answer.status === 200 ? answer : null;
    }, 5000, 'the example to answer');
    assert.match(reply.text, /Ada/);
  });
});
