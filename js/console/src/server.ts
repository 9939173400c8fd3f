// The server that serves this page: what it says of itself, and as whom the person speaks to it.

import { computed, signal } from '@preact/signals';

import { openApi, type Api } from './api/call';
import type { Credentials } from './api/sign';

/** `GET /console.json`. */
export interface ServerInfo {
  readonly version: string;
  /** The well-known keys of `downstage dev`; `null` on any other server. */
  readonly dev: (Credentials & { readonly adminKey?: string }) | null;
  /** Addresses of the RTMP ports, where there are some. */
  readonly rtmp: {
    readonly rtmp?: string;
    readonly rtmps?: string;
    /** Whether the server made the certificate of `rtmps` itself, so that nobody else vouches for it. */
    readonly isSelfSigned?: boolean;
  } | null;
}

/** The tab's memory: it ends with the tab, and no other tab or site reads it. */
const KEY = 'downstage.credentials';
const SIGNED_OUT = 'none';

export const origin = location.origin;
export const serverInfo = signal<ServerInfo>({ version: '', dev: null, rtmp: null });
export const credentials = signal<Credentials | undefined>(undefined);
/** The key of the administration, typed by hand or that of `dev`; never stored. */
export const adminKey = signal('');
/** The key that was refused, and why: nobody asks with it again, because wrong keys are counted. */
export const refusedAdminKey = signal<{ readonly key: string; readonly why: string } | undefined>(undefined);
/** A participant token that another page, or the address, hands to the publish page. */
export const handedToken = signal('');

/** The API as the person who is signed in. */
export const api = computed<Api | undefined>(() => {
  const known = credentials.value;
  return known === undefined ? undefined : openApi(origin, known);
});

/** Reads what the server says and who was signed in before a reload. */
export async function start(): Promise<void> {
  try {
    const answer = await fetch('/console.json', { cache: 'no-store' });
    if (answer.ok) serverInfo.value = (await answer.json()) as ServerInfo;
  } catch {
    // The pages say by themselves that the server is away.
  }
  adminKey.value = serverInfo.value.dev?.adminKey ?? '';
  const kept = sessionStorage.getItem(KEY);
  if (kept === SIGNED_OUT) return;
  credentials.value = readCredentials(kept) ?? serverInfo.value.dev ?? undefined;
}

export function signIn(given: Credentials): void {
  sessionStorage.setItem(KEY, JSON.stringify(given));
  credentials.value = given;
}

export function signOut(): void {
  sessionStorage.setItem(KEY, SIGNED_OUT);
  credentials.value = undefined;
}

export function readCredentials(text: string | null): Credentials | undefined {
  try {
    const value = JSON.parse(text ?? '') as Partial<Credentials>;
    const { accessKeyId, secretAccessKey, region } = value;
    if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string' || typeof region !== 'string') return undefined;
    return { accessKeyId, secretAccessKey, region };
  } catch {
    return undefined;
  }
}

/** The API on pages that nobody sees without signing in. */
export function client(): Api {
  const known = api.value;
  if (known === undefined) throw new Error('Sign in first.');
  return known;
}
