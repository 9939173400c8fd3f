import { utimesSync } from 'node:fs';

import { defineConfig, type Plugin } from 'vite';

// Cargo watches the files that are embedded in the server, not the folder: it does not notice the first build of the page,
// nor a file that is new. A fresh time on the module that embeds them tells it.
const tellCargo: Plugin = {
  name: 'tell-cargo',
  closeBundle() {
    const now = new Date();
    utimesSync(new URL('../../crates/server/src/page.rs', import.meta.url), now, now);
  },
};

// Names without hashes: the server tells browsers to revalidate by ETag.
export default defineConfig({
  plugins: [tellCargo],
  worker: { format: 'es', rollupOptions: { output: { entryFileNames: 'assets/[name].js' } } },
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
});
