import { expect, test } from 'vitest';

import { Turns } from './turns';

test('a slow answer is shown although the next was asked for', () => {
  const turns = new Turns();
  const first = turns.next();
  turns.next();
  expect(turns.take(first)).toBe(true);
});

test('an answer that was overtaken is not', () => {
  const turns = new Turns();
  const [first, second] = [turns.next(), turns.next()];
  expect(turns.take(second)).toBe(true);
  expect(turns.take(first)).toBe(false);
});

test('nor is one that comes after the end', () => {
  const turns = new Turns();
  const first = turns.next();
  turns.end();
  expect(turns.take(first)).toBe(false);
});
