/** The socket of a session, and those that follow it: attempts, silence, and how much is said. Pure, as the machine is. */

import type { Failure, SessionState } from './contract';
import type { Effect, TimerName } from './effects';
import { type ClientMessage, writeMessage } from './messages';
import { backOff, Pace } from './pace';

/** How long one attempt may take, and how long attempts go on before a join counts as failed. */
export const ANSWER_MS = 10_000;
const GIVE_UP_MS = 30_000;
/** How long a server waits for a client that has lost its socket. */
const RESUME_MS = 30_000;
/** Silence of the two together is a lost socket. */
const PING_MS = 4000;
const SILENCE_MS = 6000;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5000;
/** A socket that lasted as long was a good one. */
const LASTED_MS = 5000;
/** What was said so short before a loss may be lost with the socket. */
const DOUBTED_MS = 15_000;

const TIMERS = ['answer', 'ping', 'silence', 'pace', 'exchange', 'void'] as const satisfies TimerName[];

export interface LineOwner {
  do(effect: Effect): void;
  /** Before each attempt, and after each loss. */
  connecting(): void;
  lost(): void;
  /** No attempt has worked, and there will be no other. */
  refused(failure: Failure): void;
}

export class Line {
  phase: 'idle' | SessionState = 'idle';
  /** `joining`: the first message is said. */
  socket: 'none' | 'open' | 'joining' | 'joined' = 'none';
  #now = 0;
  #token = '';
  #lostAt = 0;
  #joinedAt = 0;
  #saidAt = -DOUBTED_MS;
  #attempts = 0;
  /** Why the last attempt has not worked, where the server said so. */
  #failure: Failure | undefined;
  #pace = new Pace(0);

  constructor(
    private readonly owner: LineOwner,
    private readonly watches: boolean,
    private readonly random: () => number,
  ) {}

  /** The time of the input that comes next. */
  at(now: number): void {
    this.#now = now;
  }

  /** With which token sockets are opened from now on. */
  token(token: string): void {
    this.#token = token;
  }

  open(): void {
    this.state('connecting');
    this.#timer('give-up', GIVE_UP_MS);
    this.#connect();
  }

  opened(): void {
    this.socket = 'open';
    this.#pace = new Pace(this.#now);
  }

  /** The server has let the participant in, anew or again. */
  joined(): void {
    this.socket = 'joined';
    this.#joinedAt = this.#now;
    this.#cancel('answer');
    this.#cancel('give-up');
    this.owner.do({ do: 'tidy' });
    this.state('connected');
    this.heard();
  }

  /** Something came over the socket. */
  heard(): void {
    if (!this.watches || this.socket !== 'joined') return;
    this.#cancel('silence');
    this.#timer('ping', PING_MS);
  }

  /** The socket is lost, or of no use. */
  lose(failure?: Failure): void {
    this.socket = 'none';
    this.#failure = failure ?? this.#failure;
    for (const name of TIMERS) this.#cancel(name);
    this.owner.do({ do: 'abandon' });
    this.owner.lost();
    if (this.phase === 'connected') {
      this.#lostAt = this.#now;
      if (this.#now - this.#joinedAt >= LASTED_MS) this.#attempts = 0;
      this.state('lost');
    }
    this.#timer('retry', backOff(this.#attempts, RETRY_FIRST_MS, RETRY_MOST_MS, this.random()));
    this.#attempts += 1;
  }

  /** Whether the server has given up waiting for this client. */
  get isTooLate(): boolean {
    return this.phase === 'lost' && this.#now - this.#lostAt >= RESUME_MS;
  }

  /** Whether what was said last may have been lost with the socket. */
  get isDoubtful(): boolean {
    return this.#saidAt >= this.#lostAt - DOUBTED_MS;
  }

  /** Does what is due; of these timers only. */
  due(name: 'answer' | 'give-up' | 'retry' | 'ping' | 'silence'): void {
    switch (name) {
      case 'answer':
        if (this.phase === 'lost') return this.lose();
        return this.owner.refused({ code: 'TIMEOUT', category: 'JOIN_ERROR', message: 'the server does not answer' });
      case 'give-up': {
        const message = 'the server cannot be reached, or does not take this token';
        return this.owner.refused(this.#failure ?? { code: 'NETWORK', category: 'JOIN_ERROR', message });
      }
      case 'retry':
        return this.#connect();
      case 'ping':
        this.#timer('silence', SILENCE_MS);
        this.#pace.take();
        this.say({ type: 'ping' });
        return;
      case 'silence':
        return this.lose();
    }
  }

  /** Says what `next` gives, as fast as may be said; the rest when the timer `pace` is due. */
  flush(next: () => ClientMessage | string | undefined): void {
    while (this.socket === 'joined') {
      const wait = this.#pace.wait(this.#now);
      if (wait > 0) return this.#timer('pace', wait);
      const message = next();
      if (!message) return;
      this.#pace.take();
      this.#saidAt = this.#now;
      this.say(message);
    }
  }

  /** Whether the message could be said: none may be too long. */
  say(message: ClientMessage | string): boolean {
    const text = typeof message === 'string' ? message : writeMessage(message);
    if (text !== undefined) this.owner.do({ do: 'send', text });
    return text !== undefined;
  }

  state(state: SessionState): void {
    this.phase = state;
    this.owner.do({ do: 'tell', of: 'state', value: state });
  }

  #connect(): void {
    this.owner.connecting();
    this.#timer('answer', ANSWER_MS);
    this.owner.do({ do: 'connect', token: this.#token });
  }

  #timer(name: TimerName, ms: number): void {
    this.owner.do({ do: 'timer', name, ms });
  }

  #cancel(name: TimerName): void {
    this.owner.do({ do: 'cancel', name });
  }
}
