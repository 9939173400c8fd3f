import { describe, expect, test } from 'vitest';

import { Bench } from './bench';

const feed = (state: 'connected' | 'disconnected' | 'failed') => ({ is: 'feed', state }) as const;
const joined = () => new Bench({ watches: false }).join().pass(20_000);
const error = (code: string) => ({ type: 'error', code, category: 'SUBSCRIBE_ERROR', message: '' });

describe('slots', () => {
  test('grow to what is needed, by one offer at a time', () => {
    const bench = joined().frame({ type: 'need', audio: 6, video: 5 });
    expect(bench.find('offer')).toEqual({ do: 'offer', audio: 6, video: 5, restart: false });
    bench.give({ is: 'offered', sdp: 'more' });
    expect(bench.said.at(-1)).toEqual({ type: 'offer', sdp: 'more' });
    expect(bench.frame({ type: 'need', audio: 7, video: 5 }).has('offer')).toBe(false);
    bench.frame({ type: 'answer', sdp: 'yes' });
    expect(bench.find('offer')).toEqual({ do: 'offer', audio: 7, video: 5, restart: false });
  });

  test('are 32 at most, and never fewer than before', () => {
    const bench = joined().frame({ type: 'need', audio: 40, video: 40 });
    expect(bench.find('offer')).toMatchObject({ audio: 16, video: 16 });
    bench.give({ is: 'offered', sdp: 'more' }).frame({ type: 'answer', sdp: 'yes' });
    expect(bench.frame({ type: 'need', audio: 1, video: 2 }).has('offer')).toBe(false);
  });

  test('that are refused are done without, until more are needed again', () => {
    const bench = joined().frame({ type: 'need', audio: 6, video: 5 }).give({ is: 'offered', sdp: 'more' });
    bench.frame(error('OFFER_UNACCEPTABLE'));
    expect(bench.has('rollback')).toBe(true);
    expect(bench.has('offer')).toBe(false);
    expect(bench.takeTold('failure')).toMatchObject([{ code: 'OFFER_UNACCEPTABLE' }]);
    expect(bench.frame({ type: 'need', audio: 5, video: 5 }).find('offer')).toMatchObject({ audio: 5, video: 5 });
  });

  test('whose offer is too long for a message are done without', () => {
    const bench = joined().frame({ type: 'need', audio: 16, video: 16 });
    bench.takeSaid();
    bench.give({ is: 'offered', sdp: 'x'.repeat(128 * 1024 + 1) });
    expect(bench.has('rollback')).toBe(true);
    expect(bench.said).toEqual([]);
  });

  test('of a new feed are as many as were needed', () => {
    const bench = joined().frame({ type: 'need', audio: 6, video: 5 }).give({ is: 'offered', sdp: 'more' });
    bench.frame({ type: 'answer', sdp: 'yes' }).frame(error('FEED_ENDED'));
    expect(bench.find('feed')).toEqual({ do: 'feed', audio: 6, video: 5 });
  });
});

