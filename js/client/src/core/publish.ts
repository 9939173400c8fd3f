/** The state machine of a publication: posting, connecting, mending, and how long. Pure, as the session's is. */

import type { Failure, PublicationState } from './contract';
import { backOff } from './pace';

export type PublishTimer =
  /** Nothing has worked for too long. */
  | 'give-up'
  /** The next attempt. */
  | 'retry'
  /** The connection takes too long. */
  | 'connect'
  /** The connection has not come back by itself. */
  | 'mend'
  /** It has lasted. */
  | 'lasted';

export type PublishInput =
  | { is: 'start' }
  | { is: 'stop' }
  /** The answer is taken. */
  | { is: 'posted' }
  /** A request was refused; `again` says whether another of its kind may work. */
  | { is: 'refused'; of: 'post' | 'restart'; failure: Failure; again: boolean; afterMs?: number }
  /** `closed` is the server's goodbye. */
  | { is: 'connection'; state: 'connected' | 'disconnected' | 'failed' | 'closed' }
  | { is: 'timer'; name: PublishTimer };

export type PublishEffect =
  | { do: 'tell'; state: PublicationState }
  | { do: 'fail'; failure: Failure }
  /** A new peer connection and its resource. */
  | { do: 'post' }
  | { do: 'restart' }
  /** Ends the connection and its resource. */
  | { do: 'discard' }
  | { do: 'timer'; name: PublishTimer; ms: number }
  | { do: 'cancel'; name: PublishTimer }
  /** All timers. */
  | { do: 'rest' };

const GIVE_UP_MS = 30_000;
const CONNECT_MS = 10_000;
/** Networks that change are often back within this time. */
const DISCONNECTED_MS = 2000;
/** A connection that lasted as long was a good one. */
const LASTED_MS = 10_000;
const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 4000;
/** Connections that come and go. */
const ATTEMPTS_MAX = 16;

type Step = 'idle' | 'posting' | 'connecting' | 'connected' | 'restarting' | 'waiting' | 'over';

const NOT_THROUGH: Failure = { code: 'NETWORK', category: 'PUBLISH_ERROR', message: 'media does not come through to the server' };

export class PublishMachine {
  #out: PublishEffect[] = [];
  #step: Step = 'idle';
  #attempts = 0;
  #failure = NOT_THROUGH;

  constructor(private readonly random: () => number) {}

  handle(input: PublishInput): PublishEffect[] {
    if (this.#step !== 'over') this.#take(input);
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #take(input: PublishInput): void {
    switch (input.is) {
      case 'start':
        if (this.#step !== 'idle') return;
        this.#tell('connecting');
        this.#timer('give-up', GIVE_UP_MS);
        return this.#post();
      case 'stop':
        return this.#end(() => this.#tell('ended'));
      case 'posted':
        if (this.#step !== 'posting') return;
        this.#step = 'connecting';
        return this.#timer('connect', CONNECT_MS);
      case 'refused':
        return this.#refused(input);
      case 'connection':
        return this.#connection(input.state);
      case 'timer':
        return this.#due(input.name);
    }
  }

  #refused({ of, failure, again, afterMs }: Extract<PublishInput, { is: 'refused' }>): void {
    if (this.#step !== (of === 'post' ? 'posting' : 'restarting')) return;
    if (!again) return this.#fail(failure);
    this.#failure = failure;
    this.#anew(afterMs);
  }

  #connection(state: 'connected' | 'disconnected' | 'failed' | 'closed'): void {
    const isUp = this.#step === 'connected';
    const isComing = this.#step === 'posting' || this.#step === 'connecting' || this.#step === 'restarting';
    if (state === 'connected') {
      if (isUp) this.#cancel('mend');
      else if (isComing) this.#connected();
    } else if (isUp && state === 'disconnected') {
      this.#timer('mend', DISCONNECTED_MS);
    } else if (isUp && state === 'failed') {
      this.#restart();
    } else if (isUp && state === 'closed') {
      this.#lost();
      this.#anew();
    } else if (isComing && state !== 'disconnected') {
      this.#anew();
    }
  }

  #due(name: PublishTimer): void {
    switch (name) {
      case 'give-up':
        return this.#fail(this.#failure);
      case 'retry':
        return this.#post();
      case 'connect':
        return this.#anew();
      case 'mend':
        return this.#restart();
      case 'lasted':
        this.#attempts = 0;
    }
  }

  #post(): void {
    this.#step = 'posting';
    this.#do({ do: 'post' });
  }

  #connected(): void {
    this.#step = 'connected';
    this.#failure = NOT_THROUGH;
    for (const name of ['give-up', 'connect', 'mend'] as const) this.#cancel(name);
    this.#timer('lasted', LASTED_MS);
    this.#tell('connected');
  }

  #lost(): void {
    this.#cancel('mend');
    this.#cancel('lasted');
    this.#timer('give-up', GIVE_UP_MS);
    this.#tell('lost');
  }

  /** ICE anew, for a network that has changed. */
  #restart(): void {
    this.#lost();
    this.#step = 'restarting';
    this.#timer('connect', CONNECT_MS);
    this.#do({ do: 'restart' });
  }

  /** Everything anew, after a pause. */
  #anew(afterMs = 0): void {
    this.#cancel('connect');
    if (this.#attempts >= ATTEMPTS_MAX) return this.#fail(this.#failure);
    this.#step = 'waiting';
    this.#do({ do: 'discard' });
    this.#timer('retry', Math.max(afterMs, backOff(this.#attempts, RETRY_FIRST_MS, RETRY_MOST_MS, this.random())));
    this.#attempts += 1;
  }

  #fail(failure: Failure): void {
    this.#end(() => {
      this.#do({ do: 'fail', failure });
      this.#tell('failed');
    });
  }

  #end(tell: () => void): void {
    this.#step = 'over';
    this.#do({ do: 'discard' });
    this.#do({ do: 'rest' });
    tell();
  }

  #tell(state: PublicationState): void {
    this.#do({ do: 'tell', state });
  }

  #timer(name: PublishTimer, ms: number): void {
    this.#do({ do: 'timer', name, ms });
  }

  #cancel(name: PublishTimer): void {
    this.#do({ do: 'cancel', name });
  }

  #do(effect: PublishEffect): void {
    this.#out.push(effect);
  }
}
