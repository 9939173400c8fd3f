import { expect, test } from 'vitest';

import { rates, readReceived, readSent, selectedPair, sentRates, type Report } from './rates';

const report = (...entries: Record<string, unknown>[]): Report => new Map(entries.map((entry) => [entry['id'], entry]));

const outbound = (rid: string, more: Record<string, unknown> = {}) => ({
  id: `out-${rid}`,
  type: 'outbound-rtp',
  kind: 'video',
  rid,
  timestamp: 1000,
  bytesSent: 0,
  packetsSent: 0,
  ...more,
});

test('each encoding is read, best first, with what the server reports of it', () => {
  const sent = readSent(
    report(
      outbound('low', { frameWidth: 320, frameHeight: 180, qualityLimitationReason: 'none' }),
      outbound('hi', { frameWidth: 1280, frameHeight: 720, qualityLimitationReason: 'bandwidth', targetBitrate: 9e5, remoteId: 'in-hi' }),
      outbound('mid', { active: false }),
      { id: 'in-hi', type: 'remote-inbound-rtp', roundTripTime: 0.02, packetsLost: 3 },
      { id: 'audio', type: 'outbound-rtp', kind: 'audio' },
    ),
    'video',
  );
  expect(sent.map(({ rid }) => rid)).toEqual(['hi', 'mid', 'low']);
  expect(sent[0]).toMatchObject({ roundTripMs: 20, lost: 3, limitation: 'bandwidth', targetBps: 900_000, width: 1280 });
  expect(sent[1]).toMatchObject({ isActive: false, width: undefined });
});

test('a stream that is received knows its path and codec', () => {
  const received = readReceived(
    report(
      { id: 'in', type: 'inbound-rtp', kind: 'video', timestamp: 5, bytesReceived: 9, jitter: 0.004, codecId: 'codec', packetsLost: -1 },
      { id: 'codec', type: 'codec', mimeType: 'video/H264' },
      { id: 'transport', type: 'transport', selectedCandidatePairId: 'pair' },
      { id: 'pair', type: 'candidate-pair', currentRoundTripTime: 0.031 },
    ),
    'video',
  );
  expect(received).toMatchObject({ codec: 'video/H264', jitterMs: 4, roundTripMs: 31, lost: 0 });
  expect(readReceived(report(), 'video')).toBeUndefined();
});

test('the pair in use is found in each browser', () => {
  const ends = [
    { id: 'l', type: 'local-candidate', candidateType: 'host' },
    { id: 'r', type: 'remote-candidate', protocol: 'tcp' },
  ];
  const pair = { id: 'p', type: 'candidate-pair', localCandidateId: 'l', remoteCandidateId: 'r' };
  const other = { id: 'o', type: 'candidate-pair', nominated: true, state: 'failed' };
  for (const marks of [
    [{ ...pair }, { id: 't', type: 'transport', selectedCandidatePairId: 'p' }],
    [{ ...pair, selected: true }],
    [{ ...pair, nominated: true, state: 'succeeded' }],
  ]) {
    expect(selectedPair(report(other, ...ends, ...marks))?.remote['protocol']).toBe('tcp');
  }
  expect(selectedPair(report(other))).toBeUndefined();
});

const at = (ms: number, bytes: number, packets: number, lost: number, frames = 0) => ({
  at: ms,
  bytes,
  packets,
  lost,
  frames,
  width: undefined,
  height: undefined,
  roundTripMs: undefined,
});

test('rates are differences over the time between', () => {
  expect(rates(at(1000, 1000, 10, 0, 30), at(3000, 251_000, 100, 10, 90))).toEqual({ bitsPerSecond: 1e6, framesPerSecond: 30, loss: 0.1 });
});

test('without two looks at the same counters there is no rate', () => {
  expect(rates(undefined, at(1, 1, 1, 0))).toBeUndefined();
  expect(rates(at(1000, 5000, 10, 0), at(2000, 100, 1, 0))).toBeUndefined();
  expect(rates(at(1000, 0, 0, 0), at(1000, 0, 0, 0))).toBeUndefined();
});

test('packets that a report takes back are not lost', () => {
  expect(rates(at(0, 0, 0, 5), at(1000, 100, 10, 3))?.loss).toBe(0);
});

test('of what is sent, the lost ones are a part', () => {
  const sent = (ms: number, packets: number, lost: number) => ({ ...at(ms, packets * 100, packets, lost), rid: '', isActive: true, limitation: '', targetBps: undefined, encoder: '' });
  expect(sentRates(sent(0, 0, 0), sent(1000, 100, 25))?.loss).toBe(0.25);
  expect(sentRates(sent(0, 100, 0), sent(1000, 100, 25))?.loss).toBe(0);
});
