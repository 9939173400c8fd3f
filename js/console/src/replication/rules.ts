// What the control API says of replications, as the pages show it, and what may be asked of it.

import { nameOf, nameOfArn } from '../api/names';
import type { Attributes, ParticipantReplica, ParticipantSummary, StageSummary } from '../api/shapes';

/** Of the keys and values together, as UTF-8. */
export const ATTRIBUTES_BYTES_MAX = 1024;
export const WINDOW_SECONDS_MAX = 300;

/** Where a replica comes from. */
export interface Origin {
  readonly stageArn: string;
  readonly sessionId: string;
  /** Whether it is one still. */
  readonly isActive: boolean;
}

/** `undefined` for who is there by itself. */
export function originOf({ replicationType, replicationState, sourceStageArn = '', sourceSessionId = '' }: ParticipantSummary): Origin | undefined {
  if (replicationType !== 'REPLICA' || sourceStageArn === '') return undefined;
  return { stageArn: sourceStageArn, sessionId: sourceSessionId, isActive: replicationState === 'ACTIVE' };
}

/** What a list says of somebody; empty for who has nothing to do with replications. */
export function roleOf({ replicationType, replicationState }: ParticipantSummary): string {
  const isActive = replicationState === 'ACTIVE';
  if (replicationType === 'SOURCE') return isActive ? 'Replicated' : 'Was replicated';
  if (replicationType === 'REPLICA') return isActive ? 'Replica' : 'Was a replica';
  return '';
}

/** The active ones first, then by the name of the stage. */
export function inOrder(replicas: readonly ParticipantReplica[], nameOfStage: (arn: string) => string): readonly ParticipantReplica[] {
  const rank = ({ replicationState }: ParticipantReplica) => (replicationState === 'ACTIVE' ? 0 : 1);
  const name = ({ destinationStageArn }: ParticipantReplica) => nameOfStage(destinationStageArn);
  return [...replicas].sort((a, b) => rank(a) - rank(b) || name(a).localeCompare(name(b)));
}

export interface Choice {
  /** An ARN. */
  readonly value: string;
  readonly text: string;
}

/** The stages where a participant may go: neither its own nor where it is already; by name. Stages of one name are told apart by their ARNs. */
export function choices(stages: readonly StageSummary[], sourceStageArn: string, replicas: readonly ParticipantReplica[]): readonly Choice[] {
  const taken = new Set(replicas.filter(({ replicationState }) => replicationState === 'ACTIVE').map(({ destinationStageArn }) => destinationStageArn));
  const free = stages.filter(({ arn }) => arn !== sourceStageArn && !taken.has(arn));
  const isTwice = (name: string) => free.filter((stage) => nameOf(stage) === name).length > 1;
  return free
    .map((stage) => ({ value: stage.arn, text: isTwice(nameOf(stage)) ? `${nameOf(stage)} (${nameOfArn(stage.arn)})` : nameOf(stage) }))
    .sort((a, b) => a.text.localeCompare(b.text));
}

/** In bytes, as the server counts them. */
export function sizeOf(attributes: Attributes | undefined): number {
  const encoder = new TextEncoder();
  return Object.entries(attributes ?? {}).reduce((sum, [key, value]) => sum + encoder.encode(key).length + encoder.encode(value).length, 0);
}

/** The seconds of a field; nothing for an empty one. Throws what is wrong, in words. */
export function readWindow(text: string): number | undefined {
  if (text.trim() === '') return undefined;
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > WINDOW_SECONDS_MAX) {
    throw new Error(`The window has to be a whole number of seconds, 0 to ${WINDOW_SECONDS_MAX}.`);
  }
  return seconds;
}

/** Throws, in words, if they are too much. */
export function checkSize(attributes: Attributes | undefined): void {
  const bytes = sizeOf(attributes);
  if (bytes > ATTRIBUTES_BYTES_MAX) throw new Error(`The attributes are ${bytes} bytes in total; at most ${ATTRIBUTES_BYTES_MAX} are allowed.`);
}
