import { describe, expect, it } from 'vitest';

import { StageErrorCode } from './enums';
import { CLAIMS, connectionToken, tokenOf } from './fakes';
import { parseConnectionToken, parseToken, successorOf } from './token';

describe('a token', () => {
  it('says who this is, where to connect, and what is allowed', () => {
    expect(parseToken(tokenOf())).toMatchObject({
      id: 'ana',
      topic: 'abcdABCDefgh',
      whipUrl: 'https://media.example/whip',
      eventsUrl: 'wss://media.example/events',
      userId: 'user 7',
      attributes: { role: 'host' },
      capabilities: new Set(['publish', 'subscribe']),
      expires: 4_000_000_000_000,
      isSelfSigned: true,
    });
  });

  it('may hold any text, and lack what old ones lack', () => {
    const token = parseToken(tokenOf({ user_id: 'Zoë 🎥', attributes: { name: 'Åsa', age: 7 }, topic: undefined, exp: undefined, capabilities: undefined }, {}));
    expect(token).toMatchObject({ userId: 'Zoë 🎥', attributes: { name: 'Åsa', age: '7' }, topic: 'abcdABCDefgh', expires: Infinity, isSelfSigned: false });
    expect(token.capabilities.size).toBe(0);
  });

  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['two parts', 'a.b'],
    ['no base64', '!.!.!'],
    ['no JSON', `${btoa('x')}.${btoa('y')}.z`],
    ['no object', `${btoa('[]')}.${btoa('1')}.z`],
    ['no participant', tokenOf({ jti: undefined })],
    ['an empty topic', tokenOf({ topic: '' })],
    ['another scheme', tokenOf({ events_url: 'https://media.example/' })],
    ['no address', tokenOf({ whip_url: 'nowhere' })],
  ])('is malformed with %s', (_, text) => {
    expect(() => parseToken(text as string)).toThrow(expect.objectContaining({ code: StageErrorCode.TOKEN_MALFORMED }));
  });

  it('is in no error', () => {
    const text = tokenOf({ whip_url: 'nowhere' });
    try {
      parseToken(text);
    } catch (error) {
      expect(`${error} ${JSON.stringify(error)}`).not.toContain(text.slice(40, 60));
    }
  });
});

describe('the token that follows', () => {
  const token = parseToken(tokenOf());

  it('may name other attributes and capabilities', () => {
    const next = successorOf(token, tokenOf({ user_id: 'Ana', attributes: {}, capabilities: { allow_subscribe: true } }), 0);
    expect(next).toMatchObject({ userId: 'Ana', capabilities: new Set(['subscribe']) });
  });

  it.each([
    ['topic', tokenOf({ topic: 'other' })],
    ['resource', tokenOf({ resource: `${CLAIMS.resource}x` })],
    ['jti', tokenOf({ jti: 'ben' })],
    ['whip_url', tokenOf({ whip_url: 'https://other.example/' })],
    ['events_url', tokenOf({ events_url: 'wss://other.example/' })],
    ['imported key', tokenOf({}, {})],
    ['has ended', tokenOf({ exp: 1 })],
    ['three parts', 'none'],
  ])('is refused here: %s', (what, text) => {
    const refused = () => successorOf(token, text, 2_000_000);
    expect(refused).toThrow(expect.objectContaining({ code: StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID, message: expect.stringContaining(what) }));
  });
});

describe('a connection token', () => {
  it('says where to connect', () => {
    expect(parseConnectionToken(connectionToken(), 0)).toEqual({ eventsUrl: 'wss://media.example/events' });
  });

  it.each([
    ['malformed', tokenOf({ account_id: undefined }), 1053],
    ['malformed', 'none', 1053],
    ['past its end', connectionToken({ exp: 1 }), 1054],
  ])('may be %s', (_, text, code) => {
    expect(() => parseConnectionToken(text, 2000)).toThrow(expect.objectContaining({ code }));
  });
});
