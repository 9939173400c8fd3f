import { expect, test } from 'vitest';

import { ingestLink, parseRoute, participantLink, sessionLink, stageLink, tokensLink, tokenOfFragment } from './router';

const ARN = 'arn:aws:ivs:us-east-1:000000000000:stage/demo';
const INGEST = 'arn:aws:ivs:us-east-1:000000000000:ingest-configuration/AbCdEf123456';

test('what is linked is what is read', () => {
  expect(parseRoute('')).toEqual({ page: 'stages' });
  expect(parseRoute('#/')).toEqual({ page: 'stages' });
  expect(parseRoute('#/tokens')).toEqual({ page: 'tokens', stageArn: undefined });
  expect(parseRoute(tokensLink(ARN))).toEqual({ page: 'tokens', stageArn: ARN });
  expect(parseRoute('#/ingest')).toEqual({ page: 'ingest', configurationArn: undefined });
  expect(parseRoute(ingestLink(INGEST))).toEqual({ page: 'ingest', configurationArn: INGEST });
  expect(parseRoute(stageLink(ARN))).toEqual({ page: 'stage', stageArn: ARN });
  expect(parseRoute(sessionLink(ARN, 'st-AbCd'))).toEqual({ page: 'session', stageArn: ARN, sessionId: 'st-AbCd' });
  expect(parseRoute(participantLink(ARN, 'st-AbCd', 'ana'))).toEqual({
    page: 'participant',
    stageArn: ARN,
    sessionId: 'st-AbCd',
    participantId: 'ana',
  });
});

test('an ARN may come percent-encoded', () => {
  expect(parseRoute(`#/stage/${encodeURIComponent(ARN)}`)).toEqual({ page: 'stage', stageArn: ARN });
});

test('what no page has is unknown, and never an error', () => {
  for (const fragment of ['#/nothing', '#/stage/', '#/stage/demo', '#/stage/%E0%A4%A', `#/stage/${ARN}/session/`, '#/stage/arn:aws:s3:::x', `#/ingest/${ARN}`]) {
    expect(parseRoute(fragment)).toEqual({ page: 'unknown' });
  }
});

test('a token in the fragment is told from a route', () => {
  expect(tokenOfFragment('#aa.bb.cc')).toBe('aa.bb.cc');
  expect(tokenOfFragment('#/tokens')).toBeUndefined();
  expect(tokenOfFragment(`#${stageLink(ARN).slice(1)}`)).toBeUndefined();
});
