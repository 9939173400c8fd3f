/** The shapes that applications give and get. */

import type { InitialLayerPreference, JitterBufferMinDelay, NetworkQuality, StageStreamLayerSelectedReason, SubscribeType } from './enums';
import type { RealTimeConnection } from './real-time-connection';
import type { RemoteStageStream } from './remote-stream';
import type { LocalStageStream } from './streams';
import type { Capability } from './token';

export type StageParticipantCapabilities = Capability;

export interface StageParticipantInfo {
  readonly id: string;
  readonly userId: string;
  readonly attributes: Record<string, string>;
  readonly capabilities: ReadonlySet<StageParticipantCapabilities>;
  readonly isLocal: boolean;
  readonly isPublishing: boolean;
  readonly audioMuted: boolean;
  readonly videoStopped: boolean;
  /** The application's own. */
  userInfo: Record<string, unknown>;
}

/** What an application wants of a stage. It is asked anew on each `refreshStrategy`. */
export interface StageStrategy {
  /** One audio and one video stream at most; what is not there yet may be `undefined`. */
  stageStreamsToPublish(participant?: StageParticipantInfo): readonly (LocalStageStream | null | undefined)[];
  shouldPublishParticipant(participant: StageParticipantInfo): boolean;
  shouldSubscribeToParticipant(participant: StageParticipantInfo): SubscribeType;
  subscribeConfiguration?(participant: StageParticipantInfo): SubscribeConfiguration;
  /** A layer, its label, or nothing: then the server chooses. */
  preferredLayerForStream?(participant: StageParticipantInfo, stream: RemoteStageStream): StageStreamLayer | string | null | undefined;
}

/** The third argument of a stage. */
export interface StageConfiguration {
  /** One transport for several stages. */
  realTimeConnection?: RealTimeConnection;
  /** Whether closing the page leaves the stage; it does by default. */
  leaveOnPageHide?: boolean;
}

export interface StageVideoConfiguration {
  /** 50 to 2,500; 2,500 by default. */
  maxVideoBitrateKbps?: number;
  /** Deprecated: the same. */
  maxBitrate?: number;
  /** Without effect. */
  minBitrate?: number;
  /** 10 to 30; 30 by default. */
  maxFramerate?: number;
  simulcast?: SimulcastConfiguration;
  inBandMessaging?: InBandMessagingConfiguration;
}

export interface StageAudioConfiguration {
  /** 12 to 128; 64 by default. */
  maxAudioBitrateKbps?: number;
  /** Needs a track without echo cancellation, gain control and noise suppression. */
  stereo?: boolean;
}

export interface SimulcastConfiguration {
  enabled: boolean;
  /** Three at most. */
  layers?: readonly SimulcastLocalLayerConfiguration[];
}

export interface SimulcastLocalLayerConfiguration {
  width: number;
  height: number;
  maxBitrateKbps: number;
  maxFramerate: number;
}

export interface InBandMessagingConfiguration {
  enabled: boolean;
}

export interface SubscribeConfiguration {
  jitterBuffer?: JitterBufferConfiguration;
  simulcast?: SimulcastSubscribeConfiguration;
  inBandMessaging?: InBandMessagingConfiguration;
}

export interface JitterBufferConfiguration {
  /** Milliseconds, 0 to 4,000, where it is a number. */
  minDelay?: JitterBufferMinDelay | number;
}

export interface SimulcastSubscribeConfiguration {
  initialLayerPreference?: InitialLayerPreference;
}

export interface StageStreamLayer {
  label: string;
  width: number;
  height: number;
  framesPerSecond: number;
  bitrateBps: number;
  selected: boolean;
}

export interface SeiMessage {
  payload: ArrayBuffer;
  /** In lower case, with hyphens. */
  uuid: string;
}

export interface SeiMessageOptions {
  /** Copies on the frames that follow, 0 to 30: frames get lost. */
  repeatCount?: number;
}

export interface ActiveSpeaker {
  participant: StageParticipantInfo;
  /** In -dBov: 0 is loudest. */
  level: number;
}

export interface ConnectionQuality {
  quality: NetworkQuality;
  estimateBps: number;
  sentBps: number;
  /** 0 to 1. */
  loss: number;
  roundTripMs: number | null;
}

export type LayerSelected = [layer: StageStreamLayer, reason: StageStreamLayerSelectedReason];
