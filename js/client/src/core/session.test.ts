import { describe, expect, test } from 'vitest';

import { publishes, SELF } from './bench';
import type { Session, SessionListener, SessionOptions } from './contract';
import { FakePlatform, type FakeTrack, settle } from './fakes';
import { LiveSession } from './session';

type Told = [keyof SessionListener, unknown][];

function begin(more: Partial<SessionOptions> = {}) {
  const platform = new FakePlatform();
  const told: Told = [];
  const hear = (name: keyof SessionListener) => (value: unknown) => void told.push([name, value]);
  const names = ['state', 'people', 'track', 'trackEnded', 'paused', 'layers', 'speakers', 'quality', 'failure', 'left'] as const;
  const listener = Object.fromEntries(names.map((name) => [name, hear(name)])) as unknown as SessionListener;
  const session: Session = new LiveSession({ url: 'wss://x/events/topic', token: 'token', receives: true, platform, ...more }, listener);
  return { platform, told, listener, session };
}

const JOINED = { seq: 1, type: 'joined', session: 's1', resumed: 'no', self: SELF, ice: [], answer: 'yes', state: { participants: [publishes('ana')] } };
const slot = (mid: string, kind: string, pid: string, paused = false) => ({ mid, kind, pid, paused });

async function joined(more: Partial<SessionOptions> = {}) {
  const all = begin(more);
  const opening = all.session.open();
  await settle();
  all.platform.socket.opens();
  all.platform.socket.says(JOINED);
  const self = await opening;
  await settle();
  all.platform.peer.becomes('connected');
  return { ...all, self };
}

