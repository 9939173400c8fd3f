// Declarations name other files as bundlers do. Node's way of finding modules wants the whole name.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = join(dist, name);
  const whole = (path) => (existsSync(join(dirname(file), `${path}.d.ts`)) ? `${path}.js` : `${path}/index.js`);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/(from |import\()'(\.[^']*)'/g, (_, before, path) => `${before}'${whole(path)}'`));
}
