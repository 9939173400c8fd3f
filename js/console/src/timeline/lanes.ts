// Participant events as lengths of time: when somebody was connected, published, subscribed, and what went wrong meanwhile.

import type { ParticipantEvent } from '../api/shapes';
import { reasonOf } from './words';

export interface Span {
  readonly from: number;
  readonly to: number;
  /** It goes on: nothing has ended it. */
  readonly isOpen: boolean;
}

export interface Mark {
  readonly at: number;
  readonly tone: 'bad' | 'note';
  readonly event: ParticipantEvent;
  /** What happened, and why, in words. */
  readonly words: string;
}

export interface Presence {
  readonly connected: readonly Span[];
  readonly published: readonly Span[];
  /** By the participant that is subscribed to, in order of the first time. */
  readonly subscribed: ReadonlyMap<string, readonly Span[]>;
  readonly marks: readonly Mark[];
}

/** Spans under a name that are open or closed. */
class Tally {
  readonly spans: Span[] = [];
  #since: number | undefined;

  start(at: number): void {
    this.#since ??= at;
  }

  stop(at: number): void {
    if (this.#since === undefined) return;
    this.spans.push({ from: this.#since, to: Math.max(at, this.#since), isOpen: false });
    this.#since = undefined;
  }

  /** What goes on still, up to the edge of what is known. */
  settle(now: number, isOver: boolean): readonly Span[] {
    if (this.#since === undefined) return this.spans;
    return [...this.spans, { from: this.#since, to: Math.max(now, this.#since), isOpen: !isOver }];
  }
}

/**
 * Reads events, oldest first. `now` is where spans end that nothing has ended: the present, or the end of the session, which `isOver`
 * says. Events that repeat or contradict others change nothing.
 */
export function presenceOf(events: readonly ParticipantEvent[], now: number, isOver: boolean): Presence {
  const connected = new Tally();
  const published = new Tally();
  const subscribed = new Map<string, Tally>();
  const marks: Mark[] = [];
  for (const event of [...events].sort((a, b) => Date.parse(a.eventTime) - Date.parse(b.eventTime))) {
    const at = Date.parse(event.eventTime);
    if (Number.isNaN(at)) continue;
    const remote = event.remoteParticipantId ?? '';
    switch (event.name) {
      case 'JOINED':
        connected.start(at);
        break;
      case 'LEFT':
        for (const tally of [connected, published, ...subscribed.values()]) tally.stop(at);
        break;
      case 'PUBLISH_STARTED':
        published.start(at);
        break;
      case 'PUBLISH_STOPPED':
        published.stop(at);
        break;
      case 'SUBSCRIBE_STARTED': {
        const tally = subscribed.get(remote) ?? new Tally();
        subscribed.set(remote, tally);
        tally.start(at);
        break;
      }
      case 'SUBSCRIBE_STOPPED':
        subscribed.get(remote)?.stop(at);
        break;
      default:
        marks.push({ at, tone: event.name.endsWith('_ERROR') ? 'bad' : 'note', event, words: reasonOf(event) });
    }
  }
  const settled = [...subscribed].map(([id, tally]) => [id, tally.settle(now, isOver)] as const);
  return {
    connected: connected.settle(now, isOver),
    published: published.settle(now, isOver),
    subscribed: new Map(settled),
    marks,
  };
}

/** Spans that touch or overlap, as one. */
export function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && span.from <= last.to) {
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to), isOpen: last.isOpen || span.isOpen };
    } else {
      merged.push(span);
    }
  }
  return merged;
}
