import { expect, test } from 'vitest';

import { faultOf, NotAdmitted } from './administration';

test('a key that is refused is told from a server that has trouble', () => {
  expect(faultOf(401, false, { message: 'the administration key is missing or wrong' })).toEqual(new NotAdmitted('The administration key is wrong.'));
  expect(faultOf(403, false, { message: 'at localhost only' })).toEqual(new NotAdmitted('at localhost only'));
  for (const passing of [faultOf(429, false, { message: 'too many' }), faultOf(503, false, { message: 'the store is away' }), faultOf(502, false, undefined)]) {
    expect(passing).not.toBeInstanceOf(NotAdmitted);
  }
  expect(faultOf(429, false, { message: 'too many' }).message).toBe('too many');
});

test('a server without administration answers as to any unknown path', () => {
  for (const [status, isOfApi, body] of [
    [403, true, { message: 'Missing Authentication Token' }],
    [404, false, undefined],
  ] as const) {
    expect(faultOf(status, isOfApi, body).message).toContain('set admin.key');
  }
});
