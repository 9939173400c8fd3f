import { expect, test } from 'vitest';

import { detailOf, refusalOf, wordsOf } from './refusals';

test('each reason that the server gives has words and a way out', () => {
  for (const code of [
    'INVALID_PROTOCOL',
    'INVALID_STREAM_KEY',
    'REUSE_OF_STREAM_KEY',
    'B_FRAME_PRESENT',
    'BITRATE_EXCEEDED',
    'RESOLUTION_EXCEEDED',
    'INVALID_AUDIO_CODEC',
    'INVALID_VIDEO_CODEC',
    'INVALID_INPUT',
    'STREAM_DURATION_EXCEEDED',
    'QUOTA_EXCEEDED',
    'NOT_ATTACHED',
    'STAGE_NOT_FOUND',
    'DISCONNECTED',
    'INVALID_APP',
    'TLS_FAILED',
    'PROTOCOL_FAULT',
    'TIMED_OUT',
    'TOO_MANY_ATTEMPTS',
    'TOO_MANY_CONNECTIONS',
    'UNAVAILABLE',
  ]) {
    const { title, what, then } = wordsOf({ code, message: '' });
    expect(title, code).not.toBe(code);
    expect(what, code).toMatch(/\.$/);
    expect(then, code).not.toBe('');
  }
});

test('of a reason that this page does not know the server has the word', () => {
  expect(wordsOf({ code: 'MOON', message: 'the moon is full' })).toEqual({ title: 'MOON', what: 'The moon is full.', then: '' });
  expect(wordsOf({ code: 'MOON', message: '' }).what).toBe('MOON');
  expect(detailOf({ code: 'MOON', message: 'the moon is full' })).toBe('');
  expect(detailOf({ code: 'BITRATE_EXCEEDED', message: '9.1 Mbit/s over 2 s' })).toBe('9.1 Mbit/s over 2 s.');
});

test('words that hold for a whole kind of refusal do not deny what the encoder has right', () => {
  expect(wordsOf({ code: 'INVALID_VIDEO_CODEC', message: 'the video is H.264 High 4:4:4 Predictive' }).what).toContain('or of a kind');
  expect(wordsOf({ code: 'INVALID_AUDIO_CODEC', message: 'the audio has 6 channels' }).what).toContain('one or two channels');
});

test('the newest error among the events is the last refusal', () => {
  const at = (second: number) => `2026-03-01T12:00:0${second}Z`;
  const events = [
    { name: 'PUBLISH_ERROR', eventTime: at(3), errorCode: 'INVALID_INPUT' },
    { name: 'PUBLISH_ERROR', eventTime: at(5), errorCode: 'B_FRAME_PRESENT' },
    { name: 'PUBLISH_STARTED', eventTime: at(7) },
    { name: 'SUBSCRIBE_ERROR', eventTime: at(8), errorCode: 'PUBLISHER_NOT_FOUND' },
  ];
  expect(refusalOf(events)).toEqual({ at: at(5), code: 'B_FRAME_PRESENT', message: '' });
  expect(refusalOf([...events].reverse())?.code).toBe('B_FRAME_PRESENT');
  expect(refusalOf(events.slice(2))).toBeUndefined();
});
