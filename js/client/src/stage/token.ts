/** Tokens, as far as a client reads them: the claims say where to connect and what is allowed. Only the server can tell whether one is genuine. */

import { RealTimeConnectionErrorCode, StageErrorCategory, StageErrorCode } from './enums';
import { RealTimeConnectionError, StageError } from './errors';

export type Capability = 'publish' | 'subscribe';

export interface Token {
  /** The text that opens doors. */
  readonly text: string;
  /** Of the participant. */
  readonly id: string;
  readonly topic: string;
  readonly resource: string;
  readonly whipUrl: string;
  readonly eventsUrl: string;
  readonly userId: string;
  readonly attributes: Record<string, string>;
  readonly capabilities: ReadonlySet<Capability>;
  /** Milliseconds since 1970; infinite where it does not end. */
  readonly expires: number;
  /** Whether it names the key that signed it: only such tokens can be exchanged. */
  readonly isSelfSigned: boolean;
}

type Claims = Record<string, unknown>;

/** Throws TOKEN_MALFORMED for what is no participant token. The text itself is in no error. */
export function parseToken(text: string): Token {
  const malformed = (what: string) => new StageError(StageErrorCode.TOKEN_MALFORMED, StageErrorCategory.JOIN_ERROR, `the token ${what}`);
  const [header, claims] = decode(text, malformed);
  const resource = textOf(claims, 'resource', malformed);
  const { allow_publish, allow_subscribe } = Object(claims['capabilities']) as Claims;
  const capabilities = new Set<Capability>();
  if (allow_publish === true) capabilities.add('publish');
  if (allow_subscribe === true) capabilities.add('subscribe');
  const attributes = Object.entries(Object(claims['attributes']) as Claims).map(([name, value]) => [name, String(value)]);
  return {
    text,
    id: textOf(claims, 'jti', malformed),
    // Old ones have no topic; it is the last part of the ARN.
    topic: 'topic' in claims ? textOf(claims, 'topic', malformed) : (resource.split('/').at(-1) ?? ''),
    resource,
    whipUrl: urlOf(claims, 'whip_url', ['http:', 'https:'], malformed),
    eventsUrl: urlOf(claims, 'events_url', ['ws:', 'wss:'], malformed),
    userId: typeof claims['user_id'] === 'string' ? claims['user_id'] : '',
    attributes: Object.fromEntries(attributes),
    capabilities,
    expires: expiryOf(claims),
    isSelfSigned: typeof header['kid'] === 'string',
  };
}

/** Where a connection token leads to. Throws for what is none, and for one that has ended. */
export function parseConnectionToken(text: string, now: number): { eventsUrl: string } {
  const malformed = (what: string) => new RealTimeConnectionError(RealTimeConnectionErrorCode.TOKEN_MALFORMED, `the connection token ${what}`);
  const [, claims] = decode(text, malformed);
  for (const name of ['jti', 'account_id', 'region']) textOf(claims, name, malformed);
  const eventsUrl = urlOf(claims, 'events_url', ['ws:', 'wss:'], malformed);
  if (expiryOf(claims) <= now) throw new RealTimeConnectionError(RealTimeConnectionErrorCode.TOKEN_EXPIRED, 'the connection token has ended');
  return { eventsUrl };
}

const FIXED = ['topic', 'resource', 'id', 'whipUrl', 'eventsUrl'] as const;
const CLAIMS: Record<(typeof FIXED)[number], string> = {
  topic: 'topic',
  resource: 'resource',
  id: 'jti',
  whipUrl: 'whip_url',
  eventsUrl: 'events_url',
};

/** The token that follows this one. Throws TOKEN_EXCHANGE_REQUEST_INVALID for one that cannot. */
export function successorOf(token: Token, text: string, now: number): Token {
  const invalid = (message: string) => new StageError(StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID, StageErrorCategory.JOIN_ERROR, message);
  let next: Token;
  try {
    next = parseToken(text);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'the token is malformed');
  }
  const different = FIXED.filter((name) => token[name] !== next[name]).map((name) => CLAIMS[name]);
  if (different.length > 0) throw invalid(`the new token differs in ${different.join(', ')}`);
  if (!token.isSelfSigned || !next.isSelfSigned) throw invalid('only tokens that are signed with an imported key can be exchanged');
  if (next.expires <= now) throw invalid('the new token has ended');
  return next;
}

type Malformed = (what: string) => Error;

function decode(text: string, malformed: Malformed): [header: Claims, claims: Claims] {
  const parts = typeof text === 'string' ? text.split('.') : [];
  if (parts.length !== 3) throw malformed('is not of three parts');
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => {
      const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), (character) => character.charCodeAt(0));
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
    });
    if (isObject(header) && isObject(claims)) return [header, claims];
  } catch {
    // Told below, without the text.
  }
  throw malformed('cannot be read');
}

function textOf(claims: Claims, name: string, malformed: Malformed): string {
  const value = claims[name];
  if (typeof value === 'string' && value !== '') return value;
  throw malformed(`lacks ${name}`);
}

function urlOf(claims: Claims, name: string, schemes: string[], malformed: Malformed): string {
  const text = textOf(claims, name, malformed);
  if (URL.canParse(text) && schemes.includes(new URL(text).protocol)) return text.replace(/\/+$/, '');
  throw malformed(`has no address as ${name}`);
}

function expiryOf({ exp }: Claims): number {
  return typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
