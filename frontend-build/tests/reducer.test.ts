// SPDX-License-Identifier: Apache-2.0
// Wherever the stream is cut and taken up again, the conversation ends as the same.
import { describe, expect, it } from 'vitest';
import type { ConversationEvent, Message, MessageList, MessagePosted } from '#lib/api/types.ts';
import { branch, emptyState, loaded, olderLoaded, posted, reduce, turnTold, utf8Length, type ConversationState } from '#lib/events/reducer.ts';

const C = '01970000-0000-7000-8000-00000000000c';
const Q = '01970000-0000-7000-8000-000000000001';
const A = '01970000-0000-7000-8000-000000000002';
const T = '01970000-0000-7000-8000-000000000003';
const TIME = '2026-01-02T03:04:05.678Z';

function message(id: string, change: Partial<Message> = {}): Message {
  return {
    id, conversation_id: C, parent_id: null, role: 'user', author: { subject: 'local', name: 'Ada' }, agent: null, content: 'Why?',
    iterations: null, state: 'complete', error_code: null, error_detail: null, turn_id: null, request_id: null, created_at: TIME,
    started_at: null, finished_at: null, siblings: { count: 1, position: 1 }, activities: [], notes: [], files: [], ...change,
  };
}

const answer = (change: Partial<Message> = {}): Message =>
  message(A, { parent_id: Q, role: 'assistant', author: null, agent: 'librarian', content: '', state: 'queued', turn_id: T, ...change });

const PIECES = ['Naïve ', '“quo', 'ted” ', '🦉 text', '\n\nend'];
const TEXT = PIECES.join('');

function conversation(title: string) {
  return { id: C, workspace_id: C, title, agent: null, pinned: false, archived_at: null, version: 2, created_at: TIME };
}

/** A turn from question to end, as the host writes it: positions rise with gaps. */
function turn(): ConversationEvent[] {
  const at = (seq: number) => ({ conversation_id: C, seq });
  const step = (state: 'running' | 'done', seq: number): ConversationEvent => ({
    event: 'turn.activity',
    data: {
      ...at(seq), turn_id: T, activity_id: '1', parent_id: null, kind: 'tool', name: 'search', agent: null, state,
      started_at: TIME, finished_at: state === 'done' ? TIME : null, summary: null,
    },
  });
  let offset = 0;
  const chunks = PIECES.map((text, index): ConversationEvent => {
    const chunk = { ...at(20 + 2 * index), turn_id: T, message_id: A, offset, text };
    offset += utf8Length(text);
    return { event: 'turn.chunk', data: chunk };
  });
  const done = answer({ state: 'complete', content: TEXT, started_at: TIME, finished_at: TIME });
  return [
    { event: 'message.created', data: { ...at(2), message: message(Q, { turn_id: T, agent: 'librarian' }) } },
    { event: 'message.created', data: { ...at(3), message: answer() } },
    { event: 'conversation.updated', data: { ...at(5), conversation: conversation('Why?'), current_message_id: A } },
    { event: 'turn.queued', data: { ...at(6), turn_id: T, question_id: Q, answer_id: A, agent: 'librarian', position: 1 } },
    { event: 'turn.started', data: { ...at(8), turn_id: T, question_id: Q, answer_id: A, agent: 'librarian', started_at: TIME } },
    step('running', 10),
    { event: 'turn.progress', data: { ...at(12), turn_id: T, message: 'Reading', progress: 1, total: 3 } },
    step('done', 14),
    ...chunks,
    { event: 'message.updated', data: { ...at(40), message: message(Q, { turn_id: T, siblings: { count: 2, position: 1 } }) } },
    { event: 'turn.done', data: { ...at(42), turn_id: T, answer_id: A, message: done, finished_at: TIME, duration_ms: 12 } },
  ];
}

const run = (events: ConversationEvent[], from: ConversationState = emptyState(C)): ConversationState => events.reduce(reduce, from);

function list(state: ConversationState): MessageList {
  return {
    items: branch(state), next: null, newer: null, current_message_id: state.current, running_turn: null, last_seq: state.seq, read_seq: 0,
  };
}

