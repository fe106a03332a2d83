// SPDX-License-Identifier: Apache-2.0
// kit: Chromium at the real host. Every page is watched: what breaks the policy, an error of a script, or a
// request that leaves the host fails the test.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startHost, until } from '../system/kit.mjs';

export { until };

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = process.env.SCREENSHOTS;
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
export const DESKTOP = { width: 1280, height: 860 };
export const PHONE = { width: 390, height: 844 };

/** Chromium, with more FLAGS if need be. */
export async function launch(t, flags = []) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...flags] });
  t.after(() => browser.close());
  return browser;
}

/** A host, a browser, and the session that its start link gave. */
export async function startBrowser(t, { set = [] } = {}) {
  const host = await startHost(t, { set, limits: true });
  return new World(host, await launch(t));
}

class World {
  session = undefined;

  constructor(host, browser) {
    this.host = host;
    this.browser = browser;
  }

  /** A tab with a session of its own browser profile; `session: false` is somebody who is not signed in. */
  async open(t, { session = true, ...options } = {}) {
    const storageState = session ? this.session : undefined;
    const context = await this.browser.newContext({ viewport: DESKTOP, colorScheme: 'light', storageState, ...options });
    const tab = new Tab(this, context, await context.newPage());
    await tab.watch();
    t.after(async () => {
      await context.close();
      assert.deepEqual(tab.complaints, [], 'the page broke its policy, threw, or left the host');
    });
    return tab;
  }

  /** Uses the start link up and keeps the session for other tabs. */
  async signIn(tab) {
    await tab.page.goto(this.host.startLink);
    await tab.page.getByRole('navigation').first().waitFor();
    this.session = await tab.context.storageState();
  }

  /** A conversation that was made by the API. */
  async conversation(name = 'Reading', agent = null) {
    const workspace = await this.host.workspace(name);
    return await this.host.conversation(workspace, agent ? { agent } : {});
  }
}

export class Tab {
  complaints = [];
  requests = [];

  constructor(world, context, page) {
    this.world = world;
    this.context = context;
    this.page = page;
  }

  async watch() {
    const { page, context, complaints } = this;
    await context.exposeBinding('tellViolation', (_source, text) => complaints.push(`policy: ${text}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        globalThis.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
      });
    });
    page.on('pageerror', (error) => complaints.push(`error: ${error.stack ?? error}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      this.requests.push(request);
      const url = request.url();
      if (!url.startsWith(this.world.host.url) && !/^(data|blob):/.test(url)) complaints.push(`request: ${url}`);
    });
  }

  goto(path) {
    return this.page.goto(this.world.host.url + path);
  }

  get box() {
    return this.page.getByRole('textbox', { name: 'Message', exact: true });
  }

  /** The newest answer. */
  get answer() {
    return this.page.locator('main article:has(h2)').last();
  }

  get text() {
    return this.answer.locator('.markdown');
  }

  async ask(words) {
    await this.box.fill(words);
    await this.page.getByRole('button', { name: /^Agent: / }).first().waitFor(); // until then nothing can be sent
    await this.box.press('Enter');
    await this.page.locator('main article', { hasText: words }).last().waitFor();
  }

  /** Waits until the newest answer says WORDS. */
  async says(words, timeout = 30_000) {
    await this.text.filter({ hasText: words }).waitFor({ timeout });
  }

  async complete(timeout = 60_000) {
    await this.answer.getByRole('button', { name: 'Ask again' }).waitFor({ timeout });
  }

  /** The state that is on the screen, in both themes and at the width of a phone: axe finds nothing, nothing
   *  is wider than the screen. */
  async check(t, name) {
    const { page } = this;
    const before = page.viewportSize();
    const looks = [
      ['light', DESKTOP], ['dark', DESKTOP], ['light', PHONE], ['dark', PHONE],
    ];
    for (const [colorScheme, viewport] of looks) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(viewport);
      await page.waitForTimeout(80);
      const width = viewport === PHONE ? 'phone' : 'desktop';
      if (pictures) {
        mkdirSync(pictures, { recursive: true });
        await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`) });
      }
      // Dark on a phone has the colours of the one and the layout of the other: a picture is enough.
      if (colorScheme === 'dark' && viewport === PHONE) continue;
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${name}, ${width}: ${wide} pixels wider than the screen`);
      assert.deepEqual(await this.axe(), [], `${name}, ${colorScheme}, ${width}`);
    }
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
    await page.setViewportSize(before);
    t.diagnostic(`${name}: clean`);
  }

  /** What axe finds, a line each. */
  async axe() {
    const { page } = this;
    await page.evaluate(axeSource);
    const violations = await page.evaluate(async () => {
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const found = await globalThis.axe.run(document, { runOnly: { type: 'tag', values: tags } });
      return found.violations;
    });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
  }
}

/** The numbers of a text that counts, in order. */
export function counted(text) {
  return [...text.matchAll(/\b\d+\b/g)].map(([number]) => Number(number));
}
