/** For tests: a transport that does what it is told, tracks, and tokens. */

import type {
  Core,
  Failure,
  Kind,
  LeftReason,
  Person,
  Platform,
  Publication,
  PublicationListener,
  PublicationOptions,
  Self,
  Session,
  SessionListener,
  SessionOptions,
  SharedConnection,
  Want,
} from '../core/contract';
import { type Promised, promised } from '../core/promised';
import { StageEvents, SubscribeType } from './enums';
import type { Stage } from './stage';
import type { StageStrategy } from './types';

/** Lets all promises go on. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export const CLAIMS = {
  jti: 'ana',
  exp: 4_000_000_000,
  topic: 'abcdABCDefgh',
  resource: 'arn:aws:ivs:us-east-1:123456789012:stage/abcdABCDefgh',
  whip_url: 'https://media.example/whip',
  events_url: 'wss://media.example/events',
  user_id: 'user 7',
  attributes: { role: 'host' },
  capabilities: { allow_publish: true, allow_subscribe: true },
  version: '1.0',
};

const part = (value: object) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value)))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');

export const tokenOf = (claims: object = {}, header: object = { kid: 'key' }) =>
  `${part({ alg: 'ES384', typ: 'JWT', ...header })}.${part({ ...CLAIMS, ...claims })}.c2lnbmF0dXJl`;

export const connectionToken = (claims: object = {}) =>
  `${part({ alg: 'ES384', kid: 'key' })}.${part({ jti: 'c', exp: 4_000_000_000, account_id: '123456789012', region: 'us-east-1', events_url: 'wss://media.example/events/', ...claims })}.c2ln`;

let tracks = 0;

export class FakeTrack {
  id = `track${(tracks += 1)}`;
  enabled = true;
  readyState = 'live';
  constructor(
    readonly kind: Kind,
    private size = { width: 1280, height: 720 },
  ) {}
  getSettings = () => (this.kind === 'video' ? this.size : {});
  stop(): void {
    this.readyState = 'ended';
  }
}

export const track = (kind: Kind, size?: { width: number; height: number }) => new FakeTrack(kind, size) as unknown as MediaStreamTrack;

export class FakeReceiver {
  jitterBufferTarget: number | null = null;
  transform: unknown = null;
  report = new Map<string, object>();
  getStats = async () => this.report;
}

export class FakeSession implements Session {
  opening: Promised<Self> = promised();
  exchanging: Promised<Self> | undefined;
  wants: readonly Want[] = [];
  mutes: { audio: boolean; video: boolean }[] = [];
  exchanged: [string, boolean][] = [];
  isOver = false;
  isIn = false;
  constructor(
    readonly options: SessionOptions,
    readonly listener: SessionListener,
  ) {
    this.opening.promise.catch(() => undefined);
  }

  open(): Promise<Self> {
    return this.opening.promise;
  }
  want(wants: readonly Want[]): void {
    this.wants = wants;
  }
  mute(mute: { audio: boolean; video: boolean }): void {
    this.mutes.push(mute);
  }
  exchange(token: string, receives: boolean): Promise<Self> {
    this.exchanged.push([token, receives]);
    this.exchanging = promised();
    return this.exchanging.promise;
  }
  stats(receiver: RTCRtpReceiver): Promise<RTCStatsReport> {
    return receiver.getStats();
  }
  leave(): void {
    this.ends('user-initiated');
  }

  /** The server lets it in, as the transport tells it. */
  async joins(people: Person[] = [], self: Partial<Self> = {}): Promise<void> {
    this.isIn = true;
    this.listener.state('connected');
    this.opening.resolve({ id: 'ana', userId: 'user 7', attributes: { role: 'host' }, capabilities: new Set(['publish', 'subscribe']), ...self });
    if (people.length > 0) this.listener.people({ left: [], joined: people, updated: [] });
    await settle();
  }

  async refuses(code: string): Promise<void> {
    this.isOver = true;
    this.listener.state('ended');
    this.opening.reject({ code, category: 'JOIN_ERROR', message: 'no' } satisfies Failure);
    await settle();
  }

  ends(reason: LeftReason): void {
    if (this.isOver) return;
    this.isOver = true;
    const canceled: Failure = { code: 'CANCELED', category: 'JOIN_ERROR', message: 'left' };
    this.listener.state('ended');
    this.exchanging?.reject(canceled);
    this.opening.reject(canceled);
    this.listener.left(reason);
  }

  binds(pid: string, ...kinds: Kind[]): { kind: Kind; track: MediaStreamTrack; receiver: FakeReceiver }[] {
    return kinds.map((kind) => {
      const bound = { kind, track: track(kind), receiver: new FakeReceiver() };
      this.listener.track({ pid, ...bound, receiver: bound.receiver as unknown as RTCRtpReceiver });
      return bound;
    });
  }
}

