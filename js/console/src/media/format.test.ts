import { expect, test } from 'vitest';

import { bitrate, framesPerSecond, milliseconds, percent, size } from './format';

test.each([
  [undefined, '–'],
  [Number.NaN, '–'],
  [0, '0 kbit/s'],
  [64_400, '64 kbit/s'],
  [999_400, '999 kbit/s'],
  [1_000_000, '1 Mbit/s'],
  [1_704_000, '1.7 Mbit/s'],
])('%s bits per second read %s', (value, words) => {
  expect(bitrate(value)).toBe(words);
});

test.each([
  [undefined, '–'],
  [0, '0 %'],
  [0.0004, '<0.1 %'],
  [0.015, '1.5 %'],
  [0.254, '25 %'],
  [1, '100 %'],
])('a share of %s reads %s', (value, words) => {
  expect(percent(value)).toBe(words);
});

test.each([
  [undefined, '–'],
  [null, '–'],
  [0.42, '0.4 ms'],
  [48.4, '48 ms'],
  [1250, '1.3 s'],
])('%s milliseconds read %s', (value, words) => {
  expect(milliseconds(value)).toBe(words);
});

test('a picture that has not come yet has no size', () => {
  expect(size(0, 0)).toBe('–');
  expect(size(1280, 720)).toBe('1280×720');
  expect(framesPerSecond(29.6)).toBe('30 fps');
});
