// SPDX-License-Identifier: Apache-2.0
// Words: the catalogue, numbers in them, what is read out, what is kept.
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '#lib/api/problem.ts';
import { en } from '#lib/i18n/en.ts';
import { ago, duration, t } from '#lib/i18n/t.ts';
import { loadDraft, loadDraftFiles, loadOutbox, saveDraft, saveOutbox } from '#lib/state/drafts.ts';
import { errorText } from '#lib/state/notices.svelte.ts';
import { Announcer, sentences, spoken } from '#lib/ui/announce.svelte.ts';

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith('en.ts'))
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8'));
}

describe('the catalogue', () => {
  const code = sources('src').join('\n');

  it('has no word that nobody says', () => {
    // Keys put together from parts, such as `health.${health}`.
    const families = [...code.matchAll(/t\(`([\w.]+)\$\{/g)].map((match) => match[1]);
    const unused = Object.keys(en).filter((key) => !code.includes(`'${key}'`) && !families.some((family) => key.startsWith(family)));
    expect(unused).toEqual([]);
  });

  it('fills in words and chooses by number', () => {
    expect(t('home.running', { count: 1 })).toBe('1 answer under way');
    expect(t('home.running', { count: 1200 })).toBe('1,200 answers under way');
    expect(t('workspace.delete_title', { name: '{name} $& <b>' })).toBe('Delete “{name} $& <b>”?');
  });

  it.each([
    [0, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [-5, '0 s'],
  ])('%i ms are %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

  it.each([
    [10, 'just now'],
    [120, '2 minutes ago'],
    [7200, '2 hours ago'],
    [90_000, 'yesterday'],
  ])('%i seconds are %s', (seconds, text) => {
    const now = Date.parse('2026-05-05T12:00:00Z');
    expect(ago(new Date(now - seconds * 1000).toISOString(), now)).toBe(text);
  });
});

describe('errors', () => {
  it.each([
    [new ApiError(0, 'no_answer', '', ''), t('error.no_answer')],
    [new ApiError(503, 'draining', '', ''), t('error.unavailable')],
    [new ApiError(409, 'turn_queue_full', '', ''), t('composer.full')],
    [new ApiError(404, 'not_found', '', ''), t('error.gone')],
    [new ApiError(422, 'invalid', '', '', null, null, null, [{ pointer: '/name', detail: 'is too long' }]), 'is too long'],
    [new ApiError(418, 'teapot', 'Teapot', ''), 'Teapot'],
    [new ApiError(500, 'failed', '', ''), t('error.other')],
  ])('%s has words', (error, text) => expect(errorText(error)).toBe(text));
});

describe('reading out', () => {
  it('takes whole sentences', () => {
    expect(sentences('One. Two! Thr')).toBe('One. Two!');
    expect(sentences('No end yet')).toBe('');
    expect(sentences('A 3.5 ratio')).toBe('');
  });

  it('says Markdown as words', () => {
    expect(spoken('## Title\n\n- **a** [b](http://c)\n\n```js\ncode\n```\n> q')).toBe('Title a b q');
  });

  describe('an answer', () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it('is said at its begin, at most every three seconds, and at its end', () => {
      const announcer = new Announcer();
      announcer.begin('1', '', 'begins');
      expect(announcer.said).toBe('begins');
      announcer.grow('1', 'First. Sec');
      vi.advanceTimersByTime(2900);
      expect(announcer.said).toBe('begins');
      vi.advanceTimersByTime(200);
      expect(announcer.said).toBe('First.');
      announcer.grow('1', 'First. Second. ');
      announcer.end('1', 'complete');
      vi.advanceTimersByTime(9000);
      expect(announcer.said).toBe('complete');
    });

    it('is not said again where it was complete when the page came', () => {
      const announcer = new Announcer();
      announcer.end('1', 'complete');
      expect(announcer.said).toBe('');
    });
  });
});

describe('what is kept', () => {
  beforeEach(() => localStorage.clear());

  it('is the draft of each place, until it is empty', () => {
    saveDraft('c:1', 'half a thought', []);
    saveDraft('c:2', 'another', []);
    expect(loadDraft('c:1')).toBe('half a thought');
    saveDraft('c:1', '  ', []);
    expect(loadDraft('c:1')).toBe('');
    expect(loadDraft('c:2')).toBe('another');
  });

  it('is what is to be attached, also without words', () => {
    const file = { id: '1', name: 'a.png', media_type: 'image/png', size: 3 };
    saveDraft('c:1', '', [file]);
    expect([loadDraft('c:1'), loadDraftFiles('c:1')]).toEqual(['', [file]]);
    saveDraft('c:1', '', []);
    expect(localStorage).toHaveLength(0);
    expect(loadDraftFiles('c:1')).toEqual([]);
  });

  it('is not more than sixty drafts', () => {
    vi.useFakeTimers();
    for (let i = 0; i < 70; i++) {
      vi.setSystemTime(i);
      saveDraft(`c:${i}`, 'x', []);
    }
    vi.useRealTimers();
    expect(loadDraft('c:0')).toBe('');
    expect(loadDraft('c:69')).toBe('x');
    expect(localStorage).toHaveLength(60);
  });

  it('is what was sent and not acknowledged', () => {
    const unsent = [{ key: 'k', content: 'x', agent: null, at: 'now' }];
    saveOutbox('1', unsent);
    expect(loadOutbox('1')).toEqual(unsent);
    saveOutbox('1', []);
    expect(localStorage).toHaveLength(0);
  });

  it('is nothing where the store holds nonsense', () => {
    localStorage.setItem('daedalus:draft:c:1', '{oops');
    expect(loadDraft('c:1')).toBe('');
  });
});
