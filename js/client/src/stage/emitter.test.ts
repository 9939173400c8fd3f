import { describe, expect, it, vi } from 'vitest';

import { Emitter } from './emitter';

describe('an emitter', () => {
  it('calls who listens, in order, with the context', () => {
    const emitter = new Emitter();
    const heard: unknown[] = [];
    emitter.on('it', function (this: unknown, value: unknown) {
      heard.push([this, value]);
    }, 'context');
    emitter.on('it', (value: unknown) => heard.push(value));
    emitter.emit('it', 1);
    expect(heard).toEqual([['context', 1], 1]);
  });

  it('forgets one listener, one context, or all', () => {
    const emitter = new Emitter();
    const [one, other] = [vi.fn(), vi.fn()];
    emitter.on('it', one, 1);
    emitter.on('it', one, 2);
    emitter.on('it', other);
    emitter.off('it', one, 1);
    emitter.emit('it');
    expect(one).toHaveBeenCalledOnce();
    emitter.off('it', one);
    emitter.off('it', other);
    expect(emitter.hasListenersFor('it')).toBe(false);
    emitter.on('it', one);
    emitter.on('that', one);
    emitter.removeAllListeners('it');
    expect([emitter.hasListenersFor('it'), emitter.hasListenersFor('that')]).toEqual([false, true]);
    emitter.removeAllListeners();
    expect(emitter.hasListenersFor('that')).toBe(false);
  });

  it('calls all who listened when it began', () => {
    const emitter = new Emitter();
    const late = vi.fn();
    const last = vi.fn();
    emitter.on('it', () => {
      emitter.removeAllListeners();
      emitter.on('it', late);
    });
    emitter.on('it', last);
    emitter.emit('it');
    expect(last).toHaveBeenCalledOnce();
    expect(late).not.toHaveBeenCalled();
  });
});
