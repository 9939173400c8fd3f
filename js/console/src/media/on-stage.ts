// Being on a stage, as signals: who else is there and what they send, what is wrong, and the last minute of measurements.

import { signal } from '@preact/signals';
import {
  Stage,
  StageConnectionState,
  StageEvents,
  StageParticipantPublishState,
  StreamType,
  SubscribeType,
  type ConnectionQuality,
  type LocalStageStream,
  type RemoteStageStream,
  type StageError,
  type StageLeftReason,
  type StageParticipantInfo,
  type StageStream,
  type StageStreamLayer,
} from 'downstage-client';

import { added, SAMPLE_MS, type History } from './history';
import { rates, readReceived, readSent, sentRates, type Received, type Sent } from './rates';
import type { Token } from './token';
import { faultWords, leftWords, type Words } from './words';

/** Another participant that publishes, as it is at a moment. */
export interface Other {
  readonly id: string;
  readonly userId: string;
  readonly isAudioMuted: boolean;
  readonly isVideoStopped: boolean;
  readonly audio: RemoteStageStream | undefined;
  readonly video: RemoteStageStream | undefined;
  /** Lowest quality first. */
  readonly layers: readonly StageStreamLayer[];
  readonly selected: string | undefined;
  /** The layer that was asked for here; `undefined` leaves it to the server. */
  readonly preferred: string | undefined;
  /** Nothing is sent for want of bandwidth. */
  readonly isPaused: boolean;
}

/** One participant's measurements. Names: `bitrate:LAYER`, `fps:LAYER`, `loss`, `roundTrip`. */
export interface Measured {
  readonly history: History;
  readonly received?: Received;
  readonly sent?: readonly Sent[];
}

export interface OnStageOptions {
  readonly token: Token;
  /** What is published; nothing where it is empty. */
  readonly streams?: readonly LocalStageStream[];
  readonly receives: boolean;
}

interface Participant {
  readonly info: StageParticipantInfo;
  readonly streams: Set<RemoteStageStream>;
}

/** The name of the layer where there is but one. */
export const SINGLE = 'single';

export class OnStage {
  readonly connection = signal<StageConnectionState>(StageConnectionState.DISCONNECTED);
  readonly publishing = signal<StageParticipantPublishState>(StageParticipantPublishState.NOT_PUBLISHED);
  readonly others = signal<readonly Other[]>([]);
  readonly speakers = signal<ReadonlySet<string>>(new Set());
  readonly quality = signal<ConnectionQuality | undefined>(undefined);
  /** The newest fault; a state that is good again clears it. */
  readonly fault = signal<Words | undefined>(undefined);
  /** Why it is over; `undefined` while it is not. */
  readonly over = signal<Words | undefined>(undefined);
  /** By participant; this one under its own id. */
  readonly measured = signal<ReadonlyMap<string, Measured>>(new Map());

  /** Of this participant. */
  readonly selfId: string;
  readonly #stage: Stage;
  readonly #participants = new Map<string, Participant>();
  readonly #preferred = new Map<string, string>();
  readonly #streams: readonly LocalStageStream[];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ token, streams = [], receives }: OnStageOptions) {
    this.#streams = streams;
    this.selfId = token.participantId;
    this.#stage = new Stage(token.text, {
      stageStreamsToPublish: () => [...streams],
      shouldPublishParticipant: () => streams.length > 0,
      shouldSubscribeToParticipant: () => (receives ? SubscribeType.AUDIO_VIDEO : SubscribeType.NONE),
      preferredLayerForStream: ({ id }) => this.#preferred.get(id),
    });
    this.#listen();
  }

  /** Settles when joined or refused; why is told by the signals. */
  async join(): Promise<void> {
    this.#timer = setInterval(() => void this.#measure(), SAMPLE_MS);
    try {
      await this.#stage.join();
    } catch (error) {
      this.#end(faultWords(error));
    }
  }

  leave(): void {
    this.#stage.leave();
    this.#end(undefined);
  }

  /** Publishes once more, after it has failed. */
  retry(): void {
    this.fault.value = undefined;
    this.#stage.refreshStrategy();
  }

  /** Without a label the server chooses. */
  prefer(participantId: string, label: string | undefined): void {
    if (label === undefined) this.#preferred.delete(participantId);
    else this.#preferred.set(participantId, label);
    this.#stage.refreshStrategy();
    this.#show();
  }

  #listen(): void {
    const stage = this.#stage;
    stage.on(StageEvents.STAGE_CONNECTION_STATE_CHANGED, (state) => {
      this.connection.value = state;
      if (state === StageConnectionState.CONNECTED) this.fault.value = undefined;
    });
    stage.on(StageEvents.STAGE_LEFT, (reason: StageLeftReason) => this.#end(leftWords(reason)));
    stage.on(StageEvents.ERROR, (error: StageError) => {
      this.fault.value = faultWords(error);
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (participant, state) => {
      if (!participant.isLocal) return;
      this.publishing.value = state;
      if (state === StageParticipantPublishState.PUBLISHED) this.fault.value = undefined;
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, (participant) => this.#with(participant, () => undefined));
    stage.on(StageEvents.STAGE_PARTICIPANT_LEFT, ({ id }) => {
      this.#participants.delete(id);
      this.#show();
    });
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (participant, streams) =>
      this.#with(participant, (known) => {
        for (const stream of streams) known.add(stream as RemoteStageStream);
      }),
    );
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (participant, streams) =>
      this.#with(participant, (known) => {
        for (const stream of streams) known.delete(stream as RemoteStageStream);
      }),
    );
    for (const event of CHANGES) stage.on(event, () => this.#show());
    stage.on(StageEvents.STAGE_ACTIVE_SPEAKERS_CHANGED, (speakers) => {
      this.speakers.value = new Set(speakers.filter(({ level }) => level < SILENT_DBOV).map(({ participant }) => participant.id));
    });
    stage.on(StageEvents.STAGE_CONNECTION_QUALITY_CHANGED, (quality) => {
      this.quality.value = quality;
    });
  }

  #with(info: StageParticipantInfo, change: (streams: Set<RemoteStageStream>) => void): void {
    if (info.isLocal) return;
    const participant = this.#participants.get(info.id) ?? { info, streams: new Set() };
    this.#participants.set(info.id, { info, streams: participant.streams });
    change(participant.streams);
    this.#show();
  }

  #show(): void {
    this.others.value = [...this.#participants.values()].map(({ info, streams }): Other => {
      const audio = ofType(streams, StreamType.AUDIO);
      const video = ofType(streams, StreamType.VIDEO);
      return {
        id: info.id,
        userId: info.userId,
        isAudioMuted: info.audioMuted,
        isVideoStopped: info.videoStopped,
        audio,
        video,
        layers: video?.getLayers() ?? [],
        selected: video?.getSelectedLayer()?.label,
        preferred: this.#preferred.get(info.id),
        isPaused: video?.isPaused ?? false,
      };
    });
  }

  async #measure(): Promise<void> {
    const before = this.measured.value;
    const found = await Promise.all([
      ...this.others.value.map(async (other): Promise<[string, Measured]> => [other.id, await measureOther(other, before.get(other.id))]),
      ...(this.#streams.length > 0 ? [measureOwn(this.#streams, before.get(this.selfId)).then((own): [string, Measured] => [this.selfId, own])] : []),
    ]);
    if (this.#timer !== undefined) this.measured.value = new Map(found);
    // Being paused has no event of the stage's.
    if (this.others.value.some(({ video, isPaused }) => video !== undefined && video.isPaused !== isPaused)) this.#show();
  }

  #end(why: Words | undefined): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#participants.clear();
    this.speakers.value = new Set();
    this.#show();
    this.over.value ??= why ?? { title: 'You left the stage.', advice: '' };
  }
}

