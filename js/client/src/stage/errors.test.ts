import { describe, expect, it } from 'vitest';

import { StageErrorCategory, StageErrorCode } from './enums';
import { StageError, stageError, stageErrorOf } from './errors';

describe('failures of the transport', () => {
  it.each([
    ['TOKEN_MALFORMED', 1],
    ['TOKEN_EXPIRED', 2],
    ['TIMEOUT', 3],
    ['FAILED', 4],
    ['NETWORK', 4],
    ['OFFER_UNACCEPTABLE', 4],
    ['CANCELED', 5],
    ['STAGE_AT_CAPACITY', 6],
    ['CODEC_MISMATCH', 7],
    ['TOKEN_NOT_ALLOWED', 8],
    ['STAGE_DELETED', 9],
    ['PARTICIPANT_DISCONNECTED', 10],
    ['TOKEN_EXCHANGE_REQUEST_INVALID', 11],
    ['TOKEN_EXCHANGE_FAILED', 12],
  ])('%s is %i', (code, number) => {
    const error = stageError({ code, category: 'PUBLISH_ERROR', message: 'why', pid: 'ben' });
    expect(error).toMatchObject({ code: number, category: StageErrorCategory.PUBLISH_ERROR, message: 'why', details: { reason: code, participantId: 'ben' } });
  });

  it('of the protocol are those of subscribing', () => {
    expect(stageError({ code: 'TOO_MANY_SUBS', category: 'PROTOCOL_ERROR', message: '' }).category).toBe(StageErrorCategory.SUBSCRIBE_ERROR);
  });

  it('that are none are failures too', () => {
    expect(stageErrorOf(new TypeError('odd'))).toMatchObject({ code: StageErrorCode.FAILED, message: 'odd' });
    expect(stageErrorOf(undefined).code).toBe(StageErrorCode.FAILED);
  });
});

it('an error says what it is', () => {
  const error = new StageError(StageErrorCode.TIMEOUT, StageErrorCategory.JOIN_ERROR, 'no answer');
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe('StageError 3 (TIMEOUT, JOIN_ERROR): no answer');
});
