import { describe, expect, it } from 'vitest';

import { track } from './fakes';
import { mediaOf, stepBetween } from './strategy';
import { LocalStageStream } from './streams';
import type { StageAudioConfiguration, StageVideoConfiguration } from './types';

const microphone = track('audio');
const camera = track('video');
const other = track('video');
const small = track('video', { width: 320, height: 180 });

type Config = StageVideoConfiguration & StageAudioConfiguration;
const media = (...streams: [MediaStreamTrack, Config?][]) => mediaOf(streams.map(([it, config]) => new LocalStageStream(it, config)), true);
const simulcast: Config = { simulcast: { enabled: true } };

describe('from what is published to what is wanted', () => {
  it.each([
    ['nothing to nothing', undefined, media(), 'nothing'],
    ['nothing to a microphone', undefined, media([microphone]), 'start'],
    ['a microphone to nothing', media([microphone]), media(), 'stop'],
    ['the same tracks in other objects', media([microphone], [camera]), media([microphone], [camera]), 'nothing'],
    ['the same in another order', media([microphone], [camera]), media([camera], [microphone]), 'nothing'],
    ['the same configuration in another order', media([camera, { maxFramerate: 15, maxBitrate: 900 }]), media([camera, { maxBitrate: 900, maxFramerate: 15 }]), 'nothing'],
    ['another camera', media([camera]), media([other]), 'replace'],
    ['another camera with as many layers', media([camera, simulcast]), media([other, simulcast]), 'replace'],
    ['another camera with fewer layers', media([camera, simulcast]), media([small, simulcast]), 'again'],
    ['simulcast switched on', media([camera]), media([camera, simulcast]), 'again'],
    ['another bitrate', media([camera]), media([camera, { maxVideoBitrateKbps: 500 }]), 'again'],
    ['a camera more', media([microphone]), media([microphone], [camera]), 'replace'],
    ['a camera with layers more', media([microphone]), media([microphone], [camera, simulcast]), 'again'],
    ['a camera that carries messages more', media([microphone]), media([microphone], [camera, { inBandMessaging: { enabled: true } }]), 'again'],
    ['a stereo microphone more', media([camera]), media([camera], [microphone, { stereo: true }]), 'again'],
    ['a camera less', media([microphone], [camera]), media([microphone]), 'replace'],
  ] as const)('%s', (_, published, wanted, step) => {
    expect(stepBetween(published, published ?? {}, wanted).do).toBe(step);
  });

  it('names the kinds that differ', () => {
    const published = media([microphone], [camera]);
    expect(stepBetween(published, published, media([microphone], [other]))).toEqual({ do: 'replace', kinds: ['video'] });
  });

  it('puts a camera with layers back where it was', () => {
    const opened = media([microphone], [camera, simulcast]);
    expect(stepBetween(media([microphone]), opened, opened)).toEqual({ do: 'replace', kinds: ['video'] });
  });
});

describe('the streams of a strategy', () => {
  it('are the first of each kind; what is missing is passed over', () => {
    const streams = [undefined, new LocalStageStream(camera), null, new LocalStageStream(other), new LocalStageStream(microphone)];
    const { audio, video } = mediaOf(streams, true);
    expect([audio?.stream.id, video?.stream.id]).toEqual([microphone.id, camera.id]);
  });

  it('are none where there is no array', () => {
    expect(mediaOf(undefined as never, true)).toEqual({});
  });
});
