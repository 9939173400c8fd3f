import { expect, test } from 'vitest';

import { adviceOf, factsOf, liveFirst, sampleOf, summaryOf, videoOf } from './figures';
import type { IngestStream } from './report';

const STREAM: IngestStream = {
  participantId: 'obs',
  protocol: 'RTMPS',
  address: '192.0.2.7',
  encoder: 'FMLE/3.0',
  since: '2026-03-01T12:00:00Z',
  activeLeg: true,
  video: { codec: 'avc1.64001f', width: 1280, height: 720, layers: 1, framesPerSecond: 29.97, keyFrameIntervalMs: 2000, bitrateBps: 2_500_000 },
  audio: { sampleRateHz: 44_100, channels: 2, bitrateBps: 128_000 },
};

test('who publishes stands first, and all else as it was', () => {
  const made = ['INACTIVE', 'ACTIVE', 'INACTIVE', 'ACTIVE'].map((state, at) => ({ state, at }));
  expect(liveFirst(made).map(({ at }) => at)).toEqual([1, 3, 0, 2]);
});

test('a stream is told in one line, and in full', () => {
  expect(summaryOf(STREAM)).toBe('1280×720 · 30 fps · 2.5 Mbit/s');
  expect(factsOf(STREAM)).toEqual([
    ['Picture', '1280×720'],
    ['Video', 'H.264 High, level 3.1'],
    ['Frame rate', '29.97 fps'],
    ['Key frames', 'every 2 s'],
    ['Video bitrate', '2.5 Mbit/s'],
    ['Audio', 'AAC-LC, 44.1 kHz, stereo, 128 kbit/s'],
    ['Encoder', 'FMLE/3.0'],
    ['Comes by', 'RTMPS from 192.0.2.7'],
  ]);
  expect(factsOf({ ...STREAM, video: { ...STREAM.video, layers: 3 } })[0]).toEqual(['Picture', '1280×720, 3 layers']);
});

test('what is not measured yet is not told', () => {
  const fresh = { ...STREAM, encoder: '', video: {}, audio: {} };
  expect(summaryOf(fresh)).toBe('Nothing is measured yet.');
  expect(factsOf(fresh)).toEqual([['Comes by', 'RTMPS from 192.0.2.7']]);
  expect(adviceOf(fresh)).toEqual([]);
  expect(sampleOf(fresh, 5)).toEqual({ at: 5, values: { video: undefined, fps: undefined, audio: undefined } });
});

test('codecs are named as people know them, as far as they are known', () => {
  expect(videoOf('avc1.42c01f')).toBe('H.264 Baseline, level 3.1');
  expect(videoOf('avc1.4D4028')).toBe('H.264 Main, level 4.0');
  expect(videoOf('avc1.ff001f')).toBe('avc1.ff001f');
  expect(videoOf(undefined)).toBeUndefined();
});

test('what goes well needs no advice, and each thing that does not gets its own', () => {
  expect(adviceOf(STREAM)).toEqual([]);
  const video = { ...STREAM.video, keyFrameIntervalMs: 8333, bitrateBps: 7_000_000, framesPerSecond: 5 };
  const advice = adviceOf({ ...STREAM, video, audio: { ...STREAM.audio, bitrateBps: 320_000 } });
  expect(advice).toHaveLength(4);
  expect(advice[0]).toContain('every 8.3 s');
});
