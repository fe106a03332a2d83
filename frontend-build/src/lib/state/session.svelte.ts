// SPDX-License-Identifier: Apache-2.0
// Who uses the page, and what the host says of itself.
import { api, ask, whenSignedOut } from '../api/client.ts';
import { asApiError, type ApiError } from '../api/problem.ts';
import type { Config, Me } from '../api/types.ts';

type Status = 'loading' | 'ready' | 'signed_out' | 'unreachable';

class Session {
  status = $state<Status>('loading');
  me = $state.raw<Me | null>(null);
  config = $state.raw<Config | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** The host runs another build than this page is of. */
  outdated = $state(false);
  private firstBuild: string | null = null;
  private signInUrl = $state<string | null>(null);

  constructor() {
    whenSignedOut((error) => this.signedOut(error));
  }

  /** Where to sign in and come back from to `place`. */
  signIn(place: string): string | null {
    const url = this.signInUrl ?? this.config?.sign_in_url ?? null;
    return url === '{return}' ? place : (url?.replaceAll('{return}', encodeURIComponent(place)) ?? null);
  }

  get build(): string {
    return this.config?.build ?? '';
  }

  async start(): Promise<void> {
    try {
      this.config ??= await ask(api.GET('/api/config'));
      this.me = await ask(api.GET('/api/me'));
      this.error = null;
      this.status = 'ready';
    } catch (reason) {
      const error = asApiError(reason);
      if (error.status === 401) return;
      this.error = error;
      this.status = 'unreachable';
    }
  }

  signedOut(error: ApiError | null): void {
    this.signInUrl = error?.signInUrl ?? this.signInUrl;
    this.status = 'signed_out';
  }

  /** The stream says at each connection which build runs; the first one is this page's. */
  sawBuild(build: string): void {
    this.firstBuild ??= build;
    if (build !== this.firstBuild) this.outdated = true;
  }

  async signOut(): Promise<void> {
    if (this.config?.sign_out_url) {
      location.assign(this.config.sign_out_url);
      return;
    }
    await ask(api.POST('/api/session/end'));
    this.signedOut(null);
  }
}

export const session = new Session();
