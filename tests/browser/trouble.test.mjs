// SPDX-License-Identifier: Apache-2.0
// Nothing is lost: reload in mid-answer, stop, a second tab, a lost connection, a session that ended.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { counted, startBrowser, until } from './kit.mjs';

test('trouble', async (t) => {
  const world = await startBrowser(t);
  await t.test('signing in', async (t) => {
    await world.signIn(await world.open(t));
  });

  await t.test('a reload in mid-answer loses nothing and doubles nothing', async (t) => {
    const conversation = await world.conversation('Reload');
    const tab = await world.open(t);
    await tab.goto(`/c/${conversation.id}`);
    await tab.ask('count to 150');
    await tab.says('20');
    await tab.page.reload();
    await tab.text.waitFor();
    assert.equal(await tab.answer.getByRole('button', { name: 'Stop' }).count(), 1, 'it is still being written');
    assert.ok(counted(await tab.text.innerText()).includes(20), 'what was there before is there');
    await tab.complete();
    const live = await tab.text.innerText();
    await tab.page.reload();
    await tab.complete();
    assert.equal(await tab.text.innerText(), live, 'read at once it is the same');
    assert.deepEqual(counted(live), Array.from({ length: 150 }, (_, index) => index + 1));
  });

  await t.test('stop by Escape keeps the text so far; asking again works', async (t) => {
    const conversation = await world.conversation('Stop');
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    await tab.ask('count to 900');
    await tab.says('10');
    await tab.check(t, 'streaming');
    await tab.box.press('Escape');
    await tab.answer.getByText('Stopped.').waitFor({ timeout: 5000 });
    const text = await tab.text.innerText();
    assert.ok(counted(text).includes(10));
    assert.ok(!counted(text).includes(899));
    await tab.check(t, 'stopped');
    await page.reload();
    await tab.answer.getByText('Stopped.').waitFor();
    assert.equal(await tab.text.innerText(), text);

    await tab.answer.getByRole('button', { name: 'Ask again' }).click();
    await page.getByText('Version 2 of 2').waitFor();
    await tab.says('5');
    await tab.answer.getByRole('button', { name: 'Stop' }).click();
    await tab.answer.getByText('Stopped.').waitFor({ timeout: 5000 });
  });

  await t.test('a second tab sees the same answer grow and can stop it', async (t) => {
    const conversation = await world.conversation('Tabs');
    const one = await world.open(t);
    const two = await world.open(t);
    await one.goto(`/c/${conversation.id}`);
    await two.goto(`/c/${conversation.id}`);
    await two.box.waitFor();
    await one.ask('count to 900');
    await two.says('10');
    await two.page.getByRole('button', { name: 'Stop (Esc)' }).click();
    await one.answer.getByText('Stopped.').waitFor({ timeout: 5000 });
    await two.answer.getByText('Stopped.').waitFor({ timeout: 5000 });
    assert.equal(await one.text.innerText(), await two.text.innerText());
  });

  await t.test('questions wait in order while an answer is written; one can be withdrawn', async (t) => {
    const conversation = await world.conversation('Queue');
    const tab = await world.open(t);
    const { page } = tab;
    await tab.goto(`/c/${conversation.id}`);
    await tab.ask('count to 1000');
    await tab.says('5');
    await tab.ask('count to 4');
    await page.getByText('Waiting, 1 question is before it').waitFor();
    await tab.ask('count to 6');
    await page.getByText('Waiting, 2 questions are before it').waitFor();
    await tab.check(t, 'queued');
    await page.reload();
    await page.getByText('Waiting, 2 questions are before it').waitFor({ timeout: 10_000 });
    await page.getByRole('button', { name: 'Withdraw' }).last().click();
    await tab.answer.getByText('Stopped.').waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.locator('main article', { has: page.getByRole('button', { name: 'Ask again' }) }).nth(2).waitFor({ timeout: 60_000 });
    const answers = await world.host.ok('GET', `/api/conversations/${conversation.id}/messages`);
    assert.deepEqual(answers.items.filter(({ role }) => role === 'assistant').map(({ state }) => state), ['cancelled', 'complete', 'cancelled']);
  });

  await t.test('offline: said so, what is sent waits, the answer goes on when it is back', async (t) => {
    const conversation = await world.conversation('Offline');
    const tab = await world.open(t);
    const { page, context } = tab;
    await tab.goto(`/c/${conversation.id}`);
    await tab.ask('count to 120');
    await tab.says('10');
    await context.setOffline(true);
    await page.getByText('You are offline.').waitFor();
    await tab.box.fill('count to 5');
    await tab.box.press('Enter');
    await page.getByText('Not sent yet.').waitFor();
    await tab.check(t, 'offline');
    await context.setOffline(false);
    await page.getByText('You are offline.').waitFor({ state: 'detached' });
    await page.getByText('Not sent yet.').waitFor({ state: 'detached' });
    await page.locator('main article', { has: page.getByRole('button', { name: 'Ask again' }) }).nth(1).waitFor({ timeout: 60_000 });
    const { items } = await world.host.ok('GET', `/api/conversations/${conversation.id}/messages`);
    assert.deepEqual(items.filter(({ role }) => role === 'user').map(({ content }) => content), ['count to 120', 'count to 5']);
    const first = await page.locator('main article .markdown').first().innerText();
    assert.deepEqual(counted(first), Array.from({ length: 120 }, (_, index) => index + 1));
  });

  await t.test('what was sent and not acknowledged goes out once after a reload', async (t) => {
    const conversation = await world.conversation('Outbox');
    const tab = await world.open(t);
    const { page, context } = tab;
    await tab.goto(`/c/${conversation.id}`);
    // The host takes the question, and its answer is lost on the way.
    await page.route('**/messages', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      await route.fetch();
      return route.abort('connectionreset');
    });
    await tab.box.fill('count to 3');
    await tab.box.press('Enter');
    await page.getByText('Not sent yet.').waitFor();
    await page.unroute('**/messages');
    await page.reload();
    await page.getByText('Not sent yet.').waitFor({ state: 'detached' });
    await tab.complete();
    const { items } = await world.host.ok('GET', `/api/conversations/${conversation.id}/messages`);
    assert.equal(items.filter(({ role }) => role === 'user').length, 1);
    await context.clearCookies();
  });

  await t.test('a stream that cannot be had is tried again, and said so', async (t) => {
    const conversation = await world.conversation('Lost');
    const tab = await world.open(t);
    const { page } = tab;
    await page.route('**/api/events**', (route) => route.abort('connectionrefused'));
    await tab.goto(`/c/${conversation.id}`);
    await page.getByText('Connection lost.').first().waitFor({ timeout: 10_000 });
    await tab.check(t, 'lost');
    const tries = tab.requests.length;
    await page.getByRole('button', { name: 'Try now' }).click();
    await until(() => tab.requests.length > tries, 2000, 'another try');
    await page.unroute('**/api/events**');
    await page.getByText('Connection lost.').first().waitFor({ state: 'detached', timeout: 40_000 });
    await tab.ask('count to 3');
    await tab.complete();
  });

  await t.test('a draft outlives a reload and a look at another screen', async (t) => {
    const conversation = await world.conversation('Draft');
    const tab = await world.open(t);
    await tab.goto(`/c/${conversation.id}`);
    await tab.box.fill('half a thought');
    await tab.page.getByRole('link', { name: 'Agents', exact: true }).click();
    await tab.page.getByRole('heading', { level: 1, name: 'Agents' }).waitFor();
    await tab.page.goBack();
    await until(async () => (await tab.box.inputValue()) === 'half a thought', 5000, 'the draft');
    await tab.page.reload();
    await until(async () => (await tab.box.inputValue()) === 'half a thought', 5000, 'the draft');
  });

  await t.test('nobody is signed in: the page says where the way in is', async (t) => {
    const stranger = await world.open(t, { session: false });
    await stranger.goto('/');
    await stranger.page.getByRole('heading', { level: 1, name: 'Open your start link' }).waitFor();
    await stranger.check(t, 'signed-out');
  });

  await t.test('a session that ends is said, and the draft is kept', async (t) => {
    const conversation = await world.conversation('Ended');
    const tab = await world.open(t);
    await tab.goto(`/c/${conversation.id}`);
    await tab.box.fill('not lost');
    await tab.page.getByRole('button', { name: 'Sign out' }).click();
    await tab.page.getByRole('heading', { level: 1, name: 'Open your start link' }).waitFor();
    const kept = await tab.page.evaluate((id) => localStorage.getItem(`daedalus:draft:c:${id}`), conversation.id);
    assert.match(kept, /not lost/);
  });
});
