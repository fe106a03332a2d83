// SPDX-License-Identifier: Apache-2.0
// What a screen reader hears of an answer: that it begins, whole sentences at most every three seconds, its end.
const PAUSE = 3000;

/** The whole sentences at the start of `text`; "" while the first is not complete. */
export function sentences(text: string): string {
  const end = Math.max(...[...text.matchAll(/[.!?…:](?=\s)|\n\n/g)].map((match) => match.index + match[0].length), 0);
  return text.slice(0, end);
}

/** Markdown as it is spoken. */
export function spoken(text: string): string {
  return text
    .replace(/```[\s\S]*?(?:```|$)/g, ' ')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s*(?:#{1,6}|>|[-*+]|\d+\.)\s+/gm, '')
    .replace(/[*_`~|]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

export class Announcer {
  said = $state('');
  private id: string | null = null;
  private at = 0;
  private text = '';
  private last = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** An answer is under way; what it says already is not read out again. */
  begin(id: string, known: string, words: string): void {
    if (this.id === id) return;
    this.id = id;
    this.at = known.length;
    this.text = known;
    this.last = Date.now();
    this.said = words;
  }

  grow(id: string, text: string): void {
    if (this.id !== id) return;
    this.text = text;
    this.timer ??= setTimeout(() => this.speak(), Math.max(0, this.last + PAUSE - Date.now()));
  }

  end(id: string, words: string): void {
    if (this.id !== id) return;
    this.stop();
    this.id = null;
    this.said = words;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private speak(): void {
    this.timer = undefined;
    const fresh = sentences(this.text.slice(this.at));
    if (fresh === '') return;
    this.at += fresh.length;
    this.last = Date.now();
    const words = spoken(fresh);
    if (words !== '') this.said = words;
  }
}
