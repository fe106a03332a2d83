// SPDX-License-Identifier: Apache-2.0
// Several people in a browser: a workspace that is shared, changed and left; access tokens.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startBrowser, until } from './kit.mjs';

const set = ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1', 'plugin auth.sign-in-url=/sign-in'];

test('people', async (t) => {
  const world = await startBrowser(t, { set });
  const { host } = world;
  const as = async (t, person) => await world.open(t, { session: false, extraHTTPHeaders: host.headers(person) });
  for (const person of ['ada', 'bob', 'eve']) await host.ok('GET', '/api/me', { person });
  const old = await host.workspace('Old', { person: 'ada' });
  await until(async () => {
    const { status, json } = await host.request('POST', `/api/workspaces/${old.id}/members`, { person: 'ada', body: { email: 'bob@example.org', role: 'viewer' } });
    if (status === 409 || json.state === 'active') return true;
    await host.request('DELETE', `/api/workspaces/${old.id}/members/${encodeURIComponent(json.subject)}`, { person: 'ada' });
    return false;
  }, 10_000, 'bob among the people');
  const workspace = await host.workspace('Harbour', { person: 'ada' });
  const conversation = await host.conversation(workspace, { title: 'Ships' }, { person: 'ada' });

  await t.test('a workspace is shared by address, found by name; the second person sees it at once', async (t) => {
    const tab = await as(t, 'ada');
    const { page } = tab;
    await tab.goto(`/w/${workspace.id}`);
    await page.getByRole('button', { name: 'Share' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('list', { name: 'Members' }).getByText('ada').first().waitFor();
    const email = dialog.getByRole('combobox', { name: 'E-mail address' });
    await email.fill('bo');
    await until(() => dialog.locator('datalist option[value="bob@example.org"]').count(), 5000, 'the suggestion');
    await email.fill('bob@example.org');
    await dialog.getByRole('combobox', { name: 'Role', exact: true }).selectOption('editor');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByRole('combobox', { name: 'Role of bob' }).waitFor();
    await email.fill('new@example.org');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByText('invited: waits for the first sign-in').waitFor();
    await tab.check(t, 'sharing');
    await email.fill('bob@example.org');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByText('this person is a member or has been invited').waitFor();
    await dialog.getByRole('button', { name: 'Remove new@example.org' }).click();
    await page.getByRole('dialog').last().getByRole('button', { name: 'Remove', exact: true }).click();
    await dialog.getByText('invited: waits').waitFor({ state: 'detached' });
    await dialog.getByRole('combobox', { name: 'Role of ada' }).selectOption('viewer');
    await dialog.getByText('the last owner cannot leave or become less').waitFor();
    assert.equal(await dialog.getByRole('combobox', { name: 'Role of ada' }).inputValue(), 'owner');

    const second = await as(t, 'bob');
    await second.goto(`/c/${conversation.id}`);
    await second.box.fill('I may write');
    await second.check(t, 'shared');

    // a smaller role, then none: the other page says so by itself, and the draft is kept
    await dialog.getByRole('combobox', { name: 'Role of bob' }).selectOption('viewer');
    await second.page.getByText('You can read this workspace').waitFor({ timeout: 10_000 });
    await dialog.getByRole('button', { name: 'Remove bob' }).click();
    await page.getByRole('dialog').last().getByRole('button', { name: 'Remove', exact: true }).click();
    await second.page.getByText('You can no longer read this conversation').waitFor({ timeout: 10_000 });
    const kept = await second.page.evaluate((id) => localStorage.getItem(`daedalus:draft:c:${id}`), conversation.id);
    assert.match(kept, /I may write/);
  });

  await t.test('who shares a workspace can leave it', async (t) => {
    const tab = await as(t, 'bob');
    const { page } = tab;
    await tab.goto(`/w/${old.id}/settings`);
    await page.getByRole('heading', { name: 'Members' }).waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'E-mail address' }).count(), 0, 'only owners add');
    await page.getByRole('button', { name: 'Leave the workspace' }).click();
    await tab.check(t, 'leave');
    await page.getByRole('dialog').getByRole('button', { name: 'Leave the workspace' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    assert.deepEqual((await host.ok('GET', '/api/workspaces', { person: 'bob' })).items, []);
  });

  await t.test('an access token is shown once, works, and is revoked', async (t) => {
    const tab = await as(t, 'ada');
    const { page } = tab;
    await tab.goto('/');
    await page.getByRole('button', { name: 'Access tokens' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('Night build');
    await dialog.getByRole('checkbox', { name: /^Write/ }).check();
    await dialog.getByRole('combobox', { name: 'Ends after' }).selectOption('7');
    await dialog.getByRole('button', { name: 'Create token' }).click();
    const text = await dialog.getByRole('textbox', { name: /^The token “Night build”/ }).inputValue();
    assert.match(text, /^dat_[0-9a-f]{64}$/);
    await dialog.getByRole('list', { name: 'Your tokens' }).getByText('Night build').waitFor();
    await tab.check(t, 'tokens');
    const bearer = { anonymous: true, headers: { Authorization: `Bearer ${text}` } };
    assert.equal((await host.ok('GET', '/api/me', bearer)).subject, 'ada');
    assert.equal((await host.request('POST', '/api/workspaces', { ...bearer, body: { name: 'By token' } })).status, 201);
    await until(async () => (await host.ok('GET', '/api/tokens', { person: 'ada' })).items[0].last_used_at, 5000, 'the use of it');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Access tokens' }).click();
    await dialog.getByText(/used just now/).waitFor();
    assert.equal(await page.locator(`input[value="${text}"]`).count(), 0, 'it is shown once');
    await dialog.getByRole('button', { name: 'Revoke Night build' }).click();
    await page.getByRole('dialog').last().getByRole('button', { name: 'Revoke', exact: true }).click();
    await dialog.getByRole('list', { name: 'Your tokens' }).waitFor({ state: 'detached' });
    assert.equal((await host.request('GET', '/api/me', bearer)).status, 401);
  });

  await t.test('a session that ends while one writes is said, and the draft is kept', async (t) => {
    const tab = await as(t, 'ada');
    await tab.goto(`/c/${conversation.id}`);
    await tab.box.fill('half a sentence');
    await tab.context.setExtraHTTPHeaders({}); // the proxy knows nobody any more
    await tab.box.press('Enter');
    await tab.page.getByRole('heading', { level: 1, name: 'Sign in again' }).waitFor();
    assert.equal(await tab.page.getByRole('link', { name: 'Sign in' }).getAttribute('href'), '/sign-in');
    await tab.check(t, 'session-ended');
    await tab.context.setExtraHTTPHeaders(host.headers('ada'));
    await tab.goto(`/c/${conversation.id}`);
    await tab.page.locator('main article', { hasText: 'half a sentence' }).first().waitFor();
  });
});