describe('a turn', () => {
  const events = turn();
  const whole = run(events);

  it('ends with the whole text', () => {
    expect(branch(whole).map((one) => [one.id, one.content])).toEqual([[Q, 'Why?'], [A, TEXT]]);
    expect(whole.stale).toBe(false);
    expect(whole.turns).toEqual({});
    expect(whole.messages[Q].siblings.count).toBe(2);
  });

  it.each(events.map((_, index) => index + 1))('cut after event %i and resumed, is the same', (cut) => {
    const before = run(events.slice(0, cut));
    // The host sends what comes after the position; a proxy may send some of it twice.
    const again = events.filter((event) => 'seq' in event.data && event.data.seq > before.seq - 6);
    expect(run(again, before)).toEqual(whole);
  });

  it.each(events.map((_, index) => index + 1))('read anew after event %i, ends with the same messages', (cut) => {
    const before = run(events.slice(0, cut));
    const anew = loaded(emptyState(C), list(before), before.conversation);
    const after = run(events.slice(cut), anew);
    expect(branch(after)).toEqual(branch(whole));
    expect(after.stale).toBe(false);
    expect(after.seq).toBe(whole.seq);
  });

  it.each(events.map((_, index) => index))('with event %i left out, ends right or knows that it is stale', (gone) => {
    const after = run(events.filter((_, index) => index !== gone));
    if (!after.stale) expect(after.messages[A]?.content ?? TEXT).toBe(TEXT);
  });

  it('grows by each chunk, never twice', () => {
    let state = emptyState(C);
    let text = '';
    for (const event of events) {
      state = reduce(reduce(state, event), event);
      if (event.event === 'turn.chunk') expect(state.messages[A].content).toBe((text += event.data.text));
    }
  });
});

describe('a chunk', () => {
  const base = run(turn().slice(0, 10)); // two chunks are in
  const chunk = (offset: number, text: string, seq = 30): ConversationEvent => ({
    event: 'turn.chunk', data: { conversation_id: C, seq, turn_id: T, message_id: A, offset, text },
  });
  const have = base.bytes[A];

  it('counts UTF-8 bytes', () => {
    expect(have).toBe(new TextEncoder().encode(PIECES[0] + PIECES[1]).length);
    expect(utf8Length('aé€🦉')).toBe(10);
  });

  it('that begins after what is there makes the state stale', () => {
    const after = reduce(base, chunk(have + 1, 'x'));
    expect(after.stale).toBe(true);
    expect(after.messages[A].content).toBe(base.messages[A].content);
  });

  it('that is known already changes nothing', () => {
    expect(reduce(base, chunk(0, PIECES[0])).messages).toBe(base.messages);
  });

  it('that is known in part adds the rest', () => {
    const after = reduce(base, chunk(have - utf8Length(PIECES[1]), `${PIECES[1]}é!`));
    expect(after.messages[A].content).toBe(`${PIECES[0]}${PIECES[1]}é!`);
    expect(after.bytes[A]).toBe(have + 3);
  });

  it('of an answer that nobody knows makes the state stale', () => {
    expect(reduce(emptyState(C), chunk(0, 'x')).stale).toBe(true);
  });

  it('after the end of the answer changes nothing', () => {
    const whole = run(turn());
    expect(reduce(whole, chunk(999, 'late', 99)).messages[A].content).toBe(TEXT);
  });
});

