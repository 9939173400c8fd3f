import { describe, expect, test } from 'vitest';

import { Bench, person, publishes, SELF } from './bench';

const failure = (code: string, message = '') => ({ code, category: 'JOIN_ERROR', message });

describe('joining', () => {
  test('the first message carries the offer and wants nobody, and waits for both socket and offer', () => {
    const bench = new Bench({ sdkVersion: '1.0' }).give({ is: 'open' });
    expect(bench.find('feed')).toEqual({ do: 'feed', audio: 4, video: 4 });
    expect(bench.give({ is: 'opened' }).said).toEqual([]);
    bench.give({ is: 'offered', sdp: 'v=0' });
    expect(bench.said).toEqual([{ type: 'join', offer: 'v=0', want: { default: 'none' }, sdkVersion: '1.0' }]);
  });

  test('who may not subscribe joins without an offer', () => {
    const bench = new Bench({ receives: false }).give({ is: 'open' }).give({ is: 'opened' });
    expect(bench.said).toEqual([{ type: 'join', want: { default: 'none' } }]);
    bench.joined({ answer: undefined }).give({ is: 'want', wants: [{ pid: 'ana', kinds: ['audio'] }] });
    expect(bench.said).toHaveLength(1);
    expect(bench.has('feed')).toBe(false);
  });

  test('the owner is told the state, who it is and who else publishes', () => {
    const bench = new Bench().give({ is: 'open' }).reach();
    bench.joined({ state: { participants: [publishes('ana'), publishes('dan'), { ...publishes('ben'), isPublishing: false }] } });
    expect(bench.find('joined')).toMatchObject({ self: { id: 'dan', capabilities: new Set(['publish', 'subscribe']) } });
    expect(bench.find('answer')).toEqual({ do: 'answer', sdp: 'answer' });
    expect(bench.takeTold('state')).toEqual(['connecting', 'connected']);
    expect(bench.takeTold('people')).toEqual([{ left: [], joined: [person('ana')], updated: [] }]);
  });

  test.each(['TOKEN_EXPIRED', 'STAGE_AT_CAPACITY', 'STAGE_DELETED', 'PARTICIPANT_DISCONNECTED', 'MESSAGE_MALFORMED'])(
    'a refusal with %s is final, and leaves nothing running',
    (code) => {
      const bench = new Bench().give({ is: 'open' }).give({ is: 'offered', sdp: 'offer' }).give({ is: 'opened' });
      bench.frame({ type: 'error', seq: 0, code, category: 'JOIN_ERROR', message: 'no' });
      expect(bench.find('refused')).toEqual({ do: 'refused', failure: failure(code, 'no') });
      expect(bench.effects.map((effect) => effect.do)).toEqual(expect.arrayContaining(['close', 'drop', 'rest']));
      expect(bench.takeTold('state')).toEqual(['connecting', 'ended']);
      expect(bench.takeTold('left')).toEqual([]);
      expect(bench.timers.size).toBe(0);
    },
  );

  test('a server that has too much to do is asked again for 30 s, with growing pauses and the same offer', () => {
    const bench = new Bench().give({ is: 'open' }).give({ is: 'offered', sdp: 'offer' });
    const at: number[] = [];
    while (!bench.has('refused')) {
      if (bench.give({ is: 'opened' }).said[0]) at.push(bench.now);
      expect(bench.said).toMatchObject([{ type: 'join', offer: 'offer' }]);
      bench.frame({ type: 'error', seq: 0, code: 'FAILED', category: 'JOIN_ERROR', message: 'busy' });
      expect(bench.has('feed')).toBe(false);
      bench.pass((bench.timers.get('retry') ?? 0) - bench.now);
    }
    expect(at).toEqual([0, 100, 300, 700, 1500, 3100, 6300, 11_300, 16_300, 21_300, 26_300]);
    expect(bench.now).toBeLessThanOrEqual(31_300);
    expect(bench.find('refused')).toEqual({ do: 'refused', failure: failure('FAILED', 'busy') });
  });

  test('a network that does not work is tried for 30 s', () => {
    const bench = new Bench().give({ is: 'open' });
    while (!bench.has('refused')) {
      bench.give({ is: 'closed' });
      bench.pass((bench.timers.get('retry') ?? 0) - bench.now);
    }
    expect(bench.find('refused')?.failure.code).toBe('NETWORK');
    expect(bench.timers.size).toBe(0);
  });

  test('no answer for 10 s is a TIMEOUT, of the socket or of the join', () => {
    for (const opened of [false, true]) {
      const bench = new Bench().give({ is: 'open' });
      if (opened) bench.give({ is: 'offered', sdp: 'offer' }).give({ is: 'opened' });
      bench.pass(9999);
      expect(bench.has('refused')).toBe(false);
      bench.pass(1);
      expect(bench.find('refused')?.failure.code).toBe('TIMEOUT');
      expect(bench.timers.size).toBe(0);
    }
  });

  test('an address of no use is refused at once', () => {
    const bench = new Bench().give({ is: 'open' }).give({ is: 'unusable', message: 'bad' });
    expect(bench.find('refused')?.failure.code).toBe('TOKEN_MALFORMED');
  });

  test('without an answer the participant is in all the same, and hears why there is no feed', () => {
    const bench = new Bench().give({ is: 'open' }).reach();
    bench.joined({ answer: undefined });
    bench.frame({ type: 'error', code: 'CODEC_MISMATCH', category: 'SUBSCRIBE_ERROR', message: 'no' });
    expect(bench.has('drop')).toBe(true);
    expect(bench.takeTold('failure')).toEqual([{ code: 'CODEC_MISMATCH', category: 'SUBSCRIBE_ERROR', message: 'no' }]);
    expect(bench.takeTold('state')).toEqual(['connecting', 'connected']);
  });

  test('a browser that cannot make an offer joins without one', () => {
    const bench = new Bench().give({ is: 'open' }).give({ is: 'opened' });
    bench.give({ is: 'broken', message: 'no' });
    expect(bench.find('feed')).toBeDefined();
    bench.give({ is: 'broken', message: 'no' });
    expect(bench.said).toEqual([{ type: 'join', want: { default: 'none' } }]);
  });
});

