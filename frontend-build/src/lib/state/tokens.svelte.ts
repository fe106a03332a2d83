// SPDX-License-Identifier: Apache-2.0
// The caller's personal access tokens.
import { api, ask } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Token, TokenMade } from '../api/types.ts';

export type Scope = Token['scopes'][number];
export const scopes: readonly Scope[] = ['read', 'write', 'mcp', 'metrics'];

export class Tokens {
  items = $state.raw<Token[] | null>(null);
  error = $state.raw<ApiError | null>(null);

  async load(): Promise<void> {
    try {
      this.items = (await ask(api.GET('/api/tokens'))).items;
      this.error = null;
    } catch (reason) {
      this.error = asApiError(reason);
    }
  }

  /** The one answer that ever holds the token's text. */
  async create(name: string, chosen: Scope[], days: number): Promise<TokenMade> {
    const made = await ask(api.POST('/api/tokens', { body: { name, scopes: chosen, expires_in_days: days } }));
    const { token: _text, ...token } = made;
    this.items = [token, ...(this.items ?? [])];
    return made;
  }

  async revoke(id: string): Promise<void> {
    await ask(api.DELETE('/api/tokens/{token_id}', { params: { path: { token_id: id } } }));
    this.items = (this.items ?? []).filter((token) => token.id !== id);
  }
}
