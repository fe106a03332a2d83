// SPDX-License-Identifier: Apache-2.0
// Files: what is said of them, what is refused before it is sent, and how uploads go, wait, fail and are tried again.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FileSpace, StoredFile } from '#lib/api/types.ts';
import { chosenOf, extensionOf, kindOf, Meter, nameOf, pastedOf, refusalOf, refusalText, sizeText } from '#lib/files/facts.ts';
import { named } from '#lib/state/files.svelte.ts';

const WORKSPACE = '01890000-0000-7000-8000-000000000001';
const MIB = 1024 * 1024;

function file(name: string, size = 3, type = ''): File {
  const made = new File(['abc'], name, { type });
  Object.defineProperty(made, 'size', { value: size });
  return made;
}

describe('a file', () => {
  it.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1024, '1 KB'],
    [1536, '1.5 KB'],
    [10 * MIB, '10 MB'],
    [2 * 1024 * MIB, '2 GB'],
    [2 ** 50, '1,024 TB'],
  ])('of %i bytes has %s', (bytes, text) => expect(sizeText(bytes)).toBe(text));

  it.each([
    ['image/png', 'image'],
    ['image/svg+xml', 'text'],
    ['text/html', 'text'],
    ['application/json', 'text'],
    ['application/pdf', 'other'],
    ['application/octet-stream', 'other'],
  ])('that is %s is looked at as %s', (type, kind) => expect(kindOf(type)).toBe(kind));

  it('has the letters of its end', () => {
    expect(['a.pdf', 'b.tar.gz', 'c', 'd.', 'e.verylong', '.env'].map(extensionOf)).toEqual(['PDF', 'GZ', '', '', '', 'ENV']);
  });

  it('from the clipboard is named by the time, any other as it is', () => {
    const now = new Date(2026, 2, 7, 4, 5, 6);
    expect(nameOf({ name: 'image.png' }, true, now)).toBe('image 2026-03-07 04.05.06.png');
    expect(nameOf({ name: 'image.png' }, false, now)).toBe('image.png');
    expect(nameOf({ name: 'chart.png' }, true, now)).toBe('chart.png');
  });

  it('is found by words of its name, whatever case and accents', () => {
    const all = ['Größe der Häfen.pdf', 'ships.csv', 'SHIPS 2.csv'].map((name) => ({ name }) as StoredFile);
    expect(named(all, 'ships').map(({ name }) => name)).toEqual(['ships.csv', 'SHIPS 2.csv']);
    expect(named(all, 'hafen grosse')).toEqual([]);
    expect(named(all, 'häfen pdf')).toHaveLength(1);
    expect(named(all, 'HAFEN')).toHaveLength(1);
    expect(named(all, ' ')).toHaveLength(3);
  });
});

describe('what is chosen', () => {
  it('is no folder', () => {
    const one = file('a.txt');
    const item = (directory: boolean): object => ({
      kind: 'file', webkitGetAsEntry: () => ({ isDirectory: directory, name: 'd' }), getAsFile: () => one,
    });
    const items = [item(false), item(true), { kind: 'string' }] as unknown as DataTransferItemList;
    expect(chosenOf({ items, files: [] as unknown as FileList })).toEqual([{ file: one, name: 'a.txt' }, { file: null, name: 'd' }]);
  });

  it('is words where words were copied with a picture of them', () => {
    const files = [file('image.png')] as unknown as FileList;
    expect(pastedOf({ types: ['text/plain', 'Files'], files }, new Date())).toEqual([]);
    expect(pastedOf({ types: ['Files'], files }, new Date())).toHaveLength(1);
  });

  const space: FileSpace = { used: 60, limit: 100, largest_file: 50 };
  it.each([
    ['fits', file('a', 40), space, 0, null],
    ['is too large', file('a', 51), space, 0, 'too_large'],
    ['is more than is left', file('a', 41), space, 0, 'full'],
    ['is more than is left after others', file('a', 20), space, 21, 'full'],
    ['has no limit but its own', file('a', 50), { ...space, limit: null }, 900, null],
    ['has too long a name', file('ä'.repeat(128)), space, 0, 'name'],
    ['is a folder', null, space, 0, 'folder'],
    ['is told by the host where limits are not known', file('a', 9e9), null, 0, null],
  ] as const)('%s', (_case, one, known, waiting, refusal) => {
    expect(refusalOf({ file: one, name: one?.name ?? 'd' }, known, waiting)).toBe(refusal);
    if (refusal) expect(refusalText(refusal, known)).toMatch(/\.$/);
  });
});

