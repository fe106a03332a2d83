// SPDX-License-Identifier: Apache-2.0
// What the frame and the screens inside it share.
class Shell {
  /** The side bar is shown over the screen (narrow screens only). */
  drawer = $state(false);
  /** The dialog of access tokens. */
  tokens = $state(false);
}

export const shell = new Shell();
