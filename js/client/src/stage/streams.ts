/** Streams: what both kinds have, and those that are to be published. */

import { attach, detach } from '../extras/attach';
import { LocalStageStreamEvents, StageErrorCategory, StageErrorCode, StreamType } from './enums';
import { Emitter, type Listener } from './emitter';
import { StageError } from './errors';
import { localQuality, type LocalAudioStats, type LocalVideoStats, Losses } from './stats';
import type { SeiMessageOptions, StageAudioConfiguration, StageVideoConfiguration } from './types';

export abstract class StageStream<Events extends { [Name in keyof Events]: Listener } = Record<string, Listener>> extends Emitter<Events> {
  constructor(readonly mediaStreamTrack: MediaStreamTrack) {
    super();
  }

  /** That of the track. */
  get id(): string {
    return this.mediaStreamTrack.id;
  }

  get streamType(): StreamType {
    return this.mediaStreamTrack.kind === 'audio' ? StreamType.AUDIO : StreamType.VIDEO;
  }

  abstract get isMuted(): boolean;
  abstract setMuted(isMuted: boolean): void;
  abstract requestRTCStats(): Promise<RTCStatsReport | undefined>;

  /** Deprecated: `requestRTCStats`. */
  getStats(): Promise<RTCStatsReport | undefined> {
    return this.requestRTCStats();
  }

  /** No event of this stream fires any more, and no element shows it. */
  cleanup(): void {
    this.removeAllListeners();
    detach(this);
  }

  /** Plays it in an element, together with what that plays of the other kind; without one in an element of its own, which is not in the document. */
  attach<Element extends HTMLMediaElement>(element: Element): Element;
  attach(): HTMLMediaElement;
  attach(element?: HTMLMediaElement): HTMLMediaElement {
    // Nobody wants to hear themselves.
    return attach(this, element, this instanceof LocalStageStream);
  }

  /** Takes it out of an element, or out of all; gives those. */
  detach(element?: HTMLMediaElement): HTMLMediaElement[] {
    return detach(this, element);
  }

  override get [Symbol.toStringTag](): string {
    return 'StageStream';
  }
}

/** Who publishes a stream. */
export interface Publishing {
  muted(stream: LocalStageStream): void;
  sender(stream: LocalStageStream): RTCRtpSender | undefined;
  sei(payload: ArrayBuffer, repeatCount: number): void;
}

type LocalEvents = { [LocalStageStreamEvents.MUTE_CHANGED]: (isMuted: boolean) => void };

export class LocalStageStream extends StageStream<LocalEvents> {
  #isMuted: boolean;
  #publishing: Publishing | undefined;
  #losses = new Losses();

  constructor(
    track: MediaStreamTrack,
    readonly mediaConfig: StageVideoConfiguration | StageAudioConfiguration = {},
  ) {
    super(track);
    // Applications make objects anew for a track that they have muted.
    this.#isMuted = track.enabled === false;
  }

  get isMuted(): boolean {
    return this.#isMuted;
  }

  /** Also before it is published. Others are told, and nothing is sent. */
  setMuted(isMuted: boolean): void {
    if (isMuted === this.#isMuted) return;
    this.#isMuted = isMuted;
    this.mediaStreamTrack.enabled = !isMuted;
    this.emit(LocalStageStreamEvents.MUTE_CHANGED, isMuted);
    this.#publishing?.muted(this);
  }

  /** A message in the video itself; for streams with `inBandMessaging`, while they are published. */
  async insertSeiMessage(payload: ArrayBuffer, { repeatCount = 0 }: SeiMessageOptions = {}): Promise<void> {
    const config = this.mediaConfig as StageVideoConfiguration;
    const failed = (message: string) => new StageError(StageErrorCode.FAILED, StageErrorCategory.PUBLISH_ERROR, message);
    if (this.streamType !== StreamType.VIDEO) throw failed('only video carries messages');
    if (!config.inBandMessaging?.enabled) throw failed('inBandMessaging is not enabled for this stream');
    if (!this.#publishing) throw failed('the stream is not published');
    try {
      this.#publishing.sei(payload, repeatCount);
    } catch (error) {
      throw failed(error instanceof Error ? error.message : String(error));
    }
  }

  async requestRTCStats(): Promise<RTCStatsReport | undefined> {
    return this.#publishing?.sender(this)?.getStats();
  }

  /** Of audio one, of video one for each layer; nothing while it is not published. */
  async requestQualityStats(): Promise<LocalAudioStats | LocalVideoStats[] | undefined> {
    const report = await this.requestRTCStats();
    return report && localQuality(report, this.streamType, this.#losses);
  }

  /** @internal */
  publishedBy(publishing: Publishing | undefined): void {
    this.#publishing = publishing;
  }
}
