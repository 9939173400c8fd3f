/** A stage: what the application wants of it, and what it is told. Applications make classes of their own from this one. */

import type { SharedConnection } from '../core/contract';
import { Emitter } from './emitter';
import { StageConnectionState as State, StageErrorCategory, StageErrorCode, StageEvents, StageParticipantPublishState } from './enums';
import { StageError, stageErrorOf } from './errors';
import type { StageEventMap } from './events';
import { Outbox } from './outbox';
import { Presence, type PresenceOwner } from './presence';
import { RealTimeConnection, sharedOf } from './real-time-connection';
import type { StageStream } from './streams';
import { parseToken, successorOf, type Token } from './token';
import type { StageConfiguration, StageStrategy } from './types';
import { show } from './view';

export class Stage extends Emitter<StageEventMap> {
  #token: Token;
  #strategy: StageStrategy;
  #leavesOnPageHide: boolean;
  #shared: SharedConnection | undefined;
  #state = State.DISCONNECTED;
  #presence: Presence | undefined;
  #joining: Promise<void> | undefined;
  #isExchanging = false;
  #outbox = new Outbox();

  /** Throws a `StageError` TOKEN_MALFORMED for what is no participant token. */
  constructor(token: string, strategy: StageStrategy, configuration?: StageConfiguration | RealTimeConnection) {
    super();
    this.#token = parseToken(token);
    this.#strategy = strategy;
    const config = configuration instanceof RealTimeConnection ? { realTimeConnection: configuration } : configuration;
    this.#shared = config?.realTimeConnection && sharedOf(config.realTimeConnection);
    this.#leavesOnPageHide = (config as StageConfiguration | undefined)?.leaveOnPageHide ?? true;
    this.#show();
  }

  /** Resolves when joined; rejects with the `StageError` that `error` tells. Where it is joined or being joined nothing more happens. */
  join(): Promise<void> {
    if (this.#joining) return this.#joining;
    if (this.#presence) return Promise.resolve();
    const joining = this.#join().finally(() => {
      if (this.#joining === joining) this.#joining = undefined;
    });
    this.#joining = joining;
    return joining;
  }

  /** At once: all that follows has been told when it returns. */
  leave(): void {
    this.#presence?.leave();
    this.#outbox.flush();
  }

  /** Asks the strategy anew, and does what differs. At any time. */
  refreshStrategy(): void {
    this.#presence?.ask(true);
  }

  replaceStrategy(strategy: StageStrategy): void {
    this.#strategy = strategy;
    this.refreshStrategy();
  }

  /** Another token of the same participant: another name, other attributes and capabilities without a new connection. A refusal ends the session. */
  async exchangeToken(token: string): Promise<void> {
    const next = successorOf(this.#token, token, Date.now());
    if (this.#isExchanging) {
      throw new StageError(StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID, StageErrorCategory.JOIN_ERROR, 'another exchange is under way');
    }
    this.#isExchanging = true;
    try {
      await this.#joining?.catch(() => undefined);
      await this.#presence?.exchange(next);
      this.#token = next;
    } finally {
      this.#isExchanging = false;
    }
  }

  override get [Symbol.toStringTag](): string {
    return 'Stage';
  }

  async #join(): Promise<void> {
    let presence: Presence | undefined;
    try {
      if (this.#token.expires <= Date.now()) {
        throw new StageError(StageErrorCode.TOKEN_EXPIRED, StageErrorCategory.JOIN_ERROR, 'the token has ended');
      }
      this.#enter(State.CONNECTING);
      presence = new Presence(this.#token, this.#owner(() => presence), this.#shared, this.#leavesOnPageHide);
      this.#presence = presence;
      await presence.open();
    } catch (reason) {
      const error = stageErrorOf(reason);
      // Who has left knows.
      if (presence !== this.#presence) throw error;
      this.#presence = undefined;
      this.#enter(State.ERRORED);
      this.#tell(StageEvents.ERROR, error);
      throw error;
    }
  }

  #owner(presence: () => Presence | undefined): PresenceOwner {
    return {
      strategy: () => this.#strategy,
      tell: (event, ...told) => this.#tell(event, ...told),
      connection: (state) => this.#enter(state === 'connected' ? State.CONNECTED : State.CONNECTING),
      ended: (reason) => {
        if (this.#presence !== presence()) return;
        this.#presence = undefined;
        this.#joining = undefined;
        this.#tell(StageEvents.STAGE_LEFT, reason);
        this.#enter(State.DISCONNECTED);
      },
    };
  }

  #enter(state: State): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell(StageEvents.STAGE_CONNECTION_STATE_CHANGED, state);
  }

  #tell<Name extends keyof StageEventMap>(event: Name, ...told: Parameters<StageEventMap[Name]>): void {
    this.#outbox.later(() => {
      this.emit(event, ...told);
      if (event !== StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED) return;
      const [participant, streams] = told as Parameters<StageEventMap[StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED]>;
      if (!participant.isLocal) for (const stream of streams) stream.cleanup();
    });
  }

  #show(): void {
    const stage = this;
    show(this, {
      get state() {
        return stage.#state;
      },
      get publishState() {
        return stage.#presence?.publisher.state ?? StageParticipantPublishState.NOT_PUBLISHED;
      },
      get token() {
        return stage.#token;
      },
      get participants() {
        const { local, subscriber } = stage.#presence ?? {};
        return [...(local ? [local] : []), ...(subscriber?.participants ?? [])];
      },
      get speakers() {
        return stage.#presence?.speakers ?? [];
      },
      get quality() {
        return stage.#presence?.quality;
      },
      streams(id) {
        const { local, publisher, subscriber } = stage.#presence ?? {};
        return ((id === local?.id ? publisher?.streams : subscriber?.streams(id)) ?? []) as unknown as StageStream<never>[];
      },
      limit(id, size) {
        stage.#presence?.subscriber.limit(id, size);
      },
    });
  }
}
