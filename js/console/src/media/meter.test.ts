import { expect, test } from 'vitest';

import { levelOf } from './meter';

test.each([
  [[0, 0], 0],
  [[0.0001], 0],
  [[0.001], 0],
  [[0.1, -0.1], 2 / 3],
  [[0.2, -1], 1],
])('the loudest of %j fills so much of the meter', (samples, share) => {
  expect(levelOf(samples)).toBeCloseTo(share);
});
