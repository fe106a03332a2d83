// SPDX-License-Identifier: Apache-2.0
// A clock that moves what says "5 minutes ago"; it stands still where nobody looks at it.
import { createSubscriber } from 'svelte/reactivity';
import { hostNow } from '../api/client.ts';
import { ago } from '../i18n/t.ts';

function ticking(every: number): () => void {
  return createSubscriber((update) => {
    const timer = setInterval(update, every);
    return () => clearInterval(timer);
  });
}

const minutes = ticking(30_000);
const seconds = ticking(1000);

/** "5 minutes ago", kept right. */
export function agoNow(time: string): string {
  minutes();
  return ago(time, hostNow());
}

/** This browser's clock, by the second. */
export function nowBySecond(): number {
  seconds();
  return Date.now();
}
