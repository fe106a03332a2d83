// SPDX-License-Identifier: Apache-2.0
// The conversations of the workspace that is open, newest activity first.
import { api, ask, newKey } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Conversation, ConversationItem } from '../api/types.ts';

export interface ConversationMoved {
  conversation_id: string;
  workspace_id: string;
  title: string;
  last_seq: number;
  read_seq: number;
  last_activity_at: string;
  deleted: boolean;
}

const newestFirst = (a: ConversationItem, b: ConversationItem): number =>
  b.last_activity_at.localeCompare(a.last_activity_at) || b.id.localeCompare(a.id);

class Conversations {
  workspaceId = $state<string | null>(null);
  items = $state.raw<ConversationItem[] | null>(null);
  next = $state.raw<string | null>(null);
  error = $state.raw<ApiError | null>(null);
  private reading = 0;

  /** Shows those of `workspaceId`. */
  open(workspaceId: string): void {
    if (this.workspaceId === workspaceId) return;
    this.workspaceId = workspaceId;
    this.items = null;
    this.next = null;
    void this.load();
  }

  close(): void {
    this.workspaceId = null;
    this.items = null;
  }

  async load(): Promise<void> {
    const id = this.workspaceId;
    if (!id) return;
    const reading = ++this.reading;
    try {
      const page = await this.read(id, null);
      if (reading !== this.reading) return;
      this.items = page.items;
      this.next = page.next;
      this.error = null;
    } catch (reason) {
      if (reading === this.reading) this.error = asApiError(reason);
    }
  }

  async more(): Promise<void> {
    const { workspaceId: id, next } = this;
    if (!id || !next) return;
    const page = await this.read(id, next);
    if (this.workspaceId !== id) return;
    const known = new Set(this.items?.map((item) => item.id));
    this.items = [...(this.items ?? []), ...page.items.filter((item) => !known.has(item.id))].sort(newestFirst);
    this.next = page.next;
  }

  private read(id: string, cursor: string | null) {
    const query = cursor ? { limit: 50, cursor } : { limit: 50 };
    return ask(api.GET('/api/workspaces/{workspace_id}/conversations', { params: { path: { workspace_id: id }, query } }));
  }

  async create(workspaceId: string, agent: string | null): Promise<Conversation> {
    const made = await ask(
      api.POST('/api/workspaces/{workspace_id}/conversations', {
        params: { path: { workspace_id: workspaceId }, header: { 'Idempotency-Key': newKey() } },
        body: { agent },
      }),
    );
    if (this.workspaceId === workspaceId && this.items && !this.items.some((item) => item.id === made.id)) {
      const moving = { last_activity_at: made.created_at, current_message_id: null, running_turn: null, last_seq: 0, read_seq: 0 };
      this.items = [{ ...made, ...moving }, ...this.items];
    }
    return made;
  }

  async update(id: string, change: Partial<Pick<Conversation, 'title' | 'agent' | 'pinned'>>): Promise<Conversation> {
    const changed = await ask(
      api.PATCH('/api/conversations/{conversation_id}', { params: { path: { conversation_id: id } }, body: change }),
    );
    this.merge(changed);
    return changed;
  }

  async remove(id: string): Promise<void> {
    await ask(api.DELETE('/api/conversations/{conversation_id}', { params: { path: { conversation_id: id } } }));
    this.drop(id);
  }

  merge(conversation: Conversation): void {
    this.items = this.items?.map((item) => (item.id === conversation.id ? { ...item, ...conversation } : item)) ?? null;
  }

  markRead(id: string, seq: number): void {
    this.items = this.items?.map((item) => (item.id === id ? { ...item, read_seq: Math.max(item.read_seq, seq) } : item)) ?? null;
  }

  /** What the stream tells of a conversation. */
  moved(event: ConversationMoved): void {
    const items = this.items;
    if (!items || event.workspace_id !== this.workspaceId) return;
    if (event.deleted) {
      this.drop(event.conversation_id);
      return;
    }
    const known = items.find((item) => item.id === event.conversation_id);
    if (!known) {
      void this.load();
      return;
    }
    const { title, last_seq, last_activity_at } = event;
    const changed = { ...known, title, last_seq, last_activity_at, read_seq: Math.max(known.read_seq, event.read_seq) };
    this.items = items.map((item) => (item === known ? changed : item)).sort(newestFirst);
  }

  private drop(id: string): void {
    this.items = this.items?.filter((item) => item.id !== id) ?? null;
  }
}

export const conversations = new Conversations();
