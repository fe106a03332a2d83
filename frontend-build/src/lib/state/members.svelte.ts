// SPDX-License-Identifier: Apache-2.0
// Who shares a workspace, and who is invited.
import { api, ask, newKey } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Member, Person } from '../api/types.ts';

const PAGE = 100;

export type Role = Member['role'];
export const roles: readonly Role[] = ['viewer', 'editor', 'owner'];

export class Members {
  items = $state.raw<Member[] | null>(null);
  next = $state.raw<string | null>(null);
  error = $state.raw<ApiError | null>(null);

  constructor(readonly workspaceId: string) {}

  async load(cursor: string | null = null): Promise<void> {
    try {
      const query = cursor ? { limit: PAGE, cursor } : { limit: PAGE };
      const params = { path: { workspace_id: this.workspaceId }, query };
      const list = await ask(api.GET('/api/workspaces/{workspace_id}/members', { params }));
      this.items = cursor ? [...(this.items ?? []), ...list.items] : list.items;
      this.next = list.next;
      this.error = null;
    } catch (reason) {
      this.error = asApiError(reason);
    }
  }

  async add(email: string, role: Role): Promise<Member> {
    const params = { path: { workspace_id: this.workspaceId }, header: { 'Idempotency-Key': newKey() } };
    const member = await ask(api.POST('/api/workspaces/{workspace_id}/members', { params, body: { email, role } }));
    this.items = [...(this.items ?? []).filter(({ subject }) => subject !== member.subject), member];
    return member;
  }

  async setRole(subject: string, role: Role): Promise<void> {
    const params = { path: { workspace_id: this.workspaceId, subject } };
    const member = await ask(api.PATCH('/api/workspaces/{workspace_id}/members/{subject}', { params, body: { role } }));
    this.items = (this.items ?? []).map((other) => (other.subject === subject ? member : other));
  }

  async remove(subject: string): Promise<void> {
    const params = { path: { workspace_id: this.workspaceId, subject } };
    await ask(api.DELETE('/api/workspaces/{workspace_id}/members/{subject}', { params }));
    this.items = (this.items ?? []).filter((other) => other.subject !== subject);
  }

  /** People with an address who begin like `words` and are not in yet. */
  async suggest(words: string): Promise<Person[]> {
    const { items } = await ask(api.GET('/api/people', { params: { query: { q: words, limit: 8 } } }));
    return items.filter(({ subject, email }) => email !== null && !this.items?.some((member) => member.subject === subject));
  }
}
