// SPDX-License-Identifier: Apache-2.0
// The conversation that is open: its messages as the host tells them, and what the person sends into it.
import { api, ask, newKey } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { ConversationEvent, Message, MessageFile } from '../api/types.ts';
import { branch, emptyState, isOpen, loaded, olderLoaded, posted, reduce, turnTold, type ConversationState } from '../events/reducer.ts';
import { conversations } from './conversations.svelte.ts';
import { loadOutbox, saveOutbox, type Unsent } from './drafts.ts';
import { live, type Watcher } from './live.svelte.ts';
import { notices } from './notices.svelte.ts';

const PAGE = 50;
const MOST_PAGES = 100; // that a permalink may load
const READ_AFTER = 1500;

export interface Outgoing extends Unsent {
  state: 'sending' | 'waiting' | 'refused';
  error: ApiError | null;
}

/** The files of a question that it can take along when it is asked again. */
export function stillThere(question: Message): MessageFile[] {
  return question.files.filter(({ size }) => size !== null);
}

export class OpenConversation implements Watcher {
  state = $state.raw<ConversationState>(emptyState(''));
  ready = $state(false);
  error = $state.raw<ApiError | null>(null);
  outgoing = $state.raw<Outgoing[]>([]);
  loadingOlder = $state(false);
  stopping = $state.raw<ReadonlySet<string>>(new Set());
  readonly path: Message[] = $derived(branch(this.state));
  /** Answers under way, the running one first. */
  readonly open: Message[] = $derived(this.path.filter((message) => message.role === 'assistant' && isOpen(message.state)));
  private readonly heard = new Map<string, number>();
  private buffer: ConversationEvent[] | null = null;
  private again = false;
  private closed = false;
  private sending = false;
  private readTimer: ReturnType<typeof setTimeout> | undefined;
  private readUpTo = 0;

  constructor(readonly id: string) {
    this.state = emptyState(id);
    this.outgoing = loadOutbox(id).map((unsent) => ({ ...unsent, state: 'waiting', error: null }));
  }

  async start(): Promise<void> {
    await this.load();
    if (!this.ready || this.closed) return;
    live.watch(this);
    void this.flush();
  }

  close(): void {
    this.closed = true;
    live.unwatch(this);
    clearTimeout(this.readTimer);
    this.sendReadMark();
  }

  position(): number | null {
    return this.ready ? this.state.seq : null;
  }

  connected(): void {
    void this.flush();
  }

  accessChanged(): void {
    void this.load().then(() => {
      if (this.error?.status === 404) this.state = { ...this.state, ending: 'access_lost' };
    });
  }

  events(events: ConversationEvent[]): void {
    this.buffer?.push(...events);
    const now = Date.now();
    let state = this.state;
    for (const event of events) {
      if ('turn_id' in event.data) this.heard.set(event.data.turn_id, now);
      state = reduce(state, event);
    }
    if (state.conversation && state.conversation !== this.state.conversation) conversations.merge(state.conversation);
    this.state = state;
    if (state.stale) void this.load();
    this.scheduleReadMark();
  }

  /** When the turn was last heard of, by this browser's clock. */
  heardAt(turnId: string): number | null {
    return this.heard.get(turnId) ?? null;
  }

  /** Reads the newest messages. Events that come meanwhile are applied to what was read. */
  async load(): Promise<void> {
    if (this.buffer) {
      this.again = true;
      return;
    }
    this.buffer = [];
    try {
      const params = { path: { conversation_id: this.id } };
      const [conversation, list] = await Promise.all([
        ask(api.GET('/api/conversations/{conversation_id}', { params })),
        ask(api.GET('/api/conversations/{conversation_id}/messages', { params: { ...params, query: { limit: PAGE } } })),
      ]);
      this.readUpTo = list.read_seq;
      this.state = this.buffer.reduce(reduce, loaded(this.state, list, conversation));
      this.error = null;
      this.ready = true;
      void this.askPositions();
      this.scheduleReadMark();
    } catch (reason) {
      this.error = asApiError(reason);
    } finally {
      this.buffer = null;
    }
    if (this.again && !this.closed) {
      this.again = false;
      await this.load();
    }
  }

  async older(): Promise<void> {
    const cursor = this.state.older;
    if (!cursor || this.loadingOlder) return;
    this.loadingOlder = true;
    try {
      const params = { path: { conversation_id: this.id }, query: { limit: PAGE, cursor } };
      const list = await ask(api.GET('/api/conversations/{conversation_id}/messages', { params }));
      if (this.state.older === cursor) this.state = olderLoaded(this.state, list);
    } catch (reason) {
      notices.fail(reason);
    } finally {
      this.loadingOlder = false;
    }
  }

  /** Loads earlier messages until `messageId` is among those of the branch; false if it is not. */
  async reach(messageId: string): Promise<boolean> {
    const has = (): boolean => this.path.some((message) => message.id === messageId);
    for (let pages = 0; !has() && this.state.older && pages < MOST_PAGES; pages++) {
      const before = this.state.older;
      await this.older();
      if (this.state.older === before) return false;
    }
    return has();
  }

  send(content: string, agent: string | null, files: MessageFile[], parentId?: string | null): void {
    const unsent: Unsent = { key: newKey(), content, agent, at: new Date().toISOString() };
    if (files.length > 0) unsent.files = files;
    if (parentId !== undefined) unsent.parentId = parentId;
    this.setOutgoing([...this.outgoing, { ...unsent, state: 'sending', error: null }]);
    void this.flush();
  }

