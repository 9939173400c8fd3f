/** Who else publishes, and what of them is received. */

import type { Kind, LayerReason, Layer, Person, Session, SessionListener, Want } from '../core/contract';
import { StageParticipantSubscribeState as State, SubscribeType } from './enums';
import { type Participant, remoteParticipant, renamed } from './participant';
import { RemoteStageStream } from './remote-stream';
import { hear } from './sei/receiver';
import type { Size } from './simulcast';
import { ask, initialOf, KINDS, kindsOf, minDelayOf } from './strategy';
import type { LayerSelected, SeiMessage, StageStrategy, StageStreamLayer, SubscribeConfiguration } from './types';

export interface SubscriberOwner {
  session(): Session | undefined;
  strategy(): StageStrategy;
  joined(participant: Participant): void;
  left(participant: Participant): void;
  renamed(participant: Participant): void;
  state(participant: Participant, state: State): void;
  added(participant: Participant, stream: RemoteStageStream): void;
  removed(participant: Participant, stream: RemoteStageStream): void;
  streamMuted(participant: Participant, stream: RemoteStageStream): void;
  adapts(participant: Participant, stream: RemoteStageStream): void;
  layers(participant: Participant, stream: RemoteStageStream, layers: StageStreamLayer[]): void;
  selected(participant: Participant, stream: RemoteStageStream, ...selected: LayerSelected): void;
  message(participant: Participant, message: SeiMessage, stream: RemoteStageStream): void;
}

interface Remote {
  participant: Participant;
  type: SubscribeType;
  state: State;
  /** As it was when the subscription began. */
  config: SubscribeConfiguration;
  prefer: string | null;
  maxSize?: Size | undefined;
  streams: Map<Kind, Incoming>;
  layers?: { list: Layer[]; selected: string | null; reason: LayerReason };
  /** Refused by the server; the next refresh asks again. */
  isRefused: boolean;
}

interface Incoming {
  stream: RemoteStageStream;
  receiver: RTCRtpReceiver;
  unhear?: () => void;
}

type Told<Name extends keyof SessionListener> = Parameters<SessionListener[Name]>[0];

export class Subscriber {
  #remotes = new Map<string, Remote>();
  /** Delay costs those who speak with each other. */
  #isPublishing = false;
  #receives = false;

  constructor(private readonly owner: SubscriberOwner) {}

