// SPDX-License-Identifier: Apache-2.0
// Signing on through the whole chain, in Chromium and by forged requests.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Tab, launch, until } from '../browser/kit.mjs';
import { startChain } from './chain.mjs';
import { PASSWORD, machineBearer, startGlewlwyd, startOidcProvider } from './providers.mjs';

/** What a person does at the provider's own pages, from the first to the page. */
const ways = {
  'oidc-provider': {
    start: startOidcProvider,
    async signIn(page, name) {
      await page.locator('input[name=login]').fill(name);
      await page.locator('input[name=password]').fill('any');
      await page.locator('button[type=submit]').click();
      await page.getByRole('button', { name: 'Continue' }).click();
    },
    async again() {}, // its own session goes on
    async signOut(page) { await page.getByRole('button', { name: 'Yes, sign me out' }).click(); },
    atSignIn: (page) => page.locator('input[name=login]').waitFor(),
  },
  glewlwyd: {
    start: startGlewlwyd,
    async signIn(page, name) {
      await page.locator('#username').fill(name);
      await page.locator('#password').fill(PASSWORD);
      await page.locator('button[type=submit]').click();
      await page.getByRole('button', { name: 'Grant access' }).click();
      await page.getByRole('button', { name: 'Continue' }).click();
    },
    again: (page) => page.getByRole('button', { name: 'Continue' }).click(),
    async signOut(page) {
      await page.getByRole('button', { name: 'Logout' }).waitFor();
      // behind this button of Debian's glewlwyd is an empty page: its request for all sessions, without it
      assert.equal(await page.evaluate(async () => (await fetch('/api/auth/', { method: 'DELETE' })).status), 200);
    },
    atSignIn: (page) => page.locator('#username').waitFor(),
  },
};

