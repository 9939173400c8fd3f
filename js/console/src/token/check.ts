// Why a token would be refused, as far as that can be told without its signature and without the server's records.

import { lasting } from '../parts/time';
import { TokenError, decodeToken } from './decode';

/** The most that the server reads. */
const TOKEN_BYTES_MAX = 12 * 1024;
const DAY_MS = 86_400_000;
const LIFE_MAX_MS = { participant: 14 * DAY_MS, connection: 28 * DAY_MS };
/** Clocks differ a little. */
const SKEW_MS = 60_000;

const ID = /^[a-zA-Z0-9_-]{1,64}$/;
const STAGE = /^arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage\/([a-zA-Z0-9-]+)$/;

/** Every fault that shows in the token itself; `now` in milliseconds, `host` is that of this server (`host:port`). */
export function faultsOf(text: string, now: number, host: string): string[] {
  let token;
  try {
    token = decodeToken(text);
  } catch (error) {
    if (error instanceof TokenError) return [error.message];
    throw error;
  }
  const { kind, header, claims } = token;
  const faults: string[] = [];
  if (text.length > TOKEN_BYTES_MAX) faults.push(`It is longer than ${TOKEN_BYTES_MAX} bytes.`);
  if (header['alg'] !== 'ES384') faults.push(`It is signed by ${String(header['alg'])}; it has to be ES384.`);
  if (header['typ'] !== 'JWT') faults.push('Its header lacks "typ": "JWT".');
  if (kind === 'connection' && typeof header['kid'] !== 'string') faults.push('A connection token names its public key (kid).');
  if (typeof claims['jti'] !== 'string' || !ID.test(claims['jti'])) faults.push('The id (jti) has to be 1 to 64 letters, digits, - and _.');
  faults.push(...faultsOfTime(claims, now, LIFE_MAX_MS[kind]));
  if (kind === 'participant') faults.push(...faultsOfStage(claims, host));
  return faults;
}

function faultsOfTime(claims: Readonly<Record<string, unknown>>, now: number, lifeMs: number): string[] {
  const [iat, exp] = [claims['iat'], claims['exp']];
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return ['The times of issue (iat) and of the end (exp) have to be whole seconds.'];
  const issued = Number(iat) * 1000;
  const ends = Number(exp) * 1000;
  const faults: string[] = [];
  if (ends <= now) faults.push(`It ended ${lasting(now - ends)} ago.`);
  if (issued > now + SKEW_MS) faults.push(`It is issued ${lasting(issued - now)} in the future; are the clocks right?`);
  if (ends <= issued) faults.push('It ends before it begins.');
  if (ends - issued > lifeMs) faults.push(`It lasts for longer than ${lasting(lifeMs)}.`);
  return faults;
}

function faultsOfStage(claims: Readonly<Record<string, unknown>>, host: string): string[] {
  const faults: string[] = [];
  const [, id] = STAGE.exec(String(claims['resource'])) ?? [];
  if (id === undefined) faults.push('It names no stage (resource).');
  else if (claims['topic'] !== id) faults.push('The stage (resource) and the topic differ.');
  const capabilities = claims['capabilities'];
  if (typeof capabilities !== 'object' || capabilities === null) {
    faults.push('It lacks the capabilities.');
  } else if (!Object.values(capabilities).includes(true)) {
    faults.push('It allows neither to publish nor to subscribe.');
  }
  for (const name of ['whip_url', 'events_url']) {
    const url = String(claims[name] ?? '');
    if (!URL.canParse(url)) faults.push(`The ${name} is not an address.`);
    else if (new URL(url).host !== host) faults.push(`The ${name} leads to ${new URL(url).host}, not to this server.`);
  }
  return faults;
}
