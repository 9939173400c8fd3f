import { describe, expect, it } from 'vitest';

import { audioEncodings, canSimulcast, SimulcastLayerPresets, videoEncodings } from './simulcast';
import type { StageVideoConfiguration } from './types';

const ON: StageVideoConfiguration = { simulcast: { enabled: true } };
const { DEFAULT_180, DEFAULT_360, DEFAULT_540 } = SimulcastLayerPresets;

describe('the layers of a picture', () => {
  it.each([
    [1280, 720, ['low 4 200 15', 'mid 2 700 20', 'hi 1 1700 30']],
    [720, 1280, ['low 4 200 15', 'mid 2 700 20', 'hi 1 1700 30']],
    [960, 540, ['low 3 200 15', 'hi 1 1700 30']],
    [640, 360, ['low 2 200 15', 'hi 1 1700 30']],
    [640, 480, ['low 2.67 200 15', 'hi 1 1700 30']],
    [480, 270, ['- 1 2500 30']],
    [320, 180, ['- 1 2500 30']],
    [1920, 1080, ['low 6 200 15', 'mid 3 700 20', 'hi 1.5 1700 30']],
  ])('%i x %i', (width, height, expected) => {
    expect(short(videoEncodings(ON, { width, height }, true))).toEqual(expected);
  });

  it('are those of 720p where the size is not known', () => {
    expect(videoEncodings(ON, undefined, true)).toHaveLength(3);
  });

  it.each([
    ['simulcast is off', {}, true],
    ['the browser cannot', ON, false],
    ['less may be sent than the second layer takes', { ...ON, maxVideoBitrateKbps: 699 }, true],
  ])('are one where %s', (_, config, simulcasts) => {
    const [encoding, ...others] = videoEncodings(config, { width: 1280, height: 720 }, simulcasts);
    expect(others).toEqual([]);
    expect(encoding).not.toHaveProperty('rid');
  });

  it('are bounded by what may be sent', () => {
    expect(short(videoEncodings({ ...ON, maxBitrate: 900, maxFramerate: 18 }, { width: 1280, height: 720 }, true))).toEqual(['low 4 200 15', 'mid 2 700 18', 'hi 1 900 18']);
  });

  it('are those of the application, lowest first, three at most', () => {
    const layers = [DEFAULT_540, DEFAULT_180, DEFAULT_360, SimulcastLayerPresets.DEFAULT_160];
    expect(short(videoEncodings({ simulcast: { enabled: true, layers } }, { width: 1280, height: 720 }, true))).toEqual([
      'low 4 200 15',
      'mid 2 700 20',
      'hi 1.33 1300 30',
    ]);
  });

  it.each([
    [960, 540, ['low 3 200 15', 'mid 1.5 700 20', 'hi 1 1300 30']],
    [640, 360, ['low 1 700 20', 'hi 1 1300 30']],
    [320, 180, ['- 1 2500 30']],
  ])('are the best ones of the application of which browsers send all: %i x %i', (width, height, expected) => {
    const layers = [DEFAULT_180, DEFAULT_360, DEFAULT_540];
    expect(short(videoEncodings({ simulcast: { enabled: true, layers } }, { width, height }, true))).toEqual(expected);
  });
});

describe('bounds', () => {
  it.each([
    [{}, 2500, 30],
    [{ maxVideoBitrateKbps: 10 }, 50, 30],
    [{ maxVideoBitrateKbps: 9000, maxFramerate: 60 }, 2500, 30],
    [{ maxFramerate: 1, maxBitrate: 800 }, 800, 10],
    [{ maxVideoBitrateKbps: Number.NaN }, 2500, 30],
  ])('of video %j: %i kbps, %i frames', (config, kbps, frames) => {
    expect(videoEncodings(config, { width: 1280, height: 720 }, true)).toEqual([{ maxBitrate: kbps * 1000, maxFramerate: frames }]);
  });

  it.each([
    [{}, 64],
    [{ maxAudioBitrateKbps: 1 }, 12],
    [{ maxAudioBitrateKbps: 999 }, 128],
  ])('of audio %j: %i kbps', (config, kbps) => {
    expect(audioEncodings(config)).toEqual([{ maxBitrate: kbps * 1000 }]);
  });

  it.each([
    [1920, 1080, 1.5],
    [2560, 720, 2],
    [960, 960, 1],
    [1280, 721, 1.0007],
  ])('of the picture %i x %i: scaled down by %d', (width, height, scale) => {
    expect(videoEncodings({}, { width, height }, true)[0]?.scaleResolutionDownBy ?? 1).toBeCloseTo(scale, 3);
  });
});

it('layers are for Chromium on computers', () => {
  expect(canSimulcast('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36')).toBe(true);
  expect(canSimulcast('Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36')).toBe(false);
  expect(canSimulcast('Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0')).toBe(false);
});

function short(encodings: RTCRtpEncodingParameters[]): string[] {
  return encodings.map(({ rid = '-', scaleResolutionDownBy = 1, maxBitrate = 0, maxFramerate }) => [rid, Number(scaleResolutionDownBy.toFixed(2)), maxBitrate / 1000, maxFramerate].join(' '));
}
