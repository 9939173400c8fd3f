/** Participants, as the application sees them: each is one object while it is there, and its members change. */

import type { Person } from '../core/contract';
import type { Token } from './token';
import type { StageParticipantInfo } from './types';

export type Participant = { -readonly [Name in keyof StageParticipantInfo]: StageParticipantInfo[Name] };

export function localParticipant({ id, userId, attributes, capabilities }: Token): Participant {
  return {
    id,
    userId,
    attributes,
    capabilities: new Set(capabilities),
    isLocal: true,
    isPublishing: false,
    audioMuted: false,
    videoStopped: false,
    userInfo: {},
  };
}

/** Of others it is known that they publish, and no more. */
export function remoteParticipant({ id, userId, attributes, audioMuted, videoStopped }: Person): Participant {
  return {
    id,
    userId,
    attributes,
    capabilities: new Set(['publish'] as const),
    isLocal: false,
    isPublishing: true,
    audioMuted,
    videoStopped,
    userInfo: {},
  };
}

/** Takes what a token or the server says of somebody; tells whether it is anything new. */
export function renamed(participant: Participant, { userId, attributes }: Pick<Person, 'userId' | 'attributes'>): boolean {
  const before = participant.attributes;
  const names = Object.keys(attributes);
  const isSame =
    userId === participant.userId &&
    names.length === Object.keys(before).length &&
    names.every((name) => attributes[name] === before[name]);
  if (!isSame) Object.assign(participant, { userId, attributes });
  return !isSame;
}
