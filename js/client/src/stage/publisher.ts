/** What of the local participant is published. */

import type { Failure, Kind, Publication, PublicationListener, PublicationOptions, PublicationTrack } from '../core/contract';
import { StageParticipantPublishState as State } from './enums';
import { log, LogLevels } from './log';
import { SeiSender } from './sei/sender';
import { KINDS, type Media, type Part, stepBetween } from './strategy';
import type { LocalStageStream, Publishing } from './streams';
import type { StageAudioConfiguration, StageVideoConfiguration } from './types';

export interface PublisherOwner {
  open(options: Pick<PublicationOptions, 'audio' | 'video' | 'prepare'>, listener: PublicationListener): Publication;
  /** Whether the server can be reached, as far as is known. */
  isReachable(): boolean;
  state(state: State): void;
  failure(failure: Failure): void;
  added(streams: LocalStageStream[]): void;
  removed(streams: LocalStageStream[]): void;
  streamMuted(stream: LocalStageStream): void;
  /** What others are to be told: a kind that is not published is muted. */
  mute(mute: { audio: boolean; video: boolean }): void;
}

export class Publisher {
  #state = State.NOT_PUBLISHED;
  #publication: Publication | undefined;
  #media: Media | undefined;
  #opened: Media = {};
  #sei: SeiSender | undefined;
  /** It has failed because there was no way to the server: the network is to blame, and the next update begins again. */
  #isCutOff = false;
  /** Held by all objects that stood for a track here, so that an older one mutes it too. */
  #link: Publishing = {
    muted: (stream) => this.#muted(stream),
    sender: ({ id }) => KINDS.map((kind) => this.#media?.[kind]?.stream.id === id && this.#publication?.sender(kind)).find(Boolean) || undefined,
    sei: (payload, repeatCount) => {
      if (!this.#sei) throw new Error('the stream is not published');
      this.#sei.send(payload, repeatCount);
    },
  };

  constructor(private readonly owner: PublisherOwner) {}

  get state(): State {
    return this.#state;
  }

  get streams(): LocalStageStream[] {
    return KINDS.flatMap((kind) => this.#media?.[kind]?.stream ?? []);
  }

  update(wanted: Media): void {
    const step = stepBetween(this.#isCutOff ? undefined : this.#media, this.#opened, wanted);
    switch (step.do) {
      case 'nothing':
        if (this.#isCutOff) return this.stop();
        break;
      case 'start':
      case 'again':
        return this.#start(wanted);
      case 'stop':
        return this.stop();
      case 'replace':
        for (const kind of step.kinds) this.#replace(kind, wanted[kind]);
    }
    if (this.#publication) this.#take(wanted);
  }

  stop(): void {
    this.#end(State.NOT_PUBLISHED);
  }

  /** What later requests carry, after an exchange. */
  token(token: string): void {
    this.#publication?.token(token);
  }

  #start(wanted: Media): void {
    const before = this.#publication;
    this.#publication = undefined;
    this.#isCutOff = false;
    before?.stop();
    this.#opened = wanted;
    this.#sei = undefined;
    this.#take(wanted);
    this.#enter(State.ATTEMPTING_PUBLISH);
    const carries = videoOf(wanted)?.inBandMessaging?.enabled && (this.#sei = new SeiSender());
    const publication: Publication = this.owner.open(
      {
        ...(wanted.audio && { audio: { ...this.#track(wanted.audio), stereo: (wanted.audio.stream.mediaConfig as StageAudioConfiguration).stereo ?? false } }),
        ...(wanted.video && { video: this.#track(wanted.video) }),
        ...(carries && { prepare: (sender: RTCRtpSender, kind: Kind) => void (kind === 'video' && carries.attach(sender)) }),
      },
      {
        state: (state) => {
          if (publication === this.#publication) this.#changed(state);
        },
        failure: (failure) => {
          if (publication !== this.#publication) return;
          this.#isCutOff = failure.code === 'NETWORK' && !this.owner.isReachable();
          if (!this.#isCutOff) this.owner.failure(failure);
        },
      },
    );
    this.#publication = publication;
    publication.start();
  }

  #track({ stream, encodings }: Part): PublicationTrack {
    const isOff = stream.streamType === 'video' && stream.isMuted;
    return { track: stream.mediaStreamTrack, encodings: encodings.map((each) => ({ ...each, ...(isOff && { active: false }) })) };
  }

  #changed(state: Parameters<PublicationListener['state']>[0]): void {
    if (state === 'connected') this.#enter(State.PUBLISHED);
    else if (state === 'failed' && this.#isCutOff) this.#publication = undefined;
    else if (state === 'failed' || state === 'ended') this.#end(state === 'failed' ? State.ERRORED : State.NOT_PUBLISHED);
    else this.#enter(State.ATTEMPTING_PUBLISH);
  }

  #end(state: State): void {
    const publication = this.#publication;
    const isOpen = publication !== undefined || this.#isCutOff;
    this.#publication = undefined;
    this.#isCutOff = false;
    this.#sei = undefined;
    if (isOpen) {
      if (state !== State.ERRORED) publication?.stop();
      this.#take(undefined);
    }
    this.#enter(state);
  }

  #replace(kind: Kind, part: Part | undefined): void {
    const publication = this.#publication;
    if (!publication) return;
    const work = async () => {
      await publication.replace(kind, part?.stream.mediaStreamTrack ?? null);
      if (part) await publication.encodings(kind, (encodings) => adjust(encodings, this.#track(part).encodings));
    };
    work().catch((error: unknown) => log(LogLevels.ERROR, `another ${kind} track could not be sent`, error));
  }

  /** From now on these are the streams; tells what has come and gone. */
  #take(wanted: Media | undefined): void {
    const before = this.#media;
    this.#media = wanted;
    const removed: LocalStageStream[] = [];
    const added: LocalStageStream[] = [];
    const muted: LocalStageStream[] = [];
    for (const kind of KINDS) {
      const old = before?.[kind]?.stream;
      const stream = wanted?.[kind]?.stream;
      stream?.publishedBy(this.#link);
      if (old?.id === stream?.id) {
        if (old && stream && old.isMuted !== stream.isMuted) muted.push(stream);
        continue;
      }
      old?.publishedBy(undefined);
      if (old) removed.push(old);
      if (stream) added.push(stream);
    }
    if (removed.length > 0) this.owner.removed(removed);
    if (added.length > 0) this.owner.added(added);
    if (wanted) this.#tellMute();
    for (const stream of muted) this.#muted(stream);
  }

  #muted(stream: LocalStageStream): void {
    const kind = KINDS.find((each) => this.#media?.[each]?.stream.id === stream.id);
    const part = kind && this.#media?.[kind];
    if (!part) return;
    part.stream = stream;
    this.#tellMute();
    this.owner.streamMuted(stream);
    if (kind !== 'video') return;
    // An encoder that begins again begins with a key frame; black pictures cost bandwidth.
    const switched = this.#publication?.encodings('video', (encodings) => {
      for (const each of encodings) each.active = !stream.isMuted;
    });
    switched?.catch((error: unknown) => {
      log(LogLevels.INFO, 'encodings cannot be switched here', error);
      return this.#publication?.replace('video', stream.isMuted ? null : stream.mediaStreamTrack);
    });
  }

  #tellMute(): void {
    const { audio, video } = this.#media ?? {};
    this.owner.mute({ audio: audio?.stream.isMuted ?? true, video: video?.stream.isMuted ?? true });
  }

  #enter(state: State): void {
    if (state === this.#state) return;
    this.#state = state;
    this.owner.state(state);
  }
}

function videoOf({ video }: Media): StageVideoConfiguration | undefined {
  return video?.stream.mediaConfig as StageVideoConfiguration | undefined;
}

/** Layers stay the same ones; their sizes and bounds change. */
function adjust(encodings: RTCRtpEncodingParameters[], wanted: readonly RTCRtpEncodingParameters[]): void {
  encodings.forEach((each, index) => {
    const { rid: _, ...bounds } = wanted[index] ?? {};
    delete each.scaleResolutionDownBy;
    Object.assign(each, { active: true }, bounds);
  });
}
