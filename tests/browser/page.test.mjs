// SPDX-License-Identifier: Apache-2.0
// The main job in a browser: a workspace, a question, an answer that streams; and every screen on the way.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { counted, DESKTOP, PHONE, startBrowser, until } from './kit.mjs';

test('the page', async (t) => {
  const world = await startBrowser(t, { set: ['agent nobody.url=http://127.0.0.1:9/mcp'] });

  await t.test('from the start link to an answer that streams', async (t) => {
    const tab = await world.open(t);
    const { page } = tab;
    await world.signIn(tab);
    await page.getByRole('heading', { level: 1, name: /^Welcome/ }).waitFor();
    await tab.check(t, 'first-run');

    await page.getByRole('textbox', { name: 'Name' }).fill('Harbour');
    await page.getByRole('button', { name: 'Create workspace' }).click();
    await page.getByRole('heading', { level: 1, name: 'Harbour' }).waitFor();
    await page.getByRole('heading', { name: 'Nothing has been asked here yet' }).waitFor();
    await tab.check(t, 'workspace-empty');

    await tab.ask('count to 200');
    await page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    await tab.says('3');
    const lengths = new Set();
    while ((await page.getByRole('button', { name: 'Stop (Esc)' }).count()) > 0) {
      lengths.add((await tab.text.textContent()).length);
      await page.waitForTimeout(40);
    }
    assert.ok(lengths.size >= 3, `the text grows: ${[...lengths]}`);
    await tab.complete();
    const text = await tab.text.innerText();
    assert.deepEqual(counted(text), Array.from({ length: 200 }, (_, index) => index + 1));

    await tab.ask('Where did we count?');
    await tab.complete();
    const steps = tab.answer.getByRole('button', { name: /\d steps?/ });
    assert.equal(await steps.getAttribute('aria-expanded'), 'false', 'its steps are folded to a line');
    await steps.click();
    await tab.answer.getByRole('list', { name: 'Steps of the answer' }).waitFor();
    const side = page.getByRole('navigation', { name: 'Workspaces and conversations' });
    await side.getByRole('link', { name: 'count to 200' }).waitFor();
    // what it cites is one click away
    await tab.text.getByRole('link', { name: 'count to 200' }).first().click();
    await until(() => page.evaluate(() => document.activeElement?.id.startsWith('m-') && document.activeElement.textContent.includes('count to 200')), 3000, 'the cited message');
    assert.match(await page.title(), /count to 200/);
    await tab.check(t, 'conversation');
  });

  await t.test('a screen reader hears the begin and the end, not each piece', async (t) => {
    const conversation = await world.conversation('Reading out');
    const tab = await world.open(t);
    await tab.goto(`/c/${conversation.id}`);
    await tab.box.waitFor();
    await tab.page.evaluate(() => {
      globalThis.heard = [];
      const region = [...document.querySelectorAll('[role=status]')].find((one) => one.matches('main > [aria-live=polite]'));
      new MutationObserver(() => globalThis.heard.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
    });
    await tab.ask('count to 40');
    await tab.complete();
    await until(async () => (await tab.page.evaluate(() => globalThis.heard.at(-1))) === 'Answer complete', 5000, 'the announcement');
    const heard = await tab.page.evaluate(() => globalThis.heard);
    assert.match(heard[0], /is answering$/);
    assert.ok(heard.length <= 8, `it was told ${heard.length} times`);
  });

  await t.test('what an agent quotes is text, never a script', async (t) => {
    const conversation = await world.conversation('Inert');
    const hostile = 'lighthouse <script>window.hurt = 1</script> <img src=x onerror="window.hurt = 1"> [a](javascript:hurt=1) ![b](https://tracker.example/x.png)';
    await world.host.post(conversation, hostile, { agent: null });
    const tab = await world.open(t);
    await tab.goto(`/c/${conversation.id}`);
    await tab.page.getByText('lighthouse').first().waitFor();
    await tab.ask('What did we say about the lighthouse?');
    await tab.complete();
    assert.equal(await tab.page.evaluate(() => globalThis.hurt), undefined);
    assert.equal(await tab.page.locator('main script, main iframe, main img, main a[href^="javascript"]').count(), 0);
  });

  await t.test('an agent that is down: chosen by keyboard, it fails with its reason, and asking another works', async (t) => {
    const conversation = await world.conversation('Down');
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    const picker = page.getByRole('button', { name: /^Agent: / });
    await picker.focus();
    await page.keyboard.press('ArrowDown');
    const dead = page.getByRole('menuitemradio', { name: /nobody/i });
    await dead.waitFor();
    await tab.check(t, 'agent-menu');
    if ((await picker.getAttribute('aria-expanded')) !== 'true') await picker.click();
    await dead.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Agent: nobody/i }).waitFor();
    await tab.ask('Is anybody there?');
    const note = tab.answer.getByRole('group', { name: 'No answer' });
    await note.waitFor({ timeout: 30_000 });
    assert.ok((await note.textContent()).length > 30, 'it says why');
    await note.getByRole('button', { name: 'Copy details' }).waitFor();
    await tab.check(t, 'failed');

    await picker.click();
    await page.getByRole('menuitemradio', { name: /librarian/i }).click();
    await page.getByRole('button', { name: /^Agent: librarian/i }).waitFor();
    await tab.ask('count to 3');
    await tab.says('3');
    await tab.complete();
  });

  await t.test('asking again makes a version beside the first; arrows lead between them', async (t) => {
    const conversation = await world.conversation('Versions');
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    await tab.ask('count to 4');
    await tab.complete();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('textbox', { name: 'Edit the question' }).fill('count to 7');
    await page.getByRole('button', { name: 'Send as a new version' }).click();
    await page.getByText('Version 2 of 2').waitFor();
    await tab.says('7');
    await tab.complete();
    await page.getByRole('button', { name: 'Previous version' }).click();
    await page.getByText('Version 1 of 2').waitFor();
    await page.locator('main article', { hasText: 'count to 4' }).first().waitFor();
    await page.getByRole('button', { name: 'Next version' }).click();
    await page.locator('main article', { hasText: 'count to 7' }).first().waitFor();
    await tab.check(t, 'versions');
  });

  await t.test('workspaces: home, rename, settings, delete; dialogs give the focus back', async (t) => {
    const tab = await world.open(t);
    const { page } = tab;
    await world.host.workspace('Doomed');
    await tab.goto('/');
    await page.getByRole('heading', { level: 1, name: 'Workspaces' }).waitFor();
    await page.getByRole('main').getByRole('link', { name: /Harbour/ }).waitFor();
    await tab.check(t, 'home');

    const more = page.getByRole('button', { name: 'More for Doomed' });
    await more.click();
    await page.getByRole('menuitem', { name: 'Rename' }).waitFor();
    await tab.check(t, 'menu');
    if (!(await page.getByRole('menuitem', { name: 'Rename' }).isVisible())) await more.click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).waitFor();
    await tab.check(t, 'dialog');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await more.evaluate((button) => button === document.activeElement), true, 'the focus is back');
    await more.click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Renamed');
    await page.keyboard.press('Enter');
    const link = page.getByRole('main').getByRole('link', { name: /Renamed/ });
    await link.click();
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('textbox', { name: 'Instructions for agents' }).fill('Answer in French.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
    await page.getByRole('heading', { name: 'Members' }).waitFor();
    await tab.check(t, 'settings');
    await page.reload();
    await page.getByRole('textbox', { name: 'Instructions for agents' }).waitFor();
    assert.equal(await page.getByRole('textbox', { name: 'Instructions for agents' }).inputValue(), 'Answer in French.');

    await page.getByRole('button', { name: 'Delete workspace' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete workspace' }).click();
    await page.getByRole('heading', { level: 1, name: 'Workspaces' }).waitFor();
    await link.waitFor({ state: 'detached' });
  });

  await t.test('settings that somebody else changed meanwhile are not overwritten', async (t) => {
    const workspace = await world.host.workspace('Shared');
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/w/${workspace.id}/settings`);
    await page.getByRole('textbox', { name: 'Description' }).fill('mine');
    await world.host.ok('PATCH', `/api/workspaces/${workspace.id}`, { body: { description: 'theirs' } });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Somebody else changed this workspace').waitFor();
    assert.equal(await page.getByRole('textbox', { name: 'Description' }).inputValue(), 'theirs');
  });

  await t.test('the agents, with their health', async (t) => {
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto('/agents');
    const row = page.getByRole('row', { name: /librarian/i });
    await row.getByText('ready').waitFor();
    await page.getByRole('button', { name: /Check now: nobody/i }).click();
    await page.getByRole('row', { name: /nobody/i }).getByText('not reachable').waitFor();
    await tab.check(t, 'agents');
  });

  await t.test('a conversation renamed, pinned and deleted', async (t) => {
    const conversation = await world.conversation('Order');
    await world.host.post(conversation, 'Where is the key?', { agent: null });
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    const side = page.getByRole('navigation', { name: 'Workspaces and conversations' });
    const more = page.getByRole('button', { name: /^More for/ });
    await more.click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Title' }).fill('The key');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'The key' }).waitFor();
    await side.getByRole('link', { name: 'The key' }).waitFor();
    await more.click();
    await page.getByRole('menuitem', { name: 'Pin' }).click();
    await side.getByRole('heading', { name: 'Pinned' }).waitFor();
    await more.click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete conversation' }).click();
    await page.waitForURL(/\/w\//);
    await side.getByRole('link', { name: 'The key' }).waitFor({ state: 'detached' });
  });

  await t.test('long conversations: the newest come first, earlier ones on demand, the place is kept', async (t) => {
    const conversation = await world.conversation('Long');
    for (let i = 1; i <= 65; i++) await world.host.post(conversation, `note number ${i}`, { agent: null });
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    await page.getByText('note number 65', { exact: true }).waitFor();
    assert.equal(await page.getByText('note number 15', { exact: true }).count(), 0);
    await page.getByRole('region', { name: 'Messages' }).evaluate((log) => (log.scrollTop = 0));
    await page.getByRole('button', { name: 'Jump to latest' }).waitFor();
    const first = page.getByText('note number 16', { exact: true });
    const before = (await first.boundingBox()).y;
    await page.getByRole('button', { name: 'Show earlier messages' }).click();
    await page.locator('article', { hasText: /note number 1$/ }).waitFor({ state: 'attached' });
    await until(async () => Math.abs((await first.boundingBox()).y - before) < 80, 3000, 'the place that was read');
    await page.getByRole('button', { name: 'Jump to latest' }).click();
    await until(async () => (await page.getByText('note number 65', { exact: true }).boundingBox()).y < DESKTOP.height, 3000, 'the end');
  });

  await t.test('by keyboard: the skip link, the message box, a new line, the drawer of a phone', async (t) => {
    const conversation = await world.conversation('Keys');
    const tab = await world.open(t, { viewport: PHONE });
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    await tab.box.waitFor();
    // from the top of the page
    await page.getByRole('button', { name: 'Open navigation' }).focus();
    await page.keyboard.press('Shift+Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
    await page.keyboard.press('Enter');
    await until(() => page.evaluate(() => document.activeElement?.id === 'content'), 2000, 'the focus in the content');
    await tab.box.focus();
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    assert.equal(await tab.box.inputValue(), 'one\ntwo');

    const opener = page.getByRole('button', { name: 'Open navigation' });
    await opener.focus();
    await page.keyboard.press('Enter');
    const drawer = page.getByRole('dialog', { name: 'Workspaces and conversations' });
    await drawer.waitFor();
    assert.deepEqual(await tab.axe(), []);
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    assert.equal(await opener.evaluate((button) => button === document.activeElement), true);
    await opener.click();
    await drawer.getByRole('link', { name: 'Agents', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
    await drawer.waitFor({ state: 'detached' });
  });

  await t.test('at 320 pixels nothing needs scrolling sideways', async (t) => {
    const conversation = await world.conversation('Narrow');
    await world.host.post(conversation, `a-very-long-word-${'x'.repeat(300)}`, { agent: null });
    const tab = await world.open(t, { viewport: { width: 320, height: 600 } });
    for (const path of ['/', `/c/${conversation.id}`, `/w/${conversation.workspace_id}`, `/w/${conversation.workspace_id}/settings`, '/agents']) {
      await tab.goto(path);
      await tab.page.getByRole('heading', { level: 1 }).waitFor();
      await tab.page.waitForTimeout(150);
      const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${path} is ${wide} pixels too wide`);
    }
  });

  await t.test('weighs no more than it may', async (t) => {
    const conversation = await world.conversation('Weight');
    const tab = await world.open(t);
    await tab.goto(`/c/${conversation.id}`);
    await tab.box.waitFor();
    await tab.page.waitForTimeout(500);
    const bytes = { script: 0, stylesheet: 0 };
    for (const request of tab.requests) {
      const type = request.resourceType();
      if (type in bytes) bytes[type] += (await request.sizes()).responseBodySize;
    }
    t.diagnostic(JSON.stringify(bytes));
    assert.ok(bytes.script > 0 && bytes.script <= 100_000, `${bytes.script} bytes of script`);
    assert.ok(bytes.stylesheet <= 12_000, `${bytes.stylesheet} bytes of style`);
    const streams = tab.requests.filter((request) => request.url().includes('/events'));
    assert.ok(streams.length <= 2, `${streams.length} streams were opened for one tab`);
  });

  await t.test('what is not there, and what is not shared, look the same', async (t) => {
    const tab = await world.open(t);
    const none = '01890000-0000-7000-8000-000000000000';
    for (const path of [`/c/${none}`, `/w/${none}`, '/c/nonsense', '/nowhere']) {
      await tab.goto(path);
      await tab.page.getByRole('heading', { level: 1, name: 'There is nothing here' }).waitFor();
    }
    await tab.check(t, 'not-found');
  });
});