  get participants(): Participant[] {
    return [...this.#remotes.values()].map(({ participant }) => participant);
  }

  participant(id: string): Participant | undefined {
    return this.#remotes.get(id)?.participant;
  }

  streams(id: string): RemoteStageStream[] {
    return KINDS.flatMap((kind) => this.#remotes.get(id)?.streams.get(kind)?.stream ?? []);
  }

  /** Asks the strategy anew. Who was refused is wanted again if it is `anew` that it was asked to. */
  update(receives: boolean, isAnew: boolean): void {
    this.#receives = receives;
    for (const remote of this.#remotes.values()) {
      if (isAnew) remote.isRefused = false;
      this.#ask(remote);
    }
    this.#want();
  }

  people(change: Told<'people'>): void {
    for (const id of change.left) this.#leave(id);
    for (const person of change.joined) this.#join(person);
    for (const person of change.updated) this.#updated(person);
    this.#want();
  }

  track({ pid, kind, track, receiver }: Told<'track'>): void {
    const remote = this.#remotes.get(pid);
    if (!remote) return;
    this.trackEnded({ pid, kind });
    const { participant, config } = remote;
    const stream = new RemoteStageStream(track, participant, {
      stats: () => this.owner.session()?.stats(receiver) ?? receiver.getStats(),
      muted: (muted) => this.owner.streamMuted(participant, muted),
    });
    const incoming: Incoming = { stream, receiver };
    if (kind === 'video' && config.inBandMessaging?.enabled) {
      incoming.unhear = hear(receiver, (message) => this.owner.message(participant, message, stream));
    }
    remote.streams.set(kind, incoming);
    this.#delay(remote, receiver);
    if (kind === 'video') stream.adapts(remote.prefer === null);
    this.owner.added(participant, stream);
    this.#settle(remote);
    if (kind !== 'video') return;
    this.#layered(remote);
    this.#prefer(remote);
    this.#want();
  }

  trackEnded({ pid, kind, track }: Pick<Told<'trackEnded'>, 'pid' | 'kind'> & { track?: MediaStreamTrack }): void {
    const remote = this.#remotes.get(pid);
    const incoming = remote?.streams.get(kind);
    if (!remote || !incoming || (track && track !== incoming.stream.mediaStreamTrack)) return;
    remote.streams.delete(kind);
    incoming.unhear?.();
    this.owner.removed(remote.participant, incoming.stream);
    // Whose tracks end may be leaving, or may be bound anew.
    queueMicrotask(() => this.#settle(remote));
  }

  paused({ pid, kind, paused }: Told<'paused'>): void {
    this.#remotes.get(pid)?.streams.get(kind)?.stream.paused(paused);
  }

  layers({ pid, ...layers }: Told<'layers'>): void {
    const remote = this.#remotes.get(pid);
    if (!remote) return;
    remote.layers = layers;
    this.#layered(remote);
    this.#prefer(remote);
    this.#want();
  }

  /** The server has refused this one. */
  refused(id: string): void {
    const remote = this.#remotes.get(id);
    if (!remote) return;
    remote.isRefused = true;
    this.#settle(remote);
    this.#want();
  }

  publishes(isPublishing: boolean): void {
    if (isPublishing === this.#isPublishing) return;
    this.#isPublishing = isPublishing;
    for (const remote of this.#remotes.values()) for (const { receiver } of remote.streams.values()) this.#delay(remote, receiver);
  }

  /** The largest picture of use of somebody's video. */
  limit(id: string, maxSize: Size | undefined): void {
    const remote = this.#remotes.get(id);
    if (!remote) return;
    remote.maxSize = maxSize;
    this.#want();
  }

  clear(): void {
    for (const id of [...this.#remotes.keys()]) this.#leave(id);
    this.#isPublishing = false;
  }

  #join(person: Person): void {
    this.#leave(person.id);
    const remote: Remote = {
      participant: remoteParticipant(person),
      type: SubscribeType.NONE,
      state: State.NOT_SUBSCRIBED,
      config: {},
      prefer: null,
      streams: new Map(),
      isRefused: false,
    };
    this.#remotes.set(person.id, remote);
    this.owner.joined(remote.participant);
    this.#ask(remote);
  }

  #leave(id: string): void {
    const remote = this.#remotes.get(id);
    if (!remote) return;
    remote.type = SubscribeType.NONE;
    remote.participant.isPublishing = false;
    for (const kind of KINDS) this.trackEnded({ pid: id, kind });
    this.#settle(remote);
    this.#remotes.delete(id);
    this.owner.left(remote.participant);
  }

  #updated(person: Person): void {
    const remote = this.#remotes.get(person.id);
    if (!remote) return;
    const { participant, streams } = remote;
    Object.assign(participant, { audioMuted: person.audioMuted, videoStopped: person.videoStopped });
    streams.get('audio')?.stream.mutedThere(person.audioMuted);
    streams.get('video')?.stream.mutedThere(person.videoStopped);
    if (renamed(participant, person)) this.owner.renamed(participant);
  }

  #ask(remote: Remote): void {
    const { participant, type } = remote;
    const strategy = this.owner.strategy();
    const wanted = this.#receives ? ask(() => strategy.shouldSubscribeToParticipant(participant), SubscribeType.NONE) : SubscribeType.NONE;
    remote.type = wanted;
    if (type === SubscribeType.NONE && wanted !== type) {
      remote.config = ask(() => strategy.subscribeConfiguration?.(participant) ?? {}, {});
    }
    this.#prefer(remote);
    this.#settle(remote);
  }

  #prefer(remote: Remote): void {
    const { participant, streams } = remote;
    const stream = streams.get('video')?.stream;
    if (!stream) return;
    const preferred = ask(() => this.owner.strategy().preferredLayerForStream?.(participant, stream) ?? null, null);
    remote.prefer = typeof preferred === 'string' ? preferred : (preferred?.label ?? null);
    if (stream.adapts(remote.prefer === null)) this.owner.adapts(participant, stream);
  }

  #want(): void {
    const wants = [...this.#remotes].flatMap(([pid, { type, isRefused, config, prefer, maxSize }]): Want[] => {
      const kinds = kindsOf(type);
      if (kinds.length === 0 || isRefused) return [];
      return [{ pid, kinds, initial: initialOf(config), prefer, ...(maxSize && { maxSize }) }];
    });
    this.owner.session()?.want(wants);
  }

  #layered(remote: Remote): void {
    const { participant, streams, layers } = remote;
    const stream = streams.get('video')?.stream;
    if (!stream || !layers) return;
    const news = stream.layered(layers);
    if (news.layers) this.owner.layers(participant, stream, news.layers);
    if (news.selected) this.owner.selected(participant, stream, ...news.selected);
  }

  #settle(remote: Remote): void {
    const state = stateOf(remote);
    if (state === remote.state) return;
    remote.state = state;
    this.owner.state(remote.participant, state);
  }

  #delay({ config }: Remote, receiver: RTCRtpReceiver): void {
    const milliseconds = this.#isPublishing ? null : minDelayOf(config);
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = milliseconds;
    else if ('playoutDelayHint' in (receiver as object)) {
      Object.assign(receiver, { playoutDelayHint: milliseconds === null ? null : milliseconds / 1000 });
    }
  }
}

function stateOf({ type, streams, isRefused }: Remote): State {
  if (type === SubscribeType.NONE) return State.NOT_SUBSCRIBED;
  if (streams.size > 0) return State.SUBSCRIBED;
  return isRefused ? State.ERRORED : State.ATTEMPTING_SUBSCRIBE;
}