export class FakeSender {
  track: MediaStreamTrack | null = null;
  transform: unknown = null;
  report = new Map<string, object>();
  getStats = async () => this.report;
}

export class FakePublication implements Publication {
  state: 'new' | 'started' | 'stopped' = 'new';
  tokens: string[] = [];
  replaced: [Kind, MediaStreamTrack | null][] = [];
  senders = { audio: new FakeSender(), video: new FakeSender() };
  now: Record<Kind, RTCRtpEncodingParameters[]>;
  refusesEncodings = false;
  constructor(
    readonly options: PublicationOptions,
    readonly listener: PublicationListener,
  ) {
    this.now = { audio: options.audio?.encodings ?? [{}], video: options.video?.encodings ?? [{}] };
  }
  start(): void {
    this.state = 'started';
    this.listener.state('connecting');
    for (const kind of ['audio', 'video'] as const) this.options.prepare?.(this.sender(kind), kind);
  }
  async replace(kind: Kind, other: MediaStreamTrack | null): Promise<void> {
    this.replaced.push([kind, other]);
  }
  async encodings(kind: Kind, change: (encodings: RTCRtpEncodingParameters[]) => void): Promise<void> {
    if (this.refusesEncodings) throw new Error('no');
    change(this.now[kind]);
  }
  sender(kind: Kind): RTCRtpSender {
    return this.senders[kind] as unknown as RTCRtpSender;
  }
  token(token: string): void {
    this.tokens.push(token);
  }
  stop(): void {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.listener.state('ended');
  }
  async is(state: 'connected' | 'lost' | 'failed'): Promise<void> {
    if (state === 'failed') {
      this.state = 'stopped';
      this.listener.failure({ code: 'NETWORK', category: 'PUBLISH_ERROR', message: 'no way' });
    }
    this.listener.state(state);
    await settle();
  }
}

export class FakeCore implements Core {
  sessions: FakeSession[] = [];
  publications: FakePublication[] = [];
  connections: { url: string; token: string; connects: number; disconnects: number; state: (state: 'connecting' | 'connected' | 'disconnected') => void; fail(): void }[] = [];

  openSession = (options: SessionOptions, listener: SessionListener): FakeSession => {
    const session = new FakeSession(options, listener);
    this.sessions.push(session);
    return session;
  };
  openPublication = (options: PublicationOptions, listener: PublicationListener): FakePublication => {
    const publication = new FakePublication(options, listener);
    this.publications.push(publication);
    return publication;
  };
  openConnection: Core['openConnection'] = ({ url, token }, listener): SharedConnection => {
    const fake = { url, token, connects: 0, disconnects: 0, state: listener.state, fail: () => listener.failure({ code: 'NETWORK', category: 'JOIN_ERROR', message: 'no' }) };
    this.connections.push(fake);
    const connect = async () => void (fake.connects += 1);
    return { state: 'disconnected', connect, disconnect: () => void (fake.disconnects += 1) };
  };
  browser = () => ({}) as Platform;

  get session(): FakeSession {
    return this.sessions.at(-1) as FakeSession;
  }
  get publication(): FakePublication {
    return this.publications.at(-1) as FakePublication;
  }
}

export const person = (id: string, more: Partial<Person> = {}): Person => ({ id, userId: '', attributes: {}, audioMuted: false, videoStopped: false, ...more });

export const quiet: StageStrategy = {
  stageStreamsToPublish: () => [],
  shouldPublishParticipant: () => false,
  shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
};

/** What a stage tells, as lines: the event, and of what it tells what is short. */
export function listen(stage: Stage): string[] {
  const lines: string[] = [];
  const short = (told: unknown): string => {
    if (Array.isArray(told)) return told.map(short).join('+');
    if (told === null || typeof told !== 'object') return String(told);
    const { streamType, code, label, id } = told as Record<string, unknown>;
    return String(streamType ?? code ?? label ?? id ?? '{}');
  };
  for (const event of Object.values(StageEvents)) {
    stage.on(event as StageEvents.ERROR, (...told: unknown[]) => void lines.push([event.replace(/^stage/, ''), ...told.map(short)].join(' ')));
  }
  return lines;
}