describe('what the server says', () => {
  test('who publishes anew in one delta has left and joined, and its tracks end first', () => {
    const bench = new Bench().join({ state: { participants: [publishes('ana'), publishes('ben')] } });
    bench.takeTold('people');
    bench.frame({ type: 'delta', leave: ['ana', 'who'], join: [publishes('ana', { userId: 'A' })], update: [] });
    expect(bench.effects.map((effect) => effect.do)).toEqual(['cancel', 'timer', 'unbind', 'tell']);
    expect(bench.takeTold('people')).toEqual([{ left: ['ana'], joined: [person('ana', { userId: 'A' })], updated: [] }]);
  });

  test('an update may carry anything of a person, and tells all of it', () => {
    const bench = new Bench().join({ state: { participants: [publishes('ana', { userId: 'A', attributes: { a: '1' } })] } });
    bench.takeTold('people');
    bench.frame({ type: 'delta', update: [{ id: 'ana', audioMuted: true, videoStopped: false }] });
    bench.frame({ type: 'delta', update: [{ id: 'ana', attributes: { a: '2' } }, { id: 'who', audioMuted: true }] });
    bench.frame({ type: 'delta', update: [{ id: 'ana', audioMuted: true }] });
    const ana = person('ana', { userId: 'A', attributes: { a: '1' }, audioMuted: true });
    expect(bench.takeTold('people')).toEqual([
      { left: [], joined: [], updated: [ana] },
      { left: [], joined: [], updated: [{ ...ana, attributes: { a: '2' } }] },
    ]);
  });

  test('frames that were counted before are not taken twice', () => {
    const bench = new Bench().join();
    const delta = { type: 'delta', join: [publishes('ana')], seq: 2 };
    bench.frame(delta).frame(delta);
    expect(bench.takeTold('people')).toHaveLength(1);
    bench.frame({ type: 'quality', seq: 2, estimateBps: 1, sentBps: 1, loss: 0, roundTripMs: null });
    expect(bench.takeTold('quality')).toEqual([]);
  });

  test('what is not understood is passed over, and counted', () => {
    const bench = new Bench().join();
    for (const data of ['', '{', '[]', '{"type":1}', '{"type":"bind","slots":{}}', new ArrayBuffer(1)]) bench.give({ is: 'message', data });
    expect(bench.machine.garbage).toBe(6);
    bench.frame({ type: 'news', of: 'tomorrow' }).frame({ type: 'constructor' });
    expect(bench.machine.garbage).toBe(6);
  });

  test('failures reach the owner, and one of a participant lets it be wanted again', () => {
    const bench = new Bench().join();
    const wants = [{ pid: 'ana', kinds: ['audio' as const] }];
    bench.give({ is: 'want', wants }).takeSaid();
    bench.frame({ type: 'error', code: 'STAGE_AT_CAPACITY', category: 'SUBSCRIBE_ERROR', message: 'full', pid: 'ana' });
    expect(bench.takeTold('failure')).toMatchObject([{ code: 'STAGE_AT_CAPACITY', pid: 'ana' }]);
    expect(bench.said).toEqual([]);
    expect(bench.give({ is: 'want', wants }).takeSaid()).toEqual([{ type: 'sub', set: wants }]);
    bench.frame({ type: 'error', code: 'X', category: 'NEW_ERROR', message: '' });
    expect(bench.takeTold('failure')).toMatchObject([{ category: 'PROTOCOL_ERROR' }]);
  });

  test.each(['participant-disconnected', 'stage-deleted', 'token-reused', 'real-time-connection-token-revocation'])(
    'left with %s is the end of everything',
    (reason) => {
      const bench = new Bench().join().frame({ type: 'left', reason });
      expect(bench.effects.map((effect) => effect.do)).toEqual(['cancel', 'timer', 'close', 'cancel', 'cancel', 'drop', 'rest', 'tell', 'tell']);
      expect(bench.takeTold('state').at(-1)).toBe('ended');
      expect(bench.takeTold('left')).toEqual([reason]);
      expect(bench.timers.size).toBe(0);
      expect(bench.give({ is: 'want', wants: [] }).effects).toEqual([]);
    },
  );
});

