// SPDX-License-Identifier: Apache-2.0
// Words of the page by key. A catalogue is one flat object; its keys and the words to fill in are types, so a
// wrong one does not compile.
import { en } from './en.ts';

export type Key = keyof typeof en;

type Plural = { readonly one: string; readonly other: string };
type Entry = string | Plural;
export type Catalogue = Readonly<Record<Key, Entry>>;

type Names<S extends string> = S extends `${string}{${infer N}}${infer Rest}` ? N | Names<Rest> : never;
type NamesOf<E> = E extends string ? Names<E> : E extends Plural ? Names<E['one']> | Names<E['other']> | 'count' : never;
type Values<K extends Key> = Record<NamesOf<(typeof en)[K]>, string | number>;
type Arguments<K extends Key> = [NamesOf<(typeof en)[K]>] extends [never] ? [] : [values: Values<K>];

export const locale = 'en';

const catalogue: Catalogue = en;
const plurals = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
const dates = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (all, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : all;
    return typeof value === 'number' ? numbers.format(value) : value;
  });
}

export function t<K extends Key>(key: K, ...[values]: Arguments<K>): string {
  const entry: Entry = catalogue[key];
  const given = (values ?? {}) as Record<string, string | number>;
  if (typeof entry === 'string') return values ? fill(entry, given) : entry;
  return fill(plurals.select(Number(given.count)) === 'one' ? entry.one : entry.other, given);
}

/** "12 s", "3 min", "3 min 20 s". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return t('unit.s', { n: seconds });
  const minutes = Math.floor(seconds / 60);
  return seconds % 60 === 0 ? t('unit.min', { n: minutes }) : t('unit.min_s', { min: minutes, s: seconds % 60 });
}

/** "just now", "5 minutes ago", "yesterday", then the date. */
export function ago(time: string, now: number): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  if (seconds > -45) return t('time.now');
  if (seconds > -3600) return relative.format(Math.round(seconds / 60), 'minute');
  if (seconds > -86_400) return relative.format(Math.round(seconds / 3600), 'hour');
  if (seconds > -7 * 86_400) return relative.format(Math.round(seconds / 86_400), 'day');
  return dates.format(new Date(time));
}

/** The exact moment, for titles. */
export function moment(time: string): string {
  return moments.format(new Date(time));
}

export function hourOf(time: string): string {
  return clock.format(new Date(time));
}
