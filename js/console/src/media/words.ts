// What goes wrong on a stage, and what to do, in words for the person who watches or publishes.

import { StageError, StageErrorCategory, StageErrorCode, StageLeftReason } from 'downstage-client';

export interface Words {
  readonly title: string;
  /** What to do. */
  readonly advice: string;
}

const CODES: Readonly<Record<StageErrorCode, Words>> = {
  [StageErrorCode.TOKEN_MALFORMED]: { title: 'The token cannot be read.', advice: 'Copy all of it, or mint another one.' },
  [StageErrorCode.TOKEN_EXPIRED]: { title: 'The token has expired.', advice: 'Mint another one: how long it lasts is said when it is made.' },
  [StageErrorCode.TIMEOUT]: {
    title: 'The server does not answer in time.',
    advice: 'See whether it runs and is reached from here; the connection test says which part of the way fails.',
  },
  [StageErrorCode.FAILED]: { title: 'It did not work, and trying again did not help.', advice: 'The connection test says which part of the way fails.' },
  [StageErrorCode.CANCELED]: { title: 'It was called off.', advice: 'Another attempt took its place.' },
  [StageErrorCode.STAGE_AT_CAPACITY]: { title: 'The stage is full.', advice: 'Wait until somebody leaves, or raise the quota of the account.' },
  [StageErrorCode.CODEC_MISMATCH]: {
    title: 'This browser lacks a codec.',
    advice: 'Stages need H.264 and Opus. Take another browser, or one that is built with H.264.',
  },
  [StageErrorCode.TOKEN_NOT_ALLOWED]: { title: 'The token does not allow this.', advice: 'Mint one with the capability: PUBLISH to publish, SUBSCRIBE to watch.' },
  [StageErrorCode.STAGE_DELETED]: { title: 'The stage does not exist (any more).', advice: 'Make a stage, and a token for it.' },
  [StageErrorCode.PARTICIPANT_DISCONNECTED]: {
    title: 'This participant was disconnected.',
    advice: 'Its token cannot be used again: mint another one.',
  },
  [StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID]: { title: 'This token cannot take the place of the other.', advice: 'Stage and participant must be the same.' },
  [StageErrorCode.TOKEN_EXCHANGE_FAILED]: { title: 'The server refused the new token.', advice: 'Join again with a token that it takes.' },
};

/** What the transport knows more exactly than the code says; the name is in the error's details. */
const REASONS: Readonly<Record<string, Words>> = {
  NETWORK: { title: 'There is no way to the server.', advice: 'See whether it runs; the connection test says which part of the way fails.' },
  BITRATE_EXCEEDED: { title: 'More was sent than the server takes.', advice: 'Lower the resolution or the bitrate.' },
  OFFER_UNACCEPTABLE: { title: 'The server cannot serve what this browser offers.', advice: 'Take another browser, or turn simulcast off.' },
};

const WHAT: Readonly<Record<StageErrorCategory, string>> = {
  [StageErrorCategory.JOIN_ERROR]: 'Joining',
  [StageErrorCategory.PUBLISH_ERROR]: 'Publishing',
  [StageErrorCategory.SUBSCRIBE_ERROR]: 'Receiving',
};

/** One line on what happened, and what to do. The server's own words go with it where they say more than the code. */
export function faultWords(error: unknown): Words {
  if (!(error instanceof StageError)) {
    return { title: error instanceof Error && error.message !== '' ? error.message : 'Something went wrong.', advice: '' };
  }
  const { title, advice } = REASONS[String(error.details?.['reason'] ?? '')] ?? CODES[error.code] ?? { title: error.message, advice: '' };
  const said = error.message === '' || title.toLowerCase().startsWith(error.message.toLowerCase()) ? '' : ` (${error.message})`;
  return { title: `${WHAT[error.category] ?? 'The stage'}: ${uncapital(title.replace(/\.$/, ''))}${said}.`, advice };
}

function uncapital(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

const LEFT: Readonly<Record<StageLeftReason, Words>> = {
  [StageLeftReason.USER_INITIATED]: { title: 'You left the stage.', advice: '' },
  [StageLeftReason.PARTICIPANT_DISCONNECTED]: {
    title: 'This participant was disconnected by the API.',
    advice: 'Its token cannot be used again: mint another one.',
  },
  [StageLeftReason.STAGE_DELETED]: { title: 'The stage was deleted.', advice: '' },
  [StageLeftReason.TOKEN_REUSED]: { title: 'The same token joined somewhere else.', advice: 'Each tab and each encoder needs a token of its own.' },
  [StageLeftReason.FAILED_EXCHANGE]: { title: 'The server refused the new token.', advice: 'Join again with a token that it takes.' },
  [StageLeftReason.REAL_TIME_CONNECTION_FORCED_LEAVE]: { title: 'The shared connection was closed.', advice: 'Join again.' },
  [StageLeftReason.REAL_TIME_CONNECTION_TOKEN_REVOCATION]: { title: 'The connection token was revoked.', advice: 'Join again with another one.' },
  [StageLeftReason.UNKNOWN]: { title: 'The server ended the session.', advice: 'It goes down, or the session ended. Join again in a moment.' },
};

export function leftWords(reason: StageLeftReason): Words {
  return LEFT[reason] ?? LEFT[StageLeftReason.UNKNOWN];
}

/** What holds an encoder back. */
export function limitationWords(reason: string): string {
  switch (reason) {
    case '':
    case 'none':
      return 'nothing';
    case 'cpu':
      return 'the processor';
    case 'bandwidth':
      return 'the bandwidth';
    default:
      return reason === 'other' ? 'something else' : reason;
  }
}

/** What `getUserMedia` or `getDisplayMedia` failed for. */
export function captureWords(error: unknown, what: 'camera' | 'screen'): Words {
  const name = error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return what === 'camera'
        ? { title: 'The browser was not allowed to use the camera and the microphone.', advice: 'Allow them beside the address bar, and try again.' }
        : { title: 'No screen was shared.', advice: 'Choose one in the dialog of the browser.' };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { title: `There is no ${what} that fits.`, advice: 'Choose another one, or the test picture.' };
    case 'NotReadableError':
    case 'AbortError':
      return { title: `The ${what} cannot be read.`, advice: 'Another program may use it. Close that, or choose another one.' };
    default:
      return { title: error instanceof Error && error.message !== '' ? error.message : `The ${what} does not work.`, advice: '' };
  }
}

/** A rating of lost packets, as the client library rates them. */
export function qualityWords(loss: number | undefined): { readonly bars: 0 | 1 | 2 | 3 | 4; readonly text: string } {
  if (loss === undefined) return { bars: 0, text: 'not known yet' };
  if (loss < 0.002) return { bars: 4, text: 'excellent' };
  if (loss < 0.01) return { bars: 3, text: 'good' };
  if (loss < 0.04) return { bars: 2, text: 'fair' };
  return { bars: 1, text: 'poor' };
}
