import { describe, expect, test } from 'vitest';

import { SELF } from './bench';
import { Connection } from './connection';
import type { SessionListener } from './contract';
import { FakePlatform, settle } from './fakes';
import { LiveSession } from './session';

const URL = 'wss://x/events/_connection';

function begin() {
  const platform = new FakePlatform();
  const told: string[] = [];
  const connection = new Connection({ url: URL, token: 'shared', platform }, { state: (it) => told.push(it), failure: ({ code }) => told.push(code) });
  return { platform, told, connection };
}

function session(connection: Connection, platform: FakePlatform, token: string) {
  const told: unknown[] = [];
  const ignore = () => undefined;
  const listener = { state: (it) => told.push(it), left: (it) => told.push(it), failure: (it) => told.push(it.code) } as Partial<SessionListener> as SessionListener;
  for (const name of ['people', 'track', 'trackEnded', 'paused', 'layers', 'speakers', 'quality'] as const) listener[name] = ignore;
  const live = new LiveSession({ url: '', token, receives: false, platform, connection }, listener);
  const opening = live.open();
  opening.catch(ignore);
  return { live, opening, told };
}

const joined = (on: string, more: object = {}) => ({ on, seq: 1, type: 'joined', session: `s-${on}`, resumed: 'no', self: SELF, ice: [], state: { participants: [] }, ...more });

async function connected() {
  const all = begin();
  const connecting = all.connection.connect();
  all.platform.socket.opens();
  await connecting;
  return all;
}

describe('a shared connection', () => {
  test('opens with its own token, once', async () => {
    const { connection, platform, told } = begin();
    const connecting = connection.connect();
    expect(connection.connect()).toBe(connecting);
    expect(platform.socket).toMatchObject({ url: URL, protocols: ['stage.v1', 'shared'] });
    platform.socket.opens();
    await connecting;
    expect(told).toEqual(['connecting', 'connected']);
    expect(connection.state).toBe('connected');
  });

  test('is opened by the first session, and carries each on a channel with its token in the join alone', async () => {
    const { connection, platform } = begin();
    const [one, other] = [session(connection, platform, 'ana'), session(connection, platform, 'ben')];
    expect(platform.sockets).toHaveLength(1);
    platform.socket.opens();
    expect(platform.socket.sent).toEqual([
      { on: 'c1', token: 'ana', type: 'join', want: { default: 'none' } },
      { on: 'c2', token: 'ben', type: 'join', want: { default: 'none' } },
    ]);
    platform.socket.says(joined('c2'));
    platform.socket.says(joined('c1'));
    await Promise.all([one.opening, other.opening]);
    other.live.mute({ audio: true, video: true });
    expect(platform.socket.sent.at(-1)).toEqual({ on: 'c2', type: 'mute', audio: true, video: true });
    other.live.leave();
    expect(platform.socket.sent.at(-1)).toEqual({ on: 'c2', type: 'leave' });
    expect(platform.socket.readyState).toBe(1);
    platform.socket.says({ on: 'c2', type: 'left', reason: 'user-initiated' });
    platform.socket.says({ on: 'c1', type: 'left', reason: 'stage-deleted' });
    expect(one.told.at(-1)).toBe('stage-deleted');
  });

  test('pings for all, and is lost for all', async () => {
    const { connection, platform, told } = await connected();
    const one = session(connection, platform, 'ana');
    await settle();
    platform.socket.says(joined('c1'));
    await platform.pass(4000);
    expect(platform.socket.sent.at(-1)).toEqual({ type: 'ping' });
    platform.socket.says({ type: 'pong' });
    await platform.pass(10_000);
    expect(told.at(-1)).toBe('connecting');
    expect(one.told.at(-1)).toBe('lost');
    await platform.pass(100);
    expect(platform.sockets).toHaveLength(2);
    platform.socket.opens();
    await settle();
    expect(platform.socket.sent).toEqual([{ on: 'c2', token: 'ana', type: 'join', resume: { session: 's-c1', seq: 1 } }]);
    platform.socket.says(joined('c2', { seq: 2, session: 's-c1', resumed: 'replayed', state: undefined }));
    expect(one.told.at(-1)).toBe('connected');
    expect(told).toEqual(['connecting', 'connected', 'connecting', 'connected']);
  });

  test('ends its sessions when it is ended, wherever they are, and can connect again', async () => {
    const { connection, platform } = await connected();
    const one = session(connection, platform, 'ana');
    await settle();
    platform.socket.says(joined('c1'));
    const other = session(connection, platform, 'ben');
    connection.disconnect();
    // To close the socket alone is to lose it, and the server waits for who has lost one.
    expect(platform.socket.sent.filter(({ type }) => type === 'leave').map(({ on }) => on)).toEqual(['c1']);
    for (const { told } of [one, other]) expect(told.slice(-2)).toEqual(['ended', 'real-time-connection-forced-leave']);
    await expect(other.opening).rejects.toMatchObject({ code: 'CANCELED' });
    expect(platform.socket.closed).toBe(1000);
    expect(connection.state).toBe('disconnected');
    await platform.pass(60_000);
    expect(platform.timers.size).toBe(0);
    expect(platform.sockets).toHaveLength(1);
    void connection.connect();
    platform.socket.opens();
    expect(connection.state).toBe('connected');
  });

  test.each([{ type: 'revoked' }, { type: 'left', reason: 'real-time-connection-token-revocation' }])('that is revoked by %j ends its sessions', async (frame) => {
    const { connection, platform, told } = await connected();
    const one = session(connection, platform, 'ana');
    await settle();
    platform.socket.says(joined('c1'));
    platform.socket.says(frame);
    expect(one.told.at(-1)).toBe('real-time-connection-token-revocation');
    expect(told.slice(-2)).toEqual(['TOKEN_NOT_ALLOWED', 'disconnected']);
    await platform.pass(60_000);
    expect(platform.timers.size).toBe(0);
    expect(platform.sockets).toHaveLength(1);
  });

  test('that cannot be opened is refused after 30 s', async () => {
    const { connection, platform, told } = begin();
    const connecting = connection.connect();
    const refused = expect(connecting).rejects.toMatchObject({ code: 'NETWORK' });
    for (let count = 0; count < 14; count += 1) {
      platform.socket.breaks();
      await platform.pass(5000);
    }
    await refused;
    expect(told).toEqual(['connecting', 'disconnected', 'NETWORK']);
    expect(platform.timers.size).toBe(0);
  });

  test('that is lost is sought forever, also without sessions', async () => {
    const { platform, told } = await connected();
    for (let count = 0; count < 20; count += 1) {
      platform.socket.breaks();
      await platform.pass(5000);
    }
    expect(told).toEqual(['connecting', 'connected', 'connecting']);
    expect(platform.sockets.length).toBeGreaterThan(20);
  });

  test('has room for 16 sessions', async () => {
    const { connection, platform } = await connected();
    for (let count = 0; count < 16; count += 1) session(connection, platform, `p${count}`);
    const last = session(connection, platform, 'last');
    await settle();
    expect(platform.socket.sent).toHaveLength(16);
    await expect(last.opening).rejects.toMatchObject({ code: 'STAGE_AT_CAPACITY' });
  });

  test('passes over what it does not understand', async () => {
    const { connection, platform } = await connected();
    for (const text of ['', '{}', '{"type":"pong","on":7}', '{"on":"c9","type":"left","reason":"unknown"}']) platform.socket.says(text);
    expect(connection.state).toBe('connected');
  });
});