describe('leaving', () => {
  const stages: [string, (bench: Bench) => Bench][] = [
    ['before opening', (bench) => bench],
    ['while connecting', (bench) => bench.give({ is: 'open' })],
    ['while joining', (bench) => bench.give({ is: 'open' }).reach()],
    ['in a pause', (bench) => bench.give({ is: 'open' }).give({ is: 'closed' })],
    ['when joined', (bench) => bench.join()],
    ['when lost', (bench) => bench.join().give({ is: 'closed' })],
    ['while resuming', (bench) => bench.join().give({ is: 'closed' }).reach()],
    ['while exchanging', (bench) => bench.join().give({ is: 'exchange', token: 'new', receives: true })],
  ];
  test.each(stages)('%s frees everything at once', (_, reach) => {
    const bench = reach(new Bench());
    bench.give({ is: 'leave' });
    expect(bench.timers.size).toBe(0);
    expect(bench.has('close')).toBe(true);
    expect(bench.told.slice(-2)).toEqual([
      ['state', 'ended'],
      ['left', 'user-initiated'],
    ]);
    expect(bench.give({ is: 'leave' }).effects).toEqual([]);
    expect(bench.pass(120_000).effects).toEqual([]);
  });

  test('a server that listens is told, before the socket is closed', () => {
    const bench = new Bench().join();
    bench.takeSaid();
    bench.give({ is: 'leave' });
    expect(bench.said).toEqual([{ type: 'leave' }]);
    const names = bench.effects.map((effect) => effect.do);
    expect(names.indexOf('send')).toBeLessThan(names.indexOf('close'));
  });

  test('who leaves before being in has not joined', () => {
    const bench = new Bench().give({ is: 'open' }).give({ is: 'leave' });
    expect(bench.find('refused')?.failure.code).toBe('CANCELED');
  });
});

