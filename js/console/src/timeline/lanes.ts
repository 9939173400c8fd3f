// Participant events as lengths of time: when somebody was connected, published, subscribed, and what went wrong meanwhile.

import type { ParticipantEvent } from '../api/shapes';
import { reasonOf, type StageNames } from './words';

export interface Span {
  readonly from: number;
  readonly to: number;
  /** It goes on: nothing has ended it. */
  readonly isOpen: boolean;
  /** About a replica: the participant itself, or who was subscribed to. */
  readonly isReplica: boolean;
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
  /** By the ARN of the stage where the participant was replicated to, in order of the first time. */
  readonly replicated: ReadonlyMap<string, readonly Span[]>;
  readonly marks: readonly Mark[];
}

/** Spans under a name that are open or closed. */
class Tally {
  readonly spans: Span[] = [];
  #since: { readonly at: number; readonly isReplica: boolean } | undefined;

  start(at: number, isReplica = false): void {
    this.#since ??= { at, isReplica };
  }

  stop(at: number): void {
    if (this.#since === undefined) return;
    this.spans.push(this.#until(at, false));
    this.#since = undefined;
  }

  /** What goes on still, up to the edge of what is known. */
  settle(now: number, isOver: boolean): readonly Span[] {
    if (this.#since === undefined) return this.spans;
    return [...this.spans, this.#until(now, !isOver)];
  }

  #until(to: number, isOpen: boolean): Span {
    const { at: from, isReplica } = this.#since ?? { at: to, isReplica: false };
    return { from, to: Math.max(to, from), isOpen, isReplica };
  }
}

/**
 * Reads events, oldest first. `now` is where spans end that nothing has ended: the present, or the end of the session, which `isOver`
 * says. Events that repeat or contradict others change nothing.
 */
export function presenceOf(events: readonly ParticipantEvent[], now: number, isOver: boolean, stageName?: StageNames): Presence {
  const connected = new Tally();
  const published = new Tally();
  const subscribed = new Map<string, Tally>();
  const replicated = new Map<string, Tally>();
  const marks: Mark[] = [];
  for (const event of [...events].sort((a, b) => Date.parse(a.eventTime) - Date.parse(b.eventTime))) {
    const at = Date.parse(event.eventTime);
    if (Number.isNaN(at)) continue;
    const remote = event.remoteParticipantId ?? '';
    const isReplica = event.replica === true;
    switch (event.name) {
      case 'JOINED':
        connected.start(at, isReplica);
        break;
      case 'LEFT':
        for (const tally of [connected, published, ...subscribed.values()]) tally.stop(at);
        break;
      case 'PUBLISH_STARTED':
        published.start(at, isReplica);
        break;
      case 'PUBLISH_STOPPED':
        published.stop(at);
        break;
      case 'SUBSCRIBE_STARTED':
        tallyOf(subscribed, remote).start(at, isReplica);
        break;
      case 'SUBSCRIBE_STOPPED':
        subscribed.get(remote)?.stop(at);
        break;
      default:
        // What goes on beyond a leave: a replication may await who comes back.
        if (event.name === 'REPLICATION_STARTED') tallyOf(replicated, event.destinationStageArn ?? '').start(at);
        if (event.name === 'REPLICATION_STOPPED') replicated.get(event.destinationStageArn ?? '')?.stop(at);
        marks.push({ at, tone: event.name.endsWith('_ERROR') ? 'bad' : 'note', event, words: reasonOf(event, stageName) });
    }
  }
  const settled = (tallies: ReadonlyMap<string, Tally>) => new Map([...tallies].map(([key, tally]) => [key, tally.settle(now, isOver)] as const));
  return {
    connected: connected.settle(now, isOver),
    published: published.settle(now, isOver),
    subscribed: settled(subscribed),
    replicated: settled(replicated),
    marks,
  };
}

function tallyOf(tallies: Map<string, Tally>, key: string): Tally {
  const tally = tallies.get(key) ?? new Tally();
  tallies.set(key, tally);
  return tally;
}

/** Spans that touch or overlap, as one; it is of replicas if they all are. */
export function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && span.from <= last.to) {
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to), isOpen: last.isOpen || span.isOpen, isReplica: last.isReplica && span.isReplica };
    } else {
      merged.push(span);
    }
  }
  return merged;
}
