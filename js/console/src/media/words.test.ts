import { StageError, StageErrorCategory, StageErrorCode, StageLeftReason } from 'downstage-client';
import { expect, test } from 'vitest';

import { captureWords, faultWords, leftWords, limitationWords, qualityWords } from './words';

const codes = Object.values(StageErrorCode).filter((code): code is StageErrorCode => typeof code === 'number');

test.each(codes)('the code %s is said in words, with what to do', (code) => {
  const { title, advice } = faultWords(new StageError(code, StageErrorCategory.PUBLISH_ERROR, ''));
  expect(title).toMatch(/^Publishing: [a-z].*[^.]\.$/);
  expect(advice).not.toBe('');
});

test('the words of the server go with those of the code', () => {
  const error = new StageError(StageErrorCode.STAGE_AT_CAPACITY, StageErrorCategory.JOIN_ERROR, '12 publishers are the most');
  expect(faultWords(error).title).toBe('Joining: the stage is full (12 publishers are the most).');
});

test('what the transport knows more exactly than the code is said', () => {
  const error = new StageError(StageErrorCode.FAILED, StageErrorCategory.JOIN_ERROR, 'the server cannot be reached', { reason: 'NETWORK' });
  expect(faultWords(error)).toMatchObject({ title: 'Joining: there is no way to the server (the server cannot be reached).', advice: expect.stringContaining('connection test') });
});

test('what is no error of the stage is said as it is', () => {
  expect(faultWords(new Error('No such thing.'))).toEqual({ title: 'No such thing.', advice: '' });
  expect(faultWords(undefined).title).toBe('Something went wrong.');
});

test.each(Object.values(StageLeftReason))('that a session ended for %s is said in words', (reason) => {
  expect(leftWords(reason).title).toMatch(/\.$/);
});

test('a reason that nobody knows yet is an end by the server', () => {
  expect(leftWords('moved' as StageLeftReason)).toEqual(leftWords(StageLeftReason.UNKNOWN));
});

test.each([
  ['NotAllowedError', 'camera', 'was not allowed'],
  ['NotAllowedError', 'screen', 'No screen was shared'],
  ['NotFoundError', 'camera', 'There is no camera'],
  ['NotReadableError', 'camera', 'cannot be read'],
] as const)('%s of the %s is explained', (name, what, words) => {
  expect(captureWords(new DOMException('', name), what).title).toContain(words);
});

test('what holds an encoder back, and how packets arrive', () => {
  expect(['none', '', 'cpu', 'bandwidth', 'other'].map(limitationWords)).toEqual(['nothing', 'nothing', 'the processor', 'the bandwidth', 'something else']);
  expect([undefined, 0, 0.005, 0.02, 0.2].map((loss) => qualityWords(loss).bars)).toEqual([0, 4, 3, 2, 1]);
});
