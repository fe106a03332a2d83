// SPDX-License-Identifier: Apache-2.0
// One file on its way: fetch tells nothing of what has been sent, XMLHttpRequest does.
import { refused } from '../api/client.ts';
import { noAnswer } from '../api/problem.ts';
import type { StoredFile } from '../api/types.ts';

export interface Sending {
  done: Promise<StoredFile>; // fails with an ApiError, or with an AbortError
  cancel: () => void;
}

function answered(request: XMLHttpRequest): StoredFile {
  let body: unknown = null;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // the status says enough
  }
  if (request.status === 201 && body !== null) return body as StoredFile;
  const headers = new Headers();
  for (const name of ['retry-after', 'x-request-id']) {
    const value = request.getResponseHeader(name);
    if (value !== null) headers.set(name, value);
  }
  throw refused(new Response(null, { status: request.status, headers }), body);
}

export function sendFile(workspaceId: string, name: string, file: Blob, onprogress: (sent: number) => void): Sending {
  const request = new XMLHttpRequest();
  const done = new Promise<StoredFile>((resolve, reject) => {
    request.upload.onprogress = (event) => onprogress(event.loaded);
    request.onload = () => {
      try {
        resolve(answered(request));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(noAnswer());
    request.ontimeout = request.onerror;
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
  });
  request.open('POST', `/api/workspaces/${workspaceId}/files?name=${encodeURIComponent(name)}`);
  // What the browser takes it for may be a form or a part, which the host refuses.
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  request.send(file);
  return { done, cancel: () => request.abort() };
}
