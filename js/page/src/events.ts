// The events socket: being connected is being on the stage, and the server says who publishes.

import { isObject, type Token } from './token';

/** Another participant that publishes. */
export interface Publisher {
  readonly id: string;
  readonly userId: string;
}

export type Message =
  | { readonly type: 'state'; readonly publishers: readonly Publisher[] }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'left'; readonly reason: string }
  | { readonly type: 'other' };

/** Why the socket ended; `final` is false where trying again may help. */
export interface Ending {
  readonly words: string;
  readonly final: boolean;
}

export interface Listener {
  joined(): void;
  publishers(publishers: readonly Publisher[]): void;
  ended(ending: Ending): void;
}

/** Below the server's patience with silent clients, which is 10 s at its shortest useful setting. */
const PING_INTERVAL_MS = 4000;

const ENDINGS: Readonly<Record<string, Ending>> = {
  TOKEN_EXPIRED: { words: 'The token has expired. Get a new one.', final: true },
  STAGE_AT_CAPACITY: { words: 'The stage is full.', final: true },
  TOKEN_NOT_ALLOWED: { words: 'The token does not allow to join.', final: true },
  STAGE_DELETED: { words: 'The stage does not exist any more.', final: true },
  PARTICIPANT_DISCONNECTED: { words: 'This participant was disconnected; its token cannot be used again.', final: true },
  'token-reused': { words: 'The same token joined somewhere else.', final: true },
  'participant-disconnected': { words: 'You were disconnected from the stage; this token cannot be used again.', final: true },
  'stage-deleted': { words: 'The stage was deleted.', final: true },
  'user-initiated': { words: 'You left the stage.', final: true },
};

const LOST: Ending = { words: 'The connection to the server is lost.', final: false };

export function endingOf(reason: string): Ending {
  return ENDINGS[reason] ?? LOST;
}

/** Reads one message; anything that is not understood is `other`, so that newer servers do no harm. */
export function parseMessage(data: unknown): Message {
  const message = parseJson(data);
  const payload = isObject(message['payload']) ? message['payload'] : {};
  const reason = typeof payload['reason'] === 'string' ? payload['reason'] : '';
  switch (message['type']) {
    case 'STAGE_STATE': {
      if (!Array.isArray(payload['participants'])) return { type: 'other' };
      return { type: 'state', publishers: payload['participants'].flatMap(parsePublisher) };
    }
    case 'JOIN_ERROR':
      return { type: 'refused', reason };
    case 'STAGE_LEFT':
      return { type: 'left', reason };
    default:
      return { type: 'other' };
  }
}

function parseJson(data: unknown): Record<string, unknown> {
  if (typeof data !== 'string') return {};
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function parsePublisher(entry: unknown): Publisher[] {
  if (!isObject(entry) || typeof entry['id'] !== 'string' || entry['isPublishing'] !== true) return [];
  return [{ id: entry['id'], userId: typeof entry['userId'] === 'string' ? entry['userId'] : '' }];
}

/** One socket, from opening to its end. */
export class EventsSocket {
  readonly #socket: WebSocket;
  readonly #ping: ReturnType<typeof setInterval>;
  #reason = '';

  constructor(token: Token, listener: Listener) {
    // The subprotocol is the one header that a browser lets a page choose.
    this.#socket = new WebSocket(`${token.eventsUrl}/${encodeURIComponent(token.topic)}`, token.text);
    this.#ping = setInterval(() => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"type":"PING"}');
    }, PING_INTERVAL_MS);
    let opened = false;
    let joined = false;
    this.#socket.addEventListener('open', () => {
      opened = true;
    });
    this.#socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      const message = parseMessage(data);
      if (message.type === 'state') {
        if (!joined) listener.joined();
        joined = true;
        listener.publishers(message.publishers);
      } else if (message.type === 'refused' || message.type === 'left') {
        this.#reason = message.reason;
      }
    });
    this.#socket.addEventListener('close', ({ reason }) => {
      clearInterval(this.#ping);
      if (!opened) {
        listener.ended({
          words: 'The server does not let this token in, or cannot be reached. Is the token from this server?',
          final: false,
        });
        return;
      }
      listener.ended(endingOf(this.#reason || reason));
    });
  }

  close(): void {
    clearInterval(this.#ping);
    this.#socket.close(1000);
  }
}
