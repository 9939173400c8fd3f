import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { FakeCore, quiet, tokenOf } from '../stage/fakes';
import { Stage } from '../stage';
import { useTransport } from '../stage/transport';
import { viewOf } from '../stage/view';
import { keepToken } from './token-source';

const NOW = 1_800_000_000;

beforeEach(() => {
  useTransport(new FakeCore());
  vi.useFakeTimers({ now: NOW * 1000 });
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a source of tokens', () => {
  it('is asked a minute before a token ends, again and again', async () => {
    const stage = new Stage(tokenOf({ exp: NOW + 600 }), quiet);
    let end = NOW + 600;
    const source = vi.fn(async () => tokenOf({ exp: (end += 600) }));
    const stop = keepToken(stage, source);
    await vi.advanceTimersByTimeAsync(539_000);
    expect(source).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1000);
    expect(source).toHaveBeenCalledOnce();
    expect(viewOf(stage).token.expires).toBe((NOW + 1200) * 1000);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(source).toHaveBeenCalledTimes(2);
    stop();
    await vi.advanceTimersByTimeAsync(6_000_000);
    expect(source).toHaveBeenCalledTimes(2);
  });

  it('is asked again after a while where it has none, or an old one', async () => {
    const stage = new Stage(tokenOf({ exp: NOW + 60 }), quiet);
    const source = vi.fn().mockRejectedValueOnce(new Error('down')).mockResolvedValueOnce(tokenOf({ exp: NOW + 60 })).mockResolvedValue(tokenOf({ exp: NOW + 900 }));
    keepToken(stage, source);
    await vi.advanceTimersByTimeAsync(0);
    expect(source).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(source).toHaveBeenCalledTimes(3);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(source).toHaveBeenCalledTimes(3);
  });

  it('is not asked for a token that ends in a year', async () => {
    const stage = new Stage(tokenOf({ exp: NOW + 365 * 86_400 }), quiet);
    const source = vi.fn();
    const stop = keepToken(stage, source);
    await vi.advanceTimersByTimeAsync(30 * 86_400_000);
    expect(source).not.toHaveBeenCalled();
    stop();
  });

  it('is of no use to a token that cannot be exchanged', () => {
    expect(() => keepToken(new Stage(tokenOf({}, {}), quiet), vi.fn())).toThrow(/imported key/);
  });
});
