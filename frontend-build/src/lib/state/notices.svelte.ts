// SPDX-License-Identifier: Apache-2.0
// Short notices that come and go at the foot of the page, and the words for what went wrong.
import { t } from '../i18n/t.ts';
import { asApiError, NO_ANSWER, type ApiError } from '../api/problem.ts';

export interface Notice {
  id: number;
  text: string;
  error: ApiError | null;
}

const SHOWN = 6000;

class Notices {
  items = $state.raw<Notice[]>([]);
  private last = 0;

  say(text: string): void {
    const notice = { id: ++this.last, text, error: null };
    this.items = [...this.items, notice].slice(-4);
    setTimeout(() => this.dismiss(notice.id), SHOWN);
  }

  /** Errors stay until they are dismissed. */
  fail(reason: unknown): void {
    const error = asApiError(reason);
    if (error.status === 401) return; // the page says so by itself
    this.items = [...this.items, { id: ++this.last, text: errorText(error), error }].slice(-4);
  }

  dismiss(id: number): void {
    this.items = this.items.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();

/** What a person needs to hear about `error`. */
export function errorText(error: ApiError): string {
  if (error.code === NO_ANSWER) return t('error.no_answer');
  if (error.status === 0) return t('error.page');
  if (error.code === 'turn_queue_full') return t('composer.full');
  if (error.status === 403) return error.detail || t('error.forbidden');
  if (error.status === 404) return t('error.gone');
  if (error.status === 412) return t('error.changed');
  if (error.code === 'file_too_large') return t('error.file_too_large');
  if (error.code === 'workspace_full') return t('error.workspace_full');
  if (error.code === 'storage_full') return t('error.storage_full');
  if (error.status === 413) return t('error.too_large');
  if (error.status === 422 && error.errors.length > 0) return error.errors.map((entry) => entry.detail).join('; ');
  if (error.passing) return t('error.unavailable');
  return error.detail || error.title || t('error.other');
}

/** What to paste into a report. */
export function errorDetails(error: ApiError, build: string): string {
  const lines = [
    `code: ${error.code}`,
    `status: ${error.status}`,
    `request: ${error.requestId ?? '-'}`,
    `title: ${error.title}`,
    `detail: ${error.detail}`,
    `build: ${build}`,
    `page: ${location.pathname}`,
    `time: ${new Date().toISOString()}`,
  ];
  return lines.join('\n');
}
