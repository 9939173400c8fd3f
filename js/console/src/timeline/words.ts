// Events in words.

import { nameOfArn } from '../api/names';
import type { ExchangedToken, ParticipantEvent } from '../api/shapes';

const NAMES: Readonly<Record<string, string>> = {
  JOINED: 'Joined',
  LEFT: 'Left',
  PUBLISH_STARTED: 'Began to publish',
  PUBLISH_STOPPED: 'Stopped publishing',
  SUBSCRIBE_STARTED: 'Began to subscribe',
  SUBSCRIBE_STOPPED: 'Stopped subscribing',
  PUBLISH_ERROR: 'Could not publish',
  SUBSCRIBE_ERROR: 'Could not subscribe',
  JOIN_ERROR: 'Could not join',
  REPLICATION_STARTED: 'Replication began',
  REPLICATION_STOPPED: 'Replication stopped',
  TOKEN_EXCHANGED: 'Exchanged the token',
};

const REASONS: Readonly<Record<string, string>> = {
  INSUFFICIENT_CAPABILITIES: 'the token does not allow it',
  QUOTA_EXCEEDED: 'a quota is used up: too many participants or subscriptions',
  PUBLISHER_NOT_FOUND: 'the publisher is not on the stage',
  BITRATE_EXCEEDED: 'more bits a second than allowed; lower the bitrate',
  RESOLUTION_EXCEEDED: 'the picture is larger than allowed; lower the resolution',
  STREAM_DURATION_EXCEEDED: 'it has gone on for longer than allowed',
  INVALID_AUDIO_CODEC: 'the audio codec is not one that a stage takes: send Opus by WebRTC, AAC by RTMP',
  INVALID_VIDEO_CODEC: 'the video codec is not one that a stage takes: send H.264',
  INVALID_PROTOCOL: 'it came by plain RTMP, and the ingest configuration takes RTMPS only',
  INVALID_STREAM_KEY: 'the stream key is not known',
  REUSE_OF_STREAM_KEY: 'the stream key is in use already',
  B_FRAME_PRESENT: 'the video has B-frames; turn them off in the encoder (-bf 0)',
  INVALID_INPUT: 'sound or picture is missing, or cannot be read',
  INTERNAL_SERVER_EXCEPTION: 'the server failed; its log says why',
};

/** The event without its reason. */
export function nameOfEvent(event: ParticipantEvent): string {
  return NAMES[event.name] ?? event.name;
}

/** What a stage is called, by its ARN. */
export type StageNames = (arn: string) => string;

/** What happened, with whom, where to, and why. */
export function reasonOf(event: ParticipantEvent, stageName: StageNames = nameOfArn): string {
  const parts = [nameOfEvent(event)];
  const who = event.remoteParticipantId ?? '';
  if (who !== '') parts.push(event.replica === true ? `(${who}, a replica)` : `(${who})`);
  if (isOfReplica(event)) parts.push('(as a replica)');
  if (event.destinationStageArn) parts.push(`(to ${stageName(event.destinationStageArn)})`);
  const why = whyOf(event);
  return why === '' ? parts.join(' ') : `${parts.join(' ')}: ${why}`;
}

/** Whether the participant itself was a replica; of a subscription the mark is about the other. */
export function isOfReplica(event: ParticipantEvent): boolean {
  return event.replica === true && !event.name.startsWith('SUBSCRIBE');
}

/** The reason alone; empty where there is none to tell. */
export function whyOf(event: ParticipantEvent): string {
  if (event.name === 'TOKEN_EXCHANGED') return changesOf(event.previousToken ?? {}, event.newToken ?? {});
  if (event.errorCode === undefined) return '';
  return REASONS[event.errorCode] ?? event.errorCode;
}

function changesOf(before: ExchangedToken, after: ExchangedToken): string {
  const may = (token: ExchangedToken) => (token.capabilities ?? []).map((one) => one.toLowerCase()).sort().join(' and ') || 'nothing';
  const changes: string[] = [];
  if (may(before) !== may(after)) changes.push(`may ${may(after)}, before ${may(before)}`);
  if ((before.userId ?? '') !== (after.userId ?? '')) changes.push(`user is ${after.userId || 'nobody'}, before ${before.userId || 'nobody'}`);
  if (JSON.stringify(before.attributes ?? {}) !== JSON.stringify(after.attributes ?? {})) changes.push('other attributes');
  if (changes.length === 0 && before.expirationTime !== after.expirationTime) changes.push('a later end');
  return changes.join('; ') || 'nothing changed';
}
