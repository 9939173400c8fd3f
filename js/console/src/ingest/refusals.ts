// Why an encoder may not publish, and what to do about it.

import type { ParticipantEvent } from '../api/shapes';
import type { Refusal } from './report';

export interface Words {
  /** In a table. */
  readonly title: string;
  /** What is wrong; empty where the server's own words have to do. */
  readonly what: string;
  /** What to do about it. */
  readonly then: string;
}

const WORDS: Readonly<Record<string, Words>> = {
  INVALID_PROTOCOL: {
    title: 'Plain RTMP',
    what: 'It came by plain RTMP, and the configuration takes RTMPS only.',
    then: 'Put the RTMPS address into the encoder, or make a configuration for RTMP.',
  },
  INVALID_STREAM_KEY: {
    title: 'Wrong stream key',
    what: 'The stream key opens nothing.',
    then: 'Copy the key from the page of its configuration again; it may be cut short, or the configuration deleted.',
  },
  REUSE_OF_STREAM_KEY: {
    title: 'Stream key in use',
    what: 'Another encoder publishes with this key; who was first stays.',
    then: 'End the other one. Two encoders of which one takes over need a configuration with two stream keys.',
  },
  B_FRAME_PRESENT: {
    title: 'B-frames',
    what: 'The picture has B-frames, which browsers cannot show in real time.',
    then: 'OBS: with x264 add bframes=0 to the options, with NVENC or AMF set B-frames to 0, with QuickSync too. FFmpeg: -bf 0.',
  },
  BITRATE_EXCEEDED: {
    title: 'Bitrate too high',
    what: 'More bits came than a stage takes: 8.5 Mbit/s, all layers together.',
    then: 'Set a constant bitrate (CBR) of 6,000 kbit/s or less.',
  },
  RESOLUTION_EXCEEDED: {
    title: 'Picture too large',
    what: 'The picture is larger than a stage takes: 1280×720, or as many pixels in another shape.',
    then: 'OBS: Settings → Video → Output (Scaled) Resolution 1280x720. FFmpeg: -vf scale=-2:720.',
  },
  INVALID_AUDIO_CODEC: {
    title: 'Audio codec',
    what: 'The sound is not AAC-LC with one or two channels.',
    then: 'Choose AAC (not HE-AAC), mono or stereo, with 44.1 or 48 kHz in the encoder.',
  },
  INVALID_VIDEO_CODEC: {
    title: 'Video codec',
    what: 'The picture is not H.264, or of a kind that browsers do not decode.',
    then: 'Choose H.264 (AVC) in the encoder, not HEVC or AV1, with profile baseline, main or high and 4:2:0 colour. FFmpeg: -c:v libx264 -pix_fmt yuv420p.',
  },
  INVALID_INPUT: {
    title: 'Sound or picture',
    what: 'Sound or picture is missing, cannot be read, or comes too fast.',
    then: 'Both have to come within ten seconds, and at the pace at which they play. Without a microphone send silence: in OBS any audio source, by FFmpeg -f lavfi -i anullsrc.',
  },
  STREAM_DURATION_EXCEEDED: {
    title: '24 hours are over',
    what: 'It went on for 24 hours, the most that a stream may last.',
    then: 'Start it again. Two stream keys of one configuration take turns without a gap.',
  },
  QUOTA_EXCEEDED: {
    title: 'Too many publishers',
    what: 'The stage has as many publishers as it may have.',
    then: 'Publish again when another one has left.',
  },
  // What the API has no word for.
  NOT_ATTACHED: {
    title: 'No stage',
    what: 'The configuration has no stage, so that its stream key opens nothing.',
    then: 'Attach it to one.',
  },
  STAGE_NOT_FOUND: {
    title: 'No such stage',
    what: 'The stage of the configuration is deleted.',
    then: 'Attach the configuration to another one.',
  },
  DISCONNECTED: {
    title: 'Put out',
    what: 'The server ended the stream.',
    then: 'If somebody disconnected it, attach the configuration to its stage again, and start the encoder.',
  },
  INVALID_APP: {
    title: 'Wrong address',
    what: 'The address of the server does not end with /app/.',
    then: 'Copy the server from the page of the configuration again.',
  },
  TLS_FAILED: {
    title: 'No TLS',
    what: 'No TLS connection came about.',
    then: 'Either the encoder does not trust the certificate of this server, or an address that begins with rtmp:// has the port of RTMPS.',
  },
  PROTOCOL_FAULT: {
    title: 'No RTMP',
    what: 'What came is not RTMP, or breaks its rules.',
    then: 'Look whether rtmp:// or rtmps:// and the port belong together.',
  },
  TIMED_OUT: {
    title: 'Too slow',
    what: 'The encoder connected, and then said too little for too long.',
    then: 'Look at the network between the encoder and this server.',
  },
  TOO_MANY_ATTEMPTS: {
    title: 'Too many attempts',
    what: 'Too many wrong stream keys came from this address.',
    then: 'Put the right key into the encoder and wait some seconds.',
  },
  TOO_MANY_CONNECTIONS: {
    title: 'Too many connections',
    what: 'There are as many connections as this server takes.',
    then: 'End others, those of the same address first.',
  },
  UNAVAILABLE: {
    title: 'Server trouble',
    what: 'The server could not look up the stream key.',
    then: 'Try again; its log says why.',
  },
};

/** The reason in plain words; the server's where this page knows none. */
export function wordsOf({ code, message }: Pick<Refusal, 'code' | 'message'>): Words {
  return WORDS[code] ?? { title: code, what: message === '' ? code : sentence(message), then: '' };
}

/** What the server measured or found, where that says more than the words of this page. */
export function detailOf({ code, message }: Pick<Refusal, 'code' | 'message'>): string {
  return WORDS[code] === undefined ? '' : sentence(message);
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return begun === '' || /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** The last refusal that the events of a participant tell of. */
export function refusalOf(events: readonly ParticipantEvent[]): Refusal | undefined {
  const errors = events.filter(({ name, errorCode }) => name === 'PUBLISH_ERROR' && errorCode !== undefined);
  const last = errors.reduce<ParticipantEvent | undefined>((found, one) => (found === undefined || Date.parse(one.eventTime) >= Date.parse(found.eventTime) ? one : found), undefined);
  return last === undefined ? undefined : { at: last.eventTime, code: last.errorCode ?? '', message: '' };
}
