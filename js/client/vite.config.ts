import { gzipSync } from 'node:zlib';

import { defineConfig, type Plugin } from 'vite';

/** What the transport and the stage API may weigh, minified and compressed. */
const GZIPPED_MAX_BYTES = 25_000;

const GLOBAL = 'Downstage';

const weighed: Plugin = {
  name: 'weighed',
  generateBundle(_, bundle) {
    for (const output of Object.values(bundle)) {
      if (output.type !== 'chunk') continue;
      const bytes = gzipSync(output.code, { level: 9 }).length;
      this.info(`${output.fileName}: ${output.code.length} bytes, ${bytes} gzipped`);
      if (bytes > GZIPPED_MAX_BYTES) this.error(`${output.fileName} is ${bytes} bytes gzipped, and may be ${GZIPPED_MAX_BYTES}`);
    }
  },
};

/** The script file puts the library where its tag says: `<script data-global="Name" src="downstage-client.global.js">`. */
const named: Plugin = {
  name: 'named',
  generateBundle({ format }, bundle) {
    if (format !== 'iife') return;
    for (const output of Object.values(bundle)) {
      if (output.type !== 'chunk') continue;
      const declared = new RegExp(`^var ${GLOBAL}\\s*=`);
      if (!declared.test(output.code)) this.error('the script file does not begin as expected');
      output.code = output.code.replace(declared, `globalThis[document.currentScript?.dataset.global||"${GLOBAL}"]=`);
    }
  },
};

const library = {
  // What is served is not bundled again: it is to be small as it is.
  rolldownOptions: { output: { minify: true } },
  lib: { entry: 'src/index.ts', name: GLOBAL, formats: ['es' as const, 'iife' as const], fileName: (format: string) => `downstage-client${format === 'es' ? '' : '.global'}.js` },
};

// React and the library itself stay outside: both are to be there once.
const react = {
  lib: { entry: { react: 'src/react/index.ts' }, formats: ['es' as const] },
  emptyOutDir: false,
  rolldownOptions: {
    external: (id: string) => id === 'react' || /(^|\/)index(\.ts)?$/.test(id),
    output: { minify: true, paths: (id: string) => (id === 'react' ? id : './downstage-client.js') },
  },
};

export default defineConfig(({ mode }) => ({
  plugins: [named, weighed],
  worker: { format: 'es' },
  build: { target: 'es2022', minify: true, ...(mode === 'react' ? react : library) },
}));
