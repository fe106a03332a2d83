// SPDX-License-Identifier: Apache-2.0
// Files in a browser: uploaded in three ways, ended, cut and tried again, looked at, attached; what is in them never runs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { startBrowser, until } from './kit.mjs';

const MIB = 1024 * 1024;
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const noise = (length) => Buffer.from(Array.from({ length: Math.ceil(length / 32) }, (_, index) => sha256(`${index}`).slice(0, 32)).join('')).subarray(0, length);

/** A picture of SIZE by SIZE pixels that is a gradient. */
function png(size) {
  const table = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const sum = ~body.reduce((crc, byte) => table[(crc ^ byte) & 255] ^ (crc >>> 8), 0xffffffff) >>> 0;
    const ends = [Buffer.alloc(4), Buffer.alloc(4)];
    ends[0].writeUInt32BE(data.length);
    ends[1].writeUInt32BE(sum);
    return Buffer.concat([ends[0], body, ends[1]]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 2], 8);
  const rows = Buffer.concat(Array.from({ length: size }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: size }, (_, x) => [40 + (y * 90) / size, 110 + (x * 80) / size, 150 + ((x + y) * 50) / size].map(Math.floor)).flat()])));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** What the browser does when files are dropped (`drop`) or pasted (`paste`) at TARGET. */
async function bring(target, kind, files) {
  await target.evaluate(async (element, { kind, files }) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    const how = { bubbles: true, cancelable: true };
    if (kind === 'paste') {
      element.dispatchEvent(new ClipboardEvent('paste', { ...how, clipboardData: transfer }));
      return;
    }
    for (const name of ['dragenter', 'dragover', ...(kind === 'drop' ? ['drop'] : [])]) {
      element.dispatchEvent(new DragEvent(name, { ...how, dataTransfer: transfer }));
    }
  }, { kind, files: files.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, base64: buffer.toString('base64') })) });
}

/** A wire to the host that can be cut. */
async function wireTo(t, host) {
  const { hostname, port } = new URL(host.url);
  const sockets = new Set();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    cut();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, cut, mend: () => (whole = true) };
}

async function upload(host, workspace, name, body, person) {
  const path = `/api/workspaces/${workspace.id}/files?name=${encodeURIComponent(name)}`;
  const made = await host.request('POST', path, { person, body, headers: { 'Content-Type': 'application/octet-stream' } });
  assert.equal(made.status, 201, made.text);
  return made.json;
}

