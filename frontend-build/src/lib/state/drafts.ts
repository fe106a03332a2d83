// SPDX-License-Identifier: Apache-2.0
// What was written and not sent, by place, and what was sent and not yet acknowledged. Kept in this browser.
import type { MessageFile } from '../api/types.ts';

const DRAFT = 'daedalus:draft:';
const OUTBOX = 'daedalus:outbox:';
const MOST = 60; // drafts; the oldest go

export interface Unsent {
  key: string; // the Idempotency-Key: sending again never asks twice
  content: string;
  agent: string | null;
  parentId?: string | null; // not there: after the current leaf
  files?: MessageFile[];
  at: string;
}

function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // No room or not allowed: the text is still in the page.
  }
}

function read<T>(name: string): T | null {
  try {
    return JSON.parse(localStorage.getItem(name) ?? 'null') as T | null;
  } catch {
    return null;
  }
}

export function loadDraft(place: string): string {
  return read<{ text: string }>(DRAFT + place)?.text ?? '';
}

/** The files that the draft is to take along. */
export function loadDraftFiles(place: string): MessageFile[] {
  const files = read<{ files?: MessageFile[] }>(DRAFT + place)?.files;
  return Array.isArray(files) ? files : [];
}

export function saveDraft(place: string, text: string, files: MessageFile[]): void {
  if (text.trim() === '' && files.length === 0) {
    localStorage.removeItem(DRAFT + place);
    return;
  }
  write(DRAFT + place, { text, at: Date.now(), ...(files.length > 0 ? { files } : {}) });
  forgetOldest();
}

function forgetOldest(): void {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(DRAFT));
  if (names.length <= MOST) return;
  const aged = names.map((name) => ({ name, at: read<{ at: number }>(name)?.at ?? 0 })).sort((a, b) => a.at - b.at);
  for (const { name } of aged.slice(0, names.length - MOST)) localStorage.removeItem(name);
}

export function loadOutbox(conversationId: string): Unsent[] {
  return read<Unsent[]>(OUTBOX + conversationId) ?? [];
}

export function saveOutbox(conversationId: string, unsent: Unsent[]): void {
  if (unsent.length === 0) localStorage.removeItem(OUTBOX + conversationId);
  else write(OUTBOX + conversationId, unsent);
}