describe('exchanging', () => {
  const exchange = { is: 'exchange', token: 'new', receives: true } as const;

  test('another token is sent, and counts from its acceptance on', () => {
    const bench = new Bench().join().give(exchange);
    expect(bench.said.at(-1)).toEqual({ type: 'exchange', token: 'new' });
    bench.frame({ type: 'exchanged', self: { ...SELF, userId: 'other' } });
    expect(bench.find('exchanged')).toMatchObject({ self: { userId: 'other' } });
    expect(bench.timers.has('exchange')).toBe(false);
    bench.give({ is: 'closed' }).pass(100);
    expect(bench.find('connect')).toEqual({ do: 'connect', token: 'new' });
  });

  test('who may not subscribe any more has no feed, and wants nobody', () => {
    const bench = new Bench().join().give({ is: 'exchange', token: 'new', receives: false });
    bench.frame({ type: 'exchanged', self: { ...SELF, capabilities: ['publish'] } });
    expect(bench.has('drop')).toBe(true);
    bench.takeSaid();
    expect(bench.give({ is: 'want', wants: [{ pid: 'ana', kinds: ['audio'] }] }).said).toEqual([]);
    bench.give(exchange).frame({ type: 'exchanged', self: SELF });
    expect(bench.has('feed')).toBe(true);
    bench.give({ is: 'offered', sdp: 'second' });
    expect(bench.said.slice(1)).toEqual([{ type: 'sub', set: [{ pid: 'ana', kinds: ['audio'] }] }, { type: 'offer', sdp: 'second' }]);
  });

  test('a refusal is told to who asked, and the session ends', () => {
    const bench = new Bench().join().give(exchange);
    bench.frame({ type: 'error', code: 'TOKEN_EXCHANGE_FAILED', category: 'JOIN_ERROR', message: 'resource' });
    expect(bench.find('exchange-refused')).toEqual({ do: 'exchange-refused', failure: failure('TOKEN_EXCHANGE_FAILED', 'resource') });
    expect(bench.takeTold('failure')).toEqual([]);
    bench.frame({ type: 'left', reason: 'failed-exchange' });
    expect(bench.takeTold('left')).toEqual(['failed-exchange']);
    expect(bench.timers.size).toBe(0);
  });

  test('an exchange that the loss of a socket interrupts is asked for again', () => {
    const bench = new Bench().join().give(exchange).give({ is: 'closed' }).reach();
    bench.resumed('replayed');
    expect(bench.said.at(-1)).toEqual({ type: 'exchange', token: 'new' });
  });

  test('no answer for 10 s is a TIMEOUT', () => {
    const bench = new Bench({ watches: false }).join().give(exchange).pass(10_000);
    expect(bench.find('exchange-refused')?.failure.code).toBe('TIMEOUT');
  });
});

test('what is muted is said once, and again in a session that is new', () => {
  const bench = new Bench().give({ is: 'mute', mute: { audio: true, video: false } }).join();
  expect(bench.said.at(-1)).toEqual({ type: 'mute', audio: true, video: false });
  bench.takeSaid();
  expect(bench.give({ is: 'mute', mute: { audio: true, video: false } }).said).toEqual([]);
  bench.give({ is: 'closed' }).reach().joined({ session: 's2' });
  expect(bench.said.at(-1)).toEqual({ type: 'mute', audio: true, video: false });
});

test('a shared connection ends its sessions', () => {
  const bench = new Bench({ watches: false }).join().give({ is: 'put-out', reason: 'real-time-connection-forced-leave' });
  expect(bench.takeTold('left')).toEqual(['real-time-connection-forced-leave']);
  expect(bench.timers.size).toBe(0);
});
