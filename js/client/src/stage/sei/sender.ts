/** Messages into the video that is published. */

import { canTransform, transformed } from './transform';
import { REPEATS_MAX } from './track';
import type { Sei } from './nal';

/** What web clients of IVS write in front of their messages. */
export const UUID = '9e504ea5-ee5a-4f02-949f-b033a3768da2';

const PAYLOAD_MAX_BYTES = 1024;
const RATE_MAX_BYTES = 10 * 1024;
const RATE_MS = 1000;

export class SeiSender {
  #port: MessagePort | undefined;
  #sent: { at: number; bytes: number }[] = [];

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Each connection has a sender of its own; the last one counts. */
  attach(sender: RTCRtpSender): void {
    this.#port = transformed(sender, 'send');
  }

  /** Throws for what breaks a limit. Whether a message arrives is not known. */
  send(payload: ArrayBuffer | ArrayBufferView, repeatCount: number): void {
    const bytes = ArrayBuffer.isView(payload) ? new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength) : new Uint8Array(payload);
    if (bytes.length === 0 || bytes.length >= PAYLOAD_MAX_BYTES) throw new Error(`payload is of 1 to ${PAYLOAD_MAX_BYTES - 1} bytes, not ${bytes.length}`);
    if (!Number.isInteger(repeatCount) || repeatCount < 0 || repeatCount > REPEATS_MAX) throw new Error(`repeatCount is 0 to ${REPEATS_MAX}`);
    if (!canTransform()) throw new Error('this browser lets nobody into encoded frames');
    const now = this.now();
    this.#sent = this.#sent.filter(({ at }) => now - at < RATE_MS);
    const before = this.#sent.reduce((sum, each) => sum + each.bytes, 0);
    if (before + bytes.length > RATE_MAX_BYTES) throw new Error(`no more than ${RATE_MAX_BYTES} bytes of messages in a second`);
    this.#sent.push({ at: now, bytes: bytes.length });
    const message: Sei = { uuid: uuidBytes(UUID), payload: bytes.slice() };
    this.#port?.postMessage({ message, repeatCount });
  }
}

export function uuidBytes(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll('-', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function uuidText(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
