// One way to the server's media, tried: a session on a stage with a receiving connection, and how long each part of the way took.

import { candidatesOf, onlyBy, readCandidate, type Candidate } from './candidates';
import { selectedPair } from './rates';
import type { Token } from './token';

/** `relay`: by the TURN servers that the server tells of. */
export type Way = 'udp' | 'tcp' | 'relay';

/** In order. */
export const STEPS = ['socket', 'answer', 'ice', 'dtls'] as const;
export type Step = (typeof STEPS)[number];

export interface Fault {
  readonly at: Step;
  /** What the server or the browser said; may be empty. */
  readonly message: string;
  /** The error's code in the words of stage.v1; empty where there is none. */
  readonly code: string;
}

export interface Probe {
  readonly way: Way;
  /** Milliseconds of the steps that were done. */
  readonly took: Readonly<Partial<Record<Step, number>>>;
  /** What the server offers by this way. */
  readonly offered: readonly Candidate[];
  /** What this browser found of its own. */
  readonly gathered: readonly Candidate[];
  readonly pair?: { readonly local: string; readonly remote: string; readonly roundTripMs: number | undefined };
  readonly fault?: Fault;
  /** Servers that were told of: the first probe learns them for the relay's. */
  readonly ice: readonly RTCIceServer[];
}

/** What the steps may take. Browsers give up a path after 15 s or more; a path that takes so long is of no use. */
const SOCKET_MS = 8000;
const ANSWER_MS = 8000;
const PATH_MS = 8000;

class Failed extends Error {
  constructor(
    readonly at: Step,
    message: string,
    readonly code = '',
  ) {
    super(message);
  }
}

/** Leaves nothing behind but a participant that has joined and left. */
export async function probe(token: Token, way: Way, ice: readonly RTCIceServer[], onStep: (step: Step) => void): Promise<Probe> {
  const took: Partial<Record<Step, number>> = {};
  const gathered: Candidate[] = [];
  let offered: Candidate[] = [];
  let told: RTCIceServer[] = [];
  let pair: Probe['pair'];
  let fault: Fault | undefined;
  let socket: WebSocket | undefined;
  const connection = new RTCPeerConnection(way === 'relay' ? { iceServers: [...ice], iceTransportPolicy: 'relay' } : {});
  const step = async <Value>(name: Step, limit: number, work: Promise<Value>): Promise<Value> => {
    onStep(name);
    const began = performance.now();
    const value = await within(limit, work, name);
    took[name] = performance.now() - began;
    return value;
  };
  try {
    connection.addEventListener('icecandidate', ({ candidate }) => {
      const read = candidate === null ? undefined : readCandidate(candidate.candidate);
      if (read !== undefined) gathered.push(read);
    });
    for (const kind of ['audio', 'video']) connection.addTransceiver(kind, { direction: 'recvonly' });
    await connection.setLocalDescription();
    socket = new WebSocket(`${token.eventsUrl}/${encodeURIComponent(token.topic)}`, ['stage.v1', token.text]);
    await step('socket', SOCKET_MS, opened(socket));
    const joined = await step('answer', ANSWER_MS, answered(socket, connection.localDescription?.sdp ?? ''));
    told = joined.ice;
    const all = candidatesOf(joined.answer);
    offered = way === 'relay' ? all : all.filter(({ protocol }) => protocol === way);
    if (offered.length === 0) throw new Failed('ice', '', 'NONE_OFFERED');
    await connection.setRemoteDescription({ type: 'answer', sdp: way === 'relay' ? joined.answer : onlyBy(way, joined.answer) });
    await step('ice', PATH_MS, reached(connection));
    await step('dtls', PATH_MS, secured(connection));
    pair = await pairOf(connection);
  } catch (error) {
    fault = error instanceof Failed ? { at: error.at, message: error.message, code: error.code } : { at: nextStep(took), message: String(error), code: '' };
  } finally {
    if (socket?.readyState === WebSocket.OPEN) socket.send('{"type":"leave"}');
    socket?.close(1000);
    connection.close();
  }
  return { way, took, offered, gathered, ice: told, ...(pair !== undefined && { pair }), ...(fault !== undefined && { fault }) };
}

function nextStep(took: Probe['took']): Step {
  return STEPS.find((step) => took[step] === undefined) ?? 'dtls';
}

function within<Value>(limit: number, work: Promise<Value>, at: Step): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Failed(at, '', 'TIMEOUT')), limit);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('close', ({ reason }) => reject(new Failed('socket', reason)));
  });
}

interface Joined {
  readonly answer: string;
  readonly ice: RTCIceServer[];
}

function answered(socket: WebSocket, offer: string): Promise<Joined> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      const frame = JSON.parse(String(data)) as { type?: string; answer?: string; ice?: RTCIceServer[]; code?: string; message?: string };
      if (frame.type === 'joined' && frame.answer !== undefined) resolve({ answer: frame.answer, ice: frame.ice ?? [] });
      if (frame.type === 'error') reject(new Failed('answer', frame.message ?? '', frame.code ?? ''));
    });
    socket.addEventListener('close', ({ reason }) => reject(new Failed('answer', reason)));
    // Nobody is wanted: the path is tried, not the picture.
    socket.send(JSON.stringify({ type: 'join', offer, want: { default: 'none' } }));
  });
}

function reached(connection: RTCPeerConnection): Promise<void> {
  return until(connection, 'iceconnectionstatechange', () => {
    const { iceConnectionState: state } = connection;
    if (state === 'failed' || state === 'closed') throw new Failed('ice', '', 'FAILED');
    return state === 'connected' || state === 'completed';
  });
}

function secured(connection: RTCPeerConnection): Promise<void> {
  return until(connection, 'connectionstatechange', () => {
    const { connectionState: state } = connection;
    if (state === 'failed' || state === 'closed') throw new Failed('dtls', '', 'FAILED');
    return state === 'connected';
  });
}

function until(connection: RTCPeerConnection, event: string, isSo: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      try {
        if (isSo()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    connection.addEventListener(event, look);
    look();
  });
}

async function pairOf(connection: RTCPeerConnection): Promise<Probe['pair']> {
  const found = selectedPair(await connection.getStats());
  if (found === undefined) return undefined;
  const end = (entry: Readonly<Record<string, unknown>>) => {
    const address = String(entry['address'] ?? entry['ip'] ?? '');
    const where = `${address === '' ? 'hidden address' : address.includes(':') ? `[${address}]` : address}:${String(entry['port'] ?? '?')}`;
    return `${where} (${String(entry['candidateType'] ?? 'unknown')}, ${String(entry['protocol'] ?? '?')})`;
  };
  return { local: end(found.local), remote: end(found.remote), roundTripMs: found.roundTripMs };
}
