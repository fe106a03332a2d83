// SPDX-License-Identifier: Apache-2.0
// What is said of a file before and after it is uploaded: its kind, its size in words, its name, why it is refused.
import { t } from '../i18n/t.ts';
import type { FileSpace } from '../api/types.ts';

export type Kind = 'image' | 'text' | 'other';
export type Refusal = 'folder' | 'name' | 'too_large' | 'full';

/** What a person chose: a file, or a folder that was dropped. */
export interface Chosen {
  file: File | null;
  name: string;
}

const LONGEST_NAME = 255; // bytes
const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif']);
const TEXTS = new Set(['application/json', 'application/xml', 'image/svg+xml']);
const UNITS = ['b', 'kb', 'mb', 'gb', 'tb'] as const;

/** How it can be looked at: images that hold no program, texts as text, all else not here. */
export function kindOf(mediaType: string): Kind {
  if (IMAGES.has(mediaType)) return 'image';
  return mediaType.startsWith('text/') || TEXTS.has(mediaType) ? 'text' : 'other';
}

export function sizeText(bytes: number): string {
  const power = Math.min(bytes < 1024 ? 0 : Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  const value = bytes / 1024 ** power;
  return t(`size.${UNITS[power]}`, { n: value < 10 ? Math.round(value * 10) / 10 : Math.round(value) });
}

/** Letters of the name's end, for those that have no picture. */
export function extensionOf(name: string): string {
  return /\.([a-z0-9]{1,4})$/i.exec(name)?.[1]?.toUpperCase() ?? '';
}

export function contentUrl(fileId: string): string {
  return `/api/files/${fileId}/content`;
}

/** Pictures from the clipboard are all called the same: they are named by the time. */
export function nameOf(file: { name: string }, pasted: boolean, now: Date): string {
  const generic = /^image\.(\w+)$/.exec(file.name);
  if (!pasted || !generic) return file.name;
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `image ${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}.${generic[1]}`;
}

/** Why it need not be sent, as the host would refuse it. `waiting`: bytes that go before it. */
export function refusalOf({ file, name }: Chosen, space: FileSpace | null, waiting: number): Refusal | null {
  if (!file) return 'folder';
  if (new TextEncoder().encode(name.normalize('NFC').trim()).length > LONGEST_NAME) return 'name';
  if (!space) return null;
  if (file.size > space.largest_file) return 'too_large';
  return space.limit !== null && space.used + waiting + file.size > space.limit ? 'full' : null;
}

export function refusalText(refusal: Refusal, space: FileSpace | null): string {
  switch (refusal) {
    case 'folder':
      return t('files.refused_folder');
    case 'name':
      return t('files.refused_name');
    case 'too_large':
      return space ? t('files.refused_too_large', { limit: sizeText(space.largest_file) }) : t('error.file_too_large');
    case 'full':
      return space?.limit
        ? t('files.refused_full', { left: sizeText(Math.max(0, space.limit - space.used)), limit: sizeText(space.limit) })
        : t('error.workspace_full');
  }
}

/** The files of a drop. Folders are told apart here, while the drop is being handled: later it is too late. */
export function chosenOf(transfer: Pick<DataTransfer, 'items' | 'files'>): Chosen[] {
  const chosen: Chosen[] = [];
  for (const item of transfer.items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry?.();
    const file = entry?.isDirectory ? null : item.getAsFile();
    if (file) chosen.push({ file, name: file.name });
    else if (entry) chosen.push({ file: null, name: entry.name });
  }
  return chosen;
}

/** What a paste brings. Words that were copied come with a picture of themselves in some programs: they are words. */
export function pastedOf(transfer: Pick<DataTransfer, 'types' | 'files'>, now: Date): Chosen[] {
  if (transfer.types.includes('text/plain')) return [];
  return [...transfer.files].map((file) => ({ file, name: nameOf(file, true, now) }));
}

/** Bytes a second over the last seconds, from what had been sent when. */
export class Meter {
  private readonly marks: { at: number; sent: number }[] = [];

  constructor(private readonly window = 4000) {}

  /** 0 while too little is known. */
  mark(at: number, sent: number): number {
    this.marks.push({ at, sent });
    while (this.marks.length > 2 && this.marks[1].at <= at - this.window) this.marks.shift();
    const first = this.marks[0];
    return at - first.at < 250 ? 0 : Math.max(0, ((sent - first.sent) * 1000) / (at - first.at));
  }
}
