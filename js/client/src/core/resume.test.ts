import { describe, expect, test } from 'vitest';

import { Bench, person, publishes } from './bench';

const ana = { pid: 'ana', kinds: ['audio' as const, 'video' as const] };

/** In, and for so long that a loss is the first one. */
const settled = (frame: object = {}) => new Bench({ watches: false }).join(frame).pass(20_000);

describe('a lost socket', () => {
  test('is followed by another within 100 ms, which resumes where the last frame was, without an offer', () => {
    const bench = settled().frame({ type: 'pong' }).give({ is: 'closed' });
    expect(bench.takeTold('state').at(-1)).toBe('lost');
    expect(bench.has('drop')).toBe(false);
    bench.pass(100);
    expect(bench.find('connect')).toEqual({ do: 'connect', token: 'token' });
    bench.give({ is: 'opened' });
    expect(bench.said).toEqual([{ type: 'join', resume: { session: 's1', seq: 2 } }]);
    bench.resumed('replayed');
    expect(bench.takeTold('state')).toEqual(['connected']);
    expect(bench.effects.some(({ do: it }) => it === 'joined' || it === 'feed' || it === 'drop')).toBe(false);
  });

  test('is not closed before another is in its place, since closing is a leave', () => {
    const bench = settled().give({ is: 'closed' });
    expect(bench.has('abandon')).toBe(true);
    expect(bench.has('close')).toBe(false);
    bench.reach().resumed('replayed');
    expect(bench.has('tidy')).toBe(true);
  });

  test('leaves nothing out after a replay', () => {
    const bench = settled().give({ is: 'closed' }).reach();
    bench.frame({ type: 'delta', join: [publishes('ana')] });
    bench.frame({ type: 'bind', slots: [{ mid: '0', kind: 'audio', pid: 'ana', paused: false }] });
    bench.resumed('replayed');
    expect(bench.takeTold('people')).toEqual([{ left: [], joined: [person('ana')], updated: [] }]);
    expect(bench.timers.has('void')).toBe(false);
  });

  test('shows as what differs after a snapshot, and what is not bound again within a second is not bound', () => {
    const participants = [publishes('ana'), publishes('ben'), publishes('cat')];
    const bench = settled({ state: { participants } }).give({ is: 'closed' }).reach();
    bench.takeTold('people');
    bench.resumed('snapshot', { state: { participants: [publishes('ben', { audioMuted: true }), publishes('cat'), publishes('dee')] } });
    expect(bench.find('unbind')).toEqual({ do: 'unbind', pids: ['ana'] });
    expect(bench.takeTold('people')).toEqual([
      { left: ['ana'], joined: [person('dee')], updated: [person('ben', { audioMuted: true })] },
    ]);
    bench.pass(999);
    expect(bench.timers.has('void')).toBe(true);
    bench.pass(1);
    expect(bench.find('bind')).toEqual({ do: 'bind', slots: [] });
  });

  test('whose session is gone begins another: a new feed, all wants, and the difference of who is there', () => {
    const bench = settled({ state: { participants: [publishes('ana')] } }).give({ is: 'want', wants: [ana] });
    bench.pass(20_000).give({ is: 'closed' }).reach();
    bench.takeTold('people');
    bench.joined({ session: 's2', answer: undefined, state: { participants: [publishes('ana'), publishes('ben')] } });
    expect(bench.find('feed')).toEqual({ do: 'feed', audio: 4, video: 4 });
    expect(bench.takeTold('people')).toEqual([{ left: [], joined: [person('ben')], updated: [] }]);
    expect(bench.said.slice(1)).toEqual([{ type: 'sub', set: [ana] }]);
    expect(bench.give({ is: 'offered', sdp: 'second' }).said.at(-1)).toEqual({ type: 'offer', sdp: 'second' });
    bench.frame({ type: 'answer', sdp: 'yes' });
    expect(bench.find('answer')).toEqual({ do: 'answer', sdp: 'yes' });
  });

  test('is sought with pauses that double up to 5 s, forever', () => {
    const bench = settled().give({ is: 'closed' });
    const pauses: number[] = [];
    for (let count = 0; count < 10; count += 1) {
      pauses.push((bench.timers.get('retry') ?? 0) - bench.now);
      bench.pass(pauses.at(-1) ?? 0).give({ is: 'closed' });
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
    bench.pass(600_000);
    expect(bench.takeTold('state').at(-1)).toBe('lost');
  });

  test('that took over 30 s is followed by a new join, with an offer in it', () => {
    const bench = settled().give({ is: 'closed' });
    while ((bench.timers.get('retry') ?? 0) < 20_000 + 30_000) bench.pass((bench.timers.get('retry') ?? 0) - bench.now).give({ is: 'closed' });
    expect(bench.has('feed')).toBe(false);
    bench.reach();
    expect(bench.said).toEqual([{ type: 'join', offer: 'offer', want: { default: 'none' } }]);
    bench.joined({ session: 's2' });
    expect(bench.find('answer')).toBeDefined();
    expect(bench.takeTold('state')).toEqual(['connecting', 'connected', 'lost', 'connected']);
  });

  test('of which the server says nothing for 10 s is given up', () => {
    const bench = settled().give({ is: 'closed' }).reach().pass(9999);
    expect(bench.timers.has('retry')).toBe(false);
    bench.pass(1);
    expect(bench.timers.has('retry')).toBe(true);
    expect(bench.has('refused')).toBe(false);
  });

  test.each([
    ['STAGE_DELETED', 'stage-deleted'],
    ['PARTICIPANT_DISCONNECTED', 'participant-disconnected'],
    ['TOKEN_EXPIRED', 'unknown'],
  ])('is not sought any more after %s', (code, reason) => {
    const bench = settled().give({ is: 'closed' }).reach();
    bench.frame({ type: 'error', seq: 0, code, category: 'JOIN_ERROR', message: '' });
    expect(bench.takeTold('failure')).toMatchObject([{ code }]);
    expect(bench.takeTold('left')).toEqual([reason]);
    expect(bench.timers.size).toBe(0);
  });

  test.each(['FAILED', 'STAGE_AT_CAPACITY'])('is sought again after %s', (code) => {
    const bench = settled().give({ is: 'closed' }).reach();
    bench.frame({ type: 'error', seq: 0, code, category: 'JOIN_ERROR', message: '' });
    expect(bench.takeTold('failure')).toEqual([]);
    expect(bench.timers.has('retry')).toBe(true);
  });

  test('that is lost again at once is sought more slowly each time', () => {
    const bench = settled().give({ is: 'closed' });
    const pauses: number[] = [];
    for (let count = 0; count < 4; count += 1) {
      pauses.push((bench.timers.get('retry') ?? 0) - bench.now);
      bench.reach().resumed('replayed').give({ is: 'closed' });
    }
    expect(pauses).toEqual([100, 200, 400, 800]);
    bench.reach().resumed('replayed').pass(5000).give({ is: 'closed' });
    expect((bench.timers.get('retry') ?? 0) - bench.now).toBe(100);
  });
});

describe('a server that goes down', () => {
  test('ends media at once and the session with it; the next one is joined anew', () => {
    const bench = settled().frame({ type: 'left', reason: 'unknown' });
    expect(bench.has('drop')).toBe(true);
    expect(bench.takeTold('left')).toEqual([]);
    bench.reach();
    expect(bench.said).toEqual([{ type: 'join', offer: 'offer', want: { default: 'none' } }]);
  });

  test('and lets nobody in meanwhile is asked with the same offer', () => {
    const bench = settled().frame({ type: 'left', reason: 'unknown' }).reach();
    bench.frame({ type: 'error', seq: 0, code: 'FAILED', category: 'JOIN_ERROR', message: '' }).reach();
    expect(bench.said).toEqual([{ type: 'join', offer: 'offer', want: { default: 'none' } }]);
  });
});

describe('silence', () => {
  test('is broken by a ping after 4 s, and is a loss after 6 s more', () => {
    const bench = new Bench().join();
    bench.takeSaid();
    bench.pass(3999);
    expect(bench.said).toEqual([]);
    bench.pass(1);
    expect(bench.takeSaid()).toEqual([{ type: 'ping' }]);
    bench.pass(5000).frame({ type: 'pong' }).pass(3000);
    expect(bench.takeTold('state').at(-1)).toBe('connected');
    bench.pass(1000 + 5999);
    expect(bench.takeTold('state')).toEqual([]);
    bench.pass(1);
    expect(bench.takeTold('state')).toEqual(['lost']);
  });

  test('of a shared socket is its owner’s concern', () => {
    expect(settled().timers.size).toBe(0);
  });
});

describe('wants', () => {
  const video = (pid: string) => ({ pid, kinds: ['video' as const] });

  test('are said as what differs', () => {
    const bench = settled();
    bench.takeSaid();
    const want = (...wants: object[]) => bench.give({ is: 'want', wants: wants as (typeof ana)[] }).takeSaid();
    expect(want(ana, video('ben'))).toEqual([{ type: 'sub', set: [ana, video('ben')] }]);
    expect(want(video('ben'), { ...ana, kinds: ['video', 'audio'] })).toEqual([]);
    expect(want({ ...ana, prefer: 'hi' })).toEqual([{ type: 'sub', set: [{ ...ana, prefer: 'hi' }], reset: ['ben'] }]);
    expect(want({ ...ana, prefer: null }, { pid: 'cat', kinds: [] })).toEqual([{ type: 'sub', set: [ana] }]);
    expect(want()).toEqual([{ type: 'sub', reset: ['ana'] }]);
    expect(want()).toEqual([]);
  });

  test('keep within the bounds of the protocol', () => {
    const bench = settled();
    bench.takeSaid();
    const many = Array.from({ length: 1500 }, (_, index) => video(`p${index}`));
    const sets = bench.give({ is: 'want', wants: many }).takeSaid().map(({ set }) => (set as object[]).length);
    expect(sets).toEqual([128, 128, 128, 128, 128, 128, 128, 128]);
    const resets = bench.give({ is: 'want', wants: [] }).takeSaid();
    expect(resets.every(({ reset }) => (reset as object[]).length <= 128)).toBe(true);
    const odd = { ...ana, maxSize: { width: 0.2, height: 1e9 }, priority: 300 };
    expect(bench.give({ is: 'want', wants: [odd] }).takeSaid()).toEqual([
      { type: 'sub', set: [{ ...ana, maxSize: { width: 1, height: 8192 }, priority: 255 }] },
    ]);
  });

  test('before the join wait for it', () => {
    const bench = new Bench().give({ is: 'want', wants: [ana] }).join();
    expect(bench.said.slice(1)).toEqual([{ type: 'sub', set: [ana] }]);
  });

  test('that were said long before a loss are known to the server; what was said shortly before is said again', () => {
    const bench = settled().give({ is: 'want', wants: [ana, video('ben')] });
    bench.pass(15_001).give({ is: 'closed' }).reach().resumed('replayed');
    expect(bench.said).toHaveLength(1);
    bench.pass(20_000).give({ is: 'want', wants: [ana] }).give({ is: 'closed' }).reach().resumed('replayed');
    expect(bench.said.slice(1)).toEqual([{ type: 'sub', set: [ana], reset: ['ben'] }]);
  });

  test('that change faster than may be said are said as they are in the end', () => {
    const bench = settled();
    bench.takeSaid();
    for (let count = 0; count < 500; count += 1) bench.give({ is: 'want', wants: [{ ...ana, priority: count % 200 }] });
    expect(bench.takeSaid()).toHaveLength(80);
    bench.give({ is: 'mute', mute: { audio: true, video: true } }).pass(125);
    expect(bench.takeSaid()).toEqual([{ type: 'mute', audio: true, video: true }]);
    bench.pass(125);
    expect(bench.takeSaid()).toEqual([{ type: 'sub', set: [{ ...ana, priority: 99 }] }]);
    expect(bench.pass(60_000).takeSaid()).toEqual([]);
  });
});
