/** How often things are done: pauses between attempts, and messages in a second. */

/** The pause before attempt `attempt` (from 0), in ms: doubling from `first` to `most`, of which `random` (0 to 1) takes up to half. */
export function backOff(attempt: number, first: number, most: number, random: number): number {
  const whole = Math.min(first * 2 ** Math.min(attempt, 16), most);
  return Math.round(whole * (1 - random / 2));
}

/** What a server allows on one socket is 100 messages at once and 10 a second; pongs of the browser count too. */
const BURST = 80;
const PER_SECOND = 8;

/** A bucket of messages that may be sent; full for a new socket. */
export class Pace {
  #left = BURST;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** The ms until a message may be sent. */
  wait(now: number): number {
    this.#left = Math.min(BURST, this.#left + ((now - this.#at) / 1000) * PER_SECOND);
    this.#at = now;
    return this.#left >= 1 ? 0 : Math.ceil(((1 - this.#left) / PER_SECOND) * 1000);
  }

  /** A message is sent. */
  take(): void {
    this.#left -= 1;
  }
}
