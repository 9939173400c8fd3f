import { expect, test } from 'vitest';

import { endingOf, parseMessage } from './events';

test('a snapshot lists those who publish', () => {
  const participants = [
    { id: 'ana', userId: 'Ana', attributes: {}, isPublishing: true },
    { id: 'ben', isPublishing: true },
    { id: 'cyd', userId: 'Cyd', isPublishing: false },
    { userId: 'nobody', isPublishing: true },
    null,
  ];
  const text = JSON.stringify({ type: 'STAGE_STATE', payload: { stageId: 'abcd', participants } });
  expect(parseMessage(text)).toEqual({
    type: 'state',
    publishers: [
      { id: 'ana', userId: 'Ana' },
      { id: 'ben', userId: '' },
    ],
  });
});

test.each([
  ['{"type":"JOIN_ERROR","payload":{"code":2,"reason":"TOKEN_EXPIRED"}}', { type: 'refused', reason: 'TOKEN_EXPIRED' }],
  ['{"type":"STAGE_LEFT","payload":{"reason":"stage-deleted"}}', { type: 'left', reason: 'stage-deleted' }],
  ['{"type":"STAGE_LEFT"}', { type: 'left', reason: '' }],
  ['{"type":"PONG"}', { type: 'other' }],
  ['{"type":"STAGE_STATE","payload":{"participants":{}}}', { type: 'other' }],
  ['[]', { type: 'other' }],
  ['nonsense', { type: 'other' }],
  [new ArrayBuffer(1), { type: 'other' }],
])('%s', (data, message) => {
  expect(parseMessage(data)).toEqual(message);
});

test('only endings that a new attempt may change lead to one', () => {
  expect(endingOf('stage-deleted').final).toBe(true);
  expect(endingOf('TOKEN_EXPIRED').final).toBe(true);
  expect(endingOf('unknown').final).toBe(false);
  expect(endingOf('').final).toBe(false);
});
