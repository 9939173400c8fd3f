/** Messages on their way through the frames of one video. */

import { messagesOf, type Sei, seiNal, withUnits } from './nal';

/** Frames on which a message may be repeated, after the first. */
export const REPEATS_MAX = 30;
/** Messages that wait for a frame; what comes on top of those is dropped, the oldest first. */
const WAITING_MAX = 64;
/** Layers rest and begin again. What is older by then is of no interest. */
const WAITING_MAX_MS = 2000;

interface Waiting {
  unit: Uint8Array;
  left: number;
  since: number;
}

/** Puts messages into the frames of each layer: layers are told apart by SSRC. Times are in milliseconds. */
export class Inserter {
  #layers = new Map<number, Waiting[]>();
  /** For layers that have not shown themselves. */
  #early: Waiting[] = [];

  add(message: Sei, repeatCount: number, now: number): void {
    const unit = seiNal(message);
    for (const queue of [this.#early, ...this.#layers.values()]) {
      queue.push({ unit, left: Math.min(repeatCount, REPEATS_MAX) + 1, since: now });
      if (queue.length > WAITING_MAX) queue.shift();
    }
  }

  /** The frame as it is to be sent. */
  frame(layer: number, frame: Uint8Array, now: number): Uint8Array {
    const waiting = this.#layers.get(layer) ?? this.#early.map((each) => ({ ...each }));
    const queue = waiting.filter(({ since }) => now - since < WAITING_MAX_MS);
    const sent = withUnits(frame, queue.map(({ unit }) => unit));
    if (sent !== frame) for (const each of queue) each.left -= 1;
    this.#layers.set(layer, queue.filter(({ left }) => left > 0));
    return sent;
  }
}

/** Takes messages out of frames, each once although it is repeated. */
export class Extractor {
  /** By content, the frame with which each came first. */
  #seen = new Map<string, number>();
  #frames = 0;

  frame(frame: Uint8Array): Sei[] {
    this.#frames += 1;
    for (const [content, at] of this.#seen) if (this.#frames - at > REPEATS_MAX) this.#seen.delete(content);
    return messagesOf(frame).filter(({ uuid, payload }) => {
      const content = `${uuid.join()}:${payload.join()}`;
      if (this.#seen.has(content)) return false;
      this.#seen.set(content, this.#frames);
      return true;
    });
  }
}
