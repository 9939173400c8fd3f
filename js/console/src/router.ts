// Where the person is: the fragment of the address as a value. ARNs stand in it as they are, slash included.

import { signal } from '@preact/signals';

export type Route =
  | { readonly page: 'stages' | 'keys' | 'encoders' | 'storage' | 'connection' | 'publish' | 'account' }
  | { readonly page: 'ingest'; readonly configurationArn: string | undefined }
  | { readonly page: 'tokens'; readonly stageArn: string | undefined }
  | { readonly page: 'stage'; readonly stageArn: string }
  | { readonly page: 'session'; readonly stageArn: string; readonly sessionId: string }
  | { readonly page: 'participant'; readonly stageArn: string; readonly sessionId: string; readonly participantId: string }
  | { readonly page: 'unknown' };

const PLAIN = ['keys', 'encoders', 'storage', 'connection', 'publish', 'account'] as const;

const TOKENS = /^tokens(?:\/(arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage\/[a-zA-Z0-9-]+))?$/;

const INGEST = /^ingest(?:\/(arn:aws:ivs:[a-z0-9-]+:[0-9]+:ingest-configuration\/[a-zA-Z0-9-]+))?$/;

const STAGE =
  /^stage\/(arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage\/[a-zA-Z0-9-]+)(?:\/session\/(st-[a-zA-Z0-9]+)(?:\/participant\/([a-zA-Z0-9_-]{1,64}))?)?$/;

export function parseRoute(fragment: string): Route {
  const path = decode(fragment.replace(/^#?\/?/, '')).replace(/\/$/, '');
  if (path === '' || path === 'stages') return { page: 'stages' };
  const plain = PLAIN.find((name) => name === path);
  if (plain !== undefined) return { page: plain };
  const tokens = TOKENS.exec(path);
  if (tokens !== null) return { page: 'tokens', stageArn: tokens[1] };
  const ingest = INGEST.exec(path);
  if (ingest !== null) return { page: 'ingest', configurationArn: ingest[1] };
  const [, stageArn, sessionId, participantId] = STAGE.exec(path) ?? [];
  if (stageArn === undefined) return { page: 'unknown' };
  if (sessionId === undefined) return { page: 'stage', stageArn };
  if (participantId === undefined) return { page: 'session', stageArn, sessionId };
  return { page: 'participant', stageArn, sessionId, participantId };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const stageLink = (stageArn: string): string => `#/stage/${stageArn}`;
/** An ingest configuration. */
export const ingestLink = (configurationArn: string): string => `#/ingest/${configurationArn}`;
/** Where tokens for it are made. */
export const tokensLink = (stageArn: string): string => `#/tokens/${stageArn}`;
export const sessionLink = (stageArn: string, sessionId: string): string => `#/stage/${stageArn}/session/${sessionId}`;
export const participantLink = (stageArn: string, sessionId: string, participantId: string): string =>
  `${sessionLink(stageArn, sessionId)}/participant/${participantId}`;

/** A participant token in the fragment, as `downstage` and older bookmarks hand it over; it is no route. */
export function tokenOfFragment(fragment: string): string | undefined {
  const text = decode(fragment.replace(/^#/, ''));
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text) ? text : undefined;
}

export const route = signal<Route>({ page: 'stages' });

export function go(fragment: string): void {
  location.hash = fragment;
}
