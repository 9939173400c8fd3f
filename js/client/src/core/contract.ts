/**
 * What the transport and the stage API say to each other. `stage/` names nothing else of `core/`, and `core/` names nothing of `stage/`.
 *
 * A session is a presence on one stage (docs/stage-v1.md); a publication is one WHIP resource. Both hide reconnecting: their owner
 * sees states, never sockets.
 */

export type Kind = 'audio' | 'video';

/** Everything of the outside world that the core touches; tests give their own. */
export interface Platform {
  WebSocket: new (url: string, protocols: string[]) => SocketLike;
  RTCPeerConnection: new (configuration?: RTCConfiguration) => RTCPeerConnection;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** What this browser sends or receives, best first; empty where it does not say. */
  codecs(way: 'send' | 'receive', kind: Kind): RTCRtpCodec[];
  /** Milliseconds, monotonic. */
  now(): number;
  setTimeout(work: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
  /** From 0 to 1. */
  random(): number;
}

/** The part of a WebSocket that is used. */
export interface SocketLike {
  readonly readyState: number;
  onopen: (() => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** A participant that publishes, or this one. */
export interface Person {
  id: string;
  userId: string;
  attributes: Record<string, string>;
  audioMuted: boolean;
  videoStopped: boolean;
}

/** Who this session is, by its token in force. */
export interface Self {
  id: string;
  userId: string;
  attributes: Record<string, string>;
  capabilities: ReadonlySet<'publish' | 'subscribe'>;
}

/** What is wanted of one participant; the words of `sub`. */
export interface Want {
  pid: string;
  kinds: Kind[];
  initial?: 'low' | 'high';
  prefer?: string | null;
  maxSize?: { width: number; height: number };
  priority?: number;
}

export interface Layer {
  label: string;
  width: number;
  height: number;
  framesPerSecond: number;
  bitrateBps: number;
}

export type LayerReason = 'automatic' | 'selected' | 'unavailable' | 'bandwidth';

/** `lost` while a socket is sought; media may flow on. `ended` is the last one. */
export type SessionState = 'connecting' | 'connected' | 'lost' | 'ended';

/** The words of `StageLeftReason`. */
export type LeftReason =
  | 'user-initiated'
  | 'participant-disconnected'
  | 'stage-deleted'
  | 'token-reused'
  | 'failed-exchange'
  | 'real-time-connection-forced-leave'
  | 'real-time-connection-token-revocation'
  | 'unknown';

/** A failure in the words of docs/stage-v1.md (`code`, `category`), or of the client: `TIMEOUT`, `NETWORK`, `TOKEN_MALFORMED`, `CANCELED`. */
export interface Failure {
  code: string;
  category: 'JOIN_ERROR' | 'PUBLISH_ERROR' | 'SUBSCRIBE_ERROR' | 'PROTOCOL_ERROR';
  message: string;
  pid?: string;
}

/** What a session tells, each by a call of its own, in order. */
export interface SessionListener {
  state(state: SessionState): void;
  /** Changes of who else publishes: this participant is not told of itself. After a snapshot these are the differences from what was told before. `left` comes first. */
  people(change: { left: string[]; joined: Person[]; updated: Person[] }): void;
  /** A publisher's media is bound: the track is this binding's own, and is stopped when it ends. */
  track(bound: { pid: string; kind: Kind; track: MediaStreamTrack; receiver: RTCRtpReceiver }): void;
  trackEnded(ended: { pid: string; kind: Kind; track: MediaStreamTrack }): void;
  /** Nothing is sent for want of bandwidth, or it is again. */
  paused(change: { pid: string; kind: Kind; paused: boolean }): void;
  layers(change: { pid: string; list: Layer[]; selected: string | null; reason: LayerReason }): void;
  speakers(list: { pid: string; level: number }[]): void;
  quality(quality: { estimateBps: number; sentBps: number; loss: number; roundTripMs: number | null }): void;
  failure(failure: Failure): void;
  /** The last call. A join that was refused has none: `open` rejects, after the state `ended`. */
  left(reason: LeftReason): void;
}

export interface SessionOptions {
  /** `{events_url}/{topic}`; without meaning where `connection` is given. */
  url: string;
  token: string;
  /** Whether the token may subscribe: without it no feed is opened. */
  receives: boolean;
  sdkVersion?: string;
  platform: Platform;
  /** The shared socket of a connection token. */
  connection?: SharedConnection;
  /** As soon as there is a receiver, which is when browsers take a transform of its frames: for SEI. */
  prepare?(receiver: RTCRtpReceiver, kind: Kind): void;
}

export interface Session {
  /** Settles when joined, or rejects with a `Failure`; once. Nobody is wanted until `want` says so. */
  open(): Promise<Self>;
  /** The whole desired state; the session sends what differs. Participants that are not named are not wanted. */
  want(wants: readonly Want[]): void;
  mute(mute: { audio: boolean; video: boolean }): void;
  /** Another token of the same participant; the old one counts until the server has agreed. Rejects with a `Failure`. */
  exchange(token: string, receives: boolean): Promise<Self>;
  /** Statistics of a bound track's receiver. */
  stats(receiver: RTCRtpReceiver): Promise<RTCStatsReport>;
  /** Ends at once; `left('user-initiated')` has been told when it returns. */
  leave(): void;
}

export type PublicationState = 'connecting' | 'connected' | 'lost' | 'failed' | 'ended';

export interface PublicationTrack {
  track: MediaStreamTrack;
  /** One per layer, lowest quality first as browsers want it; one without `rid` for no simulcast. */
  encodings: RTCRtpEncodingParameters[];
  stereo?: boolean;
}

export interface PublicationOptions {
  /** `whip_url` of the token. */
  url: string;
  token: string;
  audio?: PublicationTrack;
  video?: PublicationTrack;
  platform: Platform;
  /** Before an encoded frame leaves: for SEI. */
  prepare?(sender: RTCRtpSender, kind: Kind): void;
}

export interface PublicationListener {
  /** `lost` while it is mended (ICE restart, then anew); `failed` comes with a `failure` before it, and is the last one, as is `ended`. */
  state(state: PublicationState): void;
  failure(failure: Failure): void;
}

export interface Publication {
  start(): void;
  /** Without a new offer; `null` stops sending and keeps the section. */
  replace(kind: Kind, track: MediaStreamTrack | null): Promise<void>;
  encodings(kind: Kind, change: (encodings: RTCRtpEncodingParameters[]) => void): Promise<void>;
  sender(kind: Kind): RTCRtpSender | undefined;
  /** What later requests carry, after an exchange. */
  token(token: string): void;
  /** DELETE in the background; `ended` has been told when it returns. */
  stop(): void;
}

export type ConnectionState = 'disconnected' | 'connecting' | 'connected';

/** One socket with a connection token, for several sessions; the first of them connects it. Once connected, it seeks its socket until `disconnect`. */
export interface SharedConnection {
  readonly state: ConnectionState;
  connect(): Promise<void>;
  /** Every session on it ends with `real-time-connection-forced-leave`; it can connect again. */
  disconnect(): void;
}

/** What `core/index.ts` exports besides these types. */
export interface Core {
  openSession(options: SessionOptions, listener: SessionListener): Session;
  openPublication(options: PublicationOptions, listener: PublicationListener): Publication;
  /** `url` is `{events_url}/_connection`. */
  openConnection(
    options: { url: string; token: string; platform: Platform },
    listener: { state(state: ConnectionState): void; failure(failure: Failure): void },
  ): SharedConnection;
  browser(): Platform;
}
