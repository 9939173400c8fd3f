/** The requests of WHIP (docs/whip.md), and what their failures mean. */

import type { Failure, Platform } from './contract';

/** How long a server may take to answer. */
const REQUEST_MS = 10_000;
const REDIRECTS_MAX = 3;
const RETRY_AFTER_MAX_S = 60;

/** A request that has not worked; `status` is 0 where no answer came. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

export interface Created {
  answer: string;
  resource: string;
  ice: RTCIceServer[];
}

export async function post(platform: Platform, url: string, token: string, offer: string): Promise<Created> {
  const headers = { 'Content-Type': 'application/sdp' };
  let response = await request(platform, url, token, { method: 'POST', headers, body: offer });
  // Browsers follow redirects by themselves, but drop the token on the way to another origin, and the body after a 301 or 302.
  for (let count = 0; response.redirected && response.status !== 201 && count < REDIRECTS_MAX; count += 1) {
    response = await request(platform, response.url, token, { method: 'POST', headers, body: offer });
  }
  if (response.status !== 201) throw problem(response);
  const location = response.headers.get('Location');
  if (location === null) throw new Problem(201, 'FAILED', 'the answer names no resource');
  const resource = new URL(location, response.url).href;
  return { answer: response.body, resource, ice: iceServers(response.headers.get('Link') ?? '') };
}

/** Restarts ICE; gives the fragment that answers. */
export async function restart(platform: Platform, resource: string, token: string, fragment: string): Promise<string> {
  const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' };
  const response = await request(platform, resource, token, { method: 'PATCH', headers, body: fragment });
  if (response.status !== 200) throw problem(response);
  return response.body;
}

/** Ends it, as far as the server can be reached; also while the page is being closed. */
export async function remove(platform: Platform, resource: string, token: string): Promise<void> {
  await request(platform, resource, token, { method: 'DELETE', keepalive: true }).catch(() => undefined);
}

/** Whether another attempt may work: it was the network, or the server had too much to do or was going down. */
export function isPassing({ status }: Problem): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

export function failureOf({ status, code, message }: Problem): Failure {
  return { code: CODES[code] ?? STATUSES[status] ?? 'FAILED', category: 'PUBLISH_ERROR', message };
}

const CODES: Readonly<Record<string, string>> = {
  INVALID_VIDEO_CODEC: 'CODEC_MISMATCH',
  INVALID_AUDIO_CODEC: 'CODEC_MISMATCH',
  OFFER_MALFORMED: 'OFFER_MALFORMED',
  OFFER_UNACCEPTABLE: 'OFFER_UNACCEPTABLE',
  QUOTA_EXCEEDED: 'STAGE_AT_CAPACITY',
  PARTICIPANT_DISCONNECTED: 'PARTICIPANT_DISCONNECTED',
  STAGE_NOT_FOUND: 'STAGE_DELETED',
};

const STATUSES: Readonly<Record<number, string>> = {
  0: 'NETWORK',
  401: 'TOKEN_NOT_ALLOWED',
  403: 'TOKEN_NOT_ALLOWED',
  404: 'STAGE_DELETED',
  410: 'STAGE_DELETED',
};

interface Answer {
  status: number;
  url: string;
  redirected: boolean;
  headers: Headers;
  body: string;
}

async function request(platform: Platform, url: string, token: string, init: RequestInit): Promise<Answer> {
  const abort = new AbortController();
  const timer = platform.setTimeout(() => abort.abort(), REQUEST_MS);
  const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` };
  try {
    const response = await platform.fetch(url, { ...init, headers, signal: abort.signal });
    const { status, redirected, headers: given } = response;
    return { status, url: response.url || url, redirected, headers: given, body: await response.text() };
  } catch {
    throw new Problem(0, '', 'the server cannot be reached');
  } finally {
    platform.clearTimeout(timer);
  }
}

function problem(response: Answer): Problem {
  let body: { code?: unknown; message?: unknown } = {};
  try {
    body = Object(JSON.parse(response.body));
  } catch {
    // Not every server explains itself in JSON.
  }
  const code = typeof body.code === 'string' ? body.code : '';
  const message = typeof body.message === 'string' ? body.message : `the server answered ${response.status}`;
  const after = response.headers.get('Retry-After');
  const seconds = after !== null && /^\d{1,4}$/.test(after) ? Math.min(Number(after), RETRY_AFTER_MAX_S) : undefined;
  return new Problem(response.status, code, message, seconds === undefined ? undefined : seconds * 1000);
}

/** The ICE servers of a `Link` header (RFC 9725 section 4.6). */
export function iceServers(link: string): RTCIceServer[] {
  return [...link.matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="[^"]*")*)/g)].flatMap(([, urls = '', rest = '']) => {
    const parameters = new Map([...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    if (parameters.get('rel') !== 'ice-server') return [];
    const username = parameters.get('username');
    const credential = parameters.get('credential');
    return [{ urls, ...(username !== undefined && { username }), ...(credential !== undefined && { credential }) }];
  });
}
