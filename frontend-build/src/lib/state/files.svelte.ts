// SPDX-License-Identifier: Apache-2.0
// The files of a workspace, newest first, and what it may still take.
import { api, ask } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { FileList, FileSpace, StoredFile } from '../api/types.ts';

const PAGE = 100;
const LARGEST_PAGE = 200;
const MOST = 10_000; // that are read to be searched

export function readFiles(workspaceId: string, limit: number, cursor: string | null = null): Promise<FileList> {
  const params = { path: { workspace_id: workspaceId }, query: cursor ? { limit, cursor } : { limit } };
  return ask(api.GET('/api/workspaces/{workspace_id}/files', { params }));
}

export class Files {
  items = $state.raw<StoredFile[] | null>(null);
  next = $state.raw<string | null>(null);
  space = $state.raw<FileSpace | null>(null);
  error = $state.raw<ApiError | null>(null);
  private reading = 0;
  /** What this page stored and deleted: a list that was read at the same time may not know of it. */
  private readonly added = new Map<string, StoredFile>();
  private readonly removed = new Set<string>();

  constructor(readonly workspaceId: string) {}

  async load(): Promise<void> {
    const reading = ++this.reading;
    this.added.clear();
    this.removed.clear();
    try {
      const list = await readFiles(this.workspaceId, PAGE);
      if (reading !== this.reading) return;
      this.items = this.own(list.items);
      this.next = list.next;
      this.space = list.space;
      this.error = null;
    } catch (reason) {
      if (reading === this.reading) this.error = asApiError(reason);
    }
  }

  /** Reads the newest anew and keeps what is older. */
  async refresh(): Promise<void> {
    const { reading } = this;
    try {
      this.added.clear();
      this.removed.clear();
      const list = await readFiles(this.workspaceId, PAGE);
      const last = list.items.at(-1)?.id;
      if (reading !== this.reading || !this.items) return;
      const older = list.next && last ? this.items.filter(({ id }) => id < last) : [];
      if (older.length === 0) this.next = list.next;
      this.items = this.own([...list.items, ...older]);
      this.space = list.space;
    } catch {
      // What is shown was right a moment ago.
    }
  }

  async more(limit = PAGE): Promise<void> {
    const { next, reading } = this;
    if (!next) return;
    const list = await readFiles(this.workspaceId, limit, next);
    if (reading !== this.reading || this.next !== next) return;
    const known = new Set(this.items?.map(({ id }) => id));
    this.items = [...(this.items ?? []), ...list.items.filter(({ id }) => !known.has(id))];
    this.next = list.next;
    this.space = list.space;
  }

  /** Reads all of them, so that they can be searched. */
  async all(): Promise<void> {
    while (this.next && (this.items?.length ?? 0) < MOST) {
      const before = this.next;
      await this.more(LARGEST_PAGE);
      if (this.next === before) return;
    }
  }

  /** One that has just been stored. */
  add(file: StoredFile): void {
    if (file.workspace_id !== this.workspaceId) return;
    this.added.set(file.id, file);
    if (!this.items || this.items.some(({ id }) => id === file.id)) return;
    this.items = this.own(this.items);
    this.use(file.size);
  }

  async rename(file: StoredFile, name: string): Promise<void> {
    const params = { path: { file_id: file.id } };
    const changed = await ask(api.PATCH('/api/files/{file_id}', { params, body: { name } }));
    this.items = (this.items ?? []).map((other) => (other.id === file.id ? changed : other));
  }

  async remove(file: StoredFile): Promise<void> {
    try {
      await ask(api.DELETE('/api/files/{file_id}', { params: { path: { file_id: file.id } } }));
    } catch (reason) {
      if (asApiError(reason).status !== 404) throw reason; // somebody was faster
    }
    this.removed.add(file.id);
    this.items = this.own(this.items ?? []);
    this.use(-file.size);
  }

  private own(items: StoredFile[]): StoredFile[] {
    const known = new Set(items.map(({ id }) => id));
    const all = [...items, ...[...this.added.values()].filter(({ id }) => !known.has(id))];
    return all.filter(({ id }) => !this.removed.has(id)).sort((a, b) => b.id.localeCompare(a.id));
  }

  private use(bytes: number): void {
    if (this.space) this.space = { ...this.space, used: Math.max(0, this.space.used + bytes) };
  }
}

const plain = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** Those whose names have all of the words, in whatever case and with whatever accents. */
export function named(files: StoredFile[], words: string): StoredFile[] {
  const wanted = plain(words).split(/\s+/).filter(Boolean);
  return files.filter(({ name }) => {
    const text = plain(name);
    return wanted.every((word) => text.includes(word));
  });
}
