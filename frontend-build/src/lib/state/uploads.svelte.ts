// SPDX-License-Identifier: Apache-2.0
// Uploads of this tab: a few at once, the others wait. They go on while one looks at other screens.
import { hostNow, newKey } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { FileSpace, StoredFile } from '../api/types.ts';
import { Meter, refusalOf, refusalText, type Chosen } from '../files/facts.ts';
import { sendFile, type Sending } from '../files/send.ts';
import { readFiles } from './files.svelte.ts';

const AT_ONCE = 3;
const MOST_REPEATS = 5; // where the host asks to be left alone for a while
const SAME_TIME = 60_000; // that a clock may be wrong

export class Upload {
  readonly key = newKey();
  state = $state<'waiting' | 'sending' | 'failed' | 'refused' | 'done'>('waiting');
  sent = $state(0);
  speed = $state(0); // bytes a second; 0: not known
  error = $state.raw<ApiError | null>(null);
  /** Why it was not even sent. */
  refusal = $state('');
  stored = $state.raw<StoredFile | null>(null);
  sending: Sending | null = null;
  repeats = 0;
  notBefore = 0;
  /** When it was sent whole without an answer: it may be there. */
  unsure: number | null = null;

  constructor(
    readonly workspaceId: string,
    readonly place: string,
    readonly file: File | null,
    readonly name: string,
  ) {}

  get size(): number {
    return this.file?.size ?? 0;
  }

  get open(): boolean {
    return this.state === 'waiting' || this.state === 'sending';
  }
}

class Uploads {
  items = $state.raw<Upload[]>([]);
  private readonly hearers = new Set<(file: StoredFile) => void>();
  private watching = false;

  /** Those that were begun at `place` (a box to write in, a list of files). */
  at(place: string): Upload[] {
    return this.items.filter((upload) => upload.place === place);
  }

  /** Tells of each file that has been stored, until what it returns is called. */
  whenStored(hear: (file: StoredFile) => void): () => void {
    this.hearers.add(hear);
    return () => this.hearers.delete(hear);
  }

  /** Begins with `chosen`, but for those that the host would refuse; what there is room for, if it is known. */
  async add(place: string, workspaceId: string, chosen: Chosen[]): Promise<FileSpace | null> {
    if (chosen.length === 0) return null;
    const added = chosen.map(({ file, name }) => new Upload(workspaceId, place, file, name));
    this.items = [...this.items, ...added];
    this.guard();
    const space = await this.spaceOf(workspaceId);
    let waiting = this.waitingIn(workspaceId, added);
    for (const upload of added) {
      if (upload.state !== 'waiting') continue;
      const refusal = refusalOf(upload, space, waiting);
      if (refusal) {
        upload.refusal = refusalText(refusal, space);
        upload.state = 'refused';
      } else {
        waiting += upload.size;
        upload.notBefore = Date.now();
      }
    }
    this.pump();
    return space;
  }

  /** Ends it, or forgets it where it has ended. */
  drop(upload: Upload): void {
    this.items = this.items.filter((other) => other !== upload);
    upload.sending?.cancel();
    this.pump();
  }

  async retry(upload: Upload): Promise<void> {
    if (upload.state !== 'failed') return;
    upload.state = 'waiting';
    upload.error = null;
    upload.notBefore = 0;
    const there = upload.unsure === null ? null : await this.find(upload);
    if (there) this.stored(upload, there);
    else upload.notBefore = Date.now();
    this.pump();
  }

  private async spaceOf(workspaceId: string): Promise<FileSpace | null> {
    try {
      return (await readFiles(workspaceId, 1)).space;
    } catch {
      return null; // the upload itself says what is wrong
    }
  }

  /** Bytes of those that the host does not know of yet. */
  private waitingIn(workspaceId: string, besides: Upload[]): number {
    return this.items
      .filter((upload) => upload.workspaceId === workspaceId && upload.state === 'waiting' && !besides.includes(upload))
      .reduce((sum, upload) => sum + upload.size, 0);
  }

  /** Whether an upload without an answer has been stored all the same. */
  private async find(upload: Upload): Promise<StoredFile | null> {
    try {
      const { items } = await readFiles(upload.workspaceId, 50);
      const name = upload.name.normalize('NFC').trim();
      const since = (upload.unsure ?? 0) - SAME_TIME;
      const known = new Set(this.items.map(({ stored }) => stored?.id));
      return items.find((file) => file.name === name && file.size === upload.size && Date.parse(file.created_at) >= since && !known.has(file.id)) ?? null;
    } catch {
      return null;
    }
  }

  private pump(): void {
    const now = Date.now();
    let free = AT_ONCE - this.items.filter(({ state }) => state === 'sending').length;
    for (const upload of this.items) {
      if (free <= 0) break;
      if (upload.state !== 'waiting' || upload.notBefore === 0 || upload.notBefore > now || !upload.file) continue;
      free--;
      void this.send(upload, upload.file);
    }
    this.guard();
  }

  private async send(upload: Upload, file: File): Promise<void> {
    const meter = new Meter();
    const began = hostNow();
    upload.state = 'sending';
    upload.sent = 0;
    upload.speed = meter.mark(performance.now(), 0);
    upload.unsure = null;
    upload.sending = sendFile(upload.workspaceId, upload.name, file, (sent) => {
      upload.sent = Math.min(sent, upload.size);
      upload.speed = meter.mark(performance.now(), upload.sent);
    });
    try {
      this.stored(upload, await upload.sending.done);
    } catch (reason) {
      if (this.items.includes(upload)) this.failed(upload, asApiError(reason), began);
    } finally {
      upload.sending = null;
      this.pump();
    }
  }

  private stored(upload: Upload, file: StoredFile): void {
    upload.sent = upload.size;
    upload.stored = file;
    upload.state = 'done';
    for (const hear of this.hearers) hear(file);
  }

  private failed(upload: Upload, error: ApiError, began: number): void {
    if (error.status === 0 && upload.sent >= upload.size) upload.unsure = began;
    if (error.retryAfter !== null && error.passing && upload.repeats < MOST_REPEATS) {
      upload.repeats++;
      upload.sent = 0;
      upload.state = 'waiting';
      const pause = Math.max(1, error.retryAfter) * 1000;
      upload.notBefore = Date.now() + pause;
      setTimeout(() => this.pump(), pause + 10);
      return;
    }
    upload.repeats = 0;
    upload.error = error;
    upload.state = 'failed';
  }

  /** While something is under way, leaving the page is asked about. */
  private guard(): void {
    const busy = this.items.some(({ open }) => open);
    if (busy === this.watching) return;
    this.watching = busy;
    if (busy) addEventListener('beforeunload', ask);
    else removeEventListener('beforeunload', ask);
  }
}

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

export const uploads = new Uploads();
