/** For tests: a platform with a clock that stands still until it is turned, sockets, peer connections and a server for `fetch`. */

import type { Kind, Platform, SocketLike } from './contract';

export class FakeTrack {
  static made = 0;
  id = `track${(FakeTrack.made += 1)}`;
  readyState = 'live';
  constructor(readonly kind: Kind) {}
  clone(): FakeTrack {
    return new FakeTrack(this.kind);
  }
  stop(): void {
    this.readyState = 'ended';
  }
}

class FakeSender {
  transport: { state: string; onstatechange: (() => void) | null } | null = null;
  track: unknown;
  parameters: { encodings: RTCRtpEncodingParameters[] };
  constructor(track: unknown, encodings: RTCRtpEncodingParameters[]) {
    this.track = track;
    this.parameters = { encodings };
  }
  async replaceTrack(track: unknown): Promise<void> {
    this.track = track;
  }
  getParameters() {
    return { encodings: this.parameters.encodings.map((each) => ({ ...each })) };
  }
  async setParameters(parameters: { encodings: RTCRtpEncodingParameters[] }): Promise<void> {
    this.parameters = parameters;
  }
}

export class FakePeer {
  connectionState = 'new';
  onconnectionstatechange: (() => void) | null = null;
  localDescription: { type: string; sdp: string } | null = null;
  currentRemoteDescription: { sdp: string } | null = null;
  pending: string | null = null;
  transceivers: { mid: string | null; kind: Kind; direction: string; receiver: { track: FakeTrack }; sender: FakeSender; codecs: unknown[] }[] = [];
  restarts = 0;
  offers = 0;
  fails = false;

  constructor(readonly configuration: RTCConfiguration) {}

  addTransceiver(of: unknown, init: RTCRtpTransceiverInit = {}) {
    const kind = (typeof of === 'string' ? of : (of as FakeTrack).kind) as Kind;
    const transceiver = {
      mid: null,
      kind,
      direction: String(init.direction),
      receiver: { track: new FakeTrack(kind) },
      sender: new FakeSender(typeof of === 'string' ? null : of, init.sendEncodings ?? [{}]),
      codecs: [] as unknown[],
      setCodecPreferences: (codecs: unknown[]) => void (transceiver.codecs = codecs),
      stop: () => void this.transceivers.splice(this.transceivers.indexOf(transceiver), 1),
    };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers() {
    return [...this.transceivers];
  }

  restartIce(): void {
    this.restarts += 1;
  }

  async createOffer({ iceRestart = false } = {}) {
    if (this.fails) throw new Error('no offer');
    if (iceRestart) this.restarts += 1;
    this.offers += 1;
    const ice = `a=ice-ufrag:u${this.restarts}\r\na=ice-pwd:p${this.restarts}\r\n`;
    const sections = this.transceivers.map(({ kind }, mid) => {
      const opus = kind === 'audio' ? 'a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n' : '';
      return `m=${kind} 9 UDP/TLS/RTP/SAVPF 111\r\n${ice}a=mid:${mid}\r\n${opus}`;
    });
    return { type: 'offer', sdp: `v=0\r\n${sections.join('')}` };
  }

  async setLocalDescription({ type, sdp = '' }: { type: string; sdp?: string }): Promise<void> {
    if (type === 'rollback') {
      for (const each of this.transceivers) if (each.mid === this.pending) each.mid = null;
      this.pending = null;
      return;
    }
    this.localDescription = { type, sdp };
    this.transceivers.forEach((each, index) => {
      each.mid ??= String(index);
      each.sender.transport ??= { state: 'new', onstatechange: null };
    });
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    if (sdp.includes('bad')) throw new Error('no answer');
    this.currentRemoteDescription = { sdp };
  }

  setConfiguration(configuration: RTCConfiguration): void {
    Object.assign(this.configuration, configuration);
  }

  close(): void {
    this.connectionState = 'closed';
  }

  becomes(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

export class FakeSocket implements SocketLike {
  readyState = 0;
  onopen: SocketLike['onopen'] = null;
  onclose: SocketLike['onclose'] = null;
  onerror: SocketLike['onerror'] = null;
  onmessage: SocketLike['onmessage'] = null;
  sent: (Record<string, unknown> & { type: string })[] = [];
  closed: number | undefined | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(text: string): void {
    if (this.readyState !== 1) throw new Error('not open');
    this.sent.push(JSON.parse(text));
  }

  close(code?: number): void {
    this.closed = code;
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(frame: unknown): void {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }

  breaks(): void {
    this.readyState = 3;
    this.onclose?.({ code: 1006, reason: '' });
  }
}

interface Asked {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
  keepalive: boolean;
  answer(response: { status: number; text?: string; head?: Record<string, string>; url?: string; redirected?: boolean }): Promise<void>;
  fail(): Promise<void>;
}

/** Lets all promises go on. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export class FakePlatform implements Platform {
  sockets: FakeSocket[] = [];
  peers: FakePeer[] = [];
  asked: Asked[] = [];
  timers = new Map<number, { at: number; work: () => void }>();
  #now = 0;
  #timer = 0;
  refusesSockets = false;

  WebSocket = this.#maker((url: string, protocols: string[]) => {
    if (this.refusesSockets) throw new SyntaxError('bad');
    return new FakeSocket(url, protocols);
  }, this.sockets);
  RTCPeerConnection = this.#maker((configuration: RTCConfiguration) => new FakePeer({ ...configuration }), this.peers) as unknown as Platform['RTCPeerConnection'];

  fetch = (url: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      this.asked.push({
        url,
        method: init.method ?? 'GET',
        headers: init.headers as Record<string, string>,
        body: init.body,
        keepalive: init.keepalive ?? false,
        answer: ({ status, text = '', head = {}, url: at = url, redirected = false }) => {
          const response = { status, url: at, redirected, headers: new Headers(head), text: async () => text };
          resolve(response as unknown as Response);
          return settle();
        },
        fail: () => {
          reject(new TypeError('no network'));
          return settle();
        },
      });
    });

  codecs = (_: 'send' | 'receive', kind: Kind) =>
    (kind === 'audio' ? ['audio/opus', 'audio/red'] : ['video/VP8', 'video/rtx', 'video/H264']).map((mimeType) => ({
      mimeType,
      clockRate: 90_000,
      sdpFmtpLine: 'packetization-mode=1',
    }));

  now = () => this.#now;
  random = () => 0;

  setTimeout = (work: () => void, ms: number): number => {
    this.#timer += 1;
    this.timers.set(this.#timer, { at: this.#now + ms, work });
    return this.#timer;
  };

  clearTimeout = (timer: unknown): void => {
    this.timers.delete(timer as number);
  };

  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  get peer(): FakePeer {
    return this.peers.at(-1) as FakePeer;
  }

  /** The last request. */
  get request(): Asked {
    return this.asked.at(-1) as Asked;
  }

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const [due] = [...this.timers].sort(([, one], [, other]) => one.at - other.at);
      if (!due || due[1].at > end) break;
      this.#now = due[1].at;
      this.timers.delete(due[0]);
      due[1].work();
    }
    this.#now = end;
    await settle();
  }

  #maker<Args extends unknown[], T>(make: (...args: Args) => T, made: T[]) {
    return function (...args: Args) {
      const it = make(...args);
      made.push(it);
      return it;
    } as unknown as new (...args: Args) => T;
  }
}
