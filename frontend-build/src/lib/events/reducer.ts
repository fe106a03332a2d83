// SPDX-License-Identifier: Apache-2.0
// What a conversation is after an event: pure, so that the tests can cut the stream after any event. An event
// at or before the last position changes nothing; text that does not join makes the state `stale`, and its
// owner reads the messages anew.
import type { Activity, Conversation, ConversationEvent, Message, MessageList, MessagePosted, Turn } from '../api/types.ts';

export interface Progress {
  message: string | null;
  progress: number | null;
  total: number | null;
}

/** What is known of a turn beyond its answer. */
export interface TurnState {
  answerId: string;
  questionId: string | null;
  position: number | null;
  progress: Progress | null;
  best: number; // the largest progress so far: a number that fell is not drawn as a bar
  fell: boolean;
}

export type Ending = 'deleted' | 'signed_out' | 'access_lost';

export interface ConversationState {
  readonly id: string;
  readonly conversation: Conversation | null;
  readonly seq: number;
  readonly messages: Readonly<Record<string, Message>>;
  readonly bytes: Readonly<Record<string, number>>; // UTF-8 length of answers that are being written
  readonly turns: Readonly<Record<string, TurnState>>;
  readonly current: string | null;
  readonly older: string | null; // cursor towards the beginning
  readonly stale: boolean;
  readonly ending: Ending | null;
}

const encoder = new TextEncoder();

export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) length += 1;
    else if (code < 0x800) length += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      length += 4;
      i++;
    } else length += 3;
  }
  return length;
}

export function emptyState(id: string): ConversationState {
  return {
    id, conversation: null, seq: 0, messages: {}, bytes: {}, turns: {}, current: null, older: null, stale: false, ending: null,
  };
}

export const isOpen = (state: Message['state']): boolean => state === 'queued' || state === 'running' || state === 'waiting';

function turnOf(state: ConversationState, turnId: string, known: Partial<TurnState> = {}): TurnState {
  const before = state.turns[turnId] ?? {
    answerId: '', questionId: null, position: null, progress: null, best: 0, fell: false,
  };
  return { ...before, ...known };
}

function withTurn(state: ConversationState, turnId: string, turn: TurnState): ConversationState {
  return { ...state, turns: { ...state.turns, [turnId]: turn } };
}

function withMessage(state: ConversationState, message: Message): ConversationState {
  let next = { ...state, messages: { ...state.messages, [message.id]: message } };
  if (message.role === 'assistant' && isOpen(message.state)) {
    next.bytes = { ...state.bytes, [message.id]: utf8Length(message.content) };
  } else if (message.id in state.bytes) {
    const { [message.id]: _gone, ...bytes } = state.bytes;
    next.bytes = bytes;
  }
  if (message.role === 'assistant' && message.turn_id) {
    next = withTurn(next, message.turn_id, turnOf(next, message.turn_id, { answerId: message.id, questionId: message.parent_id }));
  }
  return next;
}

function change(state: ConversationState, messageId: string, change: Partial<Message>): ConversationState {
  const message = state.messages[messageId];
  return message ? { ...state, messages: { ...state.messages, [messageId]: { ...message, ...change } } } : state;
}

/** The state as `GET messages` tells it: the newest page, or the page before what is known. */
export function loaded(state: ConversationState, list: MessageList, conversation: Conversation | null): ConversationState {
  let next: ConversationState = {
    ...emptyState(state.id),
    conversation: conversation ?? state.conversation,
    seq: list.last_seq,
    current: list.current_message_id,
    older: list.next,
  };
  for (const message of list.items) next = withMessage(next, message);
  for (const [turnId, turn] of Object.entries(state.turns)) {
    if (turnId in next.turns) next = withTurn(next, turnId, { ...turn, ...next.turns[turnId], position: turn.position, progress: turn.progress });
  }
  return next;
}

export function olderLoaded(state: ConversationState, list: MessageList): ConversationState {
  let next = { ...state, older: list.next };
  for (const message of list.items) {
    if (!(message.id in next.messages)) next = withMessage(next, message);
  }
  return next;
}

/** What the answer to a post tells, whether its events have come already or not. */
export function posted(state: ConversationState, answer: MessagePosted): ConversationState {
  let next = state;
  if (!(answer.message.id in next.messages)) {
    next = { ...withMessage(next, answer.message), current: answer.message.id };
  }
  return answer.turn ? turnTold(next, answer.turn) : next;
}

/** What a read of a turn tells. */
export function turnTold(state: ConversationState, turn: Turn): ConversationState {
  const known = state.turns[turn.id];
  if (known?.position != null || !['queued', 'running', 'waiting'].includes(turn.state)) return state;
  return withTurn(state, turn.id, turnOf(state, turn.id, { answerId: turn.answer_id, questionId: turn.question_id, position: turn.position }));
}

function activityChanged(activities: Activity[], changed: Activity): Activity[] {
  const at = activities.findIndex((activity) => activity.activity_id === changed.activity_id);
  return at < 0 ? [...activities, changed] : activities.with(at, changed);
}

