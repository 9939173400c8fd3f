// The figures of a stream, in words and for charts.

import { bitrate, framesPerSecond, milliseconds, size } from '../media/format';
import type { Sample } from '../media/history';
import type { IngestStream } from './report';

/** The configurations by which somebody publishes before all others, each in the order that the API gave them. */
export function liveFirst<One extends { readonly state: string }>(configurations: readonly One[]): readonly One[] {
  const isLive = ({ state }: One) => state === 'ACTIVE';
  return [...configurations.filter(isLive), ...configurations.filter((one) => !isLive(one))];
}

/** One line: `1280×720 · 30 fps · 2.5 Mbit/s`. */
export function summaryOf({ video }: IngestStream): string {
  const parts = [
    size(video.width, video.height),
    ...(video.framesPerSecond === undefined ? [] : [framesPerSecond(video.framesPerSecond)]),
    ...(video.bitrateBps === undefined ? [] : [bitrate(video.bitrateBps)]),
  ];
  return video.width === undefined ? 'Nothing is measured yet.' : parts.join(' · ');
}

/** Everything that is known, as terms and their values. */
export function factsOf({ protocol, address, encoder, video, audio }: IngestStream): [string, string][] {
  const picture = [size(video.width, video.height), ...((video.layers ?? 1) > 1 ? [`${video.layers} layers`] : [])].join(', ');
  const all: [string, string | undefined][] = [
    ['Picture', video.width === undefined ? undefined : picture],
    ['Video', videoOf(video.codec)],
    ['Frame rate', video.framesPerSecond === undefined ? undefined : `${Number(video.framesPerSecond.toFixed(2))} fps`],
    ['Key frames', video.keyFrameIntervalMs === undefined ? undefined : `every ${milliseconds(video.keyFrameIntervalMs)}`],
    ['Video bitrate', video.bitrateBps === undefined ? undefined : bitrate(video.bitrateBps)],
    ['Audio', audioOf(audio)],
    ['Encoder', encoder === '' ? undefined : encoder],
    ['Comes by', `${protocol} from ${address}`],
  ];
  return all.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

const PROFILES: Readonly<Record<string, string>> = { '42': 'Baseline', '4d': 'Main', '58': 'Extended', '64': 'High' };

/** `avc1.64001f` as `H.264 High, level 3.1`; what is named otherwise stays as it is. */
export function videoOf(codec: string | undefined): string | undefined {
  const [, profile = '', level = ''] = /^avc[13]\.([0-9a-f]{2})[0-9a-f]{2}([0-9a-f]{2})$/i.exec(codec ?? '') ?? [];
  const name = PROFILES[profile.toLowerCase()];
  return name === undefined ? codec : `H.264 ${name}, level ${(Number.parseInt(level, 16) / 10).toFixed(1)}`;
}

function audioOf({ sampleRateHz, channels, bitrateBps }: IngestStream['audio']): string | undefined {
  if (sampleRateHz === undefined) return undefined;
  const sound = channels === 1 ? 'mono' : channels === 2 ? 'stereo' : '';
  return ['AAC-LC', `${sampleRateHz / 1000} kHz`, sound, bitrateBps === undefined ? '' : bitrate(bitrateBps)].filter((part) => part !== '').join(', ');
}

/** `at` in seconds. */
export function sampleOf({ video, audio }: IngestStream, at: number): Sample {
  return { at, values: { video: video.bitrateBps, fps: video.framesPerSecond, audio: audio.bitrateBps } };
}

const KEY_FRAMES_MS_MAX = 2500;
const BITRATE_SAFE_BPS = 6_500_000;
const AUDIO_SAFE_BPS = 192_000;
const FRAME_RATES = { least: 10, most: 60 };

/** What works, and would work better otherwise. */
export function adviceOf({ video, audio }: IngestStream): string[] {
  const advice: string[] = [];
  const { keyFrameIntervalMs = 0, bitrateBps = 0, framesPerSecond: rate } = video;
  if (keyFrameIntervalMs > KEY_FRAMES_MS_MAX) {
    advice.push(`Key frames come every ${milliseconds(keyFrameIntervalMs)}. Set the keyframe interval to 2 s: who changes the layer, or the encoder, waits for the next one.`);
  }
  if (bitrateBps > BITRATE_SAFE_BPS) advice.push(`The video has ${bitrate(bitrateBps)}. At 8.5 Mbit/s it is cut off; 6 Mbit/s leave room for peaks.`);
  if (rate !== undefined && (rate < FRAME_RATES.least || rate > FRAME_RATES.most + 1)) advice.push(`${framesPerSecond(rate)} are out of the usual; send ${FRAME_RATES.least} to ${FRAME_RATES.most}.`);
  if ((audio.bitrateBps ?? 0) > AUDIO_SAFE_BPS) advice.push(`The sound has ${bitrate(audio.bitrateBps)}; more than 160 kbit/s is lost on the way to viewers.`);
  return advice;
}
