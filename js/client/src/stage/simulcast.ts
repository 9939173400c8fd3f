/** What is sent of a picture: bounds, and layers. Pure. */

import type { SimulcastLocalLayerConfiguration, StageAudioConfiguration, StageVideoConfiguration } from './types';

export interface Size {
  width: number;
  height: number;
}

const VIDEO_KBPS = { least: 50, most: 2500 };
const FRAMES = { least: 10, most: 30 };
const AUDIO_KBPS = { least: 12, most: 128, usual: 64 };
/** Stages take 720p, judged by the area of the picture. */
const AREA_MAX = 1280 * 720;
const SIDE_MAX = 1280;
/** So many layers does Chromium send of a picture of such an area; of more it leaves out the best ones, without a word. */
const LAYERS_MAX: readonly [area: number, layers: number][] = [
  [960 * 540, 3],
  [480 * 270, 2],
];

const layer = (width: number, height: number, maxBitrateKbps: number, maxFramerate: number): Readonly<SimulcastLocalLayerConfiguration> =>
  Object.freeze({ width, height, maxBitrateKbps, maxFramerate });

export const SimulcastLayerPresets = Object.freeze({
  DEFAULT_160: layer(284, 160, 150, 15),
  DEFAULT_180: layer(320, 180, 200, 15),
  DEFAULT_270: layer(480, 270, 400, 20),
  DEFAULT_360: layer(640, 360, 700, 20),
  DEFAULT_480: layer(854, 480, 1000, 30),
  DEFAULT_540: layer(960, 540, 1300, 30),
  DEFAULT_720: layer(1280, 720, 1700, 30),
});

/** The best layer has all of the picture, whatever its size. */
const HIGH = { maxBitrateKbps: 1700, maxFramerate: 30 };

const RIDS: Record<number, readonly string[]> = { 2: ['low', 'hi'], 3: ['low', 'mid', 'hi'] };

/**
 * The encodings of a video, lowest first. One without `rid` where there is no simulcast: it is off, the picture is too small for it,
 * the browser cannot (`simulcasts`), or the most that may be sent is less than the second layer takes.
 */
export function videoEncodings(config: StageVideoConfiguration, picture: Size | undefined, simulcasts: boolean): RTCRtpEncodingParameters[] {
  const { maxVideoBitrateKbps, maxBitrate, maxFramerate, simulcast } = config;
  const asked = maxVideoBitrateKbps ?? maxBitrate;
  const kbps = within(asked ?? VIDEO_KBPS.most, VIDEO_KBPS);
  const frames = within(maxFramerate ?? FRAMES.most, FRAMES);
  const size = picture ?? SimulcastLayerPresets.DEFAULT_720;
  const fit = fitting(size);
  const layers = simulcast?.enabled && simulcasts ? layersOf(size, fit, asked === undefined ? undefined : kbps, simulcast.layers) : [];
  const rids = RIDS[layers.length];
  if (!rids || kbps < (layers.at(layers.length === 2 ? 0 : 1)?.maxBitrateKbps ?? 0)) {
    return [{ maxBitrate: kbps * 1000, maxFramerate: frames, ...(fit > 1 && { scaleResolutionDownBy: fit }) }];
  }
  return layers.map(({ scale, maxBitrateKbps, maxFramerate: most }, index) => ({
    rid: rids[index] as string,
    maxBitrate: within(maxBitrateKbps, VIDEO_KBPS) * 1000,
    maxFramerate: Math.min(within(most, FRAMES), frames),
    scaleResolutionDownBy: scale,
  }));
}

export function audioEncodings({ maxAudioBitrateKbps = AUDIO_KBPS.usual }: StageAudioConfiguration): RTCRtpEncodingParameters[] {
  return [{ maxBitrate: within(maxAudioBitrateKbps, AUDIO_KBPS) * 1000 }];
}

interface Layer {
  scale: number;
  maxBitrateKbps: number;
  maxFramerate: number;
}

function layersOf(size: Size, fit: number, kbps: number | undefined, own: readonly SimulcastLocalLayerConfiguration[] = []): Layer[] {
  const short = Math.min(size.width, size.height);
  const scaled = ({ width, height, maxBitrateKbps, maxFramerate }: SimulcastLocalLayerConfiguration): Layer => ({
    scale: Math.max(fit, short / Math.min(width, height)),
    maxBitrateKbps,
    maxFramerate,
  });
  if (own.length > 0) {
    const sorted = [...own].sort((one, other) => one.width * one.height - other.width * other.height);
    const area = (size.width * size.height) / fit ** 2;
    const [, most] = LAYERS_MAX.find(([least]) => area >= least) ?? [0, 1];
    return sorted.slice(-most).map(scaled);
  }
  const { DEFAULT_180, DEFAULT_360 } = SimulcastLayerPresets;
  const sent = short / fit;
  const best: Layer = { scale: fit, ...HIGH, ...(kbps !== undefined && { maxBitrateKbps: kbps }) };
  if (sent >= 720) return [scaled(DEFAULT_180), scaled(DEFAULT_360), best];
  if (sent >= 360) return [scaled(DEFAULT_180), best];
  return [];
}

/** By how much a picture is to be scaled down to be taken at all. */
function fitting({ width, height }: Size): number {
  return Math.max(1, Math.sqrt((width * height) / AREA_MAX), Math.max(width, height) / SIDE_MAX);
}

function within(value: number, { least, most }: { least: number; most: number }): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : most;
}

/** H.264 in layers is known to work in Chromium on computers. */
export function canSimulcast(userAgent = globalThis.navigator?.userAgent ?? ''): boolean {
  return /Chrom(e|ium)\//.test(userAgent) && !/Mobile|Android/.test(userAgent);
}