describe('the speed', () => {
  it('is that of the last seconds', () => {
    const meter = new Meter(4000);
    expect(meter.mark(0, 0)).toBe(0);
    expect(meter.mark(100, 500)).toBe(0);
    expect(meter.mark(1000, 1000)).toBe(1000);
    for (let second = 2; second <= 20; second++) meter.mark(second * 1000, 1000 + (second - 1) * 100);
    expect(meter.mark(21_000, 3000)).toBe(100);
  });
});

class FakeRequest {
  static all: FakeRequest[] = [];
  upload: { onprogress?: (event: { loaded: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  responseText = '';
  url = '';
  headers: Record<string, string> = {};

  constructor() {
    FakeRequest.all.push(this);
  }
  open(_method: string, url: string): void {
    this.url = url;
  }
  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }
  send(): void {}
  abort(): void {
    this.onabort?.();
  }
  getResponseHeader(name: string): string | null {
    return this.headers[name] ?? null;
  }
  answer(status: number, body: unknown, headers: Record<string, string> = {}): Promise<void> {
    Object.assign(this, { status, responseText: JSON.stringify(body), headers });
    this.onload?.();
    return settle();
  }
  cut(): Promise<void> {
    this.onerror?.();
    return settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function stored(name: string, size: number, id = name): StoredFile {
  return {
    id, name, size, workspace_id: WORKSPACE, media_type: 'text/plain', sha256: '', uploaded_by: 'me', created_at: new Date().toISOString(), version: 1,
  };
}

describe('the list', () => {
  const space: FileSpace = { used: 30, limit: null, largest_file: 100 };
  const page = (ids: string[], next: string | null = null): Response =>
    Response.json({ items: ids.map((id) => stored(id, 10)), next, space });

  async function listOf(...answers: (Response | Promise<Response>)[]) {
    vi.resetModules();
    vi.doUnmock('#lib/state/files.svelte.ts');
    vi.stubGlobal('fetch', () => Promise.resolve(answers.shift()));
    // A browser's Request takes a path alone; Node's does not.
    vi.stubGlobal('Request', class extends Request {
      constructor(input: string | URL | Request, init?: RequestInit) {
        super(typeof input === 'string' ? new URL(input, 'http://localhost') : input, init);
      }
    });
    const { Files } = await import('#lib/state/files.svelte.ts');
    const files = new Files(WORKSPACE);
    await files.load();
    return { files, ids: () => files.items?.map(({ id }) => id) };
  }
  afterEach(() => vi.unstubAllGlobals());

  it('takes what was stored at its place, once, and what it takes of the room', async () => {
    const { files, ids } = await listOf(page(['5', '3']));
    files.add(stored('4', 10));
    files.add(stored('4', 10));
    files.add({ ...stored('9', 10), workspace_id: 'another' });
    expect([ids(), files.space?.used]).toEqual([['5', '4', '3'], 40]);
  });

  it('keeps what was stored and deleted while it is read anew', async () => {
    let answer: (response: Response) => void = () => {};
    const { files, ids } = await listOf(page(['5', '3']), new Promise((done) => (answer = done)), new Response(null, { status: 204 }));
    const reading = files.refresh();
    files.add(stored('4', 10));
    await files.remove(stored('3', 10));
    answer(page(['6', '5', '3']));
    await reading;
    expect(ids()).toEqual(['6', '5', '4']);
  });

  it('is read on, and keeps the older ones when the newest are read anew', async () => {
    const { files, ids } = await listOf(page(['9', '8'], '8'), page(['7', '6']), page(['10', '9', '8'], '8'));
    await files.more();
    expect([ids(), files.next]).toEqual([['9', '8', '7', '6'], null]);
    await files.refresh();
    expect([ids()?.length, ids()?.includes('6'), files.next]).toEqual([5, true, null]);
  });
});

describe('uploads', () => {
  let uploads: typeof import('#lib/state/uploads.svelte.ts').uploads;
  let space: FileSpace;
  let listed: StoredFile[];

  beforeEach(async () => {
    vi.resetModules();
    FakeRequest.all = [];
    space = { used: 0, limit: null, largest_file: 100 };
    listed = [];
    vi.stubGlobal('XMLHttpRequest', FakeRequest);
    vi.doMock('#lib/state/files.svelte.ts', () => ({ readFiles: () => Promise.resolve({ items: listed, next: null, space }) }));
    ({ uploads } = await import('#lib/state/uploads.svelte.ts'));
  });
  afterEach(() => {
    for (const upload of uploads.items) uploads.drop(upload);
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  async function begin(...files: File[]) {
    await uploads.add('here', WORKSPACE, files.map((one) => ({ file: one, name: one.name })));
    return uploads.at('here');
  }

  it('are three at once; the next begins when one ends', async () => {
    const all = await begin(...['a', 'b', 'c', 'd'].map((name) => file(name)));
    expect(all.map(({ state }) => state)).toEqual(['sending', 'sending', 'sending', 'waiting']);
    await FakeRequest.all[1].answer(201, stored('b', 3));
    expect(all.map(({ state }) => state)).toEqual(['sending', 'done', 'sending', 'sending']);
    expect(FakeRequest.all[3].url).toBe(`/api/workspaces/${WORKSPACE}/files?name=d`);
  });

  it('tell how far they are, and who waits for them', async () => {
    const heard: StoredFile[] = [];
    const stop = uploads.whenStored((one) => heard.push(one));
    const [one] = await begin(file('a & b?.txt', 80, 'multipart/related'));
    expect(FakeRequest.all[0].url).toContain('name=a%20%26%20b%3F.txt');
    expect(FakeRequest.all[0].headers).toEqual({ 'Content-Type': 'application/octet-stream' });
    FakeRequest.all[0].upload.onprogress?.({ loaded: 40 });
    expect(one.sent).toBe(40);
    await FakeRequest.all[0].answer(201, stored('a', 80));
    expect([one.state, one.sent, heard.length]).toEqual(['done', 80, 1]);
    stop();
  });

  it('are refused before they are sent', async () => {
    space = { used: 50, limit: 120, largest_file: 100 };
    const all = await begin(file('big', 101), file('fits', 60), file('over', 20));
    expect(all.map(({ state }) => state)).toEqual(['refused', 'sending', 'refused']);
    expect(FakeRequest.all).toHaveLength(1);
    expect(all[2].refusal).toMatch(/70 B of 120 B/);
  });

  it('are ended by hand, and forgotten', async () => {
    const [one] = await begin(file('a'), file('b'));
    uploads.drop(one);
    await settle();
    expect(uploads.at('here').map(({ name }) => name)).toEqual(['b']);
    expect(one.error).toBeNull();
  });

  it('are tried again after a cut', async () => {
    const [one] = await begin(file('a', 80));
    FakeRequest.all[0].upload.onprogress?.({ loaded: 40 });
    await FakeRequest.all[0].cut();
    expect([one.state, one.error?.code]).toEqual(['failed', 'no_answer']);
    await uploads.retry(one);
    await settle();
    expect([one.state, one.sent]).toEqual(['sending', 0]);
    await FakeRequest.all[1].answer(201, stored('a', 80));
    expect(one.state).toBe('done');
  });

  it('are not sent twice where only the answer was lost', async () => {
    const [one] = await begin(file('a', 80));
    FakeRequest.all[0].upload.onprogress?.({ loaded: 80 });
    await FakeRequest.all[0].cut();
    listed = [stored('a', 79, 'other'), stored('a', 80, 'mine')];
    await uploads.retry(one);
    await settle();
    expect([one.state, one.stored?.id, FakeRequest.all.length]).toEqual(['done', 'mine', 1]);
  });

  it('wait where the host asks for it', async () => {
    vi.useFakeTimers();
    const [one] = await begin(file('a'));
    await FakeRequest.all[0].answer(429, { code: 'too_many_uploads' }, { 'retry-after': '2' });
    expect(one.state).toBe('waiting');
    await vi.advanceTimersByTimeAsync(1500);
    expect(FakeRequest.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(600);
    expect([FakeRequest.all.length, one.state]).toEqual([2, 'sending']);
  });

  it('say why they failed', async () => {
    const [one] = await begin(file('a'));
    await FakeRequest.all[0].answer(422, { code: 'name_invalid', errors: [{ pointer: '?name', detail: 'has a slash in it' }] });
    expect([one.state, one.error?.status, one.error?.errors[0].detail]).toEqual(['failed', 422, 'has a slash in it']);
  });

  it('keep the page from being left while they are under way', async () => {
    const leave = (): boolean => dispatchEvent(new Event('beforeunload', { cancelable: true }));
    const [one] = await begin(file('a'));
    expect(leave()).toBe(false);
    await FakeRequest.all[0].answer(201, stored('a', 3));
    expect([one.state, leave()]).toEqual(['done', true]);
  });
});
