import { gzipSync } from 'node:zlib';

import { type BuildOptions, defineConfig, type Plugin } from 'vite';

/** What the transport and the stage API may weigh together, minified and compressed. */
const GZIPPED_MAX_BYTES = 25_000;

const GLOBAL = 'Downstage';

/** Says what each file weighs; what weighs too much is an error where there is a limit. */
const weighed = (most = Number.POSITIVE_INFINITY): Plugin => ({
  name: 'weighed',
  generateBundle(_, bundle) {
    for (const output of Object.values(bundle)) {
      if (output.type !== 'chunk') continue;
      const bytes = gzipSync(output.code, { level: 9 }).length;
      this.info(`${output.fileName}: ${output.code.length} bytes, ${bytes} gzipped`);
      if (bytes > most) this.error(`${output.fileName} is ${bytes} bytes gzipped, and may be ${most}`);
    }
  },
});

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

// What is served is not bundled again: it is to be small as it is.
const output = { minify: true };

const BUILDS: Record<string, { plugins: Plugin[]; build: BuildOptions }> = {
  production: {
    plugins: [named, weighed()],
    build: {
      lib: { entry: 'src/index.ts', name: GLOBAL, formats: ['es', 'iife'], fileName: (format) => `downstage-client${format === 'es' ? '' : '.global'}.js` },
      rolldownOptions: { output },
    },
  },
  // React and the library itself stay outside: both are to be there once.
  react: {
    plugins: [weighed()],
    build: {
      lib: { entry: { react: 'src/react/index.ts' }, formats: ['es'] },
      emptyOutDir: false,
      rolldownOptions: {
        external: (id) => id === 'react' || /(^|\/)index(\.ts)?$/.test(id),
        output: { ...output, paths: (id) => (id === 'react' ? id : './downstage-client.js') },
      },
    },
  },
  // Nothing is written: this is the part that has a limit.
  budget: {
    plugins: [weighed(GZIPPED_MAX_BYTES)],
    build: { lib: { entry: { 'core and stage': 'src/stage/index.ts' }, formats: ['es'] }, write: false, rolldownOptions: { output } },
  },
};

export default defineConfig(({ mode }) => {
  const { plugins, build } = BUILDS[mode] ?? { plugins: [], build: {} };
  return { plugins, build: { target: 'es2022', minify: true, ...build } };
});
