// Why a replication was not begun or not ended, in words for the person who asked.

import { ApiError, Told } from '../api/error';

/** By the server's own words: what is wrong, and what to do. */
const WORDS: Readonly<Record<string, readonly [string, string]>> = {
  'the source stage does not exist': ['The stage of the participant does not exist (any more).', ''],
  'the destination stage does not exist': ['The stage to replicate to does not exist (any more).', ''],
  'the participant is not on the source stage': [
    'The participant is not known to the session that goes on.',
    'Who is replicated has to be on the stage, with one stream: of a redundant pair it is the pair that appears elsewhere, and neither of the two.',
  ],
  'the participant is not publishing': ['The participant does not publish now.', 'Only who publishes can be replicated; try again when it does.'],
  'the participant is a replica on the source stage': ['The participant is a replica here itself.', 'Replicate it from the stage that it comes from.'],
  'the participant is replicated to the destination stage already': [
    'The participant appears on that stage already, or does as soon as it publishes again.',
    'Stop that replication first to begin it with other settings.',
  ],
  'a participant of the same id is on the destination stage': [
    'A participant of the same id is on that stage, or is awaited there.',
    'One of the two has to leave before the other can be there.',
  ],
  'the participant has been disconnected from the destination stage': [
    'The participant was disconnected from that stage by the API.',
    'It cannot come back there, not as a replica either.',
  ],
  'the participant is replicated to as many stages as it may be': [
    'The participant appears on as many other stages as it may.',
    'Stop one of these replications first.',
  ],
  'the destination stage or its account has as many publishers as it may have': [
    'That stage has as many publishers as it may have, or the account has.',
    'Replicas count among them, also those that are awaited. Somebody has to stop publishing first.',
  ],
  'the participant has not been replicated to the destination stage': ['There is no such replication.', ''],
};

/** By the kind of refusal, where the server says something else. */
const KINDS: Readonly<Record<string, string>> = {
  ConflictException: 'As things are the participant cannot be replicated there.',
  ServiceQuotaExceededException: 'A quota is used up: of replications of the participant, or of publishers there.',
  ResourceNotFoundException: 'One of the two stages, or the participant, does not exist (any more).',
};

/** The error to show for one of a call; what has no words of its own stays as it is. */
export function inPlainWords(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const known = Object.hasOwn(WORDS, error.message) ? WORDS[error.message] : undefined;
  if (known !== undefined) return new Told(...known);
  const kind = Object.hasOwn(KINDS, error.type) ? KINDS[error.type] : undefined;
  return kind === undefined ? error : new Told(kind, error.message);
}