describe('a feed that has ended', () => {
  test('is followed by another at once, and nobody is bothered', () => {
    const bench = joined().frame(error('FEED_ENDED'));
    expect(bench.effects.map((effect) => effect.do)).toEqual(expect.arrayContaining(['drop', 'feed']));
    bench.give({ is: 'offered', sdp: 'second' });
    expect(bench.said.at(-1)).toEqual({ type: 'offer', sdp: 'second' });
    expect(bench.takeTold('failure')).toEqual([]);
  });

  test('again and again is followed more slowly each time', () => {
    const bench = joined().frame(error('FEED_ENDED'));
    const pauses: number[] = [];
    for (let count = 0; count < 9; count += 1) {
      bench.give({ is: 'offered', sdp: 'next' }).frame({ type: 'answer', sdp: 'yes' }).give(feed('connected'));
      bench.frame(error('FEED_ENDED'));
      pauses.push((bench.timers.get('renew') ?? 0) - bench.now);
      bench.pass(pauses.at(-1) ?? 0);
      expect(bench.has('feed')).toBe(true);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  test('is not taken for the one whose offer is under way', () => {
    const bench = joined().frame(error('FEED_ENDED')).give({ is: 'offered', sdp: 'second' });
    expect(bench.frame(error('FEED_ENDED')).has('drop')).toBe(false);
  });
});

describe('a connection', () => {
  test('that is back within 2 s is left alone', () => {
    const bench = joined().give(feed('disconnected')).pass(1999).give(feed('connected')).pass(60_000);
    expect(bench.timers.size).toBe(0);
    expect(bench.takeTold('state')).toEqual(['connecting', 'connected']);
  });

  test('that stays away is given new ICE credentials, and 10 s later a successor that comes with a resume', () => {
    const bench = joined().give(feed('disconnected')).pass(2000);
    expect(bench.find('offer')).toEqual({ do: 'offer', audio: 4, video: 4, restart: true });
    bench.give({ is: 'offered', sdp: 'restart' });
    expect(bench.said.at(-1)).toEqual({ type: 'offer', sdp: 'restart' });
    bench.frame({ type: 'answer', sdp: 'yes' }).give(feed('failed')).pass(9999);
    expect(bench.has('drop')).toBe(false);
    bench.pass(1);
    expect(bench.has('feed')).toBe(true);
    bench.give({ is: 'offered', sdp: 'second' }).reach();
    expect(bench.said).toEqual([{ type: 'join', offer: 'second', resume: { session: 's1', seq: 2 } }]);
    bench.resumed('replayed', { answer: 'yes' });
    expect(bench.find('answer')).toEqual({ do: 'answer', sdp: 'yes' });
    expect(bench.takeTold('state')).toEqual(['connecting', 'connected', 'lost', 'connected']);
  });

  test('that failed is given new ICE credentials at once', () => {
    expect(joined().give(feed('failed')).pass(0).find('offer')).toMatchObject({ restart: true });
  });

  test('that comes back after a restart is as good as before', () => {
    const bench = joined().give(feed('failed')).pass(0).give({ is: 'offered', sdp: 'restart' });
    bench.frame({ type: 'answer', sdp: 'yes' }).give(feed('connected')).pass(60_000);
    expect(bench.timers.size).toBe(0);
    expect(bench.give(feed('failed')).pass(0).has('offer')).toBe(true);
  });

  test('that fails while the socket is lost is mended when it is back', () => {
    const bench = joined().give(feed('disconnected')).give({ is: 'closed' });
    bench.reach().resumed('replayed');
    expect(bench.find('offer')).toMatchObject({ restart: true });
  });

  test('that fails while the socket is lost has its offer ready', () => {
    const bench = joined().give({ is: 'closed' }).give(feed('failed')).pass(0);
    bench.give({ is: 'offered', sdp: 'restart' }).reach().resumed('replayed');
    expect(bench.said.slice(1)).toEqual([{ type: 'offer', sdp: 'restart' }]);
  });

  test('that never comes is told of once, and tried further', () => {
    const bench = new Bench({ watches: false }).give({ is: 'open' }).reach().joined();
    for (let count = 0; count < 6; count += 1) {
      bench.pass(10_000);
      if (bench.timers.has('renew')) bench.pass((bench.timers.get('renew') ?? 0) - bench.now);
      bench.give({ is: 'offered', sdp: 'next' }).reach().resumed('replayed', { answer: 'yes' });
    }
    expect(bench.takeTold('failure')).toMatchObject([{ code: 'FAILED', category: 'SUBSCRIBE_ERROR' }]);
  });
});

describe('an offer on a socket that is lost', () => {
  const growing = () => joined().frame({ type: 'need', audio: 5, video: 5 }).give({ is: 'offered', sdp: 'more' });

  test('is answered by the replay', () => {
    const bench = growing().give({ is: 'closed' }).reach().frame({ type: 'answer', sdp: 'yes' });
    expect(bench.find('answer')).toEqual({ do: 'answer', sdp: 'yes' });
    expect(bench.resumed('replayed').said).toHaveLength(1);
  });

  test('is made again where the answer did not come, and an answer that comes twice counts once', () => {
    const bench = growing().give({ is: 'closed' }).reach().resumed('snapshot');
    expect(bench.said.at(-1)).toEqual({ type: 'offer', sdp: 'more' });
    bench.frame(error('OFFER_PENDING'));
    expect(bench.takeTold('failure')).toEqual([]);
    expect(bench.frame({ type: 'answer', sdp: 'yes' }).has('answer')).toBe(true);
    expect(bench.frame({ type: 'answer', sdp: 'again' }).has('answer')).toBe(false);
  });
});

test('a server that has too much to do for a first offer gets another later', () => {
  const bench = new Bench({ watches: false }).give({ is: 'open' }).reach().joined({ answer: undefined });
  bench.frame(error('FAILED'));
  expect(bench.has('feed')).toBe(true);
  expect(bench.takeTold('failure')).toEqual([]);
});
