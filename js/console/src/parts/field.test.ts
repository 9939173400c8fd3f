import { expect, test } from 'vitest';

import { readPairs } from './field';
import { lasting } from './time';

test('lines are pairs; the first = parts them', () => {
  expect(readPairs(' seat = 4 \n\nformula=a=b\nempty=\n', 'Tags')).toEqual({ seat: '4', formula: 'a=b', empty: '' });
  expect(readPairs(' \n', 'Tags')).toBeUndefined();
});

test('a line without a key, and a key that stands twice, are said', () => {
  expect(() => readPairs('seat', 'Tags')).toThrow('Tags: “seat” has to be key=value.');
  expect(() => readPairs('=4', 'Tags')).toThrow('has to be key=value');
  expect(() => readPairs('a=1\na=2', 'Tags')).toThrow('“a” stands there twice');
});

test('any key is only a key', () => {
  expect(Object.keys(readPairs('__proto__=x\nconstructor=y', 'Tags') ?? {})).toEqual(['__proto__', 'constructor']);
});

test('a length of time has two units at most', () => {
  expect([340, 12_000, 3_780_000, 3_600_000, 90_061_000, -5].map(lasting)).toEqual(['340 ms', '12 s', '1 h 3 min', '1 h', '1 d 1 h', '0 ms']);
});
