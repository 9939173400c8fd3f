// Participant tokens, as far as a page reads them: what they allow, and where they lead. Only the server can tell whether one is genuine.

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

/** What is wrong with a token, in words for the person who pasted it. */
export class TokenError extends Error {}

export function parseToken(pasted: string): Token {
  // Terminals wrap long lines, and JSON comes with quotes.
  const text = pasted.replace(/[\s"',]/g, '');
  if (text === '') throw new TokenError('Paste a participant token first.');
  const parts = text.split('.');
  if (parts.length !== 3) {
    throw new TokenError('This is not a participant token: it should be three parts with dots between them.');
  }
  const claims = decodePart(parts[1] ?? '');
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

function decodePart(part: string): Record<string, unknown> {
  try {
    const binary = atob(part.replace(/-/g, '+').replace(/_/g, '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(claims)) return claims;
  } catch {
    // Told below, in words that help.
  }
  throw new TokenError('This token cannot be read. Was all of it copied?');
}

function textClaim(claims: Record<string, unknown>, name: string): string {
  const value = claims[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new TokenError(`This token lacks ${name}: it is not a participant token.`);
}

function urlClaim(claims: Record<string, unknown>, name: string, schemes: string[]): string {
  const text = textClaim(claims, name);
  if (URL.canParse(text) && schemes.includes(new URL(text).protocol)) return text.replace(/\/$/, '');
  throw new TokenError(`The ${name} in this token is not an address.`);
}

function dateClaim(claims: Record<string, unknown>, name: string): Date {
  const value = claims[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return new Date(value * 1000);
  throw new TokenError(`This token lacks ${name}: it is not a participant token.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
