/** Streams of others. */

import type { Layer, LayerReason } from '../core/contract';
import { RemoteStageStreamEvents, StageStreamLayerSelectedReason, StreamType } from './enums';
import { type RemoteAudioStats, remoteQuality, type RemoteVideoStats, Losses } from './stats';
import { StageStream } from './streams';
import type { LayerSelected, StageParticipantInfo, StageStreamLayer } from './types';

export type RemoteStageStreamEventMap = {
  [RemoteStageStreamEvents.ADAPTION_CHANGED]: (isAdapting: boolean) => void;
  [RemoteStageStreamEvents.LAYERS_CHANGED]: (layers: StageStreamLayer[]) => void;
  [RemoteStageStreamEvents.LAYER_SELECTED]: (...selected: LayerSelected) => void;
  [RemoteStageStreamEvents.PAUSED_CHANGED]: (isPaused: boolean) => void;
};

/** What the stream needs of its stage. */
export interface Receiving {
  stats(): Promise<RTCStatsReport>;
  muted(stream: RemoteStageStream): void;
}

export interface LayerChange {
  list: readonly Layer[];
  selected: string | null;
  reason: LayerReason;
}

export class RemoteStageStream extends StageStream<RemoteStageStreamEventMap> {
  #isMutedThere: boolean;
  #isMutedHere = false;
  #isAdapting = true;
  #isPaused = false;
  /** Whether the layer that the application prefers cannot be had. */
  #isRefused = false;
  #layers: StageStreamLayer[] = [];
  #losses = new Losses();
  #receiving: Receiving | undefined;

  constructor(
    track: MediaStreamTrack,
    readonly participantInfo: StageParticipantInfo,
    receiving: Receiving,
  ) {
    super(track);
    this.#receiving = receiving;
    this.#isMutedThere = track.kind === 'audio' ? participantInfo.audioMuted : participantInfo.videoStopped;
    track.enabled = !this.isMuted;
  }

  /** By its publisher, or by this application. */
  get isMuted(): boolean {
    return this.#isMutedThere || this.#isMutedHere;
  }

  set isMuted(isMuted: boolean) {
    this.setMuted(isMuted);
  }

  setMuted(isMuted: boolean): void {
    this.#mute(() => {
      this.#isMutedHere = isMuted;
    });
  }

  /** Whether the server chooses the layer. */
  get isAdapting(): boolean {
    return this.#isAdapting;
  }

  /** Whether nothing is sent for want of bandwidth. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Lowest quality first. Only video has layers. */
  getLayers(): StageStreamLayer[] {
    return this.#layers.map((each) => ({ ...each }));
  }

  getSelectedLayer(): StageStreamLayer | undefined {
    return this.getLayers().find(({ selected }) => selected);
  }

  getLowestQualityLayer(): StageStreamLayer | undefined {
    return this.getLayers().at(0);
  }

  getHighestQualityLayer(): StageStreamLayer | undefined {
    return this.getLayers().at(-1);
  }

  async requestRTCStats(): Promise<RTCStatsReport | undefined> {
    return this.#receiving?.stats();
  }

  /** Nothing once the stream is gone. */
  async requestQualityStats(): Promise<RemoteAudioStats | RemoteVideoStats | undefined> {
    const report = await this.requestRTCStats();
    return report && remoteQuality(report, this.streamType, this.#losses);
  }

  override cleanup(): void {
    super.cleanup();
    this.#receiving = undefined;
  }

  /**
   * What its publisher has muted.
   * @internal
   */
  mutedThere(isMuted: boolean): void {
    this.#mute(() => {
      this.#isMutedThere = isMuted;
    });
  }

  /**
   * Whether the application prefers no layer; tells whether that is new.
   * @internal
   */
  adapts(isAdapting: boolean): boolean {
    if (isAdapting === this.#isAdapting || this.streamType !== StreamType.VIDEO) return false;
    this.#isAdapting = isAdapting;
    this.emit(RemoteStageStreamEvents.ADAPTION_CHANGED, isAdapting);
    return true;
  }

  /** @internal */
  paused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.emit(RemoteStageStreamEvents.PAUSED_CHANGED, isPaused);
  }

  /**
   * Takes the layers that there are; gives what is new of them.
   * @internal
   */
  layered({ list, selected, reason }: LayerChange): { layers?: StageStreamLayer[]; selected?: LayerSelected } {
    const before = this.#layers;
    const layers = list.map((each) => ({ ...each, selected: each.label === selected })).sort((one, other) => one.width * one.height - other.width * other.height);
    const isChanged = JSON.stringify(layers) !== JSON.stringify(before);
    this.#layers = layers;
    if (isChanged) this.emit(RemoteStageStreamEvents.LAYERS_CHANGED, this.getLayers());
    const wasRefused = this.#isRefused;
    this.#isRefused = !this.#isAdapting && (reason === 'unavailable' || reason === 'bandwidth');
    const chosen = this.getSelectedLayer();
    const isOther = chosen?.label !== before.find((each) => each.selected)?.label;
    const why = this.#isRefused ? StageStreamLayerSelectedReason.UNAVAILABLE : StageStreamLayerSelectedReason.SELECTED;
    const told: LayerSelected | undefined = chosen && (isOther || (this.#isRefused && !wasRefused)) ? [chosen, why] : undefined;
    if (told) this.emit(RemoteStageStreamEvents.LAYER_SELECTED, ...told);
    return { ...(isChanged && { layers: this.getLayers() }), ...(told && { selected: told }) };
  }

  #mute(change: () => void): void {
    const before = this.isMuted;
    change();
    if (this.isMuted === before) return;
    this.mediaStreamTrack.enabled = !this.isMuted;
    this.#receiving?.muted(this);
  }
}
