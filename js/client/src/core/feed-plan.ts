/** How far the offers of a feed are: one at a time, more slots by need, ICE restarts, and a new feed where nothing else helps. */

import type { FeedEffect, TimerEffect } from './effects';
import { backOff } from './pace';

export interface Slots {
  audio: number;
  video: number;
}

const SLOTS_FIRST: Slots = { audio: 4, video: 4 };
/** Sections of an offer. */
const SLOTS_MAX = 32;
/** Characters of an offer that a server reads. */
const SDP_MAX = 128 * 1024;
/** Networks that change are often back within this time. */
const DISCONNECTED_MS = 2000;
/** How long a connection may take from its offer on, the first one or by an ICE restart. */
const CONNECT_MS = 10_000;
const RENEW_FIRST_MS = 250;
const RENEW_MOST_MS = 30_000;
/** A feed that lasted as long was a good one. */
const LASTED_MS = 10_000;

/** `unsure`: it was sent on a socket that was lost, and may or may not have come. */
type Offer = 'none' | 'making' | 'made' | 'sent' | 'unsure';

type Health = 'new' | 'connected' | 'disconnected' | 'failed';

export class FeedPlan {
  #is = false;
  #answered = false;
  #offer: Offer = 'none';
  #sdp = '';
  #restart = false;
  /** Whether ICE was restarted since the feed was connected. */
  #isRestarted = false;
  #health: Health = 'new';
  /** Whether the server may know of it. */
  #isSent = false;
  /** The sections of the last answer, and of the last offer. */
  #agreed: Slots = SLOTS_FIRST;
  #size: Slots = SLOTS_FIRST;
  #need: Slots = SLOTS_FIRST;
  #connectedAt = 0;
  /** Feeds since one has lasted. */
  #renewals = 0;

  constructor(
    private readonly out: (effect: FeedEffect | TimerEffect) => void,
    private readonly random: () => number,
  ) {}

  /** Whether there is a feed that the server has agreed to. */
  get isAgreed(): boolean {
    return this.#is && this.#answered;
  }

  /** Whether the server may have a feed. */
  get isSent(): boolean {
    return this.#is && this.#isSent;
  }

  /** How often in a row a new feed was no better. */
  get renewals(): number {
    return this.#renewals;
  }

  /** Whether a first offer is being made. */
  get isBeginning(): boolean {
    return this.#is && !this.#answered && this.#offer === 'making';
  }

  /** Whether a first offer has been made that no server has answered. */
  get hasFirstOffer(): boolean {
    return this.#is && !this.#answered && (this.#offer === 'made' || this.#offer === 'unsure');
  }

  /** Opens a feed, in place of the one that is there. */
  open(): void {
    this.#cancel();
    this.#is = true;
    this.#answered = false;
    this.#isSent = false;
    this.#restart = false;
    this.#isRestarted = false;
    this.#health = 'new';
    this.#size = this.#need;
    this.#offer = 'making';
    this.out({ do: 'feed', ...this.#size });
  }

  close(): void {
    this.#cancel();
    if (!this.#is) return;
    this.#is = false;
    this.#offer = 'none';
    this.out({ do: 'drop' });
  }

  /** Closes it, and opens another: at once if this one had lasted, else after a pause that grows. */
  renew(now: number): void {
    if (this.#health === 'connected' && now - this.#connectedAt >= LASTED_MS) this.#renewals = 0;
    const pause = this.#renewals === 0 ? 0 : backOff(this.#renewals - 1, RENEW_FIRST_MS, RENEW_MOST_MS, this.random());
    this.#renewals += 1;
    this.close();
    if (pause === 0) this.open();
    else this.out({ do: 'timer', name: 'renew', ms: pause });
  }

  made(sdp: string): void {
    if (this.#offer !== 'making') return;
    this.#offer = 'made';
    this.#sdp = sdp;
    if (sdp.length > SDP_MAX) this.#dismiss();
  }

  /** The offer that is to be sent now. It counts as sent. */
  take(): string | undefined {
    if (this.#offer !== 'made' && this.#offer !== 'unsure') return undefined;
    this.#offer = 'sent';
    this.#isSent = true;
    if (this.#health !== 'connected') this.out({ do: 'timer', name: 'mend', ms: CONNECT_MS });
    return this.#sdp;
  }

  answer(sdp: string): void {
    if (this.#offer !== 'sent' && this.#offer !== 'unsure') return;
    this.#offer = 'none';
    this.#answered = true;
    this.#agreed = this.#size;
    this.out({ do: 'answer', sdp });
    this.#next();
  }

  /** The offer was refused. Whether there was one. */
  refuse(): boolean {
    if (this.#offer !== 'sent' && this.#offer !== 'unsure') return false;
    this.#dismiss();
    return true;
  }

  need(slots: Slots): void {
    const audio = Math.min(slots.audio, SLOTS_MAX / 2);
    this.#need = {
      audio: Math.max(audio, this.#size.audio),
      video: Math.max(Math.min(slots.video, SLOTS_MAX - Math.max(audio, this.#size.audio)), this.#size.video),
    };
    this.#next();
  }

  health(state: Exclude<Health, 'new'>, now: number): void {
    this.#health = state;
    if (state === 'connected') {
      this.#connectedAt = now;
      this.#isRestarted = false;
      this.out({ do: 'cancel', name: 'mend' });
    } else if (!this.#isRestarted) {
      this.out({ do: 'timer', name: 'mend', ms: state === 'failed' ? 0 : DISCONNECTED_MS });
    }
  }

  /** Whether ICE is to be restarted, as the connection has not mended by itself. Who did that in vain needs a new feed. */
  overdue(): boolean {
    if (this.#health === 'connected') return true;
    if (!this.isAgreed || this.#isRestarted || this.#health === 'new') return false;
    this.restart();
    return true;
  }

  restart(): void {
    this.#isRestarted = true;
    this.#restart = true;
    this.#next();
  }

  /** The socket is lost. */
  lost(): void {
    if (this.#offer === 'sent') this.#offer = 'unsure';
    // Nothing can be mended without a socket.
    this.out({ do: 'cancel', name: 'mend' });
  }

  /** The session goes on over another socket. */
  resumed(): void {
    if (this.#health === 'disconnected' || this.#health === 'failed') this.restart();
  }

  /** Lives with the feed as it was, or with none. */
  #dismiss(): void {
    if (!this.#answered) return this.close();
    this.#offer = 'none';
    this.#size = this.#agreed;
    this.#need = this.#agreed;
    this.out({ do: 'rollback' });
  }

  #next(): void {
    if (!this.#is || !this.#answered || this.#offer !== 'none') return;
    const grows = this.#need.audio > this.#size.audio || this.#need.video > this.#size.video;
    if (!grows && !this.#restart) return;
    this.#size = this.#need;
    this.#offer = 'making';
    this.out({ do: 'offer', ...this.#size, restart: this.#restart });
    this.#restart = false;
  }

  #cancel(): void {
    this.out({ do: 'cancel', name: 'mend' });
    this.out({ do: 'cancel', name: 'renew' });
  }
}
