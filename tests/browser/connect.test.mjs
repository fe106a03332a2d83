// SPDX-License-Identifier: Apache-2.0
// The panel that connects a program over MCP: what it shows is pasted and run as it is, with the official SDK.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, here } from '../system/kit.mjs';
import { startBrowser } from './kit.mjs';

test('a program is connected with what the panel gives', async (t) => {
  const world = await startBrowser(t);
  const tab = await world.open(t, { session: false });
  await world.signIn(tab);
  const { page } = tab;
  const workspace = await world.host.workspace('Harbour');
  await tab.goto(`/w/${workspace.id}`);
  await page.getByRole('button', { name: 'Connect a program' }).click();
  const dialog = page.getByRole('dialog');
  const shown = async (title) => {
    await dialog.getByRole('combobox', { name: 'Program' }).selectOption({ label: title });
    return await dialog.getByRole('region', { name: title }).textContent();
  };
  assert.match(await shown('curl'), /YOUR_TOKEN/, 'no token is made unasked');
  await tab.check(t, 'connect');
  await dialog.getByRole('button', { name: 'Make a token' }).click();
  await dialog.getByRole('status').waitFor();
  await tab.check(t, 'connect-made');
  for (const title of ['Claude Code', 'mcp.json (Cursor, Claude)', '.vscode/mcp.json (VS Code)', 'curl']) {
    const text = await shown(title);
    assert.match(text, /Bearer dat_[0-9a-f]{64}/, title);
    assert.ok(text.includes(`${world.host.url}/api/mcp`), title);
    if (title.includes('.json')) JSON.parse(text);
  }

  const dir = folder(t);
  symlinkSync(join(here, 'agents', 'node_modules'), join(dir, 'node_modules'));
  const run = (name, text) => {
    writeFileSync(join(dir, `${name}.mjs`), text);
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(dir, `${name}.mjs`)], { encoding: 'utf8', timeout: 30_000 });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  assert.match(run('own', await shown('TypeScript SDK')), /list_workspaces/);
  await dialog.getByRole('combobox', { name: 'Reach' }).selectOption({ label: 'Librarian' });
  await dialog.getByRole('combobox', { name: 'Workspace' }).selectOption({ label: 'Harbour' });
  assert.match(run('librarian', await shown('TypeScript SDK')), /send_message/);
  const curl = spawnSync('sh', ['-c', await shown('curl')], { encoding: 'utf8', timeout: 30_000 });
  if (curl.error === undefined && curl.status !== 127) assert.match(curl.stdout, /"serverInfo"/, curl.stderr);
});
