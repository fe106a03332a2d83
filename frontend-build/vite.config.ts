// SPDX-License-Identifier: Apache-2.0
// How the page is built: one static page with a strict policy, everything else is fetched from /api.
import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

const output = process.env.PAGE_OUTPUT ?? 'node_modules/.cache/page';

// The style attribute of SvelteKit's own route announcer, the only one in the page.
const ANNOUNCER = 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo=';

export default defineConfig({
  plugins: [
    sveltekit({
      adapter: adapter({ pages: output, assets: output, fallback: 'index.html', precompress: true, strict: true }),
      outDir: '.svelte-kit',
      paths: { relative: false },
      version: { name: process.env.PAGE_VERSION ?? process.env.npm_package_version ?? 'unknown', pollInterval: 0 },
      csp: {
        mode: 'hash',
        directives: {
          'default-src': ['none'],
          'script-src': ['self'],
          'style-src': ['self'],
          'style-src-attr': ['unsafe-hashes', ANNOUNCER],
          'img-src': ['self', 'blob:', 'data:'],
          'font-src': ['self'],
          'connect-src': ['self'],
          'manifest-src': ['self'],
          'worker-src': ['self'],
          'base-uri': ['none'],
          'form-action': ['self'],
          'require-trusted-types-for': ['script'],
          'trusted-types': ['svelte-trusted-html'],
        },
      },
    }),
  ],
  build: { assetsInlineLimit: 0, reportCompressedSize: false },
  environments: {
    client: {
      build: {
        rolldownOptions: {
          output: {
            // What several screens share is one file, not twenty. SvelteKit fills in its payload before the rest
            // of it runs, so that module stays by itself.
            codeSplitting: {
              groups: [
                { name: 'payload', test: /runtime[\\/]client[\\/]payload\.js$/, priority: 2 },
                { name: 'shared', test: /src[\\/]lib|node_modules[\\/](?!highlight)/, minShareCount: 2, priority: 1 },
              ],
            },
          },
        },
      },
    },
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'jsdom', testTimeout: 30_000 },
});
