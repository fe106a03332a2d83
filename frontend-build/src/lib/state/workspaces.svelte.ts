// SPDX-License-Identifier: Apache-2.0
// The caller's workspaces.
import { api, ask, askTagged, newKey } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Workspace, WorkspaceItem } from '../api/types.ts';

const LAST = 'daedalus:workspace';

export type WorkspaceChange = Partial<Pick<Workspace, 'name' | 'description' | 'instructions' | 'default_agent'>>;

class Workspaces {
  items = $state.raw<WorkspaceItem[] | null>(null);
  next = $state.raw<string | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** The one that is open, or was last. */
  currentId = $state<string | null>(localStorage.getItem(LAST));

  get current(): WorkspaceItem | undefined {
    return this.find(this.currentId);
  }

  find(id: string | null | undefined): WorkspaceItem | undefined {
    return this.items?.find((workspace) => workspace.id === id);
  }

  open(id: string): void {
    if (this.currentId === id) return;
    this.currentId = id;
    localStorage.setItem(LAST, id);
  }

  async load(): Promise<void> {
    try {
      const page = await ask(api.GET('/api/workspaces', { params: { query: { limit: 100 } } }));
      this.items = page.items;
      this.next = page.next;
      this.error = null;
    } catch (reason) {
      this.error = asApiError(reason);
    }
  }

  async more(): Promise<void> {
    if (!this.next) return;
    const page = await ask(api.GET('/api/workspaces', { params: { query: { limit: 100, cursor: this.next } } }));
    this.next = page.next;
    const known = new Set(this.items?.map((workspace) => workspace.id));
    this.items = [...(this.items ?? []), ...page.items.filter((workspace) => !known.has(workspace.id))];
  }

  /** Reads one, with its ETag; throws where it is not there. */
  async fetch(id: string): Promise<{ body: Workspace; etag: string | null }> {
    const read = await askTagged(api.GET('/api/workspaces/{workspace_id}', { params: { path: { workspace_id: id } } }));
    this.merge(read.body);
    return read;
  }

  async create(name: string): Promise<Workspace> {
    const workspace = await ask(
      api.POST('/api/workspaces', { params: { header: { 'Idempotency-Key': newKey() } }, body: { name } }),
    );
    const item = { ...workspace, last_activity_at: workspace.created_at, running_turns: 0 };
    this.items = [item, ...(this.items ?? []).filter((other) => other.id !== item.id)];
    return workspace;
  }

  /** With `etag`, fails where somebody else has changed it since. */
  async update(id: string, change: WorkspaceChange, etag: string | null = null) {
    const changed = await askTagged(
      api.PATCH('/api/workspaces/{workspace_id}', {
        params: { path: { workspace_id: id }, header: etag ? { 'If-Match': etag } : {} },
        body: change,
      }),
    );
    this.merge(changed.body);
    return changed;
  }

  async remove(workspace: Pick<Workspace, 'id'>): Promise<{ conversations: number; files: number }> {
    const gone = await ask(
      api.DELETE('/api/workspaces/{workspace_id}', { params: { path: { workspace_id: workspace.id } } }),
    );
    this.items = (this.items ?? []).filter((other) => other.id !== workspace.id);
    if (this.currentId === workspace.id) {
      this.currentId = null;
      localStorage.removeItem(LAST);
    }
    return gone;
  }

  touched(id: string, when: string): void {
    const items = this.items;
    const workspace = this.find(id);
    if (!items || !workspace || workspace.last_activity_at >= when) return;
    this.items = items.map((other) => (other.id === id ? { ...other, last_activity_at: when } : other));
  }

  private merge(workspace: Workspace): void {
    const known = this.find(workspace.id);
    if (!this.items || !known) return;
    this.items = this.items.map((other) => (other.id === workspace.id ? { ...other, ...workspace } : other));
  }
}

export const workspaces = new Workspaces();