describe('a session', () => {
  test('opens with its subprotocol, offers Opus, H.264 and VP8 in eight sections, and takes the answer', async () => {
    const { platform, self, told } = await joined();
    expect(self.id).toBe('dan');
    expect(platform.socket).toMatchObject({ url: 'wss://x/events/topic', protocols: ['stage.v1', 'token'] });
    const [join] = platform.socket.sent;
    expect(join).toMatchObject({ type: 'join', want: { default: 'none' }, offer: platform.peer.localDescription?.sdp });
    expect(String(join?.['offer']).match(/^a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r$/gm)).toHaveLength(4);
    expect(platform.peer.transceivers.map(({ kind, direction }) => `${kind} ${direction}`)).toEqual([
      ...Array.from({ length: 4 }, () => 'audio recvonly'),
      ...Array.from({ length: 4 }, () => 'video recvonly'),
    ]);
    const codecs = platform.peer.transceivers.map(({ codecs: of }) => (of as RTCRtpCodec[]).map(({ mimeType }) => mimeType));
    expect([codecs[0], codecs[4]]).toEqual([['audio/opus'], ['video/H264', 'video/VP8', 'video/rtx']]);
    expect(platform.peer.currentRemoteDescription).toEqual({ sdp: 'yes' });
    expect(told.map(([name]) => name)).toEqual(['state', 'state', 'people']);
  });

  test('shows each receiver before anything is offered', async () => {
    const { platform, session } = begin({ prepare: (receiver, kind) => void shown.push([receiver, kind, platform.peer.offers]) });
    const shown: unknown[] = [];
    session.open().catch(() => undefined);
    await settle();
    expect(shown).toEqual(platform.peer.transceivers.map(({ receiver, kind }) => [receiver, kind, 0]));
    session.leave();
  });

  test('hands out nothing after a leave while it does', async () => {
    const all = await joined();
    const { platform, session, listener, told } = all;
    listener.track = (bound) => {
      told.push(['track', bound]);
      session.leave();
    };
    platform.socket.says({ seq: 2, type: 'bind', slots: [slot('0', 'audio', 'ana'), slot('4', 'video', 'ana')] });
    const tracks = told.filter(([name]) => name === 'track').map(([, bound]) => (bound as { track: FakeTrack }).track);
    expect(tracks).toHaveLength(1);
    expect(tracks.map(({ readyState }) => readyState)).toEqual(['ended']);
  });

  test('opens once', () => {
    const { session, platform } = begin();
    const opening = session.open();
    opening.catch(() => undefined);
    expect(session.open()).toBe(opening);
    expect(platform.sockets).toHaveLength(1);
    session.leave();
  });

  test('rejects with what the server says, and frees all that it had', async () => {
    const { session, platform, told } = begin();
    const opening = session.open();
    await settle();
    platform.socket.opens();
    platform.socket.says({ seq: 0, type: 'error', code: 'TOKEN_EXPIRED', category: 'JOIN_ERROR', message: 'old' });
    await expect(opening).rejects.toEqual({ code: 'TOKEN_EXPIRED', category: 'JOIN_ERROR', message: 'old' });
    expect(platform.peer.connectionState).toBe('closed');
    expect(platform.socket.closed).toBe(1000);
    expect(platform.timers.size).toBe(0);
    expect(told).toEqual([
      ['state', 'connecting'],
      ['state', 'ended'],
    ]);
  });

  test('that cannot make a socket is refused', async () => {
    const { session, platform } = begin();
    platform.refusesSockets = true;
    await expect(session.open()).rejects.toMatchObject({ code: 'TOKEN_MALFORMED' });
    expect(platform.timers.size).toBe(0);
  });

  test('takes the ICE servers for what is gathered from then on', async () => {
    const all = begin();
    void all.session.open();
    await settle();
    all.platform.socket.opens();
    all.platform.socket.says({ ...JOINED, ice: [{ urls: ['turn:x'] }] });
    await settle();
    expect(all.platform.peer.configuration.iceServers).toEqual([{ urls: ['turn:x'] }]);
    all.platform.socket.says({ seq: 2, type: 'error', code: 'FEED_ENDED', category: 'SUBSCRIBE_ERROR', message: '' });
    expect(all.platform.peers).toHaveLength(2);
    expect(all.platform.peer.configuration.iceServers).toEqual([{ urls: ['turn:x'] }]);
  });

  test('goes on over another socket with the same peer connection, and closes the first one then', async () => {
    const { platform, told } = await joined();
    await platform.pass(20_000 - 1);
    const [first] = platform.sockets;
    told.length = 0;
    expect(first?.closed).toBeNull();
    await platform.pass(20_000);
    const second = platform.socket;
    second.opens();
    expect(second.sent).toEqual([{ type: 'join', resume: { session: 's1', seq: 1 } }]);
    expect(first?.closed).toBeNull();
    second.says({ seq: 2, type: 'joined', session: 's1', resumed: 'replayed', self: SELF, ice: [] });
    expect(first?.closed).toBeUndefined();
    expect(first?.readyState).toBe(3);
    expect(platform.peers).toHaveLength(1);
    expect(told.filter(([name]) => name === 'state').at(-1)).toEqual(['state', 'connected']);
  });

  test('left from within a call tells everything in order, and nothing after that it was left', async () => {
    const { platform, told, listener, session } = begin();
    const told2: string[] = [];
    listener.state = (state) => {
      told2.push(state);
      if (state === 'connected') session.leave();
    };
    listener.people = () => void told2.push('people');
    listener.left = (reason) => void told2.push(reason);
    void session.open();
    await settle();
    platform.socket.opens();
    platform.socket.says(JOINED);
    await platform.pass(60_000);
    expect(told2).toEqual(['connecting', 'connected', 'people', 'ended', 'user-initiated']);
    expect(told).toEqual([]);
    expect(platform.timers.size).toBe(0);
    expect(platform.peers.every(({ connectionState }) => connectionState === 'closed')).toBe(true);
  });

  test('left before its offer is made leaves nothing behind', async () => {
    const { platform, session } = begin();
    const opening = session.open();
    session.leave();
    await expect(opening).rejects.toMatchObject({ code: 'CANCELED' });
    await platform.pass(60_000);
    expect(platform.sockets[0]?.sent).toEqual([]);
    expect(platform.timers.size).toBe(0);
    await expect(session.exchange('new', true)).rejects.toMatchObject({ code: 'CANCELED' });
  });

  test('exchanges one token at a time', async () => {
    const { platform, session } = await joined();
    const exchanging = session.exchange('new', true);
    await expect(session.exchange('newer', true)).rejects.toMatchObject({ code: 'CANCELED' });
    platform.socket.says({ seq: 2, type: 'exchanged', self: { ...SELF, userId: 'eve' } });
    await expect(exchanging).resolves.toMatchObject({ userId: 'eve' });
    const refused = session.exchange('bad', true);
    platform.socket.says({ seq: 3, type: 'error', code: 'TOKEN_EXCHANGE_FAILED', category: 'JOIN_ERROR', message: 'jti' });
    await expect(refused).rejects.toMatchObject({ code: 'TOKEN_EXCHANGE_FAILED' });
    session.leave();
  });
});

