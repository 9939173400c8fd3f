import { expect, test } from 'vitest';

import { faultsOf } from './check';
import { decodeToken, TokenError, trimToken } from './decode';

const HOST = 'localhost:7400';
const NOW = 1_000_000_000_000;
const CLAIMS = {
  jti: 'ana',
  iat: NOW / 1000 - 60,
  exp: NOW / 1000 + 3600,
  resource: 'arn:aws:ivs:us-east-1:000000000000:stage/demo',
  topic: 'demo',
  whip_url: `http://${HOST}/whip`,
  events_url: `ws://${HOST}/events`,
  capabilities: { allow_publish: true },
  version: '1.0',
};
const HEADER = { alg: 'ES384', typ: 'JWT' };

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (claims: object = CLAIMS, header: object = HEADER) => `${part(header)}.${part(claims)}.c2ln`;
const faults = (changes: object, header: object = HEADER) => faultsOf(token({ ...CLAIMS, ...changes }, header), NOW, HOST);

test('a token as the server makes it shows no fault', () => {
  expect(faultsOf(token(), NOW, HOST)).toEqual([]);
});

test('every fault is named, not only the first', () => {
  expect(faults({ exp: NOW / 1000 - 7200, iat: NOW / 1000 - 9000, topic: 'other' })).toEqual(['It ended 2 h ago.', 'The stage (resource) and the topic differ.']);
});

test.each([
  ['another algorithm', {}, { alg: 'none', typ: 'JWT' }, 'It is signed by none; it has to be ES384.'],
  ['a time that is a text', { exp: '2030' }, HEADER, 'The times of issue (iat) and of the end (exp) have to be whole seconds.'],
  ['issued in the future', { iat: NOW / 1000 + 600 }, HEADER, 'It is issued 10 min in the future; are the clocks right?'],
  ['too long a life', { exp: NOW / 1000 + 20 * 86_400 }, HEADER, 'It lasts for longer than 14 d.'],
  ['no capability', { capabilities: { allow_publish: false } }, HEADER, 'It allows neither to publish nor to subscribe.'],
  ['another server', { whip_url: 'https://other.example/whip' }, HEADER, 'The whip_url leads to other.example, not to this server.'],
  ['an id that cannot be', { jti: 'a b' }, HEADER, 'The id (jti) has to be 1 to 64 letters, digits, - and _.'],
])('%s is a fault', (_, changes, header, fault) => {
  expect(faults(changes, header)).toContain(fault);
});

test('a connection token is judged as one', () => {
  const { jti, iat, exp } = CLAIMS;
  const connection = { jti, iat, exp: exp + 27 * 86_400, account_id: '000000000000', region: 'us-east-1', events_url: CLAIMS.events_url, version: '1.0' };
  expect(decodeToken(token(connection)).kind).toBe('connection');
  expect(faultsOf(token(connection), NOW, HOST)).toEqual(['A connection token names its public key (kid).']);
});

test('what is no token is said in words', () => {
  expect(() => decodeToken('')).toThrow(TokenError);
  expect(faultsOf('hello', NOW, HOST)).toEqual(['This is not a token: it should be three parts with dots between them.']);
  expect(faultsOf('a.b.c', NOW, HOST)).toEqual(['This token cannot be read. Was all of it copied?']);
});

test('a pasted token loses the marks of where it came from', () => {
  expect(trimToken(' "aa.\n bb.cc",\n')).toBe('aa.bb.cc');
});

test('names in any script are read', () => {
  expect(decodeToken(token({ ...CLAIMS, user_id: 'Zoë 舞台' })).claims['user_id']).toBe('Zoë 舞台');
});
