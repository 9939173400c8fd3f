import { expect, test } from 'vitest';

import { pan, placeOf, ticks, watch, zoom } from './scale';

const WHOLE = { from: 0, to: 600_000 };

test('labels stand at round distances from the begin of the session, and are not more than fit', () => {
  expect(ticks(WHOLE, 0, 6)).toEqual([0, 120_000, 240_000, 360_000, 480_000, 600_000]);
  expect(ticks({ from: 61_500, to: 66_500 }, 500, 5)).toEqual([61_500, 62_500, 63_500, 64_500, 65_500, 66_500]);
});

test('a look of no known size still ends', () => {
  expect(ticks({ from: 0, to: 1e12 }, 0, 3).length).toBeLessThanOrEqual(4);
});

test('zooming keeps the middle, and stays inside of the session', () => {
  expect(zoom(WHOLE, WHOLE, 0.5)).toEqual({ from: 150_000, to: 450_000 });
  expect(zoom({ from: 0, to: 100_000 }, WHOLE, 2)).toEqual({ from: 0, to: 200_000 });
  expect(zoom({ from: 0, to: 1500 }, WHOLE, 0.1)).toEqual({ from: 250, to: 1250 });
});

test('moving stops at the edges', () => {
  expect(pan({ from: 0, to: 100_000 }, WHOLE, 0.5)).toEqual({ from: 50_000, to: 150_000 });
  expect(pan({ from: 0, to: 100_000 }, WHOLE, -0.5)).toEqual({ from: 0, to: 100_000 });
  expect(pan({ from: 500_000, to: 600_000 }, WHOLE, 0.5)).toEqual({ from: 500_000, to: 600_000 });
});

test('places and watches', () => {
  expect(placeOf(300_000, WHOLE, 800)).toBe(400);
  expect([watch(5000), watch(750_000), watch(3_723_000)]).toEqual(['0:05', '12:30', '1:02:03']);
});
