/** The frames of `stage.v1` (docs/stage-v1.md). */

import type { Kind, Layer, LayerReason, LeftReason, Person, Self, Want } from './contract';

/** Longest message that a server takes, in bytes. */
export const MESSAGE_BYTES_MAX = 160 * 1024;

export interface Mute {
  audio: boolean;
  video: boolean;
}

export type ClientMessage =
  | {
      type: 'join';
      offer?: string;
      want?: { default: 'none' };
      resume?: { session: string; seq: number };
      sdkVersion?: string;
    }
  | { type: 'sub'; set?: Want[]; reset?: string[] }
  | { type: 'offer'; sdp: string }
  | ({ type: 'mute' } & Mute)
  | { type: 'exchange'; token: string }
  | { type: 'ping' }
  | { type: 'leave' };

export interface BoundSlot {
  mid: string;
  kind: Kind;
  pid: string;
  paused: boolean;
}

/** What has changed of somebody; what is missing has not. */
export type PersonUpdate = Pick<Person, 'id'> & Partial<Person>;

export interface Joined {
  type: 'joined';
  session: string;
  resumed: 'no' | 'replayed' | 'snapshot';
  self: Self;
  ice: RTCIceServer[];
  answer?: string;
  /** Who publishes; absent after a replay. */
  people?: Person[];
}

type Body =
  | Joined
  | { type: 'delta'; leave: string[]; join: Person[]; update: PersonUpdate[] }
  | { type: 'bind'; slots: BoundSlot[] }
  | { type: 'need'; audio: number; video: number }
  | { type: 'answer'; sdp: string }
  | { type: 'layers'; pid: string; list: Layer[]; selected: string | null; reason: LayerReason }
  | { type: 'speakers'; list: { pid: string; level: number }[] }
  | { type: 'quality'; estimateBps: number; sentBps: number; loss: number; roundTripMs: number | null }
  | { type: 'error'; code: string; category: string; message: string; pid?: string }
  | { type: 'exchanged'; self: Self }
  | { type: 'left'; reason: LeftReason }
  | { type: 'revoked' }
  | { type: 'pong' }
  /** Of a newer server. */
  | { type: 'other' };

/** A frame of the server; `seq` is 0 where there is none. `on` is the channel, on a shared connection. */
export type ServerFrame = Body & { seq: number; on?: string };

const LEFT_REASONS: readonly string[] = [
  'user-initiated',
  'participant-disconnected',
  'stage-deleted',
  'token-reused',
  'failed-exchange',
  'real-time-connection-forced-leave',
  'real-time-connection-token-revocation',
] satisfies LeftReason[];

type Members = Record<string, unknown>;

class Malformed extends Error {}

