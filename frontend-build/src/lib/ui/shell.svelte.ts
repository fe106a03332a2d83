// SPDX-License-Identifier: Apache-2.0
// What the frame and the screens inside it share.
import type { MessageFile } from '../api/types.ts';

class Shell {
  /** The side bar is shown over the screen (narrow screens only). */
  drawer = $state(false);
  /** The dialog of access tokens. */
  tokens = $state(false);
  /** The dialog that connects programs. */
  connect = $state(false);
  /** The file that is looked at. */
  preview = $state.raw<MessageFile | null>(null);
}

export const shell = new Shell();
