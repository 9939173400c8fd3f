import { utimesSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { defineConfig, type Plugin } from 'vite';

// Cargo watches the files that are embedded in the server, not the folder: it does not notice the first build of the console,
// nor a file that is new. A fresh time on the module that embeds them tells it.
const tellCargo: Plugin = {
  name: 'tell-cargo',
  apply: 'build',
  closeBundle() {
    const now = new Date();
    utimesSync(new URL('../../crates/server/src/page.rs', import.meta.url), now, now);
  },
};

export default defineConfig({
  plugins: [tellCargo],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    // The client library as source: the console needs no build of it.
    alias: { 'downstage-client': fileURLToPath(new URL('../client/src/index.ts', import.meta.url)) },
  },
  worker: { format: 'es', rollupOptions: { output: { entryFileNames: 'assets/[name].js' } } },
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    // Names without hashes: the server tells browsers to revalidate by ETag.
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
});
