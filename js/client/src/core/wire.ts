/** The socket that is in use, and those that were given up. */

import type { SocketLike } from './contract';

export const SUBPROTOCOL = 'stage.v1';
/** A server has forgotten the session of what is older than a few attempts. */
const ABANDONED_MAX = 4;

export interface WireOwner {
  opened(): void;
  message(data: unknown): void;
  closed(): void;
}

export class Wire {
  #socket: SocketLike | undefined;
  #abandoned: SocketLike[] = [];

  constructor(private readonly owner: WireOwner) {}

  /** Uses this socket from now on. */
  use(socket: SocketLike): void {
    this.abandon();
    this.#socket = socket;
    socket.onopen = () => this.owner.opened();
    socket.onmessage = ({ data }) => this.owner.message(data);
    socket.onclose = () => this.owner.closed();
  }

  send(text: string): void {
    this.#socket?.send(text);
  }

  /** Hears no more of it, but leaves it open: closing it is a leave, and may arrive late, after a resume on another. */
  abandon(): void {
    const socket = this.#release();
    if (!socket) return;
    this.#abandoned.push(socket);
    if (this.#abandoned.length > ABANDONED_MAX) this.#abandoned.shift()?.close();
  }

  /** Closes what was abandoned: another is in its place. */
  tidy(): void {
    for (const socket of this.#abandoned.splice(0)) socket.close();
  }

  close(): void {
    this.#release()?.close(1000);
    this.tidy();
  }

  #release(): SocketLike | undefined {
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    this.#socket = undefined;
    return socket;
  }
}