function check<T>(value: unknown, is: (value: unknown) => boolean): T {
  if (!is(value)) throw new Malformed();
  return value as T;
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isKind = (value: unknown) => value === 'audio' || value === 'video';

const object = (value: unknown) => check<Members>(value, isObject);
const text = (value: unknown) => check<string>(value, (it) => typeof it === 'string');
const number = (value: unknown) => check<number>(value, Number.isFinite);
const flag = (value: unknown) => check<boolean>(value, (it) => typeof it === 'boolean');
const kind = (value: unknown) => check<Kind>(value, isKind);
const attributes = (value: unknown) =>
  check<Record<string, string>>(object(value), (it) => Object.values(it as Members).every((each) => typeof each === 'string'));

function list<T>(value: unknown, read: (value: unknown) => T): T[] {
  return check<unknown[]>(value ?? [], Array.isArray).map(read);
}

function person(value: unknown): Person {
  const it = object(value);
  return {
    id: text(it['id']),
    userId: text(it['userId'] ?? ''),
    attributes: attributes(it['attributes'] ?? {}),
    audioMuted: flag(it['audioMuted'] ?? false),
    videoStopped: flag(it['videoStopped'] ?? false),
  };
}

function update(value: unknown): PersonUpdate {
  const it = object(value);
  const whole = person(it);
  const told = Object.entries(whole).filter(([name]) => name in it);
  return Object.fromEntries(told) as PersonUpdate;
}

function people(value: unknown): Person[] {
  return list(value, object).filter((each) => each['isPublishing'] !== false).map(person);
}

function self(value: unknown): Self {
  const it = object(value);
  const capabilities = list(it['capabilities'], text).filter((each) => each === 'publish' || each === 'subscribe');
  return {
    id: text(it['id']),
    userId: text(it['userId'] ?? ''),
    attributes: attributes(it['attributes'] ?? {}),
    capabilities: new Set(capabilities),
  };
}

function layer(value: unknown): Layer {
  const it = object(value);
  return {
    label: text(it['label']),
    width: number(it['width']),
    height: number(it['height']),
    framesPerSecond: number(it['framesPerSecond']),
    bitrateBps: number(it['bitrateBps']),
  };
}

const READERS: Record<string, (it: Members) => Body> = {
  joined: (it) => ({
    type: 'joined',
    session: text(it['session']),
    resumed: check(it['resumed'], (value) => value === 'no' || value === 'replayed' || value === 'snapshot'),
    self: self(it['self']),
    ice: list(it['ice'], (value) => object(value) as unknown as RTCIceServer),
    ...(it['answer'] === undefined ? {} : { answer: text(it['answer']) }),
    ...(it['state'] === undefined ? {} : { people: people(object(it['state'])['participants']) }),
  }),
  delta: (it) => ({
    type: 'delta',
    leave: list(it['leave'], text),
    join: people(it['join']),
    update: list(it['update'], update),
  }),
  bind: (it) => ({
    type: 'bind',
    slots: list(it['slots'], (value) => {
      const slot = object(value);
      const paused = flag(slot['paused'] ?? false);
      return { mid: text(slot['mid']), kind: kind(slot['kind']), pid: text(slot['pid']), paused };
    }),
  }),
  need: (it) => ({ type: 'need', audio: number(it['audio']), video: number(it['video']) }),
  answer: (it) => ({ type: 'answer', sdp: text(it['sdp']) }),
  layers: (it) => ({
    type: 'layers',
    pid: text(it['pid']),
    list: list(it['list'], layer),
    selected: it['selected'] == null ? null : text(it['selected']),
    reason: text(it['reason']) as LayerReason,
  }),
  speakers: (it) => ({
    type: 'speakers',
    list: list(it['list'], (value) => {
      const speaker = object(value);
      return { pid: text(speaker['pid']), level: number(speaker['level']) };
    }),
  }),
  quality: (it) => ({
    type: 'quality',
    estimateBps: number(it['estimateBps']),
    sentBps: number(it['sentBps']),
    loss: number(it['loss']),
    roundTripMs: it['roundTripMs'] == null ? null : number(it['roundTripMs']),
  }),
  error: (it) => ({
    type: 'error',
    code: text(it['code']),
    category: text(it['category']),
    message: text(it['message'] ?? ''),
    ...(it['pid'] === undefined ? {} : { pid: text(it['pid']) }),
  }),
  exchanged: (it) => ({ type: 'exchanged', self: self(it['self']) }),
  left: (it) => {
    const reason = text(it['reason']);
    return { type: 'left', reason: (LEFT_REASONS.includes(reason) ? reason : 'unknown') as LeftReason };
  },
  revoked: () => ({ type: 'revoked' }),
  pong: () => ({ type: 'pong' }),
};

/** Reads a frame, or gives nothing where it is none. Types and members that are not known are passed over. */
export function readFrame(data: unknown): ServerFrame | undefined {
  try {
    const it = object(JSON.parse(text(data)));
    const type = text(it['type']);
    const seq = number(it['seq'] ?? 0);
    const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
    const on = it['on'] === undefined ? {} : { on: text(it['on']) };
    return { ...(read?.(it) ?? { type: 'other' }), ...on, seq };
  } catch {
    return undefined;
  }
}

/** The text of a message, or nothing where the server would not take it for its length. */
export function writeMessage(message: ClientMessage): string | undefined {
  const written = JSON.stringify(message);
  // A unit of UTF-16 is three bytes at most.
  const fits = written.length * 3 <= MESSAGE_BYTES_MAX || new TextEncoder().encode(written).length <= MESSAGE_BYTES_MAX;
  return fits ? written : undefined;
}
