import { describe, expect, test } from 'vitest';

import { parseToken, tokenSoFar } from './token';

const CLAIMS = {
  jti: 'ana',
  user_id: 'Ána',
  resource: 'arn:aws:ivs:us-east-1:000000000000:stage/abcd',
  topic: 'abcd',
  whip_url: 'http://127.0.0.1:7400/whip',
  events_url: 'ws://127.0.0.1:7400/events',
  capabilities: { allow_publish: true },
  exp: 1767225600,
};

function part(value: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}

function token(claims: object): string {
  return `${part({ alg: 'ES384', typ: 'JWT' })}.${part(claims)}.c2lnbmF0dXJl`;
}

test('claims are read as they are, absent capabilities as not given', () => {
  expect(parseToken(token(CLAIMS))).toMatchObject({
    participantId: 'ana',
    userId: 'Ána',
    topic: 'abcd',
    mayPublish: true,
    maySubscribe: false,
    expires: new Date('2026-01-01T00:00:00Z'),
  });
});

test('what a terminal adds to a token is taken away', () => {
  const text = token(CLAIMS);
  const pasted = `  "${text.slice(0, 40)}\n   ${text.slice(40)}",\n`;
  expect(parseToken(pasted).text).toBe(text);
});

describe('what is not a participant token is explained', () => {
  const without = (name: string) => token({ ...CLAIMS, [name]: undefined });
  test.each([
    ['', 'Paste a participant token first.'],
    ['hello', 'three parts'],
    ['a.b.c', 'cannot be read'],
    [`a.${part([])}.c`, 'cannot be read'],
    [without('jti'), 'lacks jti'],
    [without('topic'), 'lacks topic'],
    [without('exp'), 'lacks exp'],
    [token({ ...CLAIMS, exp: 'soon' }), 'lacks exp'],
    [token({ ...CLAIMS, whip_url: 'javascript:alert(1)' }), 'not an address'],
    [token({ ...CLAIMS, events_url: 'http://127.0.0.1' }), 'not an address'],
  ])('%s', (text, words) => {
    expect(() => parseToken(text)).toThrow(words);
  });
});

test('half a token is none yet', () => {
  expect(tokenSoFar(token(CLAIMS).slice(0, 30))).toBeUndefined();
  expect(tokenSoFar(token(CLAIMS))?.participantId).toBe('ana');
});
