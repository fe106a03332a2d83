// SPDX-License-Identifier: Apache-2.0
// Where a link or an image of an agent's text may point.

/** The address a link may lead to, or null: web and mail addresses and paths of this site only. */
export function safeHref(href: string): string | null {
  const text = href.trim();
  if (/^(https?:\/\/|mailto:)/i.test(text)) return URL.canParse(text) ? text : null;
  if (/^\/(?![/\\])/.test(text) || text.startsWith('#')) return text;
  return null;
}

/** Whether an image may be loaded: files of this site and small inline pictures. Others tell their server who reads. */
export function safeImage(href: string): boolean {
  return /^\/(?![/\\])/.test(href) || /^data:image\/(png|jpeg|gif|webp);base64,/i.test(href);
}

export function leavesSite(href: string): boolean {
  return /^https?:/i.test(href);
}
