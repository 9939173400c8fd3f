/** One presence on a stage, from a join to its end: the session, who this is, what is published and received. */

import { watchPlayback } from '../extras/playback';
import type { Failure, Self, Session, SessionListener, SharedConnection } from '../core/contract';
import { StageErrorCategory, StageErrorCode, StageEvents as Events, StageLeftReason, StageParticipantPublishState as PublishState } from './enums';
import { StageError, stageError, stageErrorOf } from './errors';
import type { StageEventMap } from './events';
import { log, LogLevels } from './log';
import { localParticipant, type Participant, renamed } from './participant';
import { Publisher } from './publisher';
import type { RemoteStageStream } from './remote-stream';
import { hearable } from './sei/receiver';
import { canSimulcast } from './simulcast';
import { qualityOf } from './stats';
import { ask, mediaOf } from './strategy';
import { Subscriber } from './subscriber';
import type { Capability, Token } from './token';
import { transport } from './transport';
import type { ActiveSpeaker, ConnectionQuality, StageStrategy } from './types';
import { VERSION } from './version';

export interface PresenceOwner {
  strategy(): StageStrategy;
  tell<Name extends keyof StageEventMap>(event: Name, ...told: Parameters<StageEventMap[Name]>): void;
  connection(state: 'connecting' | 'connected'): void;
  /** Nothing follows. */
  ended(reason: StageLeftReason): void;
}

export class Presence {
  readonly local: Participant;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  speakers: ActiveSpeaker[] = [];
  quality: ConnectionQuality | undefined;
  #session: Session;
  /** What the server is known to allow. */
  #may: ReadonlySet<Capability>;
  #isIn = false;
  #isConnected = false;
  #isAsking = false;
  #reason: StageLeftReason | undefined;
  #isOver = false;
  #unwatch: (() => void)[] = [];
  #telling = new Map<Participant, { event: Events; streams: RemoteStageStream[] }>();

