import { describe, expect, test } from 'vitest';

import type { PublicationOptions } from './contract';
import { FakePlatform, FakeTrack, settle } from './fakes';
import { LivePublication } from './publication';

const track = (kind: 'audio' | 'video') => new FakeTrack(kind) as unknown as MediaStreamTrack;
const CREATED = { status: 201, text: 'a=ice-ufrag:s\r\na=ice-pwd:t\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n', head: { Location: '/whip/session/1' } };

function begin(more: Partial<PublicationOptions> = {}) {
  const platform = new FakePlatform();
  const told: unknown[] = [];
  const options = { url: 'https://x/whip', token: 'token', platform, video: { track: track('video'), encodings: [{ maxBitrate: 900_000 }] }, ...more };
  const publication = new LivePublication(options, { state: (state) => told.push(state), failure: ({ code }) => told.push(code) });
  return { platform, told, publication };
}

async function started(more: Partial<PublicationOptions> = {}) {
  const all = begin(more);
  all.publication.start();
  await settle();
  return all;
}

async function connected(more: Partial<PublicationOptions> = {}) {
  const all = await started(more);
  await all.platform.request.answer(CREATED);
  all.platform.peer.becomes('connected');
  all.told.length = 0;
  return all;
}

describe('starting', () => {
  test('posts an offer with a section of each kind, with the token as bearer, and takes the answer', async () => {
    const { platform, told } = await started();
    expect(platform.request).toMatchObject({ url: 'https://x/whip', method: 'POST', body: platform.peer.localDescription?.sdp });
    expect(platform.request.headers).toEqual({ 'Content-Type': 'application/sdp', Authorization: 'Bearer token' });
    expect(platform.peer.transceivers.map(({ kind, direction }) => `${kind} ${direction}`)).toEqual(['audio sendonly', 'video sendonly']);
    expect(platform.peer.transceivers[1]?.codecs).toMatchObject([{ mimeType: 'video/H264' }, { mimeType: 'video/rtx' }]);
    await platform.request.answer({ ...CREATED, head: { ...CREATED.head, Link: '<turn:x>; rel="ice-server"; username="u"; credential="c"; credential-type="password"' } });
    expect(platform.peer.currentRemoteDescription).not.toBeNull();
    expect(platform.peer.configuration.iceServers).toEqual([{ urls: 'turn:x', username: 'u', credential: 'c' }]);
    platform.peer.becomes('connected');
    expect(told).toEqual(['connecting', 'connected']);
    await platform.pass(60_000);
    expect(platform.timers.size).toBe(0);
  });

  test('asks for stereo and a bitrate in the offer, and has them in the answer', async () => {
    const { platform } = await started({ audio: { track: track('audio'), encodings: [{ maxBitrate: 96_000 }], stereo: true } });
    expect(platform.request.body).toContain('a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1;maxaveragebitrate=96000');
    await platform.request.answer(CREATED);
    expect(platform.peer.currentRemoteDescription?.sdp).toContain('a=fmtp:111 minptime=10;stereo=1;maxaveragebitrate=96000');
  });

  test('prepares each sender before the offer', async () => {
    const prepared: string[] = [];
    await started({ prepare: (_, kind) => void prepared.push(kind) });
    expect(prepared).toEqual(['audio', 'video']);
  });

  test.each([
    [400, 'INVALID_VIDEO_CODEC', 'CODEC_MISMATCH'],
    [401, 'UNAUTHORIZED', 'TOKEN_NOT_ALLOWED'],
    [403, 'INSUFFICIENT_CAPABILITIES', 'TOKEN_NOT_ALLOWED'],
    [403, 'QUOTA_EXCEEDED', 'STAGE_AT_CAPACITY'],
    [403, 'PARTICIPANT_DISCONNECTED', 'PARTICIPANT_DISCONNECTED'],
    [404, 'STAGE_NOT_FOUND', 'STAGE_DELETED'],
    [409, 'TOKEN_REUSED', 'FAILED'],
    [410, '', 'STAGE_DELETED'],
    [422, 'OFFER_UNACCEPTABLE', 'OFFER_UNACCEPTABLE'],
  ])('a %i with %s is the failure %s, and leaves nothing running', async (status, code, failure) => {
    const { platform, told } = await started();
    await platform.request.answer({ status, text: JSON.stringify({ code, message: 'no' }) });
    expect(told).toEqual(['connecting', failure, 'failed']);
    expect(platform.peer.connectionState).toBe('closed');
    expect(platform.timers.size).toBe(0);
    expect(platform.asked).toHaveLength(1);
  });

  test('is tried again for 30 s where the network fails, with pauses that double up to 4 s', async () => {
    const { platform, told } = await started();
    const at: number[] = [];
    while (told.length < 2) {
      at.push(platform.now());
      await platform.request.fail();
      const count = platform.asked.length;
      while (platform.asked.length === count && told.length < 2) await platform.pass(50);
    }
    expect(at).toEqual([0, 250, 750, 1750, 3750, 7750, 11_750, 15_750, 19_750, 23_750, 27_750]);
    expect(told).toEqual(['connecting', 'NETWORK', 'failed']);
    expect(platform.now()).toBe(30_000);
    expect(platform.timers.size).toBe(0);
  });

  test('waits as long as the server asks for', async () => {
    const { platform } = await started();
    await platform.request.answer({ status: 503, text: 'busy', head: { 'Retry-After': '3' } });
    await platform.pass(2999);
    expect(platform.asked).toHaveLength(1);
    await platform.pass(1);
    expect(platform.asked).toHaveLength(2);
  });

  test('gives up a request without an answer, and a connection that does not come, after 10 s each', async () => {
    const { platform } = await started();
    await platform.pass(10_250);
    expect(platform.asked).toHaveLength(2);
    await platform.request.answer(CREATED);
    await platform.pass(10_000);
    expect(platform.request).toMatchObject({ method: 'DELETE', url: 'https://x/whip/session/1' });
    expect(platform.peers).toHaveLength(2);
    await platform.pass(500);
    expect(platform.peers).toHaveLength(3);
  });

  test('posts again by hand where a redirect has lost the token', async () => {
    const { platform } = await started();
    await platform.request.answer({ status: 401, redirected: true, url: 'https://node/whip' });
    expect(platform.request).toMatchObject({ method: 'POST', url: 'https://node/whip', headers: { Authorization: 'Bearer token' } });
    await platform.request.answer({ ...CREATED, url: 'https://node/whip' });
    platform.peer.becomes('failed');
    await settle();
    expect(platform.request).toMatchObject({ method: 'DELETE', url: 'https://node/whip/session/1' });
  });

  test('of a browser that has no more connections fails', async () => {
    const { platform, told, publication } = begin();
    Object.assign(platform, {
      RTCPeerConnection: class {
        constructor() {
          throw new Error('too many');
        }
      },
    });
    publication.start();
    await settle();
    expect(told).toEqual(['connecting', 'FAILED', 'failed']);
    expect(platform.timers.size).toBe(0);
  });

  test('of a browser that cannot make an offer fails', async () => {
    const all = begin();
    all.platform.codecs = () => {
      throw new Error('none');
    };
    all.publication.start();
    await settle();
    expect(all.told).toEqual(['connecting', 'FAILED', 'failed']);
    expect(all.platform.timers.size).toBe(0);
  });
});

