/** A session: the machine, and the sockets, timers and feeds that it asks for. */

import { Connection } from './connection';
import type { Failure, Self, Session, SessionListener, SessionOptions, Want } from './contract';
import type { Effect, Input, TimerName } from './effects';
import { Feed } from './feed';
import { Machine } from './machine';
import type { Mute } from './messages';
import { type Promised, promised } from './promised';
import { Timers } from './timers';
import { SUBPROTOCOL, Wire } from './wire';

export class LiveSession implements Session {
  #machine: Machine;
  #timers: Timers<TimerName>;
  #effects: Effect[] = [];
  #wire = new Wire({
    opened: () => this.#input({ is: 'opened' }),
    message: (data) => this.#input({ is: 'message', data }),
    closed: () => this.#input({ is: 'closed' }),
  });
  #feed: Feed | undefined;
  #ice: RTCIceServer[] = [];
  #opening: Promised<Self> | undefined;
  #exchanging: Promised<Self> | undefined;
  #isOver = false;
  #detach: (() => void) | undefined;

  constructor(
    private readonly options: SessionOptions,
    private readonly listener: SessionListener,
  ) {
    const { token, receives, sdkVersion, platform, connection } = options;
    this.#machine = new Machine({
      token,
      receives,
      ...(sdkVersion !== undefined && { sdkVersion }),
      watches: !connection,
      random: () => platform.random(),
    });
    this.#timers = new Timers(platform, (name) => this.#input({ is: 'timer', name }));
  }

  open(): Promise<Self> {
    if (this.#opening) return this.#opening.promise;
    this.#opening = promised();
    if (this.#isOver) this.#opening.reject(canceled());
    else this.#begin();
    return this.#opening.promise;
  }

  want(wants: readonly Want[]): void {
    this.#input({ is: 'want', wants });
  }

  mute(mute: Mute): void {
    this.#input({ is: 'mute', mute });
  }

  exchange(token: string, receives: boolean): Promise<Self> {
    // One at a time, and of a participant that is there.
    if (!this.#opening || this.#exchanging || this.#isOver) return Promise.reject(canceled());
    const { promise } = (this.#exchanging = promised());
    this.#input({ is: 'exchange', token, receives });
    return promise;
  }

  stats(receiver: RTCRtpReceiver): Promise<RTCStatsReport> {
    return receiver.getStats();
  }

  leave(): void {
    this.#input({ is: 'leave' });
  }

  #begin(): void {
    const { connection } = this.options;
    if (connection instanceof Connection) this.#detach = connection.attach((reason) => this.#input({ is: 'put-out', reason }));
    this.#input({ is: 'open' });
  }

  /** Takes an input and does all that follows. An input from within, by a listener, does what is left of the outer one first. */
  #input(input: Input): void {
    this.#effects.push(...this.#machine.handle(input, this.options.platform.now()));
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) this.#do(effect);
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'tell':
        return this.#tell(() => (this.listener[effect.of] as (value: unknown) => void).call(this.listener, effect.value));
      case 'timer':
        return this.#timers.set(effect.name, effect.ms);
      case 'cancel':
        return this.#timers.cancel(effect.name);
      case 'rest':
        this.#isOver = true;
        this.#detach?.();
        return this.#timers.clear();
      case 'connect':
        return this.#connect(effect.token);
      case 'send':
        return this.#wire.send(effect.text);
      case 'abandon':
        return this.#wire.abandon();
      case 'tidy':
        return this.#wire.tidy();
      case 'close':
        return this.#wire.close();
      case 'feed':
        return this.#openFeed(effect.audio, effect.video);
      case 'offer':
        return this.#feed?.offer(effect.audio, effect.video, effect.restart);
      case 'answer':
        return this.#feed?.answer(effect.sdp);
      case 'rollback':
        return this.#feed?.rollback();
      case 'drop':
        return this.#dropFeed();
      case 'ice':
        this.#ice = effect.servers;
        return this.#feed?.ice(effect.servers);
      case 'bind':
        return this.#feed?.bind(effect.slots);
      case 'unbind':
        return this.#feed?.unbind(effect.pids);
      case 'joined':
        return this.#opening?.resolve(effect.self);
      case 'refused':
        return this.#opening?.reject(effect.failure);
      case 'exchanged':
        this.#exchanging?.resolve(effect.self);
        this.#exchanging = undefined;
        return;
      case 'exchange-refused':
        this.#exchanging?.reject(effect.failure);
        this.#exchanging = undefined;
    }
  }

  #connect(token: string): void {
    const { url, connection, platform } = this.options;
    try {
      const isShared = connection instanceof Connection;
      this.#wire.use(isShared ? connection.channel(token) : new platform.WebSocket(url, [SUBPROTOCOL, token]));
    } catch (error) {
      this.#input({ is: 'unusable', message: String(error) });
    }
  }

  #openFeed(audio: number, video: number): void {
    this.#dropFeed();
    try {
      this.#feed = new Feed(this.options.platform, this.#ice, {
        input: (input) => this.#input(input),
        track: (bound) => this.#tell(() => this.listener.track(bound)),
        trackEnded: (ended) => this.#tell(() => this.listener.trackEnded(ended)),
        paused: (change) => this.#tell(() => this.listener.paused(change)),
        prepare: this.options.prepare,
      });
      this.#feed.offer(audio, video);
    } catch (error) {
      this.#input({ is: 'broken', message: String(error) });
    }
  }

  #dropFeed(): void {
    const feed = this.#feed;
    this.#feed = undefined;
    feed?.close();
  }

  /** A mistake of the listener's is reported, and changes nothing here. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function canceled(): Failure {
  return { code: 'CANCELED', category: 'JOIN_ERROR', message: 'the stage was left, or an exchange is under way' };
}
