import { describe, expect, test } from 'vitest';

import { Bench, publishes, SELF } from './bench';
import { MESSAGE_BYTES_MAX, readFrame, writeMessage } from './messages';

const read = (frame: object) => readFrame(JSON.stringify(frame));

describe('reading', () => {
  test('what is not known is passed over, in types and in members', () => {
    expect(read({ seq: 3, type: 'dance', tempo: 120 })).toEqual({ type: 'other', seq: 3 });
    expect(read({ seq: 3, type: 'need', audio: 1, video: 2, data: 3 })).toEqual({ type: 'need', audio: 1, video: 2, seq: 3 });
    expect(read({ type: 'pong', on: 'c1' })).toEqual({ type: 'pong', on: 'c1', seq: 0 });
  });

  test('capabilities are a set of those that are known', () => {
    const self = { ...SELF, capabilities: ['publish', 'fly'] };
    expect(read({ seq: 1, type: 'exchanged', self })).toMatchObject({ self: { capabilities: new Set(['publish']) } });
  });

  test('an update has the members that it was given', () => {
    const update = [{ id: 'ana', audioMuted: true, colour: 'red' }];
    expect(read({ seq: 1, type: 'delta', update })).toMatchObject({ leave: [], join: [], update: [{ id: 'ana', audioMuted: true }] });
  });

  test('reasons to have left that are not known are unknown', () => {
    expect(read({ type: 'left', reason: 'flood' })).toMatchObject({ reason: 'unknown' });
  });

  test.each([
    [{ type: 'joined', session: 1, resumed: 'no', self: SELF }],
    [{ type: 'joined', session: 's', resumed: 'maybe', self: SELF }],
    [{ type: 'joined', session: 's', resumed: 'no', self: { ...SELF, attributes: { a: 1 } } }],
    [{ type: 'joined', session: 's', resumed: 'no', self: SELF, state: { participants: [{ ...publishes('ana'), userId: 7 }] } }],
    [{ type: 'bind', slots: [{ mid: '0', kind: 'smell', pid: 'ana' }] }],
    [{ type: 'need', audio: '4', video: 4 }],
    [{ type: 'layers', pid: 'ana', list: [{ label: 'q' }], selected: null, reason: 'automatic' }],
    [{ type: 'quality', estimateBps: null, sentBps: 1, loss: 0, roundTripMs: 1 }],
    [{ type: 'error', code: 5, category: '' }],
    [{ type: 'pong', seq: '1' }],
  ])('%j is no frame', (frame) => {
    expect(read(frame)).toBeUndefined();
  });
});

test('nothing that a server may say breaks the machine', () => {
  const words = ['joined', 'delta', 'bind', 'need', 'answer', 'layers', 'speakers', 'quality', 'error', 'exchanged', 'left', 'pong', 'x'];
  const names = ['seq', 'session', 'resumed', 'self', 'ice', 'answer', 'slots', 'state', 'leave', 'join', 'update', 'sdp', 'audio', 'list', 'id', 'pid', 'code', 'reason', '__proto__'];
  const values = [null, true, 0, -1, 1e300, '', 'no', 'ana', 'snapshot', 'FEED_ENDED', 'unknown', [], {}, [null], [{}], [{ id: 'ana' }], SELF];
  // A generator of its own, so that a failure can be seen again.
  let state = 7;
  const pick = <T>(from: readonly T[]): T => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return from[Math.floor(state / 65_536) % from.length] as T;
  };
  for (let run = 0; run < 300; run += 1) {
    const bench = new Bench().join({ state: { participants: [publishes('ana')] } });
    for (let count = 0; count < 30; count += 1) {
      const members = Array.from({ length: 6 }, () => [pick(names), pick(values)]);
      const text = JSON.stringify({ ...Object.fromEntries(members), type: pick(words) });
      bench.give({ is: 'message', data: pick([text, text, text, text.slice(0, -3), text.replace(':', '')]) });
      if (bench.timers.has('retry')) bench.reach();
    }
    bench.give({ is: 'leave' });
    expect(bench.timers.size).toBe(0);
  }
}, 60_000);

test('messages are 64 KiB of UTF-8 at most', () => {
  const offer = (sdp: string) => writeMessage({ type: 'offer', sdp });
  const room = MESSAGE_BYTES_MAX - '{"type":"offer","sdp":""}'.length;
  expect(offer('x'.repeat(room))).toHaveLength(MESSAGE_BYTES_MAX);
  expect(offer('x'.repeat(room + 1))).toBeUndefined();
  expect(offer('€'.repeat(room / 2))).toBeUndefined();
});
