// SPDX-License-Identifier: Apache-2.0
// The workspace whose pages are open, as the host has it, with its ETag.
import { getContext, setContext } from 'svelte';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Workspace } from '../api/types.ts';
import { workspaces, type WorkspaceChange } from './workspaces.svelte.ts';

export class OpenWorkspace {
  body = $state.raw<Workspace | null>(null);
  error = $state.raw<ApiError | null>(null);
  private etag: string | null = null;
  private reading = 0;

  async load(id: string): Promise<void> {
    const reading = ++this.reading;
    this.error = null;
    try {
      const { body, etag } = await workspaces.fetch(id);
      if (reading !== this.reading) return;
      this.body = body;
      this.etag = etag;
    } catch (reason) {
      if (reading === this.reading) this.error = asApiError(reason);
    }
  }

  /** Fails with 412 where somebody else changed it since it was read. */
  async save(change: WorkspaceChange): Promise<void> {
    if (!this.body) return;
    const { body, etag } = await workspaces.update(this.body.id, change, this.etag);
    this.body = body;
    this.etag = etag;
  }
}

const KEY = Symbol('workspace');

export function setWorkspace(workspace: OpenWorkspace): void {
  setContext(KEY, workspace);
}

export function getWorkspace(): OpenWorkspace {
  return getContext<OpenWorkspace>(KEY);
}
