/** For tests: a machine on a bench, with a clock that stands still until it is turned. */

import type { Effect, Input, Tell, TimerName } from './effects';
import { Machine, type MachineOptions } from './machine';

type Said = Record<string, unknown> & { type: string };

export class Bench {
  now = 0;
  machine: Machine;
  /** What came of the last input. */
  effects: Effect[] = [];
  /** What was said on the socket that is open. */
  said: Said[] = [];
  told: [Tell['of'], unknown][] = [];
  timers = new Map<TimerName, number>();
  #seq = 0;

  constructor(options: Partial<MachineOptions> = {}) {
    this.machine = new Machine({ token: 'token', receives: true, watches: true, random: () => 0, ...options });
  }

  give(input: Input): this {
    this.effects = this.machine.handle(input, this.now);
    for (const effect of this.effects) {
      if (effect.do === 'timer') this.timers.set(effect.name, this.now + effect.ms);
      if (effect.do === 'cancel') this.timers.delete(effect.name);
      if (effect.do === 'rest') this.timers.clear();
      if (effect.do === 'send') this.said.push(JSON.parse(effect.text));
      if (effect.do === 'connect') this.said = [];
      if (effect.do === 'tell') this.told.push([effect.of, effect.value]);
    }
    return this;
  }

  /** A frame of the server, with the number that is due unless it has one. */
  frame(frame: object): this {
    if ('seq' in frame) this.#seq = Number(frame.seq);
    else this.#seq += 1;
    return this.give({ is: 'message', data: JSON.stringify({ seq: this.#seq, ...frame }) });
  }

  /** Lets time pass; what becomes due happens in order. */
  pass(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      const [due] = [...this.timers].sort(([, one], [, other]) => one - other);
      if (!due || due[1] > end) break;
      this.now = due[1];
      this.timers.delete(due[0]);
      this.give({ is: 'timer', name: due[0] });
    }
    this.now = end;
    return this;
  }

  /** The next attempt, up to its first message. */
  reach(sdp = 'offer'): this {
    if (this.timers.has('retry')) this.pass((this.timers.get('retry') ?? 0) - this.now);
    if (this.has('feed')) this.give({ is: 'offered', sdp });
    return this.give({ is: 'opened' });
  }

  /** In, with nobody there. */
  join(frame: object = {}): this {
    this.give({ is: 'open' }).give({ is: 'offered', sdp: 'offer' }).give({ is: 'opened' });
    return this.joined(frame).give({ is: 'feed', state: 'connected' });
  }

  joined(frame: object = {}): this {
    const fresh = { seq: 1, type: 'joined', session: 's1', resumed: 'no', self: SELF, ice: [], answer: 'answer', state: { participants: [] } };
    return this.frame({ ...fresh, ...frame });
  }

  /** In again, with the numbers going on. */
  resumed(how: 'replayed' | 'snapshot', frame: object = {}): this {
    return this.frame({ type: 'joined', session: 's1', resumed: how, self: SELF, ice: [], ...frame });
  }

  has(name: Effect['do']): boolean {
    return this.effects.some((effect) => effect.do === name);
  }

  find<Name extends Effect['do']>(name: Name): Extract<Effect, { do: Name }> | undefined {
    return this.effects.find((effect) => effect.do === name) as Extract<Effect, { do: Name }> | undefined;
  }

  /** What the owner was told of one kind, since the last time that it was asked for. */
  takeTold(of: Tell['of']): unknown[] {
    const values = this.told.filter(([name]) => name === of).map(([, value]) => value);
    this.told = this.told.filter(([name]) => name !== of);
    return values;
  }

  takeSaid(): Said[] {
    return this.said.splice(0);
  }
}

export const SELF = { id: 'dan', userId: 'user 7', attributes: {}, capabilities: ['publish', 'subscribe'] };

export const person = (id: string, more: object = {}) => ({
  id,
  userId: '',
  attributes: {},
  audioMuted: false,
  videoStopped: false,
  ...more,
});

export const publishes = (id: string, more: object = {}) => ({ ...person(id, more), isPublishing: true });