describe('other events', () => {
  it('a snapshot stands for the chunks that it covers', () => {
    const events = turn();
    const before = run(events.slice(0, 9));
    const snapshot: ConversationEvent = {
      event: 'message.snapshot',
      data: {
        conversation_id: C, seq: 24, message_id: A, turn_id: T, state: 'running', content: PIECES.slice(0, 3).join(''),
        length: utf8Length(PIECES.slice(0, 3).join('')), activities: [],
      },
    };
    const after = run([snapshot, ...events.filter((event) => 'seq' in event.data && event.data.seq > 24)], before);
    expect(after.messages[A].content).toBe(TEXT);
    expect(after.stale).toBe(false);
  });

  it.each(['turn.failed', 'turn.interrupted', 'turn.cancelled'] as const)('%s keeps the text so far', (event) => {
    const before = run(turn().slice(0, 10));
    const state = event === 'turn.failed' ? 'failed' : event === 'turn.cancelled' ? 'cancelled' : 'interrupted';
    const ended = answer({ state, content: before.messages[A].content });
    const data = { conversation_id: C, seq: 50, turn_id: T, answer_id: A, message: ended, finished_at: TIME, duration_ms: 1 };
    const after = reduce(before, { event, data: { ...data, code: 'agent_cut', reason: 'gone' } } as ConversationEvent);
    expect(after.messages[A].state).toBe(state);
    expect(after.messages[A].content).toBe(PIECES[0] + PIECES[1]);
    expect(after.turns).toEqual({});
  });

  it('a progress that fell is remembered', () => {
    const progress = (seq: number, value: number): ConversationEvent => ({
      event: 'turn.progress', data: { conversation_id: C, seq, turn_id: T, message: null, progress: value, total: 9 },
    });
    const state = run([progress(50, 3), progress(51, 2)], run(turn().slice(0, 6)));
    expect(state.turns[T]).toMatchObject({ best: 3, fell: true });
  });

  it('of another conversation changes nothing', () => {
    const [event] = turn();
    const other = { ...event, data: { ...event.data, conversation_id: Q } } as ConversationEvent;
    const state = emptyState(C);
    expect(reduce(state, other)).toBe(state);
  });

  it('of a kind that this build does not know moves only the position', () => {
    const state = run(turn());
    const after = reduce(state, { event: 'turn.sang', data: { conversation_id: C, seq: 60 } } as unknown as ConversationEvent);
    expect(after).toEqual({ ...state, seq: 60 });
  });

  it('a reset makes the state stale whatever its position', () => {
    expect(reduce(run(turn()), { event: 'stream.reset', data: { conversation_id: C, seq: 1 } }).stale).toBe(true);
  });

  it('deleting and losing access end it', () => {
    expect(reduce(run(turn()), { event: 'conversation.deleted', data: { conversation_id: C, seq: 70 } }).ending).toBe('deleted');
    expect(reduce(run(turn()), { event: 'session.ended', data: { reason: 'access_lost' } }).ending).toBe('access_lost');
  });

  it('a branch that is not known yet makes the state stale', () => {
    const data = { conversation_id: C, seq: 70, conversation: conversation('x'), current_message_id: C };
    expect(reduce(run(turn()), { event: 'conversation.updated', data }).stale).toBe(true);
  });
});

describe('answers to requests', () => {
  const events = turn();
  const question = message(Q, { turn_id: T });
  const post: MessagePosted = {
    message: question,
    turn: {
      id: T, conversation_id: C, question_id: Q, answer_id: A, agent: 'librarian', state: 'queued', position: 2, error_code: null, error_detail: null,
      request_id: null, created_at: TIME, started_at: null, finished_at: null, duration_ms: null, activities: [], notes: [],
    },
  };

  it.each(events.map((_, index) => index))('a post that is answered after %i events changes nothing that they told', (cut) => {
    const after = run(events.slice(cut), posted(run(events.slice(0, cut)), post));
    expect(branch(after)).toEqual(branch(run(events)));
    expect(after.current).toBe(A);
  });

  it('a turn told by a read gives its place in the queue', () => {
    const state = loaded(emptyState(C), { ...list(run(events.slice(0, 2))) }, null);
    expect(turnTold(state, post.turn as NonNullable<MessagePosted['turn']>).turns[T].position).toBe(2);
  });

  it('older messages come before those that are there', () => {
    const state = loaded(emptyState(C), { ...list(run(events)), items: [answer({ state: 'complete' })], next: 'more' }, null);
    expect(branch(state).map((one) => one.id)).toEqual([A]);
    const more = olderLoaded(state, { ...list(run(events)), items: [question], next: null });
    expect(branch(more).map((one) => one.id)).toEqual([Q, A]);
    expect(more.older).toBeNull();
  });
});
