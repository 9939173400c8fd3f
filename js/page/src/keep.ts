// Keeps one connection up: opens it, waits for its end, opens it again, until told to stop.

import { Refusal, type Peer } from './peer';

export type Upkeep =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'live' }
  | { readonly phase: 'waiting'; readonly words: string }
  | { readonly phase: 'over'; readonly words: string };

const PAUSE_MS = { first: 500, most: 8000 };

export interface Attempt {
  readonly wait: number | undefined;
  readonly words: string;
}

/** What to do after a failure: wait so long, or give up (`wait` is absent). */
export function afterFailure(error: unknown, failures: number): Attempt {
  const backoff = Math.min(PAUSE_MS.first * 2 ** failures, PAUSE_MS.most);
  if (!(error instanceof Refusal)) return { wait: backoff, words: 'Cannot reach the server.' };
  const { status, message, retryAfterMs } = error;
  if (retryAfterMs !== undefined) return { wait: Math.max(retryAfterMs, PAUSE_MS.first), words: message };
  return { wait: status >= 500 ? backoff : undefined, words: message };
}

export class Keeper {
  readonly #stopped = new AbortController();
  #peer: Peer | undefined;

  /** `open` resolves with a peer that is negotiated; `tell` hears of every change. */
  constructor(open: () => Promise<Peer>, tell: (upkeep: Upkeep) => void) {
    void this.#run(open, tell);
  }

  /** Ends the connection, and tells the server. */
  stop(): void {
    this.#stopped.abort();
    this.#peer?.close();
  }

  /** Ends a connection whose other end is gone. */
  forget(): void {
    this.#stopped.abort();
    this.#peer?.drop();
  }

  async #run(open: () => Promise<Peer>, tell: (upkeep: Upkeep) => void): Promise<void> {
    const { signal } = this.#stopped;
    let failures = 0;
    while (!signal.aborted) {
      tell({ phase: 'connecting' });
      let next: Attempt;
      try {
        const peer = await open();
        this.#peer = peer;
        // It may have been stopped while the server was answering.
        if (signal.aborted) peer.close();
        const { connection } = peer;
        connection.addEventListener('connectionstatechange', () => {
          if (connection.connectionState !== 'connected' || signal.aborted) return;
          failures = 0;
          tell({ phase: 'live' });
        });
        await peer.ended;
        peer.close();
        next = { wait: PAUSE_MS.first * 2 ** Math.min(failures, 4), words: 'The connection was lost.' };
      } catch (error) {
        next = afterFailure(error, failures);
      }
      failures += 1;
      if (signal.aborted) return;
      if (next.wait === undefined) {
        tell({ phase: 'over', words: next.words });
        return;
      }
      tell({ phase: 'waiting', words: next.words });
      await pause(next.wait, signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
