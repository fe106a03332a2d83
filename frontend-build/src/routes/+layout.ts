// SPDX-License-Identifier: Apache-2.0
// One page for every address: rendered in the browser, from /api.
export const ssr = false;
export const prerender = false;
