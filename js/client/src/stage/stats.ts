/** Statistics of quality: a part of what browsers tell, with a rating. */

import { NetworkQuality, StreamType } from './enums';

const REMOTE = ['bytesReceived', 'headerBytesReceived', 'packetsReceived', 'packetsLost', 'packetsDiscarded', 'nackCount', 'jitter', 'mimeType'] as const;
const BUFFER = ['jitterBufferDelay', 'jitterBufferEmittedCount', 'jitterBufferMinimumDelay', 'jitterBufferTargetDelay'] as const;
const REMOTE_AUDIO = ['audioLevel', 'concealedSamples', 'concealmentEvents', 'totalSamplesReceived', 'fecPacketsReceived'] as const;
const REMOTE_VIDEO = ['firCount', 'pliCount', 'frameWidth', 'frameHeight', 'framesDecoded', 'framesDropped', 'framesReceived', 'framesPerSecond', 'freezeCount', 'pauseCount', 'keyFramesDecoded'] as const;
const LOCAL = ['active', 'bytesSent', 'headerBytesSent', 'packetsSent', 'packetsLost', 'retransmittedBytesSent', 'retransmittedPacketsSent', 'nackCount', 'targetBitrate', 'roundTripTime', 'jitter', 'mimeType'] as const;
const LOCAL_VIDEO = ['rid', 'framesEncoded', 'framesSent', 'framesPerSecond', 'frameWidth', 'frameHeight', 'keyFramesEncoded', 'hugeFramesSent', 'qualityLimitationReason', 'qualityLimitationDurations', 'pliCount', 'firCount', 'encoderImplementation'] as const;

interface Special {
  active?: boolean;
  mimeType?: string;
  rid?: string;
  qualityLimitationReason?: string;
  qualityLimitationDurations?: Record<string, number>;
  encoderImplementation?: string;
}

/** What a browser does not tell is missing. */
type Stats<Name extends string> = { [Each in Name]?: Each extends keyof Special ? NonNullable<Special[Each]> : number } & { networkQuality: NetworkQuality };

export type RemoteAudioStats = Stats<(typeof REMOTE)[number] | (typeof BUFFER)[number] | (typeof REMOTE_AUDIO)[number]>;
export type RemoteVideoStats = Stats<(typeof REMOTE)[number] | (typeof BUFFER)[number] | (typeof REMOTE_VIDEO)[number]>;
export type LocalAudioStats = Stats<(typeof LOCAL)[number]>;
export type LocalVideoStats = Stats<(typeof LOCAL)[number] | (typeof LOCAL_VIDEO)[number]>;

type Entry = Record<string, unknown> & { id: string; type: string };

/** The share of packets that were lost since the last time, by what was counted. */
export class Losses {
  #before = new Map<string, { lost: number; all: number }>();

  rate(of: string, lost: number, all: number): NetworkQuality {
    const before = this.#before.get(of);
    this.#before.set(of, { lost, all });
    // Counters begin anew with each connection.
    const since = before && all >= before.all ? { lost: lost - before.lost, all: all - before.all } : { lost, all };
    return qualityOf(since.all > 0 ? since.lost / since.all : 0);
  }
}

/** The rating of a share of lost packets, 0 to 1. */
export function qualityOf(loss: number): NetworkQuality {
  if (loss < 0.002) return NetworkQuality.EXCELLENT;
  if (loss < 0.01) return NetworkQuality.GOOD;
  if (loss < 0.04) return NetworkQuality.NORMAL;
  return loss < 0.15 ? NetworkQuality.POOR : NetworkQuality.DOWN;
}

export function remoteQuality(report: RTCStatsReport, kind: StreamType, losses: Losses): RemoteAudioStats | RemoteVideoStats | undefined {
  const [entry] = entries(report, 'inbound-rtp', kind);
  if (!entry) return undefined;
  const lost = Math.max(0, number(entry['packetsLost']));
  const names = [...REMOTE, ...BUFFER, ...(kind === StreamType.VIDEO ? REMOTE_VIDEO : REMOTE_AUDIO)];
  return { ...picked(withCodec(report, entry), names), networkQuality: losses.rate('', lost, lost + number(entry['packetsReceived'])) };
}

export function localQuality(report: RTCStatsReport, kind: StreamType, losses: Losses): LocalAudioStats | LocalVideoStats[] | undefined {
  const names = kind === StreamType.VIDEO ? [...LOCAL, ...LOCAL_VIDEO] : LOCAL;
  const heard = entries(report, 'remote-inbound-rtp', kind);
  const all = entries(report, 'outbound-rtp', kind).map((entry) => {
    const told = heard.find(({ id, localId }) => id === entry['remoteId'] || localId === entry.id) ?? ({} as Partial<Entry>);
    const { packetsLost, roundTripTime, jitter } = told as Record<string, unknown>;
    const rated = losses.rate(String(entry['rid'] ?? ''), Math.max(0, number(packetsLost)), number(entry['packetsSent']));
    return { ...picked(withCodec(report, { ...entry, packetsLost, roundTripTime, jitter }), names), networkQuality: rated };
  });
  return kind === StreamType.VIDEO ? (all.length > 0 ? all : undefined) : all[0];
}

function entries(report: RTCStatsReport, type: string, kind: StreamType): Entry[] {
  const found: Entry[] = [];
  report.forEach((entry: Entry) => {
    if (entry.type === type && entry['kind'] === kind) found.push(entry);
  });
  return found;
}

function withCodec(report: RTCStatsReport, entry: Entry): Entry {
  const codec = (report as unknown as Map<string, Entry>).get(String(entry['codecId']));
  return { ...entry, mimeType: codec?.['mimeType'] };
}

function picked(entry: Entry, names: readonly string[]): Record<string, never> {
  return Object.fromEntries(names.filter((name) => entry[name] !== undefined).map((name) => [name, entry[name] as never]));
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
