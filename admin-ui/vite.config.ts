// How the page becomes files: one script and one style sheet beside index.html, nothing inlined, so that the content
// security policy in index.html can forbid everything that does not come from the page's own origin.

import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses: the page works wherever the admin server mounts it.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['es2023', 'chrome120', 'firefox121', 'safari17'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