/** Quieter than this nobody speaks; -dBov. */
const SILENT_DBOV = 60;

const CHANGES = [
  StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED,
  StageEvents.STAGE_STREAM_MUTE_CHANGED,
  StageEvents.STAGE_STREAM_ADAPTION_CHANGED,
  StageEvents.STAGE_STREAM_LAYERS_CHANGED,
  StageEvents.STAGE_STREAM_LAYER_SELECTED,
] as const;

function ofType(streams: Iterable<RemoteStageStream>, type: StreamType): RemoteStageStream | undefined {
  return [...streams].filter((stream) => stream.streamType === type).at(-1);
}

async function measureOther({ video, audio, selected, layers }: Other, before: Measured | undefined): Promise<Measured> {
  const kind = video === undefined ? 'audio' : 'video';
  const report = await reportOf(video ?? audio);
  const received = report === undefined ? undefined : readReceived(report, kind);
  const found = received === undefined ? undefined : rates(before?.received, received);
  const layer = layers.length > 1 ? (selected ?? SINGLE) : SINGLE;
  const values =
    received === undefined
      ? {}
      : {
          [`bitrate:${kind === 'audio' ? 'audio' : layer}`]: found?.bitsPerSecond,
          ...(kind === 'video' && { [`fps:${layer}`]: found?.framesPerSecond }),
          loss: found?.loss,
          roundTrip: received.roundTripMs,
        };
  return { history: added(before?.history ?? [], { at: performance.now() / 1000, values }), ...(received !== undefined && { received }) };
}

async function measureOwn(streams: readonly LocalStageStream[], before: Measured | undefined): Promise<Measured> {
  const video = streams.find(({ streamType }) => streamType === StreamType.VIDEO);
  const kind = video === undefined ? 'audio' : 'video';
  const report = await reportOf(video ?? streams[0]);
  const sent = report === undefined ? [] : readSent(report, kind);
  const values: Record<string, number | undefined> = {};
  let losses = 0;
  for (const layer of sent) {
    const name = layer.rid || (kind === 'audio' ? 'audio' : SINGLE);
    const found = sentRates(
      before?.sent?.find(({ rid }) => rid === layer.rid),
      layer,
    );
    values[`bitrate:${name}`] = found?.bitsPerSecond;
    if (kind === 'video') values[`fps:${name}`] = found?.framesPerSecond;
    losses = Math.max(losses, found?.loss ?? 0);
    values['loss'] = losses;
    values['roundTrip'] ??= layer.roundTripMs;
  }
  return { history: added(before?.history ?? [], { at: performance.now() / 1000, values }), sent };
}

async function reportOf(stream: Pick<StageStream, 'requestRTCStats'> | undefined): Promise<RTCStatsReport | undefined> {
  try {
    return await stream?.requestRTCStats();
  } catch {
    // The stream ended meanwhile.
    return undefined;
  }
}
