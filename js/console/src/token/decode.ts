// Tokens as their holder can read them. Only the server can tell whether the signature is genuine.

export interface DecodedToken {
  readonly kind: 'participant' | 'connection';
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What is wrong with a token as a text, in words for the person who pasted it. */
export class TokenError extends Error {}

/** A token as it is pasted: terminals wrap long lines, and JSON comes with quotes. */
export function trimToken(pasted: string): string {
  return pasted.replace(/[\s"',]/g, '');
}

export function decodeToken(text: string): DecodedToken {
  if (text === '') throw new TokenError('Paste a token first.');
  const parts = text.split('.');
  const [header, claims] = parts;
  if (parts.length !== 3 || header === undefined || claims === undefined) {
    throw new TokenError('This is not a token: it should be three parts with dots between them.');
  }
  const read = { header: decodePart(header), claims: decodePart(claims) };
  return { kind: 'resource' in read.claims || !('account_id' in read.claims) ? 'participant' : 'connection', ...read };
}

function decodePart(part: string): Record<string, unknown> {
  try {
    const binary = atob(part.replace(/-/g, '+').replace(/_/g, '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, in words that help.
  }
  throw new TokenError('This token cannot be read. Was all of it copied?');
}
