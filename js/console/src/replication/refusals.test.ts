import { expect, test } from 'vitest';

import { ApiError, inWords } from '../api/error';
import { inPlainWords } from './refusals';

const shown = (type: string, message: string, status: number) => inWords(inPlainWords(new ApiError(type, message, status)));

test('conflicts, quotas and what does not exist are said in plain words', () => {
  expect(shown('ConflictException', 'the participant is not publishing', 409)).toEqual({
    title: 'The participant does not publish now.',
    detail: 'Only who publishes can be replicated; try again when it does.',
  });
  expect(shown('ServiceQuotaExceededException', 'the participant is replicated to as many stages as it may be', 402).title).toMatch(/^The participant appears on as many/);
  expect(shown('ResourceNotFoundException', 'the destination stage does not exist', 404).title).toMatch(/^The stage to replicate to does not exist/);
});

test('what the server words otherwise is said by its kind, with its words', () => {
  expect(shown('ConflictException', 'the moon is in the way', 409)).toEqual({
    title: 'As things are the participant cannot be replicated there.',
    detail: 'the moon is in the way',
  });
  expect(shown('ServiceQuotaExceededException', '', 402).title).toBe('A quota is used up: of replications of the participant, or of publishers there.');
});

test('all else is left as it is', () => {
  const fault = new TypeError('of the page');
  expect(inPlainWords(fault)).toBe(fault);
  const denied = new ApiError('AccessDeniedException', 'not allowed', 403);
  expect(inPlainWords(denied)).toBe(denied);
  const odd = new ApiError('constructor', 'toString', 418);
  expect(inPlainWords(odd)).toBe(odd);
});
