import { expect, test } from 'vitest';

import type { ParticipantEvent } from '../api/shapes';
import { presenceOf, union } from './lanes';
import { reasonOf } from './words';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const event = (seconds: number, name: string, more: Partial<ParticipantEvent> = {}): ParticipantEvent => ({ name, eventTime: at(seconds), ...more });
const span = (from: number, to: number, isOpen = false) => ({ from: from * 1000, to: to * 1000, isOpen });

test('a span is from its start to its stop', () => {
  const presence = presenceOf([event(1, 'JOINED'), event(2, 'PUBLISH_STARTED'), event(5, 'PUBLISH_STOPPED'), event(6, 'LEFT')], 10_000, true);
  expect(presence.connected).toEqual([span(1, 6)]);
  expect(presence.published).toEqual([span(2, 5)]);
  expect(presence.marks).toEqual([]);
});

test('what nothing has ended goes on to the present, and in a session that is over to its end', () => {
  const events = [event(1, 'JOINED'), event(2, 'PUBLISH_STARTED')];
  expect(presenceOf(events, 10_000, false).published).toEqual([span(2, 10, true)]);
  expect(presenceOf(events, 10_000, true).published).toEqual([span(2, 10)]);
});

test('who leaves has stopped everything', () => {
  const events = [event(1, 'JOINED'), event(2, 'PUBLISH_STARTED'), event(2, 'SUBSCRIBE_STARTED', { remoteParticipantId: 'ben' }), event(4, 'LEFT')];
  const presence = presenceOf(events, 10_000, false);
  expect(presence.published).toEqual([span(2, 4)]);
  expect(presence.subscribed.get('ben')).toEqual([span(2, 4)]);
});

test('subscriptions are told apart by whom they are to', () => {
  const to = (id: string) => ({ remoteParticipantId: id });
  const events = [event(1, 'SUBSCRIBE_STARTED', to('ben')), event(2, 'SUBSCRIBE_STARTED', to('eve')), event(3, 'SUBSCRIBE_STOPPED', to('ben'))];
  const { subscribed } = presenceOf(events, 10_000, false);
  expect([...subscribed]).toEqual([
    ['ben', [span(1, 3)]],
    ['eve', [span(2, 10, true)]],
  ]);
});

test('events out of order, repeated or without their beginning do no harm', () => {
  const events = [event(5, 'LEFT'), event(1, 'JOINED'), event(2, 'JOINED'), event(0, 'PUBLISH_STOPPED'), { name: 'JOINED', eventTime: 'never' }];
  const presence = presenceOf(events, 10_000, false);
  expect(presence.connected).toEqual([span(1, 5)]);
  expect(presence.published).toEqual([]);
});

test('an error is a mark with its reason in words', () => {
  const events = [event(1, 'PUBLISH_ERROR', { errorCode: 'B_FRAME_PRESENT' }), event(2, 'TOKEN_EXCHANGED')];
  const { marks } = presenceOf(events, 10_000, false);
  expect(marks.map(({ tone }) => tone)).toEqual(['bad', 'note']);
  expect(marks[0]?.words).toBe('Could not publish: the video has B-frames; turn them off in the encoder (-bf 0)');
});

test('an error of a kind that is not known yet is shown by its code', () => {
  expect(reasonOf(event(1, 'PUBLISH_ERROR', { errorCode: 'NEW_FAULT' }))).toBe('Could not publish: NEW_FAULT');
});

test('an exchange says what has changed', () => {
  const exchanged = event(1, 'TOKEN_EXCHANGED', {
    previousToken: { capabilities: ['PUBLISH', 'SUBSCRIBE'], userId: 'ana' },
    newToken: { capabilities: ['SUBSCRIBE'], userId: 'ana', attributes: { seat: '4' } },
  });
  expect(reasonOf(exchanged)).toBe('Exchanged the token: may subscribe, before publish and subscribe; other attributes');
});

test('spans that touch become one', () => {
  expect(union([span(5, 7, true), span(1, 3), span(3, 4)])).toEqual([span(1, 4), span(5, 7, true)]);
});
