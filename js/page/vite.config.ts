import { defineConfig } from 'vite';

// Names without hashes: the server tells browsers to revalidate by ETag, and a rebuilt page keeps its file names, which the
// server's build watches.
export default defineConfig({
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
