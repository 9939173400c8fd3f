// Participant tokens, as far as a page reads them: what they allow, and where they lead. Only the server can tell whether one is genuine.

import { decodeToken, TokenError, trimToken } from '../token/decode';

export interface Token {
  /** The text that opens doors. */
  readonly text: string;
  readonly participantId: string;
  readonly userId: string;
  readonly stageArn: string;
  readonly topic: string;
  readonly whipUrl: string;
  readonly eventsUrl: string;
  readonly mayPublish: boolean;
  readonly maySubscribe: boolean;
  readonly expires: Date;
}

export function parseToken(pasted: string): Token {
  const text = trimToken(pasted);
  if (text === '') throw new TokenError('Paste a participant token first.');
  const { claims } = decodeToken(text);
  const capabilities = isObject(claims['capabilities']) ? claims['capabilities'] : {};
  return {
    text,
    participantId: textClaim(claims, 'jti'),
    userId: typeof claims['user_id'] === 'string' ? claims['user_id'] : '',
    stageArn: textClaim(claims, 'resource'),
    topic: textClaim(claims, 'topic'),
    whipUrl: urlClaim(claims, 'whip_url', ['http:', 'https:']),
    eventsUrl: urlClaim(claims, 'events_url', ['ws:', 'wss:']),
    mayPublish: capabilities['allow_publish'] === true,
    maySubscribe: capabilities['allow_subscribe'] === true,
    expires: dateClaim(claims, 'exp'),
  };
}

/** Half a token is no fault before a button is pressed. */
export function tokenSoFar(pasted: string): Token | undefined {
  try {
    return parseToken(pasted);
  } catch {
    return undefined;
  }
}

function textClaim(claims: Readonly<Record<string, unknown>>, name: string): string {
  const value = claims[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new TokenError(`This token lacks ${name}: it is not a participant token.`);
}

function urlClaim(claims: Readonly<Record<string, unknown>>, name: string, schemes: string[]): string {
  const text = textClaim(claims, name);
  if (URL.canParse(text) && schemes.includes(new URL(text).protocol)) return text.replace(/\/$/, '');
  throw new TokenError(`The ${name} in this token is not an address.`);
}

function dateClaim(claims: Readonly<Record<string, unknown>>, name: string): Date {
  const value = claims[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return new Date(value * 1000);
  throw new TokenError(`This token lacks ${name}: it is not a participant token.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
