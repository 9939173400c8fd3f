import { expect, test } from 'vitest';

import { afterFailure } from './keep';
import { preferH264, Refusal, retryAfterMs } from './peer';

test.each([
  ['a publisher that is not publishing is asked for again when the server says', new Refusal(409, 'no', 2000), 2000],
  ['a refusal without a time is final', new Refusal(403, 'no', undefined), undefined],
  ['a server that fails is tried again', new Refusal(503, 'no', undefined), 500],
  ['a server that is not there is tried again', new TypeError('failed to fetch'), 500],
])('%s', (_, error, wait) => {
  expect(afterFailure(error, 0).wait).toBe(wait);
});

test('pauses grow up to a limit', () => {
  const waits = [0, 1, 2, 3, 4, 9].map((failures) => afterFailure(new TypeError('no'), failures).wait);
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
});

test.each([
  ['1', 1000],
  ['0', 0],
  [null, undefined],
  ['', undefined],
  ['-1', undefined],
  ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
])('Retry-After %s', (header, expected) => {
  expect(retryAfterMs(header)).toBe(expected);
});

test('H.264 comes first and nothing is lost', () => {
  const codecs = ['video/VP8', 'video/rtx', 'video/H264', 'video/AV1'].map((mimeType) => ({ mimeType }));
  expect(preferH264(codecs).map(({ mimeType }) => mimeType)).toEqual([
    'video/H264',
    'video/VP8',
    'video/rtx',
    'video/AV1',
  ]);
});