  /** Asks the question of `answer` once more, beside the first time. */
  retry(answer: Message, agent: string | null): void {
    const question = answer.parent_id ? this.state.messages[answer.parent_id] : undefined;
    if (question) this.send(question.content, agent ?? answer.agent, stillThere(question), question.parent_id);
  }

  discard(key: string): void {
    this.setOutgoing(this.outgoing.filter((unsent) => unsent.key !== key));
  }

  sendAgain(key: string): void {
    this.setOutgoing(this.outgoing.map((unsent) => (unsent.key === key ? { ...unsent, state: 'sending', error: null } : unsent)));
    void this.flush();
  }

  async cancel(turnId: string): Promise<void> {
    this.stopping = new Set([...this.stopping, turnId]);
    try {
      await ask(api.POST('/api/turns/{turn_id}/cancel', { params: { path: { turn_id: turnId } } }));
    } catch (reason) {
      const error = asApiError(reason);
      if (error.code === 'turn_over') return;
      this.stopping = new Set([...this.stopping].filter((id) => id !== turnId));
      notices.fail(error);
    }
  }

  /** Shows the sibling of `message` that stands `step` beside it. */
  async turnTo(message: Message, step: 1 | -1): Promise<void> {
    try {
      const list = await ask(api.GET('/api/messages/{message_id}/siblings', { params: { path: { message_id: message.id } } }));
      const wanted = list.items.find((sibling) => sibling.position === message.siblings.position + step);
      if (!wanted) return;
      const params = { path: { conversation_id: this.id } };
      await ask(api.PUT('/api/conversations/{conversation_id}/current', { params, body: { message_id: wanted.id } }));
      await this.load();
    } catch (reason) {
      notices.fail(reason);
    }
  }

  async setAgent(agent: string): Promise<void> {
    const before = this.state;
    if (!before.conversation) return;
    this.state = { ...before, conversation: { ...before.conversation, agent } };
    try {
      this.adopt(await conversations.update(this.id, { agent }));
    } catch (reason) {
      if (this.state.conversation) this.state = { ...this.state, conversation: { ...this.state.conversation, agent: before.conversation.agent } };
      notices.fail(reason);
    }
  }

  adopt(conversation: NonNullable<ConversationState['conversation']>): void {
    this.state = { ...this.state, conversation };
  }

  private setOutgoing(outgoing: Outgoing[]): void {
    this.outgoing = outgoing;
    saveOutbox(this.id, outgoing.map(({ state: _state, error: _error, ...unsent }) => unsent));
  }

  /** Sends what waits, in order, one at a time; stops at the first that cannot go out now. */
  private async flush(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (;;) {
        const next = this.outgoing.find((unsent) => unsent.state !== 'refused');
        if (!next || this.closed || !(await this.post(next))) break;
      }
    } finally {
      this.sending = false;
    }
  }

  private async post(unsent: Outgoing): Promise<boolean> {
    const mark = (state: Outgoing['state'], error: ApiError | null): void => {
      this.setOutgoing(this.outgoing.map((other) => (other.key === unsent.key ? { ...other, state, error } : other)));
    };
    if (unsent.state !== 'sending') mark('sending', null);
    try {
      const answer = await ask(
        api.POST('/api/conversations/{conversation_id}/messages', {
          params: { path: { conversation_id: this.id }, header: { 'Idempotency-Key': unsent.key } },
          body: {
            content: unsent.content,
            ...(unsent.agent ? { agent: unsent.agent } : {}),
            ...(unsent.parentId !== undefined ? { parent_id: unsent.parentId } : {}),
            ...(unsent.files ? { file_ids: unsent.files.map(({ id }) => id) } : {}),
          },
        }),
      );
      this.state = posted(this.state, answer);
      this.discard(unsent.key);
      return true;
    } catch (reason) {
      const error = asApiError(reason);
      if (error.code === 'already_done') {
        this.discard(unsent.key);
        await this.load();
        return true;
      }
      const passing = error.passing || error.status === 401 || error.code === 'idempotency_in_flight';
      mark(passing ? 'waiting' : 'refused', error);
      if (passing && live.connected) setTimeout(() => void this.flush(), (error.retryAfter ?? 2) * 1000);
      return !passing;
    }
  }

  /** The places in the queue of turns that were queued before this page came. */
  private async askPositions(): Promise<void> {
    for (const message of this.open) {
      if (message.state !== 'queued' || !message.turn_id || this.state.turns[message.turn_id]?.position != null) continue;
      try {
        const turn = await ask(api.GET('/api/turns/{turn_id}', { params: { path: { turn_id: message.turn_id } } }));
        this.state = turnTold(this.state, turn);
      } catch {
        return; // only a number that is not shown then
      }
    }
  }

  private scheduleReadMark(): void {
    clearTimeout(this.readTimer);
    this.readTimer = setTimeout(() => this.sendReadMark(), READ_AFTER);
  }

  private sendReadMark(): void {
    const seq = this.state.seq;
    if (!this.ready || this.error || seq <= this.readUpTo || document.visibilityState !== 'visible') return;
    this.readUpTo = seq;
    conversations.markRead(this.id, seq);
    const params = { path: { conversation_id: this.id } };
    ask(api.PUT('/api/conversations/{conversation_id}/read', { params, body: { seq } })).catch(() => {
      // The next event tries again.
    });
  }
}