type EventData<K extends ConversationEvent['event']> = Extract<ConversationEvent, { event: K }>['data'];

function chunkCame(state: ConversationState, data: EventData<'turn.chunk'>): ConversationState {
  const message = state.messages[data.message_id];
  if (!message) return { ...state, stale: true };
  if (!isOpen(message.state)) return state;
  const have = state.bytes[data.message_id] ?? utf8Length(message.content);
  if (data.offset > have) return { ...state, stale: true };
  const raw = encoder.encode(data.text);
  const known = have - data.offset;
  if (known >= raw.length) return state;
  const added = known === 0 ? data.text : new TextDecoder().decode(raw.subarray(known));
  const next = change(state, data.message_id, { content: message.content + added, state: 'running' });
  return { ...next, bytes: { ...next.bytes, [data.message_id]: data.offset + raw.length } };
}

function progressCame(state: ConversationState, data: EventData<'turn.progress'>): ConversationState {
  const turn = turnOf(state, data.turn_id);
  const value = data.progress ?? 0;
  return withTurn(state, data.turn_id, {
    ...turn,
    progress: { message: data.message, progress: data.progress, total: data.total },
    best: Math.max(turn.best, value),
    fell: turn.fell || value < turn.best,
  });
}

function activityCame(state: ConversationState, data: EventData<'turn.activity'>): ConversationState {
  const { conversation_id: _conversation, seq: _seq, turn_id: turnId, ...activity } = data;
  const answerId = state.turns[turnId]?.answerId;
  const message = answerId ? state.messages[answerId] : undefined;
  if (!answerId || !message) return { ...state, stale: true };
  return change(state, answerId, { activities: activityChanged(message.activities, activity) });
}

function snapshotCame(state: ConversationState, data: EventData<'message.snapshot'>): ConversationState {
  if (!(data.message_id in state.messages)) return { ...state, stale: true };
  const next = change(state, data.message_id, {
    content: data.content, state: data.state, activities: data.activities, turn_id: data.turn_id,
  });
  const turns = withTurn(next, data.turn_id, turnOf(next, data.turn_id, { answerId: data.message_id }));
  return { ...turns, bytes: { ...turns.bytes, [data.message_id]: data.length } };
}

function turnEnded(state: ConversationState, turnId: string, message: Message): ConversationState {
  const next = withMessage(state, message);
  const { [turnId]: _over, ...turns } = next.turns;
  return { ...next, turns };
}

function apply(state: ConversationState, event: ConversationEvent): ConversationState {
  switch (event.event) {
    case 'message.created':
      return { ...withMessage(state, event.data.message), current: event.data.message.id };
    case 'message.updated':
      return withMessage(state, event.data.message);
    case 'message.snapshot':
      return snapshotCame(state, event.data);
    case 'conversation.updated': {
      const current = event.data.current_message_id ?? state.current;
      const unknown = current !== null && !(current in state.messages);
      return { ...state, conversation: event.data.conversation, current, stale: state.stale || unknown };
    }
    case 'conversation.deleted':
      return { ...state, ending: 'deleted' };
    case 'turn.queued': {
      const { turn_id: id, answer_id: answerId, question_id: questionId, position } = event.data;
      return withTurn(change(state, answerId, { state: 'queued' }), id, turnOf(state, id, { answerId, questionId, position }));
    }
    case 'turn.started': {
      const { turn_id: id, answer_id: answerId, question_id: questionId, started_at } = event.data;
      const next = change(state, answerId, { state: 'running', started_at });
      return withTurn(next, id, turnOf(next, id, { answerId, questionId, position: null }));
    }
    case 'turn.progress':
      return progressCame(state, event.data);
    case 'turn.activity':
      return activityCame(state, event.data);
    case 'turn.chunk':
      return chunkCame(state, event.data);
    case 'turn.done':
    case 'turn.failed':
    case 'turn.cancelled':
    case 'turn.interrupted':
      return turnEnded(state, event.data.turn_id, event.data.message);
    case 'stream.reset':
      return { ...state, stale: true };
    case 'session.ended':
      return event.data.reason === 'access_changed' ? state : { ...state, ending: event.data.reason };
    default:
      return unknownKind(event, state);
  }
}

/** A kind that this build does not know yet: later kinds must not break it, missing ones must not compile. */
function unknownKind(_event: never, state: ConversationState): ConversationState {
  return state;
}

export function reduce(state: ConversationState, event: ConversationEvent): ConversationState {
  if (event.event === 'session.ended') return apply(state, event);
  const { conversation_id: id, seq } = event.data;
  if (id !== state.id) return state;
  // A reset tells that the own position is worth nothing, so it is not measured by it.
  if (event.event === 'stream.reset') return apply(state, event);
  if (seq <= state.seq) return state;
  return { ...apply(state, event), seq };
}

/** The messages of the branch that is shown, oldest first. */
export function branch(state: ConversationState): Message[] {
  const path: Message[] = [];
  let id = state.current;
  while (id !== null && id in state.messages) {
    const message: Message = state.messages[id];
    path.push(message);
    id = path.length > 100_000 ? null : message.parent_id;
  }
  return path.reverse();
}
