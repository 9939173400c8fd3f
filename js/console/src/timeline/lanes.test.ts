import { expect, test } from 'vitest';

import type { ParticipantEvent } from '../api/shapes';
import { presenceOf, union } from './lanes';
import { reasonOf } from './words';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const event = (seconds: number, name: string, more: Partial<ParticipantEvent> = {}): ParticipantEvent => ({ name, eventTime: at(seconds), ...more });
const span = (from: number, to: number, isOpen = false, isReplica = false) => ({ from: from * 1000, to: to * 1000, isOpen, isReplica });

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

const STUDIO = 'arn:aws:ivs:us-west-2:123456789012:stage/studio';
const replication = (seconds: number, what: 'STARTED' | 'STOPPED', destinationStageArn = STUDIO) =>
  event(seconds, `REPLICATION_${what}`, { destinationStageArn, destinationSessionId: 'st-1' });

test('a replication lasts beyond a leave, and has a mark at both ends that names where to', () => {
  const events = [event(1, 'JOINED'), event(1, 'PUBLISH_STARTED'), replication(2, 'STARTED'), event(3, 'PUBLISH_STOPPED'), event(3, 'LEFT'), replication(5, 'STOPPED')];
  const { replicated, marks } = presenceOf(events, 10_000, false, (arn) => (arn === STUDIO ? 'the studio' : arn));
  expect([...replicated]).toEqual([[STUDIO, [span(2, 5)]]]);
  expect(marks.map(({ at, tone, words }) => [at, tone, words])).toEqual([
    [2000, 'note', 'Replication began (to the studio)'],
    [5000, 'note', 'Replication stopped (to the studio)'],
  ]);
});

test('replications are told apart by where they go, and go on', () => {
  const hall = `${STUDIO}-hall`;
  const events = [replication(1, 'STARTED'), replication(2, 'STARTED', hall), replication(3, 'STOPPED'), replication(4, 'STARTED')];
  const { replicated } = presenceOf(events, 10_000, false);
  expect([...replicated]).toEqual([
    [STUDIO, [span(1, 3), span(4, 10, true)]],
    [hall, [span(2, 10, true)]],
  ]);
});

test('spans of replicas say so', () => {
  const mark = { replica: true };
  const events = [event(1, 'JOINED', mark), event(2, 'PUBLISH_STARTED', mark), event(3, 'PUBLISH_STOPPED', mark), event(3, 'LEFT', mark)];
  const presence = presenceOf(events, 10_000, false);
  expect([presence.connected, presence.published]).toEqual([[span(1, 3, false, true)], [span(2, 3, false, true)]]);
  const viewer = [event(1, 'JOINED'), event(2, 'SUBSCRIBE_STARTED', { ...mark, remoteParticipantId: 'ben' })];
  const { connected, subscribed } = presenceOf(viewer, 10_000, false);
  expect(connected).toEqual([span(1, 10, true)]);
  expect(subscribed.get('ben')).toEqual([span(2, 10, true, true)]);
  expect(union([span(1, 3, false, true), span(2, 4)])).toEqual([span(1, 4)]);
});

test('who was a replica is told in words', () => {
  expect(reasonOf(event(1, 'PUBLISH_STARTED', { replica: true }))).toBe('Began to publish (as a replica)');
  expect(reasonOf(event(1, 'SUBSCRIBE_STARTED', { replica: true, remoteParticipantId: 'ben' }))).toBe('Began to subscribe (ben, a replica)');
  expect(reasonOf(replication(1, 'STARTED'))).toBe('Replication began (to studio)');
});