describe('a feed', () => {
  const tracks = (told: Told, name: 'track' | 'trackEnded') =>
    told.filter(([of]) => of === name).map(([, value]) => value as { pid: string; kind: string; track: FakeTrack });

  test('gives each binding a track of its own, which stops when it ends', async () => {
    const { platform, told } = await joined();
    platform.socket.says({ seq: 2, type: 'bind', slots: [slot('0', 'audio', 'ana'), slot('4', 'video', 'ana', true)] });
    const [audio, video] = tracks(told, 'track');
    expect([audio?.kind, video?.kind]).toEqual(['audio', 'video']);
    expect(audio?.track.id).not.toBe(platform.peer.transceivers[0]?.receiver.track.id);
    expect(told.at(-1)).toEqual(['paused', { pid: 'ana', kind: 'video', paused: true }]);
    platform.socket.says({ seq: 3, type: 'bind', slots: [slot('0', 'audio', 'ben'), slot('4', 'video', 'ana')] });
    expect(tracks(told, 'trackEnded')).toEqual([{ pid: 'ana', kind: 'audio', track: audio?.track }]);
    expect([audio?.track.readyState, video?.track.readyState]).toEqual(['ended', 'live']);
    expect(tracks(told, 'track').at(-1)).toMatchObject({ pid: 'ben', kind: 'audio' });
    expect(told).toContainEqual(['paused', { pid: 'ana', kind: 'video', paused: false }]);
    platform.socket.says({ seq: 4, type: 'bind', slots: [] });
    expect(tracks(told, 'trackEnded')).toHaveLength(3);
  });

  test('binds anew who publishes anew, also in the same slot', async () => {
    const { platform, told } = await joined();
    const bind = { type: 'bind', slots: [slot('0', 'audio', 'ana')] };
    platform.socket.says({ seq: 2, ...bind });
    platform.socket.says({ seq: 3, type: 'delta', leave: ['ana'], join: [publishes('ana')] });
    platform.socket.says({ seq: 4, ...bind });
    expect(told.slice(-4).map(([name]) => name)).toEqual(['track', 'trackEnded', 'people', 'track']);
    const [first, second] = tracks(told, 'track');
    expect(first?.track).not.toBe(second?.track);
  });

  test('passes over slots that it does not have', async () => {
    const { platform, told } = await joined();
    platform.socket.says({ seq: 2, type: 'bind', slots: [slot('99', 'audio', 'ana'), slot('0', 'video', 'ana')] });
    expect(tracks(told, 'track')).toEqual([]);
  });

  test('ends its tracks with the session, before the session is said to be left', async () => {
    const { platform, told, session } = await joined();
    platform.socket.says({ seq: 2, type: 'bind', slots: [slot('0', 'audio', 'ana')] });
    session.leave();
    expect(told.slice(-3).map(([name]) => name)).toEqual(['trackEnded', 'state', 'left']);
    expect(tracks(told, 'trackEnded')[0]?.track.readyState).toBe('ended');
  });

  test('grows, restarts and takes an offer back', async () => {
    const { platform } = await joined();
    platform.socket.says({ seq: 2, type: 'need', audio: 5, video: 5 });
    await settle();
    expect(platform.peer.transceivers).toHaveLength(10);
    expect(platform.socket.sent.at(-1)).toMatchObject({ type: 'offer' });
    platform.socket.says({ seq: 3, type: 'error', code: 'OFFER_UNACCEPTABLE', category: 'SUBSCRIBE_ERROR', message: '' });
    await settle();
    expect(platform.peer.pending).toBeNull();
    platform.peer.becomes('failed');
    await platform.pass(0);
    expect(platform.peer.restarts).toBe(1);
    expect(platform.peers).toHaveLength(1);
  });

  test('whose answer cannot be taken is followed by another', async () => {
    const all = begin();
    void all.session.open();
    await settle();
    all.platform.socket.opens();
    all.platform.socket.says({ ...JOINED, answer: 'bad' });
    await settle();
    expect(all.platform.peers.map(({ connectionState }) => connectionState)).toEqual(['closed', 'new']);
    all.session.leave();
    expect(all.platform.timers.size).toBe(0);
  });
});
