/** What a strategy asks for, and what is to be done about it. Pure. */

import type { Kind } from '../core/contract';
import { report } from './emitter';
import { InitialLayerPreference, JitterBufferMinDelay, SubscribeType } from './enums';
import { audioEncodings, videoEncodings } from './simulcast';
import type { LocalStageStream } from './streams';
import type { StageAudioConfiguration, StageVideoConfiguration, SubscribeConfiguration } from './types';

export const KINDS: readonly Kind[] = ['audio', 'video'];

/** One kind of what is published. */
export interface Part {
  stream: LocalStageStream;
  /** The configuration, to be compared. */
  config: string;
  encodings: RTCRtpEncodingParameters[];
}

export type Media = Partial<Record<Kind, Part>>;

export type Step = { do: 'nothing' } | { do: 'start' } | { do: 'stop' } | { do: 'again' } | { do: 'replace'; kinds: Kind[] };

/** A mistake in the application's strategy is shown, and counts as no wish. */
export function ask<T>(question: () => T, otherwise: T): T {
  try {
    return question() ?? otherwise;
  } catch (error) {
    report(error);
    return otherwise;
  }
}

/** The first stream of each kind. */
export function mediaOf(streams: readonly (LocalStageStream | null | undefined)[], simulcasts: boolean): Media {
  const media: Media = {};
  for (const stream of Array.isArray(streams) ? (streams as typeof streams) : []) {
    if (!stream?.mediaStreamTrack) continue;
    const { mediaStreamTrack: track, mediaConfig: config } = stream;
    const kind = track.kind === 'audio' ? 'audio' : 'video';
    media[kind] ??= { stream, config: comparable(config), encodings: encodingsOf(track, config, simulcasts) };
  }
  return media;
}

/**
 * From what is published to what is wanted. Streams are compared by their tracks and configurations: objects are made anew for each question.
 * `opened` is what the publication began with: layers and transforms of that hold as long as it does.
 */
export function stepBetween(published: Media | undefined, opened: Media, wanted: Media): Step {
  const isWanted = KINDS.some((kind) => wanted[kind]);
  if (!published) return { do: isWanted ? 'start' : 'nothing' };
  if (!isWanted) return { do: 'stop' };
  const kinds = KINDS.filter((kind) => !isSame(published[kind], wanted[kind]));
  if (kinds.length === 0) return { do: 'nothing' };
  return kinds.every((kind) => fits(opened[kind], wanted[kind])) ? { do: 'replace', kinds } : { do: 'again' };
}

function isSame(one: Part | undefined, other: Part | undefined): boolean {
  return one?.stream.id === other?.stream.id && one?.config === other?.config;
}

/** Whether a section that was opened for one part can carry another. */
function fits(opened: Part | undefined, wanted: Part | undefined): boolean {
  if (!wanted) return true;
  const rids = (part: Part | undefined) => (part?.encodings ?? []).map(({ rid }) => rid ?? '').join();
  if (opened) return opened.config === wanted.config && rids(opened) === rids(wanted);
  const { simulcast, inBandMessaging, stereo } = JSON.parse(wanted.config) as StageVideoConfiguration & StageAudioConfiguration;
  return !simulcast?.enabled && !inBandMessaging?.enabled && !stereo;
}

function encodingsOf(track: MediaStreamTrack, config: StageVideoConfiguration & StageAudioConfiguration, simulcasts: boolean): RTCRtpEncodingParameters[] {
  if (track.kind === 'audio') return audioEncodings(config);
  const { width, height } = track.getSettings?.() ?? {};
  return videoEncodings(config, width && height ? { width, height } : undefined, simulcasts);
}

/** The same text for the same configuration, in whatever order it was written. */
function comparable(config: unknown): string {
  return JSON.stringify(config ?? {}, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

export function kindsOf(type: SubscribeType): Kind[] {
  if (type === SubscribeType.AUDIO_VIDEO) return ['audio', 'video'];
  return type === SubscribeType.AUDIO_ONLY ? ['audio'] : [];
}

export function initialOf({ simulcast }: SubscribeConfiguration): 'low' | 'high' {
  return simulcast?.initialLayerPreference === InitialLayerPreference.HIGHEST_QUALITY ? 'high' : 'low';
}

/** What the specification of browsers allows. */
const DELAY_MAX_MS = 4000;

const DELAYS: Record<JitterBufferMinDelay, number | null> = {
  [JitterBufferMinDelay.DEFAULT]: null,
  [JitterBufferMinDelay.LOW]: 100,
  [JitterBufferMinDelay.MEDIUM]: 300,
  [JitterBufferMinDelay.HIGH]: 800,
};

/** In milliseconds; `null` leaves it to the browser. */
export function minDelayOf({ jitterBuffer }: SubscribeConfiguration): number | null {
  const { minDelay = JitterBufferMinDelay.DEFAULT } = jitterBuffer ?? {};
  if (typeof minDelay === 'number') return Number.isFinite(minDelay) ? Math.min(Math.max(minDelay, 0), DELAY_MAX_MS) : null;
  return DELAYS[minDelay] ?? null;
}
