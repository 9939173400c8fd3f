/** One socket with a connection token, and the sessions on it: each has a channel, which is a socket to it. */

import type { ConnectionState, Failure, LeftReason, Platform, SharedConnection, SocketLike } from './contract';
import type { Effect, TimerName } from './effects';
import { Line } from './line';
import { readFrame } from './messages';
import { type Promised, promised } from './promised';
import { Timers } from './timers';
import { SUBPROTOCOL, Wire } from './wire';

const CHANNELS_MAX = 16;
const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 3;

export interface ConnectionListener {
  state(state: ConnectionState): void;
  failure(failure: Failure): void;
}

export class Connection implements SharedConnection {
  state: ConnectionState = 'disconnected';
  #line: Line | undefined;
  #timers: Timers<TimerName>;
  #wire = new Wire({
    opened: () => this.#opened(),
    message: (data) => this.#heard(data),
    closed: () => this.#at()?.lose(),
  });
  #connecting: Promised<void> | undefined;
  #channels = new Map<string, Channel>();
  #sessions = new Set<(reason: LeftReason) => void>();
  #said: string[] = [];
  #named = 0;

  constructor(
    private readonly options: { url: string; token: string; platform: Platform },
    private readonly listener: ConnectionListener,
  ) {
    this.#timers = new Timers(options.platform, (name) => this.#due(name));
  }

  connect(): Promise<void> {
    if (this.state === 'connected') return Promise.resolve();
    if (this.#connecting) return this.#connecting.promise;
    const { promise } = (this.#connecting = promised<void>());
    if (!this.#line) {
      const owner = {
        do: (effect: Effect) => this.#do(effect),
        connecting: () => {},
        lost: () => this.#lost(),
        refused: (failure: Failure) => this.#failed(failure),
      };
      this.#line = new Line(owner, true, () => this.options.platform.random());
      this.#line.token(this.options.token);
      this.#at()?.open();
    }
    return promise;
  }

  disconnect(): void {
    this.#putOut('real-time-connection-forced-leave');
  }

  /** A socket to one session. The first message on it gets the participant's token. */
  channel(token: string): SocketLike {
    // Who waits for it is told by its channel.
    if (this.state !== 'connected') this.connect().catch(() => undefined);
    const isFull = this.#channels.size >= CHANNELS_MAX;
    this.#named += 1;
    const channel = new Channel(`c${this.#named}`, token, isFull, (text) => this.#say(text), () => this.#channels.delete(channel.name));
    this.#channels.set(channel.name, channel);
    if (this.state === 'connected') queueMicrotask(() => channel.opened());
    return channel;
  }

  /** Makes a session end with the connection; gives what undoes that. */
  attach(putOut: (reason: LeftReason) => void): () => void {
    this.#sessions.add(putOut);
    return () => this.#sessions.delete(putOut);
  }

  #at(): Line | undefined {
    this.#line?.at(this.options.platform.now());
    return this.#line;
  }

  #due(name: TimerName): void {
    if (name === 'pace') this.#flush();
    else this.#at()?.due(name as Parameters<Line['due']>[0]);
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'tell':
        if (effect.of === 'state') this.#tell(effect.value === 'connected' ? 'connected' : 'connecting');
        return;
      case 'timer':
        return this.#timers.set(effect.name, effect.ms);
      case 'cancel':
        return this.#timers.cancel(effect.name);
      case 'connect':
        return this.#open(effect.token);
      case 'send':
        return this.#wire.send(effect.text);
      case 'abandon':
        return this.#wire.abandon();
      case 'tidy':
        return this.#wire.tidy();
    }
  }

  #open(token: string): void {
    try {
      this.#wire.use(new this.options.platform.WebSocket(this.options.url, [SUBPROTOCOL, token]));
    } catch (error) {
      this.#failed({ code: 'TOKEN_MALFORMED', category: 'JOIN_ERROR', message: String(error) });
    }
  }

  #opened(): void {
    this.#at()?.opened();
    this.#line?.joined();
    this.#connecting?.resolve();
    this.#connecting = undefined;
    for (const channel of [...this.#channels.values()]) channel.opened();
  }

  #heard(data: unknown): void {
    const frame = readFrame(data);
    if (!frame) return;
    this.#at()?.heard();
    if (frame.on !== undefined) return this.#channels.get(frame.on)?.heard(data);
    if (frame.type === 'revoked') this.#revoked('real-time-connection-token-revocation');
    if (frame.type === 'left') this.#revoked(frame.reason);
  }

  #revoked(reason: LeftReason): void {
    this.listener.failure({ code: 'TOKEN_NOT_ALLOWED', category: 'JOIN_ERROR', message: `the connection was ended: ${reason}` });
    this.#putOut(reason);
  }

  /** The socket is lost; the sessions seek channels on the next one. */
  #lost(): void {
    this.#said = [];
    for (const channel of [...this.#channels.values()]) channel.closed();
  }

  #failed(failure: Failure): void {
    this.#end();
    this.#connecting?.reject(failure);
    this.#connecting = undefined;
    this.listener.failure(failure);
    this.#lost();
  }

  #putOut(reason: LeftReason): void {
    const canceled: Failure = { code: 'CANCELED', category: 'JOIN_ERROR', message: 'the connection was ended' };
    for (const putOut of [...this.#sessions]) putOut(reason);
    this.#end();
    this.#connecting?.reject(canceled);
    this.#connecting = undefined;
    this.#lost();
  }

  #end(): void {
    this.#line = undefined;
    this.#timers.clear();
    this.#wire.close();
    if (this.state !== 'disconnected') this.#tell('disconnected');
  }

  #say(text: string): void {
    this.#said.push(text);
    this.#flush();
  }

  #flush(): void {
    this.#at()?.flush(() => this.#said.shift());
  }

  #tell(state: ConnectionState): void {
    if (state === this.state) return;
    this.state = state;
    this.listener.state(state);
  }
}

class Channel implements SocketLike {
  readyState = CONNECTING;
  onopen: SocketLike['onopen'] = null;
  onclose: SocketLike['onclose'] = null;
  onerror: SocketLike['onerror'] = null;
  onmessage: SocketLike['onmessage'] = null;
  #isJoining = false;
  #isAnswered = false;

  constructor(
    readonly name: string,
    private readonly token: string,
    private readonly isFull: boolean,
    private readonly say: (text: string) => void,
    private readonly gone: () => void,
  ) {}

  send(text: string): void {
    if (this.readyState !== OPEN) return;
    const isFirst = !this.#isJoining;
    this.#isJoining = true;
    if (this.isFull) return this.heard(FULL);
    const { name: on, token } = this;
    const own = JSON.stringify(isFirst ? { on, token } : { on });
    this.say(`${own.slice(0, -1)},${text.slice(1)}`);
  }

  /** With a code it is a leave, as it is of a socket; who was answered has said that itself. */
  close(code?: number): void {
    if (code !== undefined && this.#isJoining && !this.#isAnswered) this.send('{"type":"leave"}');
    this.readyState = CLOSED;
    this.gone();
  }

  opened(): void {
    if (this.readyState !== CONNECTING) return;
    this.readyState = OPEN;
    this.onopen?.();
  }

  heard(data: unknown): void {
    this.#isAnswered = true;
    this.onmessage?.({ data });
  }

  closed(): void {
    this.readyState = CLOSED;
    this.gone();
    this.onclose?.({ code: 1006, reason: '' });
  }
}

const FULL = JSON.stringify({
  type: 'error',
  code: 'STAGE_AT_CAPACITY',
  category: 'JOIN_ERROR',
  message: `a connection has ${CHANNELS_MAX} stages at most`,
});
