// SPDX-License-Identifier: Apache-2.0
// The registered agents and how they are.
import { api, ask } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Agent, AgentHealth } from '../api/types.ts';

export interface AgentState {
  slug: string;
  title: string;
  health: AgentHealth;
  reason: string | null;
}

class Agents {
  items = $state.raw<Agent[] | null>(null);
  error = $state.raw<ApiError | null>(null);

  async load(): Promise<void> {
    try {
      this.items = (await ask(api.GET('/api/agents'))).items;
      this.error = null;
    } catch (reason) {
      this.error = asApiError(reason);
    }
  }

  async check(slug: string): Promise<void> {
    this.replace(await ask(api.POST('/api/agents/{agent}/check', { params: { path: { agent: slug } } })));
  }

  /** States told by the stream; an agent that is not known yet makes the list be read anew. */
  told(states: AgentState[], all: boolean): void {
    const items = this.items;
    if (!items) return;
    const known = new Map(states.map((state) => [state.slug, state]));
    const other = states.some((state) => !items.some((agent) => agent.slug === state.slug));
    if (other || (all && states.length !== items.length)) {
      void this.load();
      return;
    }
    this.items = items.map((agent) => {
      const state = known.get(agent.slug);
      return state ? { ...agent, title: state.title, health: state.health, reason: state.reason } : agent;
    });
  }

  find(slug: string | null | undefined): Agent | undefined {
    return slug ? this.items?.find((agent) => agent.slug === slug) : undefined;
  }

  title(slug: string | null | undefined): string {
    return this.find(slug)?.title ?? slug ?? '';
  }

  /** Those that a workspace may ask. */
  allowed(slugs: string[]): Agent[] {
    const items = this.items ?? [];
    return slugs.length === 0 ? items : items.filter((agent) => slugs.includes(agent.slug));
  }

  /** Who answers where nobody was chosen: the first that can. */
  fallback(slugs: string[]): Agent | undefined {
    const allowed = this.allowed(slugs);
    return allowed.find((agent) => agent.health === 'ok') ?? allowed.find((agent) => agent.health !== 'error') ?? allowed[0];
  }

  private replace(changed: Agent): void {
    this.items = (this.items ?? []).map((agent) => (agent.slug === changed.slug ? changed : agent));
  }
}

export const agents = new Agents();
