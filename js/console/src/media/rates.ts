// What a connection carries, from the counters that browsers keep: the difference between two looks at them.

/** One encoding that is sent, or one stream that is received. */
export interface Counters {
  /** Milliseconds; of the browser's statistics, so that only differences mean something. */
  readonly at: number;
  readonly bytes: number;
  readonly packets: number;
  /** Packets that have not arrived; on the way out, as the server reports it. */
  readonly lost: number;
  readonly frames: number;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Of the path, as far as it is known. */
  readonly roundTripMs: number | undefined;
}

export interface Sent extends Counters {
  /** Empty without simulcast. */
  readonly rid: string;
  readonly isActive: boolean;
  /** `none`, `cpu`, `bandwidth`, `other`; empty where the browser does not say. */
  readonly limitation: string;
  readonly targetBps: number | undefined;
  readonly encoder: string;
}

export interface Received extends Counters {
  readonly freezes: number;
  readonly jitterMs: number | undefined;
  readonly codec: string;
}

export interface Rates {
  readonly bitsPerSecond: number;
  readonly framesPerSecond: number;
  /** 0 to 1. */
  readonly loss: number;
}

type Entry = Readonly<Record<string, unknown>>;
/** The part of `RTCStatsReport` that is used; a `Map` in tests. */
export interface Report {
  forEach(look: (entry: Entry) => void): void;
}

/** The encodings of a kind, best first. */
export function readSent(report: Report, kind: 'audio' | 'video'): Sent[] {
  const all = entries(report);
  const heard = all.filter((entry) => entry['type'] === 'remote-inbound-rtp');
  const sent = all
    .filter((entry) => entry['type'] === 'outbound-rtp' && entry['kind'] === kind)
    .map((entry): Sent => {
      const answer = heard.find((each) => each['id'] === entry['remoteId'] || each['localId'] === entry['id']);
      const roundTrip = optional(answer?.['roundTripTime']);
      return {
        at: number(entry['timestamp']),
        bytes: number(entry['bytesSent']),
        packets: number(entry['packetsSent']),
        lost: Math.max(0, number(answer?.['packetsLost'])),
        frames: number(entry['framesSent'] ?? entry['framesEncoded']),
        width: optional(entry['frameWidth']),
        height: optional(entry['frameHeight']),
        roundTripMs: roundTrip === undefined ? pathRoundTripMs(all) : roundTrip * 1000,
        rid: text(entry['rid']),
        isActive: entry['active'] !== false,
        limitation: text(entry['qualityLimitationReason']),
        targetBps: optional(entry['targetBitrate']),
        encoder: text(entry['encoderImplementation']),
      };
    });
  return sent.sort((one, other) => rank(other) - rank(one));
}

const RIDS = ['low', 'mid', 'hi'];

/** A layer keeps its place while it is not sent and has no size. */
function rank({ rid, width = 0, height = 0 }: Sent): number {
  const known = RIDS.indexOf(rid);
  return known >= 0 ? known * 1e9 : width * height;
}

export function readReceived(report: Report, kind: 'audio' | 'video'): Received | undefined {
  const all = entries(report);
  const entry = all.find((each) => each['type'] === 'inbound-rtp' && each['kind'] === kind);
  if (entry === undefined) return undefined;
  const codec = all.find((each) => each['id'] === entry['codecId']);
  const jitter = optional(entry['jitter']);
  return {
    at: number(entry['timestamp']),
    bytes: number(entry['bytesReceived']),
    packets: number(entry['packetsReceived']),
    lost: Math.max(0, number(entry['packetsLost'])),
    frames: number(entry['framesDecoded']),
    width: optional(entry['frameWidth']),
    height: optional(entry['frameHeight']),
    roundTripMs: pathRoundTripMs(all),
    freezes: number(entry['freezeCount']),
    jitterMs: jitter === undefined ? undefined : jitter * 1000,
    codec: text(codec?.['mimeType']),
  };
}

/** The two ends in use. Firefox marks the pair; others name it in the transport. */
export function selectedPair(report: Report): { readonly local: Entry; readonly remote: Entry; readonly roundTripMs: number | undefined } | undefined {
  const all = entries(report);
  const pair = pairOf(all);
  if (pair === undefined) return undefined;
  const end = (name: string) => all.find((each) => each['id'] === pair[name]) ?? {};
  const roundTrip = optional(pair['currentRoundTripTime']);
  return { local: end('localCandidateId'), remote: end('remoteCandidateId'), roundTripMs: roundTrip === undefined ? undefined : roundTrip * 1000 };
}

function pathRoundTripMs(all: readonly Entry[]): number | undefined {
  const roundTrip = optional(pairOf(all)?.['currentRoundTripTime']);
  return roundTrip === undefined ? undefined : roundTrip * 1000;
}

function pairOf(all: readonly Entry[]): Entry | undefined {
  const pairs = all.filter((each) => each['type'] === 'candidate-pair');
  const named = all.find((each) => each['type'] === 'transport' && each['selectedCandidatePairId'] !== undefined);
  return (
    pairs.find((each) => each['id'] === named?.['selectedCandidatePairId']) ??
    pairs.find((each) => each['selected'] === true) ??
    pairs.find((each) => each['nominated'] === true && each['state'] === 'succeeded')
  );
}

/** Nothing without two looks at the same counters: they begin anew with each connection. */
export function rates(before: Counters | undefined, now: Counters): Rates | undefined {
  if (before === undefined || now.at <= before.at || now.bytes < before.bytes || now.packets < before.packets) return undefined;
  const seconds = (now.at - before.at) / 1000;
  const lost = Math.max(0, now.lost - before.lost);
  const expected = now.packets - before.packets + lost;
  return {
    bitsPerSecond: ((now.bytes - before.bytes) * 8) / seconds,
    framesPerSecond: Math.max(0, now.frames - before.frames) / seconds,
    loss: expected === 0 ? 0 : lost / expected,
  };
}

/** On the way out, the lost ones are among the sent ones. */
export function sentRates(before: Sent | undefined, now: Sent): Rates | undefined {
  const found = rates(before, now);
  if (found === undefined || before === undefined) return undefined;
  const packets = now.packets - before.packets;
  const lost = Math.max(0, now.lost - before.lost);
  return { ...found, loss: packets === 0 ? 0 : Math.min(1, lost / packets) };
}

function entries(report: Report): Entry[] {
  const all: Entry[] = [];
  report.forEach((entry) => all.push(entry));
  return all;
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function optional(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