describe('a connection that is lost', () => {
  test('and back within 2 s is none', async () => {
    const { platform, told } = await connected();
    platform.peer.becomes('disconnected');
    await platform.pass(1999);
    platform.peer.becomes('connected');
    await platform.pass(60_000);
    expect(told).toEqual([]);
    expect(platform.timers.size).toBe(0);
  });

  test('is mended by an ICE restart', async () => {
    const { platform, told } = await connected();
    platform.peer.becomes('disconnected');
    await platform.pass(2000);
    expect(told).toEqual(['lost']);
    expect(platform.request).toMatchObject({ method: 'PATCH', url: 'https://x/whip/session/1' });
    expect(platform.request.headers).toEqual({ 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*', Authorization: 'Bearer token' });
    expect(platform.request.body).toBe('a=ice-ufrag:u1\r\na=ice-pwd:p1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n');
    await platform.request.answer({ status: 200, text: 'a=ice-ufrag:new\r\na=ice-pwd:word\r\n' });
    expect(platform.peer.currentRemoteDescription?.sdp).toContain('a=ice-ufrag:new\r\na=ice-pwd:word\r\n');
    platform.peer.becomes('connected');
    expect(told).toEqual(['lost', 'connected']);
    expect(platform.peers).toHaveLength(1);
    await platform.pass(60_000);
    expect(platform.timers.size).toBe(0);
  });

  test.each([404, 410, 412, 422, 503])('whose restart is answered with %i is made anew', async (status) => {
    const { platform, told } = await connected();
    platform.peer.becomes('failed');
    await settle();
    await platform.request.answer({ status });
    await platform.pass(250);
    expect(platform.request.method).toBe('POST');
    await platform.request.answer(CREATED);
    platform.peer.becomes('connected');
    expect(told).toEqual(['lost', 'connected']);
  });

  test('of one who may not publish any more fails', async () => {
    const { platform, told } = await connected();
    platform.peer.becomes('failed');
    await settle();
    await platform.request.answer({ status: 403 });
    expect(told).toEqual(['lost', 'TOKEN_NOT_ALLOWED', 'failed']);
  });

  test('by a goodbye of the server is made anew, without a DELETE of what is gone', async () => {
    const { platform, told } = await connected();
    const transport = platform.peer.transceivers[0]?.sender.transport;
    if (transport) transport.state = 'closed';
    transport?.onstatechange?.();
    await platform.pass(250);
    expect(told).toEqual(['lost']);
    expect(platform.asked.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  test('for 30 s is a failure', async () => {
    const { platform, told } = await connected();
    platform.peer.becomes('failed');
    await platform.pass(30_000);
    expect(told).toEqual(['lost', 'NETWORK', 'failed']);
    await platform.pass(20_000);
    expect(platform.timers.size).toBe(0);
  });

  test('as soon as it is there, again and again, is a failure in the end', async () => {
    const { platform, told } = await connected();
    for (let count = 0; count < 40 && !told.includes('failed'); count += 1) {
      const transport = platform.peer.transceivers[0]?.sender.transport;
      if (transport) transport.state = 'closed';
      transport?.onstatechange?.();
      await platform.pass(4000);
      if (told.includes('failed')) break;
      await platform.request.answer(CREATED);
      platform.peer.becomes('connected');
    }
    expect(told.at(-1)).toBe('failed');
    expect(platform.asked.length).toBeLessThan(20);
  });
});

describe('stopping', () => {
  test('deletes the resource, also while the page goes away, and closes the connection then', async () => {
    const { platform, told, publication } = await connected();
    publication.token('new');
    publication.stop();
    expect(told).toEqual(['ended']);
    expect(platform.request).toMatchObject({ method: 'DELETE', keepalive: true, headers: { Authorization: 'Bearer new' } });
    expect(platform.peer.connectionState).toBe('connected');
    expect(platform.peer.transceivers.map(({ sender }) => sender.track)).toEqual([null, null]);
    await platform.request.answer({ status: 200 });
    expect(platform.peer.connectionState).toBe('closed');
    expect(platform.timers.size).toBe(0);
    publication.stop();
    expect(told).toEqual(['ended']);
  });

  test('of a server that cannot be reached closes the connection after 2 s', async () => {
    const { platform, publication } = await connected();
    publication.stop();
    await platform.pass(2000);
    expect(platform.peer.connectionState).toBe('closed');
    await platform.pass(8000);
    expect(platform.timers.size).toBe(0);
  });

  test('before the answer deletes what the answer names', async () => {
    const { platform, told, publication } = await started();
    publication.stop();
    expect(told).toEqual(['connecting', 'ended']);
    expect(platform.peer.connectionState).toBe('closed');
    await platform.request.answer(CREATED);
    expect(platform.request).toMatchObject({ method: 'DELETE', url: 'https://x/whip/session/1' });
    await platform.request.answer({ status: 200 });
    expect(platform.timers.size).toBe(0);
  });

  test('before the offer posts nothing', async () => {
    const { platform, publication } = begin();
    publication.start();
    publication.stop();
    await settle();
    expect(platform.asked).toEqual([]);
    expect(platform.timers.size).toBe(0);
  });

  test('in a pause ends it', async () => {
    const { platform, publication } = await started();
    await platform.request.fail();
    publication.stop();
    expect(platform.timers.size).toBe(0);
  });
});

test('tracks and encodings that were changed hold for the next connection too', async () => {
  const { platform, publication } = await connected();
  const other = track('video');
  await publication.replace('video', other);
  await publication.encodings('video', (encodings) => encodings.forEach((each) => (each.active = false)));
  expect(publication.sender('video')?.getParameters().encodings).toEqual([{ maxBitrate: 900_000, active: false }]);
  platform.peer.becomes('failed');
  await settle();
  await platform.request.answer({ status: 404 });
  await platform.pass(250);
  expect(platform.peers).toHaveLength(2);
  const [, video] = platform.peer.transceivers;
  expect(video?.sender.track).toBe(other);
  expect(video?.sender.parameters.encodings).toEqual([{ maxBitrate: 900_000, active: false }]);
});
