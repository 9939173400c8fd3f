import { describe, expect, it } from 'vitest';

import { NetworkQuality, StreamType } from './enums';
import { localQuality, Losses, qualityOf, remoteQuality } from './stats';

const report = (...entries: ({ id: string } & Record<string, unknown>)[]) => new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;

describe('statistics of quality', () => {
  it('are of each layer that is sent, with what the other side has heard', () => {
    const sent = { type: 'outbound-rtp', kind: 'video', codecId: 'C', framesPerSecond: 30 };
    const stats = localQuality(
      report(
        { ...sent, id: 'low', rid: 'low', packetsSent: 100, remoteId: 'r1', active: true },
        { ...sent, id: 'hi', rid: 'hi', packetsSent: 100, active: false },
        { id: 'r1', type: 'remote-inbound-rtp', kind: 'video', packetsLost: 3, roundTripTime: 0.05 },
        { id: 'r2', type: 'remote-inbound-rtp', kind: 'video', localId: 'hi', packetsLost: 0, roundTripTime: 0.06 },
        { id: 'C', type: 'codec', mimeType: 'video/H264' },
        { ...sent, id: 'a', kind: 'audio', packetsSent: 7 },
      ),
      StreamType.VIDEO,
      new Losses(),
    );
    expect(stats).toEqual([
      { rid: 'low', active: true, packetsSent: 100, packetsLost: 3, roundTripTime: 0.05, framesPerSecond: 30, mimeType: 'video/H264', networkQuality: NetworkQuality.NORMAL },
      { rid: 'hi', active: false, packetsSent: 100, packetsLost: 0, roundTripTime: 0.06, framesPerSecond: 30, mimeType: 'video/H264', networkQuality: NetworkQuality.EXCELLENT },
    ]);
  });

  it('are of one audio stream', () => {
    expect(localQuality(report({ id: 'a', type: 'outbound-rtp', kind: 'audio', packetsSent: 7 }), StreamType.AUDIO, new Losses())).toMatchObject({ packetsSent: 7 });
  });

  it('are none where nothing flows', () => {
    expect(localQuality(report(), StreamType.VIDEO, new Losses())).toBeUndefined();
    expect(localQuality(report(), StreamType.AUDIO, new Losses())).toBeUndefined();
    expect(remoteQuality(report(), StreamType.VIDEO, new Losses())).toBeUndefined();
  });

  it('rate what was lost since the last time', () => {
    const losses = new Losses();
    const received = (packetsReceived: number, packetsLost: number) =>
      remoteQuality(report({ id: 'i', type: 'inbound-rtp', kind: 'audio', packetsReceived, packetsLost, jitter: 0.01 }), StreamType.AUDIO, losses);
    expect(received(900, 100)).toMatchObject({ jitter: 0.01, networkQuality: NetworkQuality.POOR });
    expect(received(1900, 100)?.networkQuality).toBe(NetworkQuality.EXCELLENT);
    expect(received(10, 0)?.networkQuality).toBe(NetworkQuality.EXCELLENT);
    expect(received(10, 90)?.networkQuality).toBe(NetworkQuality.DOWN);
  });

  it.each([[0, 4], [0.005, 3], [0.02, 2], [0.1, 1], [0.5, 0]])('rate a loss of %d with %i', (loss, quality) => {
    expect(qualityOf(loss)).toBe(quality);
  });
});