const text = (name, words) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(words) });
const picture = (name, size = 240) => ({ name, mimeType: 'image/png', buffer: png(size) });
const pdf = (name) => ({ name, mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n% nothing\n') });

test('files', async (t) => {
  const world = await startBrowser(t, { set: ['plugin files.max-size=8M', 'plugin files.workspace-size=24M', 'http.hosts=127.0.0.1'] });
  const { host } = world;
  await world.signIn(await world.open(t));
  const make = (workspace, name, body) => upload(host, workspace, name, body);
  const listed = async (workspace) => (await host.ok('GET', `/api/workspaces/${workspace.id}/files?limit=200`)).items;
  /** A tab at the files of a new workspace. */
  const atFiles = async (t, name, url = host.url) => {
    const workspace = await host.workspace(name);
    const tab = await world.open(t);
    tab.world = { host: { url } };
    await tab.goto(`/w/${workspace.id}/files`);
    await tab.page.getByRole('button', { name: 'Upload files' }).waitFor();
    const choose = async (files, button = 'Upload files') => {
      const chooser = tab.page.waitForEvent('filechooser');
      await tab.page.getByRole('button', { name: button }).click();
      await (await chooser).setFiles(files);
    };
    const rows = tab.page.getByRole('list', { name: 'Files', exact: true }).getByRole('listitem');
    const posts = () => tab.requests.filter((request) => request.method() === 'POST' && request.url().includes('/files?name='));
    return { workspace, tab, page: tab.page, choose, rows, posts };
  };
  /** What the tab sends gets 400 KiB/s, or as much as there is. */
  const slow = async (tab, on) => {
    tab.link ??= await tab.context.newCDPSession(tab.page);
    await tab.link.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: on ? 400 * 1024 : -1 });
  };

  await t.test('come by button, drop and paste, byte for byte', async (t) => {
    const { workspace, tab, page, choose, rows } = await atFiles(t, 'Harbour');
    await page.getByRole('heading', { name: 'No files yet' }).waitFor();
    await tab.check(t, 'files-empty');
    const sent = [text('Häfen & Schiffe #1?.md', '# Ships\n'), pdf('plan.pdf')];
    await choose(sent);
    await rows.filter({ hasText: 'plan.pdf' }).waitFor();

    const dropped = [picture('lighthouse.png'), text('empty.txt', '')];
    const body = page.locator('body');
    await bring(body, 'drag', dropped);
    await page.getByText('Drop files to upload them').waitFor();
    await tab.check(t, 'files-drop');
    await bring(body, 'drop', dropped);
    await rows.filter({ hasText: 'lighthouse.png' }).waitFor();
    assert.equal(await page.getByText('Drop files to upload them').count(), 0);

    const pasted = picture('image.png', 64);
    await bring(body, 'paste', [pasted]);
    await rows.filter({ hasText: /image \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png/ }).waitFor();
    await until(async () => (await rows.count()) === 5, 5000, 'all five');

    const sums = new Map((await listed(workspace)).map((file) => [file.name.replace(/^image .*/, 'image.png'), file.sha256]));
    for (const { name, buffer } of [...sent, ...dropped, pasted]) assert.equal(sums.get(name), sha256(buffer), name);
    await page.getByText(/^5 files · .* of 24 MB used · at most 8 MB each$/).waitFor();
    await tab.check(t, 'files');
  });

  await t.test('tell how far and how fast they go; one is ended, one is cut and tried again', async (t) => {
    const wire = await wireTo(t, host);
    const { workspace, tab, page, choose, rows, posts } = await atFiles(t, 'Slow', wire.url);
    const big = { name: 'survey.bin', mimeType: 'application/octet-stream', buffer: noise(3 * MIB) };
    const under = page.getByRole('list', { name: 'Uploads' }).getByRole('listitem');
    await slow(tab, true);
    await choose([big]);
    await under.getByText(/^[\d.]+ (KB|MB) of 3 MB · \d+ KB\/s · \d+ s left$/).waitFor();
    const bar = page.getByRole('progressbar', { name: 'Upload of survey.bin' });
    const at = async () => Number(await bar.getAttribute('value'));
    const first = await at();
    await until(async () => (await at()) > first, 5000, 'progress');
    await tab.check(t, 'files-uploading');
    await page.getByRole('button', { name: 'Cancel the upload of survey.bin' }).click();
    await under.waitFor({ state: 'detached' });
    await until(async () => (await host.ok('GET', `/api/workspaces/${workspace.id}/files`)).space.used === 0, 5000, 'nothing is left of it');
    assert.deepEqual(await listed(workspace), []);

    await choose([big]);
    await until(async () => (await at()) > 200_000, 10_000, 'some of it');
    wire.cut();
    await under.getByText('The host did not answer. Check your connection.').waitFor();
    await tab.check(t, 'files-cut');
    wire.mend();
    await slow(tab, false);
    await page.getByRole('button', { name: 'Upload survey.bin again' }).click();
    await rows.filter({ hasText: 'survey.bin' }).waitFor();
    assert.deepEqual((await listed(workspace)).map((file) => [file.name, file.sha256]), [['survey.bin', sha256(big.buffer)]]);
    assert.equal(posts().length, 3);
  });

  await t.test('are refused before they are sent', async (t) => {
    const { tab, page, choose, posts, workspace } = await atFiles(t, 'Full');
    for (const name of ['a', 'b', 'c']) await make(workspace, name, noise(7 * MIB));
    await choose([{ name: 'film.mov', mimeType: 'video/quicktime', buffer: Buffer.alloc(8 * MIB + 1) }, { name: 'scan.tif', mimeType: 'image/tiff', buffer: Buffer.alloc(4 * MIB) }]);
    await page.getByText('Files may have at most 8 MB here.', { exact: true }).waitFor();
    await page.getByText('Only 3 MB of 24 MB are left in this workspace.', { exact: true }).waitFor();
    assert.equal(posts().length, 0, 'nothing of them was sent');
    await tab.check(t, 'files-refused');
    await choose([text('a\u202Eb.txt', 'x')]);
    await page.getByText('has a character in it that changes the direction of the text').first().waitFor();
    for (const name of ['film.mov', 'scan.tif']) await page.getByRole('button', { name: `Forget the upload of ${name}` }).click();
  });

  await t.test('are looked at, found, downloaded, renamed and deleted', async (t) => {
    const { workspace, tab, page, rows } = await atFiles(t, 'Archive');
    for (let i = 1; i <= 8; i++) await make(workspace, `log ${i}.txt`, `entry ${i}\n`);
    await make(workspace, 'chart.png', png(400));
    await make(workspace, 'plan.pdf', '%PDF-1.4\n');
    await make(workspace, 'long.csv', 'ship,tons\n'.repeat(40_000));
    await page.reload();
    const dialog = page.getByRole('dialog');
    await rows.getByText('chart.png').click();
    await until(() => dialog.getByRole('img', { name: 'chart.png' }).evaluate((image) => image.naturalWidth === 400), 5000, 'the picture');
    await tab.check(t, 'preview-image');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await rows.getByText('long.csv').click();
    await dialog.getByText('The first 256 KB. Download it to see all.').waitFor();
    assert.match(await dialog.getByRole('region', { name: 'long.csv' }).textContent(), /^ship,tons\nship,tons/);
    await tab.check(t, 'preview-text');
    await page.keyboard.press('Escape');

    const got = page.waitForEvent('download');
    await rows.getByText('plan.pdf').click();
    const download = await got;
    assert.equal(download.suggestedFilename(), 'plan.pdf');
    assert.equal(readFileSync(await download.path(), 'latin1'), '%PDF-1.4\n');

    await page.getByRole('searchbox', { name: 'Find by name' }).fill('LOG 3');
    await until(async () => (await rows.count()) === 1, 3000, 'the one');
    await page.getByRole('button', { name: 'More for log 3.txt' }).click();
    await tab.check(t, 'files-menu');
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await dialog.getByRole('textbox', { name: 'Name' }).fill('log 3 (old).txt');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await rows.getByText('log 3 (old).txt').waitFor();
    await page.getByRole('button', { name: 'More for log 3 (old).txt' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await dialog.getByRole('button', { name: 'Delete file' }).click();
    await page.getByText('No file has this name.').waitFor();
    const names = (await listed(workspace)).map((file) => file.name);
    assert.equal(names.length, 10);
    assert.ok(!names.includes('log 3 (old).txt'));
  });

  await t.test('never run as the page, opened here or by their own address', async (t) => {
    const { workspace, tab, page, rows } = await atFiles(t, 'Inert');
    const script = "window.hurt = 1; document.title = 'hurt'; localStorage.setItem('hurt', '1'); fetch('/api/workspaces', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{\"name\":\"hurt\"}' });";
    const hostile = [
      await make(workspace, 'page.html', `<!doctype html><title>calm</title><script>${script}</script><img src=x onerror="${script.replaceAll('"', '&quot;')}"><p>hello`),
      await make(workspace, 'drawing.svg', `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="${script.replaceAll('"', '&quot;')}"><script>${script}</script></svg>`),
    ];
    await page.reload();
    const harmed = (at = page) => at.evaluate(() => [globalThis.hurt, document.title === 'hurt', (() => { try { return localStorage.getItem('hurt'); } catch { return null; } })()]);
    for (const file of hostile) {
      await rows.getByText(file.name).click();
      await page.getByRole('dialog').getByText('window.hurt = 1').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      assert.deepEqual(await harmed(), [undefined, false, null], `${file.name} looked at`);

      // by its own address it is a download, and nothing is opened
      const got = page.waitForEvent('download');
      await page.goto(`${host.url}/api/files/${file.id}/content`).catch(() => {});
      assert.equal((await got).suggestedFilename(), file.name);
      assert.deepEqual(await harmed(), [undefined, false, null], `${file.name} opened`);

      // and even where something shows it in place, it is in a sandbox of no origin
      const url = `**/api/files/${file.id}/content`;
      await page.route(url, async (route) => {
        const reply = await route.fetch();
        const { 'content-disposition': _disposition, ...headers } = reply.headers();
        await route.fulfill({ response: reply, headers });
      });
      await page.goto(`${host.url}/api/files/${file.id}/content`);
      assert.equal(page.url(), `${host.url}/api/files/${file.id}/content`, 'it is shown');
      await page.waitForTimeout(200);
      assert.equal(await page.evaluate(() => globalThis.origin), 'null');
      assert.deepEqual(await harmed(), [undefined, false, null], `${file.name} in place`);
      await page.unroute(url);
      await tab.goto(`/w/${workspace.id}/files`);
      await rows.first().waitFor();
      assert.deepEqual(await harmed(), [undefined, false, null], `after ${file.name}`);
    }
    assert.ok(!(await host.ok('GET', '/api/workspaces')).items.some(({ name }) => name === 'hurt'));
    // without a policy the same page would have done all of it: the test sees harm where there is some
    const other = await world.open(t);
    await other.page.route('**/control', (route) => route.fulfill({ contentType: 'text/html', body: `<script>${script}</script>` }));
    await other.goto('/control');
    assert.deepEqual(await harmed(other.page), [1, true, '1']);
    await until(async () => (await host.ok('GET', '/api/workspaces')).items.some(({ name }) => name === 'hurt'), 5000, 'the workspace that the script makes');
    // the browser says what it kept from running: only there, and of nothing else
    const blocked = tab.complaints.splice(0);
    assert.ok(blocked.length > 0 && blocked.every((complaint) => /sandbox|script-src|default-src/.test(complaint)), blocked.join('\n'));
  });

  await t.test('are attached to a question, kept with the draft, and shown under it', async (t) => {
    const { workspace, tab, page, choose, rows } = await atFiles(t, 'Questions');
    await make(workspace, 'tides.csv', 'hour,level\n1,2\n');
    await page.reload();
    await rows.first().waitFor();
    await page.getByRole('button', { name: 'More for tides.csv' }).click();
    await page.getByRole('menuitem', { name: 'Ask about it' }).click();
    await page.waitForURL(`**/w/${workspace.id}`);
    const chips = page.locator('form.composer').getByRole('list', { name: 'Attached files' }).getByRole('listitem');
    await chips.filter({ hasText: 'tides.csv' }).waitFor();

    await choose([text('note.txt', 'a note\n')], 'Attach files');
    await chips.filter({ hasText: 'note.txt' }).waitFor();
    await tab.box.fill('What do these say?');
    await bring(tab.box, 'paste', [picture('image.png', 120)]);
    await chips.filter({ hasText: /image .*\.png/ }).waitFor();
    await bring(page.locator('body'), 'drop', [text('spare.txt', 'spare\n')]);
    await chips.filter({ hasText: 'spare.txt' }).waitFor();
    await page.getByRole('button', { name: 'Do not attach spare.txt' }).click();
    await tab.check(t, 'composer-files');

    await page.reload();
    await chips.filter({ hasText: /image .*\.png/ }).waitFor();
    assert.equal(await chips.count(), 3);
    assert.equal(await tab.box.inputValue(), 'What do these say?');

    // while one is under way the question waits for it
    await slow(tab, true);
    await choose([{ name: 'slow.bin', mimeType: 'application/octet-stream', buffer: noise(MIB) }], 'Attach files');
    await page.getByText('Uploads are under way').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Send' }).isDisabled());
    await tab.check(t, 'composer-uploading');
    await page.getByRole('button', { name: 'Cancel the upload of slow.bin' }).click();
    await slow(tab, false);

    await tab.box.press('Enter');
    await page.waitForURL(/\/c\/[0-9a-f-]{36}$/);
    const question = page.locator('main article', { hasText: 'What do these say?' }).first();
    const under = question.getByRole('list', { name: 'Attached files' }).getByRole('listitem');
    await until(async () => (await under.count()) === 3, 10_000, 'the files under the question');
    await tab.complete();
    const id = new URL(page.url()).pathname.split('/').at(-1);
    const read = async () => (await host.ok('GET', `/api/conversations/${id}/messages`)).items;
    const asked = (await read()).find(({ role }) => role === 'user');
    assert.deepEqual(asked.files.map(({ name }) => name.replace(/^image .*/, 'image')), ['tides.csv', 'note.txt', 'image']);
    await tab.check(t, 'question-files');
    await under.filter({ hasText: 'note.txt' }).getByRole('button').click();
    await page.getByRole('dialog').getByText('a note').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await tab.box.inputValue(), '');

    // asked again with other words, it takes them along; what has been deleted stays by its name
    await question.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('textbox', { name: 'Edit the question' }).fill('And now?');
    await page.getByRole('button', { name: 'Send as a new version' }).click();
    await until(async () => (await read()).some(({ content, files }) => content === 'And now?' && files.length === 3), 10_000, 'the new version');
    await tab.complete();
    assert.equal((await host.request('DELETE', `/api/files/${asked.files[1].id}`)).status, 204);
    await page.reload();
    await page.locator('main article', { hasText: 'And now?' }).getByRole('listitem').filter({ hasText: 'note.txt' }).getByText('deleted').waitFor();
  });
});

test('files of somebody else are read by a viewer, who is offered no more', async (t) => {
  const world = await startBrowser(t, { set: ['plugin auth.mode=proxy', 'http.trusted-proxies=127.0.0.1'] });
  const { host } = world;
  for (const person of ['ada', 'bob']) await host.ok('GET', '/api/me', { person });
  const workspace = await host.workspace('Shared', { person: 'ada' });
  await upload(host, workspace, 'plan.txt', 'to be read\n', 'ada');
  await host.ok('POST', `/api/workspaces/${workspace.id}/members`, { person: 'ada', body: { email: 'bob@example.org', role: 'viewer' } });
  const tab = await world.open(t, { session: false, extraHTTPHeaders: host.headers('bob') });
  const { page } = tab;
  await tab.goto(`/w/${workspace.id}/files`);
  await page.getByText('plan.txt').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Upload files' }).count(), 0);
  assert.equal(await page.locator('input[type=file]').count(), 0);
  await bring(page.locator('body'), 'paste', [text('note.txt', 'x')]);
  await page.getByRole('button', { name: 'More for plan.txt' }).click();
  assert.deepEqual(await page.getByRole('menuitem').allInnerTexts(), ['Look at it', 'Download']);
  await tab.check(t, 'files-viewer');
  await page.getByRole('menuitem', { name: 'Look at it' }).click();
  await page.getByRole('dialog').getByText('to be read').waitFor();
  assert.equal(tab.requests.filter((request) => request.method() === 'POST').length, 0);
});
