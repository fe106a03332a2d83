// SPDX-License-Identifier: Apache-2.0
// The stream of this tab: its state, and who hears what it tells.
import { SvelteMap } from 'svelte/reactivity';
import { Feed, type FeedStatus } from '../events/feed.ts';
import type { CallerEvent, ConversationEvent } from '../api/types.ts';
import { agents } from './agents.svelte.ts';
import { conversations } from './conversations.svelte.ts';
import { session } from './session.svelte.ts';
import { workspaces } from './workspaces.svelte.ts';

/** A conversation that is open in this tab. */
export interface Watcher {
  readonly id: string;
  /** The last event it knows; null while it is being loaded. */
  position: () => number | null;
  events: (events: ConversationEvent[]) => void;
  connected: () => void;
  /** The caller may do less than before, here or elsewhere. */
  accessChanged: () => void;
}

// A browser keeps six connections to a host. A tab that nobody sees gives its own back after a while and goes on
// from where it was when it is looked at.
const SLEEP_AFTER = 60_000;

interface Running {
  conversation_id: string;
  workspace_id: string;
}

class Live {
  status = $state.raw<FeedStatus>({ kind: 'idle' });
  online = $state(navigator.onLine);
  /** The turns under way in all of the caller's conversations. */
  readonly running = new SvelteMap<string, Running>();
  private watcher: Watcher | null = null;
  private everLive = false;
  private asleep = false;
  private sleepTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly feed = new Feed({
    url: () => this.url(),
    events: (events) => this.events(events),
    status: (status) => this.changed(status),
  });

  start(): void {
    addEventListener('online', this.back);
    addEventListener('offline', this.gone);
    addEventListener('pageshow', this.again);
    document.addEventListener('visibilitychange', this.looked);
    this.feed.start();
  }

  stop(): void {
    removeEventListener('online', this.back);
    removeEventListener('offline', this.gone);
    removeEventListener('pageshow', this.again);
    document.removeEventListener('visibilitychange', this.looked);
    clearTimeout(this.sleepTimer);
    this.feed.stop();
  }

  retryNow(): void {
    this.feed.retryNow();
  }

  get connected(): boolean {
    return this.status.kind === 'live';
  }

  /** Hears the events of one conversation from its position on. */
  watch(watcher: Watcher): void {
    this.watcher = watcher;
    this.feed.restart();
  }

  unwatch(watcher: Watcher): void {
    if (this.watcher === watcher) this.watcher = null;
  }

  runningIn(workspaceId: string): number {
    let count = 0;
    for (const turn of this.running.values()) if (turn.workspace_id === workspaceId) count++;
    return count;
  }

  isRunning(conversationId: string): boolean {
    for (const turn of this.running.values()) if (turn.conversation_id === conversationId) return true;
    return false;
  }

  private readonly back = (): void => {
    this.online = true;
    this.feed.retryNow();
  };

  // A connection that seems to stand is dead now; nobody would tell for 45 s.
  private readonly gone = (): void => {
    this.online = false;
    this.feed.restart();
  };

  private readonly again = (): void => {
    if (document.visibilityState === 'visible') this.feed.retryNow();
  };

  private readonly looked = (): void => {
    clearTimeout(this.sleepTimer);
    if (document.visibilityState === 'hidden') {
      this.sleepTimer = setTimeout(() => {
        this.asleep = true;
        this.feed.stop();
      }, SLEEP_AFTER);
    } else if (this.asleep) {
      this.feed.start();
    } else {
      this.feed.retryNow();
    }
  };

  private url(): string {
    const position = this.watcher?.position() ?? null;
    return position === null ? '/api/events' : `/api/events?watch=${this.watcher?.id}:${position}`;
  }

  private changed(status: FeedStatus): void {
    const connected = status.kind === 'live' && this.status.kind !== 'live';
    const lost = this.status.kind === 'connecting' && this.status.failures > 0;
    this.status = status;
    if (status.kind === 'ended') session.signedOut(status.error);
    if (!connected) return;
    // What was missed while away is not told again: read it.
    const missed = lost || this.asleep;
    this.asleep = false;
    if (this.everLive && missed) {
      void conversations.load();
      void workspaces.load();
    }
    this.everLive = true;
    this.watcher?.connected();
  }

  private events(events: CallerEvent[]): void {
    const watched: ConversationEvent[] = [];
    for (const event of events) {
      switch (event.event) {
        case 'state':
          this.running.clear();
          for (const turn of event.data.running) this.running.set(turn.turn_id, turn);
          agents.told(event.data.agents, true);
          session.sawBuild(event.data.build);
          break;
        case 'state.turn':
          this.turn(event.data);
          break;
        case 'state.conversation':
          conversations.moved(event.data);
          workspaces.touched(event.data.workspace_id, event.data.last_activity_at);
          break;
        case 'state.agent':
          agents.told([event.data], false);
          break;
        case 'session.ended':
          if (event.data.reason === 'signed_out') session.signedOut(null);
          else this.accessChanged();
          break;
        default:
          if (event.data.conversation_id === this.watcher?.id) watched.push(event);
      }
    }
    if (watched.length > 0) this.watcher?.events(watched);
  }

  /** The caller may do less than before: what is shown is read anew, and so is the stream. */
  private accessChanged(): void {
    void workspaces.load();
    void conversations.load();
    this.watcher?.accessChanged();
    this.feed.restart();
  }

  private turn(turn: Running & { turn_id: string; state: string }): void {
    if (['queued', 'running', 'waiting'].includes(turn.state)) this.running.set(turn.turn_id, turn);
    else this.running.delete(turn.turn_id);
  }
}

export const live = new Live();
