import { afterEach, describe, expect, it, vi } from 'vitest';

import { messagesOf, type Sei, seiNal, withUnits } from './nal';
import { SeiSender, UUID, uuidBytes, uuidText } from './sender';
import { Extractor, Inserter } from './track';

const uuid = uuidBytes(UUID);
const message = (...payload: number[]): Sei => ({ uuid, payload: Uint8Array.from(payload) });
const start = [0, 0, 0, 1];
const AUD = [...start, 9, 0xf0];
const SPS = [0, 0, 1, 0x67, 1, 2];
const PPS = [0, 0, 1, 0x68, 3];
const IDR = [...start, 0x65, 9, 9, 0, 0, 1, 0x65, 8];
const KEY = Uint8Array.from([...AUD, ...SPS, ...PPS, ...IDR]);
const DELTA = Uint8Array.from([0, 0, 1, 0x41, 7, 7]);

describe('a message in a frame', () => {
  it('is user data with the identifier in front', () => {
    expect([...seiNal(message(1, 2))]).toEqual([0, 0, 0, 1, 6, 5, 18, ...uuid, 1, 2, 0x80]);
  });

  it('stands in front of the first slice, after the parameters', () => {
    const unit = seiNal(message(1));
    expect([...withUnits(KEY, [unit])]).toEqual([...AUD, ...SPS, ...PPS, ...unit, ...IDR]);
    expect([...withUnits(DELTA, [unit])]).toEqual([...unit, ...DELTA]);
  });

  it('is in no frame without a slice', () => {
    const parameters = Uint8Array.from([...SPS, ...PPS]);
    expect(withUnits(parameters, [seiNal(message(1))])).toBe(parameters);
    expect(withUnits(new Uint8Array(), [seiNal(message(1))])).toHaveLength(0);
  });

  it('comes back as it went, whatever its bytes are', () => {
    const payloads = [[0], [0, 0, 0], [0, 0, 1], [0, 0, 3], [0, 0, 0, 0, 0, 3, 3, 0, 0, 2, 0, 0], [255, 128], new Array<number>(1023).fill(0), Array.from({ length: 600 }, (_, index) => index % 5)];
    for (const payload of payloads) {
      const frame = withUnits(KEY, [seiNal(message(...payload))]);
      expect(messagesOf(frame)).toEqual([message(...payload)]);
    }
  });

  it('holds no start code within', () => {
    for (const bytes of [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 0, 0, 1]]) {
      const body = [...seiNal(message(...bytes))].slice(4).join();
      expect(body).not.toMatch(/(^|,)0,0,[012](,|$)/);
    }
  });

  it('may be one of many, and of several in one unit', () => {
    const both = withUnits(DELTA, [seiNal(message(1)), seiNal(message(2))]);
    expect(messagesOf(both)).toEqual([message(1), message(2)]);
    const other = [1, 2, 9, 9];
    const unit = [...start, 6, ...other, 5, 17, ...uuid, 4, 5, 17, ...uuid, 5, 0x80];
    expect(messagesOf(Uint8Array.from([...unit, ...DELTA]))).toEqual([message(4), message(5)]);
  });

  it('that is cut short is none', () => {
    for (const broken of [[...start, 6], [...start, 6, 5], [...start, 6, 5, 255, 255], [...start, 6, 5, 40, 1, 2, 0x80], [0, 0, 1]]) {
      expect(messagesOf(Uint8Array.from(broken))).toEqual([]);
    }
    expect(messagesOf(DELTA)).toEqual([]);
  });
});

describe('messages on their way', () => {
  it('are in one frame of each layer', () => {
    const inserter = new Inserter();
    for (const layer of [1, 2]) inserter.frame(layer, DELTA, 0);
    inserter.add(message(1), 0, 0);
    for (const layer of [1, 2]) {
      expect(messagesOf(inserter.frame(layer, DELTA, 0))).toHaveLength(1);
      expect(inserter.frame(layer, DELTA, 0)).toBe(DELTA);
    }
  });

  it('wait for the first frame, and not for long', () => {
    const inserter = new Inserter();
    inserter.add(message(1), 0, 0);
    expect(messagesOf(inserter.frame(1, DELTA, 1000))).toHaveLength(1);
    expect(inserter.frame(2, DELTA, 3000)).toBe(DELTA);
  });

  it('are repeated, and told once', () => {
    const inserter = new Inserter();
    const extractor = new Extractor();
    inserter.add(message(1), 30, 0);
    const told = Array.from({ length: 40 }, () => extractor.frame(inserter.frame(1, DELTA, 0)).length);
    expect(told.reduce((sum, count) => sum + count)).toBe(1);
  });

  it('are told again when they are sent again', () => {
    const extractor = new Extractor();
    const frame = withUnits(DELTA, [seiNal(message(1))]);
    expect(extractor.frame(frame)).toHaveLength(1);
    expect(extractor.frame(frame)).toHaveLength(0);
    for (let count = 0; count < 31; count += 1) extractor.frame(DELTA);
    expect(extractor.frame(frame)).toHaveLength(1);
  });
});

describe('limits', () => {
  afterEach(() => vi.unstubAllGlobals());

  const sender = (now = () => 0) => {
    const sent: unknown[] = [];
    vi.stubGlobal('RTCRtpScriptTransform', class {});
    return { sender: new SeiSender(now), sent };
  };

  it.each([[0, 0], [1024, 0], [1, -1], [1, 31], [1, 1.5]])('payload of %i bytes, repeated %d times', (bytes, repeats) => {
    expect(() => sender().sender.send(new ArrayBuffer(bytes), repeats)).toThrow();
  });

  it('of bytes in a second', () => {
    let now = 0;
    const { sender: it } = sender(() => now);
    for (let count = 0; count < 10; count += 1) it.send(new ArrayBuffer(1000), 0);
    expect(() => it.send(new ArrayBuffer(1000), 0)).toThrow(/in a second/);
    now = 1000;
    it.send(new ArrayBuffer(1000), 0);
  });

  it('of browsers', () => {
    expect(() => new SeiSender(() => 0).send(new ArrayBuffer(1), 0)).toThrow(/browser/);
  });
});

it('identifiers are written as usual', () => {
  expect(uuidText(uuidBytes(UUID))).toBe(UUID);
});
