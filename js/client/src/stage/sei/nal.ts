/** Messages in H.264: supplemental enhancement information, "user data unregistered" (ITU-T H.264, 7.3.2.3, D.1.7), in the byte stream format (annex B). */

export interface Sei {
  /** 16 bytes. */
  uuid: Uint8Array;
  payload: Uint8Array;
}

const NAL_SEI = 6;
const USER_DATA_UNREGISTERED = 5;
const UUID_BYTES = 16;
/** Ends what is in a message (7.3.2.11). */
const STOP = 0x80;

/** A NAL unit with its start code. */
export function seiNal({ uuid, payload }: Sei): Uint8Array<ArrayBuffer> {
  const size = uuid.length + payload.length;
  const sizes = [...new Array<number>(Math.floor(size / 255)).fill(255), size % 255];
  return Uint8Array.from([0, 0, 0, 1, NAL_SEI, ...escaped([USER_DATA_UNREGISTERED, ...sizes, ...uuid, ...payload, STOP])]);
}

/** The frame with units in front of its first slice; the frame itself where it has none. */
export function withUnits(frame: Uint8Array, units: readonly Uint8Array[]): Uint8Array {
  const slice = unitsOf(frame).find(({ type }) => type >= 1 && type <= 5);
  if (!slice || units.length === 0) return frame;
  const parts = [frame.subarray(0, slice.start), ...units, frame.subarray(slice.start)];
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The messages of a frame, which stand in front of its first slice. What is broken ends the reading of its unit. */
export function messagesOf(frame: Uint8Array): Sei[] {
  return unitsOf(frame).flatMap(({ type, body, end }) => (type === NAL_SEI ? read(unescaped(frame.subarray(body, end))) : []));
}

interface Unit {
  type: number;
  /** Of its start code. */
  start: number;
  /** After the byte of its type. */
  body: number;
  end: number;
}

/** The units up to the first slice, and that. */
function unitsOf(frame: Uint8Array): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at + 3 < frame.length; at += 1) {
    if (frame[at] !== 0 || frame[at + 1] !== 0 || frame[at + 2] !== 1) continue;
    const start = at > 0 && frame[at - 1] === 0 ? at - 1 : at;
    const last = units.at(-1);
    if (last) last.end = start;
    const type = (frame[at + 3] as number) & 0x1f;
    units.push({ type, start, body: at + 4, end: frame.length });
    if (type >= 1 && type <= 5) break;
    at += 3;
  }
  return units;
}

function read(bytes: Uint8Array): Sei[] {
  const messages: Sei[] = [];
  let at = 0;
  const varying = (): number => {
    let sum = 0;
    while (bytes[at] === 255) {
      sum += 255;
      at += 1;
    }
    sum += bytes[at] ?? 0;
    at += 1;
    return sum;
  };
  // The last byte is the stop.
  while (at + 2 < bytes.length) {
    const type = varying();
    const size = varying();
    if (at + size > bytes.length) break;
    if (type === USER_DATA_UNREGISTERED && size >= UUID_BYTES) {
      messages.push({ uuid: bytes.slice(at, at + UUID_BYTES), payload: bytes.slice(at + UUID_BYTES, at + size) });
    }
    at += size;
  }
  return messages;
}

/** No start code may appear within a unit: a 3 breaks what looks like one (7.4.1). */
function escaped(bytes: readonly number[]): number[] {
  const safe: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros === 2 && byte <= 3) {
      safe.push(3);
      zeros = 0;
    }
    safe.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return safe;
}

function unescaped(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, index) => !(byte === 3 && bytes[index - 1] === 0 && bytes[index - 2] === 0 && index >= 2));
}
