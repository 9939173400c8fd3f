import { expect, test } from 'vitest';

import type { ParticipantReplica, ReplicationState } from '../api/shapes';
import { checkSize, choices, inOrder, originOf, readWindow, roleOf, sizeOf } from './rules';

const arn = (id: string) => `arn:aws:ivs:us-west-2:123456789012:stage/${id}`;
const to = (id: string, replicationState: ReplicationState = 'ACTIVE'): ParticipantReplica => ({
  sourceStageArn: arn('home'), sourceSessionId: 'st-1', participantId: 'ana', destinationStageArn: arn(id), destinationSessionId: 'st-2', replicationState,
});
const nameOfStage = (one: string) => one.slice(one.lastIndexOf('/') + 1);

test('a replica has an origin, and nobody else', () => {
  const replica = { participantId: 'ana', replicationType: 'REPLICA', replicationState: 'ACTIVE', sourceStageArn: arn('home'), sourceSessionId: 'st-1' } as const;
  expect(originOf(replica)).toEqual({ stageArn: arn('home'), sessionId: 'st-1', isActive: true });
  expect(originOf({ ...replica, replicationState: 'STOPPED' })?.isActive).toBe(false);
  // A source has these members too, and empty.
  expect(originOf({ participantId: 'ana', replicationType: 'SOURCE', sourceStageArn: '', sourceSessionId: '' })).toBeUndefined();
  expect(originOf({ participantId: 'ana', replicationType: 'NONE' })).toBeUndefined();
});

test('lists say what somebody is, and was', () => {
  const role = (replicationType?: 'SOURCE' | 'REPLICA' | 'NONE', replicationState?: ReplicationState) =>
    roleOf({ participantId: 'ana', ...(replicationType && { replicationType }), ...(replicationState && { replicationState }) });
  expect([role('SOURCE', 'ACTIVE'), role('SOURCE', 'STOPPED')]).toEqual(['Replicated', 'Was replicated']);
  expect([role('REPLICA', 'ACTIVE'), role('REPLICA', 'STOPPED')]).toEqual(['Replica', 'Was a replica']);
  expect([role('NONE'), role()]).toEqual(['', '']);
});

test('what goes on stands first', () => {
  const found = inOrder([to('a', 'STOPPED'), to('c'), to('b')], nameOfStage);
  expect(found.map(({ destinationStageArn }) => nameOfStage(destinationStageArn))).toEqual(['b', 'c', 'a']);
});

test('one may go wherever one is not yet', () => {
  const stages = ['home', 'hall', 'studio', 'old'].map((id) => ({ arn: arn(id), name: id.toUpperCase() }));
  expect(choices(stages, arn('home'), [to('studio'), to('old', 'STOPPED')])).toEqual([
    { value: arn('hall'), text: 'HALL' },
    { value: arn('old'), text: 'OLD' },
  ]);
});

test('stages of one name are told apart, and those without one too', () => {
  const stages = [{ arn: arn('a1'), name: 'demo' }, { arn: arn('b2'), name: 'demo' }, { arn: arn('c3') }];
  expect(choices(stages, arn('home'), []).map(({ text }) => text)).toEqual(['c3', 'demo (a1)', 'demo (b2)']);
});

test('attributes are counted in bytes of keys and values together', () => {
  expect(sizeOf(undefined)).toBe(0);
  expect(sizeOf({ é: 'ab', k: '🎉' })).toBe(2 + 2 + 1 + 4);
  expect(() => checkSize({ k: 'v'.repeat(1023) })).not.toThrow();
  expect(() => checkSize({ k: 'v'.repeat(1024) })).toThrow('The attributes are 1025 bytes in total; at most 1024 are allowed.');
});

test('a window is whole seconds up to five minutes, or not given', () => {
  expect([readWindow(''), readWindow('0'), readWindow(' 300 ')]).toEqual([undefined, 0, 300]);
  for (const wrong of ['-1', '301', '1.5', 'soon', 'Infinity']) expect(() => readWindow(wrong)).toThrow('0 to 300');
});
