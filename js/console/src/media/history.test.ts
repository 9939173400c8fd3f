import { expect, test } from 'vitest';

import { added, columns, type History, latest, names, WINDOW_S } from './history';

const filled = (...times: number[]): History => times.reduce<History>((history, at) => added(history, { at, values: { fps: at } }), []);

test('what is older than the window is dropped', () => {
  const history = filled(0, 1, 30, WINDOW_S, WINDOW_S + 1);
  expect(history.map(({ at }) => at)).toEqual([30, WINDOW_S, WINDOW_S + 1]);
});

test('a clock that goes back begins anew from there', () => {
  expect(filled(5, 6, 7, 6).map(({ at }) => at)).toEqual([5, 6]);
});

test('charts get seconds before now, and gaps where nothing was measured', () => {
  const history = added(added([], { at: 10, values: { 'bitrate:low': 200 } }), { at: 11, values: { 'bitrate:hi': 1700, fps: undefined } });
  expect(names(history, 'bitrate:')).toEqual(['low', 'hi']);
  expect(names(history, 'fps')).toEqual([]);
  expect(columns(history, ['bitrate:low', 'bitrate:hi'])).toEqual([
    [-1, 0],
    [200, null],
    [null, 1700],
  ]);
  expect(latest(history, 'bitrate:hi')).toBe(1700);
  expect(latest(history, 'bitrate:low')).toBeUndefined();
});

test('nothing measured yet is an empty chart', () => {
  expect(columns([], ['fps'])).toEqual([[], []]);
});