  constructor(
    private token: Token,
    private readonly owner: PresenceOwner,
    shared: SharedConnection | undefined,
    leavesOnPageHide: boolean,
  ) {
    this.local = localParticipant(token);
    this.#may = token.capabilities;
    this.publisher = this.#makePublisher();
    this.subscriber = this.#makeSubscriber();
    this.#session = transport.openSession(
      {
        url: `${token.eventsUrl}/${token.topic}`,
        token: token.text,
        receives: token.capabilities.has('subscribe'),
        sdkVersion: VERSION,
        platform: transport.browser(),
        ...(shared && { connection: shared }),
        // Who asks nothing of subscriptions asks for no messages.
        ...(owner.strategy().subscribeConfiguration && { prepare: (receiver, kind) => void (kind === 'video' && hearable(receiver)) }),
      },
      this.#listener(),
    );
    if (leavesOnPageHide) this.#watchPage();
    this.#unwatch.push(watchPlayback((canPlay) => this.#tell(Events.STAGE_AUDIO_PLAYBACK_CHANGED, canPlay)));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Rejects with a `StageError`. */
  async open(): Promise<void> {
    try {
      const self = await this.#session.open();
      this.#is(self);
    } catch (reason) {
      if (!this.#isOver) this.#finish();
      throw stageErrorOf(reason);
    }
  }

  leave(reason = StageLeftReason.USER_INITIATED): void {
    this.#reason ??= reason;
    this.#session.leave();
    this.#end(reason);
  }

  /** Asks the strategy, and does what differs; `isAnew` wants also those again that were refused. A strategy that asks for it while it is asked is not heard. */
  ask(isAnew: boolean): void {
    if (this.#isAsking || !this.#isIn || this.#isOver) return;
    this.#isAsking = true;
    try {
      const strategy = this.owner.strategy();
      const publishes = this.#may.has('publish') && ask(() => strategy.shouldPublishParticipant(this.local), false);
      const media = publishes ? mediaOf(ask(() => strategy.stageStreamsToPublish(this.local), []), canSimulcast()) : {};
      // Whoever was asked may have left the stage.
      if (!this.#isOver) this.publisher.update(media);
      if (!this.#isOver) this.subscriber.update(this.#may.has('subscribe'), isAnew);
    } finally {
      this.#isAsking = false;
    }
  }

  /** What is lost is lost at once, what is gained is gained when the server agrees. A refusal ends the presence. */
  async exchange(next: Token): Promise<void> {
    const before = this.#may;
    this.#may = new Set([...before].filter((each) => next.capabilities.has(each)));
    this.#is(next);
    this.ask(false);
    try {
      const self = await this.#session.exchange(next.text, next.capabilities.has('subscribe'));
      this.token = next;
      this.#may = next.capabilities;
      this.publisher.token(next.text);
      this.#is(self);
      this.ask(true);
    } catch (reason) {
      throw this.#exchangeFailed(stageErrorOf(reason));
    }
  }

  #exchangeFailed({ code, message }: StageError): StageError {
    if (this.#isOver && this.#reason !== StageLeftReason.FAILED_EXCHANGE) {
      return new StageError(StageErrorCode.CANCELED, StageErrorCategory.JOIN_ERROR, 'the stage was left');
    }
    const error = new StageError(StageErrorCode.TOKEN_EXCHANGE_FAILED, StageErrorCategory.JOIN_ERROR, message, { reason: StageErrorCode[code] });
    this.#tell(Events.ERROR, error);
    this.leave(StageLeftReason.FAILED_EXCHANGE);
    return error;
  }

  #listener(): SessionListener {
    const listener: SessionListener = {
      state: (state) => {
        this.#isConnected = state === 'connected';
        if (this.#isConnected) this.#connected();
        else if (state !== 'ended') this.owner.connection('connecting');
      },
      people: (change) => this.subscriber.people(change),
      track: (bound) => this.subscriber.track(bound),
      trackEnded: (ended) => this.subscriber.trackEnded(ended),
      paused: (change) => this.subscriber.paused(change),
      layers: (change) => this.subscriber.layers(change),
      speakers: (list) => this.#heard(list),
      quality: (quality) => this.#rated(quality),
      failure: (failure) => this.#failed(failure),
      left: (reason) => this.#end(reason as StageLeftReason),
    };
    const guarded = Object.entries(listener).map(([name, call]) => [name, (told: never) => !this.#isOver && call(told)]);
    return Object.fromEntries(guarded) as SessionListener;
  }

  #connected(): void {
    this.owner.connection('connected');
    // What could not be published meanwhile may be now.
    if (this.#isIn) return this.ask(false);
    this.#isIn = true;
    this.#tell(Events.STAGE_PARTICIPANT_JOINED, this.local);
    this.ask(true);
  }

  #failed(failure: Failure): void {
    if (failure.pid !== undefined) this.subscriber.refused(failure.pid);
    // What the two sides make of the protocol is nothing that an application could mend.
    if (failure.category === 'PROTOCOL_ERROR' && failure.code !== 'TOO_MANY_SUBS') log(LogLevels.WARN, failure.code, failure.message);
    else this.#tell(Events.ERROR, stageError(failure));
  }

  /** What this participant is by a token, or by the server. */
  #is(self: Pick<Self, 'userId' | 'attributes' | 'capabilities'>): void {
    const { local } = this;
    const held = [...local.capabilities].join();
    local.capabilities = new Set(self.capabilities);
    const isRenamed = renamed(local, self);
    if (this.#isIn && (isRenamed || held !== [...local.capabilities].join())) this.#tell(Events.STAGE_PARTICIPANT_METADATA_CHANGED, local);
  }

  #heard(list: readonly { pid: string; level: number }[]): void {
    this.speakers = list.flatMap(({ pid, level }) => {
      const participant = pid === this.local.id ? this.local : this.subscriber.participant(pid);
      return participant ? [{ participant, level }] : [];
    });
    this.#tell(Events.STAGE_ACTIVE_SPEAKERS_CHANGED, this.speakers);
  }

  #rated(told: Omit<ConnectionQuality, 'quality'>): void {
    const before = this.quality?.quality;
    this.quality = { ...told, quality: qualityOf(told.loss) };
    if (this.quality.quality !== before) this.#tell(Events.STAGE_CONNECTION_QUALITY_CHANGED, this.quality);
  }

  #makePublisher(): Publisher {
    const { local } = this;
    return new Publisher({
      open: (media, listener) => {
        const { whipUrl: url, text: token } = this.token;
        return transport.openPublication({ url, token, platform: transport.browser(), ...media }, listener);
      },
      isReachable: () => this.#isConnected,
      state: (state) => {
        local.isPublishing = state === PublishState.PUBLISHED;
        this.subscriber.publishes(state === PublishState.PUBLISHED || state === PublishState.ATTEMPTING_PUBLISH);
        this.#tell(Events.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, local, state);
      },
      failure: (failure) => this.#tell(Events.ERROR, stageError({ ...failure, category: 'PUBLISH_ERROR' })),
      added: (streams) => this.#tell(Events.STAGE_PARTICIPANT_STREAMS_ADDED, local, streams),
      removed: (streams) => this.#tell(Events.STAGE_PARTICIPANT_STREAMS_REMOVED, local, streams),
      streamMuted: (stream) => this.#tell(Events.STAGE_STREAM_MUTE_CHANGED, local, stream),
      mute: ({ audio, video }) => {
        Object.assign(local, { audioMuted: audio, videoStopped: video });
        this.#session.mute({ audio, video });
      },
    });
  }

  #makeSubscriber(): Subscriber {
    return new Subscriber({
      session: () => (this.#isOver ? undefined : this.#session),
      strategy: () => this.owner.strategy(),
      joined: (participant) => {
        this.#tell(Events.STAGE_PARTICIPANT_JOINED, participant);
        this.#tell(Events.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, participant, PublishState.PUBLISHED);
      },
      left: (participant) => {
        this.#tell(Events.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, participant, PublishState.NOT_PUBLISHED);
        this.#tell(Events.STAGE_PARTICIPANT_LEFT, participant);
      },
      renamed: (participant) => this.#tell(Events.STAGE_PARTICIPANT_METADATA_CHANGED, participant),
      state: (participant, state) => this.#tell(Events.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED, participant, state),
      added: (participant, stream) => this.#streams(Events.STAGE_PARTICIPANT_STREAMS_ADDED, participant, stream),
      removed: (participant, stream) => this.#streams(Events.STAGE_PARTICIPANT_STREAMS_REMOVED, participant, stream),
      streamMuted: (participant, stream) => this.#tell(Events.STAGE_STREAM_MUTE_CHANGED, participant, stream),
      adapts: (participant, stream) => this.#tell(Events.STAGE_STREAM_ADAPTION_CHANGED, participant, stream, stream.isAdapting),
      layers: (participant, stream, layers) => this.#tell(Events.STAGE_STREAM_LAYERS_CHANGED, participant, stream, layers),
      selected: (participant, stream, ...selected) => this.#tell(Events.STAGE_STREAM_LAYER_SELECTED, participant, stream, ...selected),
      message: (participant, message, stream: RemoteStageStream) => this.#tell(Events.STAGE_STREAM_SEI_MESSAGE_RECEIVED, participant, message, stream),
    });
  }

  /** What comes or goes together is told together. */
  #streams(event: Events.STAGE_PARTICIPANT_STREAMS_ADDED | Events.STAGE_PARTICIPANT_STREAMS_REMOVED, participant: Participant, stream: RemoteStageStream): void {
    const last = this.#telling.get(participant);
    if (last?.event === event) {
      last.streams.push(stream);
      return;
    }
    const telling = { event, streams: [stream] };
    this.#telling.set(participant, telling);
    this.#tell(event, participant, telling.streams);
    queueMicrotask(() => {
      if (this.#telling.get(participant) === telling) this.#telling.delete(participant);
    });
  }

  /** A page that goes for good is not back within the time in which its presence is kept. */
  #watchPage(): void {
    if (typeof globalThis.addEventListener !== 'function') return;
    const hidden = (event: Event) => {
      if (!(event as PageTransitionEvent).persisted) this.leave();
    };
    globalThis.addEventListener('pagehide', hidden);
    this.#unwatch.push(() => globalThis.removeEventListener('pagehide', hidden));
  }

  #end(reason: StageLeftReason): void {
    if (this.#isOver) return;
    this.#reason ??= reason;
    this.#finish();
    this.owner.ended(this.#reason);
  }

  #finish(): void {
    this.#isOver = true;
    this.publisher.stop();
    this.subscriber.clear();
    if (this.#isIn) this.#tell(Events.STAGE_PARTICIPANT_LEFT, this.local);
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
  }

  #tell<Name extends keyof StageEventMap>(event: Name, ...told: Parameters<StageEventMap[Name]>): void {
    this.owner.tell(event, ...told);
  }
}
