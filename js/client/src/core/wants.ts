/** What is wanted of whom, and what the server has been told of it. */

import type { Want } from './contract';
import type { ClientMessage } from './messages';

/** Participants in one `set` or `reset`. */
const NAMED_IN_MESSAGE_MAX = 128;
/** Participants that a server keeps. */
const NAMED_MAX = 1024;
const SIDE_MAX = 8192;
const PRIORITY_MAX = 255;
/** Said of who is back at the default. Kept for a while, since words that were on a socket when it was lost may be lost with it. */
const RESET = '-';

type Sub = Extract<ClientMessage, { type: 'sub' }>;

export class Wants {
  #desired = new Map<string, Want>();
  /** What was said of each, as JSON or as `RESET`; empty where the server may know something else. */
  #told = new Map<string, string>();

  /** The whole desired state. Who is not named, or nothing is wanted of, is not wanted. */
  desire(wants: readonly Want[]): void {
    const wanted = wants.filter(({ kinds }) => kinds.length > 0).slice(0, NAMED_MAX);
    this.#desired = new Map(wanted.map((want) => [want.pid, bounded(want)]));
  }

  /** The next message to be sent, counted as told; nothing where the server knows all. */
  next(): Sub | undefined {
    const unwanted = [...this.#told].filter(([pid, words]) => words !== RESET && !this.#desired.has(pid));
    const reset = unwanted.slice(0, NAMED_IN_MESSAGE_MAX).map(([pid]) => pid);
    for (const pid of reset) this.#told.set(pid, RESET);
    const set: Want[] = [];
    for (const [pid, want] of this.#desired) {
      const words = JSON.stringify(want);
      if (this.#told.get(pid) === words) continue;
      if (set.push(want) > NAMED_IN_MESSAGE_MAX) {
        set.pop();
        break;
      }
      this.#told.set(pid, words);
    }
    if (this.#told.size > 2 * NAMED_MAX) this.#prune();
    if (set.length + reset.length === 0) return undefined;
    return { type: 'sub', ...(set.length > 0 && { set }), ...(reset.length > 0 && { reset }) };
  }

  /** The server has refused this one, and asks again when it is named again. */
  refused(pid: string): void {
    if (this.#told.has(pid)) this.#told.set(pid, '');
  }

  /** The server may have missed what was said: all of it is to be said again. */
  doubt(): void {
    for (const pid of this.#told.keys()) this.#told.set(pid, '');
  }

  /** A session in which nothing has been said. */
  forget(): void {
    this.#told.clear();
  }

  #prune(): void {
    for (const [pid, words] of this.#told) if (words === RESET) this.#told.delete(pid);
  }
}

/** In the order and the bounds of the protocol, so that one odd value does not void the others' wants. */
function bounded({ pid, kinds, initial, prefer, maxSize, priority }: Want): Want {
  return {
    pid,
    kinds: [...new Set(kinds)].sort(),
    ...(initial && { initial }),
    ...(prefer && { prefer }),
    ...(maxSize && { maxSize: { width: whole(maxSize.width, 1, SIDE_MAX), height: whole(maxSize.height, 1, SIDE_MAX) } }),
    ...(priority && { priority: whole(priority, 0, PRIORITY_MAX) }),
  };
}

function whole(value: number, least: number, most: number): number {
  return Math.min(Math.max(Math.round(value) || 0, least), most);
}