for (const [name, way] of Object.entries(ways)) {
  test(`signing on with ${name}`, async (t) => {
    let provider;
    const chain = await startChain(t, async (...args) => (provider = await way.start(...args)));
    const browser = await launch(t, chain.flags);
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const tab = new Tab({ host: chain }, context, page);
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    const cookies = async () => (await context.cookies(chain.url)).map(({ name, value }) => `${name}=${value}`).join('; ');
    const me = () => page.evaluate(async () => (await fetch('/api/me')).json());

    await t.test('sign in, work with the librarian', async () => {
      await tab.goto('/');
      await way.signIn(page, 'alice');
      await page.waitForURL(`${chain.url}/**`);
      await page.getByRole('navigation').first().waitFor();
      const { subject, email } = await me();
      assert.equal(email, 'alice@example.org');
      if (name === 'oidc-provider') assert.equal(subject, 'alice');
      await page.getByRole('textbox', { name: /name/i }).first().fill('Harbour');
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/w\//);
      await tab.ask('count to 40');
      await tab.says('40');
      await tab.complete();
    });

    await t.test('an answer streams through both proxies as it is written', async () => {
      const streamed = await page.evaluate(async () => {
        const conversation = location.pathname.split('/').pop();
        const reply = await fetch(`/api/conversations/${conversation}/events`, { headers: { Accept: 'text/event-stream' } });
        const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
        await reader.read();
        await fetch(`/api/conversations/${conversation}/messages`, {
          method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }, body: JSON.stringify({ content: 'count to 200', agent: 'librarian' }),
        });
        let pieces = 0;
        for (let text = ''; !/^event: turn.(ended|done|failed)$/m.test(text);) {
          const { value, done } = await reader.read();
          if (done) break;
          text += value;
          if (value.includes('event: turn.chunk')) pieces++;
        }
        await reader.cancel();
        return { type: reply.headers.get('content-type'), pieces };
      });
      assert.match(streamed.type, /^text\/event-stream/);
      assert.ok(streamed.pieces > 5, `the answer came in ${streamed.pieces} pieces`);
    });

    await t.test('a session that ends while one writes is said, and what was written is kept', async () => {
      const place = new URL(page.url()).pathname;
      await tab.box.fill('half a sentence');
      const other = await context.newPage(); // the same browser signs out elsewhere
      await other.goto(`${chain.url}/oidc/callback?logout=${encodeURIComponent(`${chain.url}/live`)}`);
      await other.close();
      await tab.box.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Sign in again' }).waitFor();
      await page.getByRole('link', { name: 'Sign in' }).click();
      await way.again(page);
      await page.locator('main article', { hasText: 'half a sentence' }).first().waitFor({ timeout: 20_000 });
      assert.equal(new URL(page.url()).pathname, place, 'one comes back to where one was');
    });

    await t.test('nobody is who they say through the chain', async () => {
      const { subject } = await me();
      const forged = [
        ['X-Forwarded-User', 'mallory'], ['x-forwarded-user', 'mallory'], ['X-FORWARDED-USER', 'mallory'], ['X_Forwarded_User', 'mallory'], ['X-Forwarded_User', 'mallory'],
        ['X-Forwarded-Email', 'mallory@example.org'], ['X_Forwarded_Email', 'mallory@example.org'], ['X-Forwarded-Preferred-Username', 'mallory'],
        ['X-Forwarded-Groups', 'admins'], ['X_Forwarded_Groups', 'admins'], ['X-Auth-Request-User', 'mallory'], ['X_Auth_Request_User', 'mallory'],
        ['Remote-User', 'mallory'], ['REMOTE_USER', 'mallory'], ['OIDC_CLAIM_email', 'mallory@example.org'], ['OIDC-CLAIM-sub', 'mallory'],
        ['Forwarded', 'for=127.0.0.1;proto=https'], ['X-Proxy-Secret', 'guess'], ['X_Proxy_Secret', 'guess'],
      ];
      const cases = [...forged.map((one) => one), ...forged.slice(0, 8).map((one) => [...one, ...one])];
      for (const headers of cases) {
        const inside = await chain.ask('GET', '/api/me', ['Accept', 'application/json', 'Cookie', await cookies(), ...headers]);
        assert.equal(inside.status, 200, `${headers}: ${inside.text}`);
        assert.deepEqual([inside.json.subject, inside.json.email, inside.json.admin], [subject, 'alice@example.org', false], headers.join());
        const outside = await chain.ask('GET', '/api/me', ['Accept', 'application/json', ...headers]);
        assert.equal(outside.status, 401, `${headers}: ${outside.text}`);
        const byBearer = await chain.ask('GET', '/api/me', ['Accept', 'application/json', 'Authorization', 'Bearer nothing', ...headers]);
        assert.equal(byBearer.status, 401, `${headers}: ${byBearer.text}`);
        const past = await chain.host.request('GET', '/api/me', { anonymous: true, headers: Object.fromEntries([headers.slice(0, 2)]) });
        assert.notEqual(past.status, 200, headers.join());
      }
      t.diagnostic(`${cases.length} forged ways, each with a session, without one, with a bearer and past the proxies`);
    });

    await t.test('what has a way of its own', async () => {
      for (const path of ['/api/health', '/live', '/ready', '/ready/']) assert.equal((await chain.ask('GET', path)).status, 200, path);
      const { status } = await chain.ask('POST', '/internal/commands/person', ['Cookie', await cookies(), 'Content-Type', 'application/json', 'Origin', chain.url], { body: '{"words":["list"]}' });
      assert.ok([404, 405].includes(status), `internal routes are not outside: ${status}`);
      assert.match((await chain.ask('GET', '/', ['Accept', 'text/html'])).headers.location, new RegExp(`^${provider.issuer}`));
    });

    await t.test('sign out', async () => {
      await page.getByRole('button', { name: 'Sign out' }).click();
      await way.signOut(page);
      assert.equal((await chain.ask('GET', '/api/me', ['Accept', 'application/json', 'Cookie', await cookies()])).status, 401);
      await tab.goto('/');
      await way.atSignIn(page);
      assert.deepEqual(complaints, []);
    });

    await t.test('bearers of the provider need no session', async () => {
      const me = async (audience) => await chain.ask('GET', '/api/me', ['Authorization', `Bearer ${await machineBearer(provider, audience)}`]);
      const mine = await me('daedalus');
      assert.deepEqual([mine.status, mine.json.subject], [200, 'machine'], mine.text);
      const wrong = await me('elsewhere');
      assert.deepEqual([wrong.status, wrong.json.code], [401, 'invalid_token']);
    });
  });
}
