/** The hooks, in a React that has no more than they need: state, references, effects, and stores from outside. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

interface Cell {
  value: unknown;
  inputs?: readonly unknown[] | undefined;
  undo?: (() => void) | undefined;
}

const host = vi.hoisted(() => ({
  cells: [] as Cell[],
  at: 0,
  after: [] as (() => void)[],
  isStale: false,
}));

vi.mock('react', () => {
  const cell = (first: () => unknown): Cell => {
    host.at += 1;
    return (host.cells[host.at - 1] ??= { value: first() });
  };
  const isSame = (one?: readonly unknown[], other?: readonly unknown[]) => one !== undefined && other !== undefined && one.every((each, index) => Object.is(each, other[index]));
  const useMemo = (make: () => unknown, inputs: readonly unknown[]) => {
    const it = cell(() => undefined);
    if (!isSame(it.inputs, inputs)) Object.assign(it, { value: make(), inputs });
    return it.value;
  };
  const useEffect = (effect: () => (() => void) | undefined, inputs: readonly unknown[]) => {
    const it = cell(() => undefined);
    if (isSame(it.inputs, inputs)) return;
    it.inputs = inputs;
    host.after.push(() => {
      it.undo?.();
      it.undo = effect() ?? undefined;
    });
  };
  const useState = (first?: unknown) => {
    const it = cell(() => first);
    const set = (value: unknown) => {
      if (!Object.is(it.value, value)) host.isStale = true;
      it.value = value;
    };
    return [it.value, set];
  };
  return {
    useMemo,
    useEffect,
    useState,
    useCallback: (call: unknown, inputs: readonly unknown[]) => useMemo(() => call, inputs),
    useRef: (first: unknown) => cell(() => ({ current: first })).value,
    useSyncExternalStore: (subscribe: (changed: () => void) => () => void, snapshot: () => unknown) => {
      const seen = snapshot();
      const check = () => void (host.isStale = true);
      useEffect(() => {
        const undo = subscribe(check);
        if (snapshot() !== seen) check();
        return undo;
      }, [subscribe]);
      return seen;
    },
  };
});

import { LocalStageStream, type Stage, StageErrorCode, StreamType, SubscribeType } from '../index';
import { FakeCore, person, quiet, settle, tokenOf, track } from '../stage/fakes';
import { useTransport } from '../stage/transport';
import { FakeElement, stubDocument } from '../extras/fakes';
import { useActiveSpeakers, useAttach, useConnectionQuality, useConnectionState, useMute, useParticipants, useStage, useStream } from './index';

/** Renders until nothing changes; gives what the component gave last. */
function render<T>(component: () => T): T {
  for (let count = 0; count < 20; count += 1) {
    host.isStale = false;
    host.at = 0;
    const result = component();
    for (const effect of host.after.splice(0)) effect();
    if (!host.isStale) return result;
  }
  throw new Error('renders without end');
}

function unmount(): void {
  for (const { undo } of host.cells.splice(0)) undo?.();
}

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
  stubDocument();
});

afterEach(() => {
  unmount();
  vi.unstubAllGlobals();
});

describe('a component', () => {
  it('joins a stage, leaves it for another token, and when it goes', async () => {
    let token: string | undefined = tokenOf();
    const component = () => useStage(token, quiet);
    expect(render(component).stage).toBeDefined();
    const [first] = core.sessions;
    expect(first?.options.token).toBe(token);
    token = tokenOf({ jti: 'ben' });
    const { stage } = render(component);
    expect(first?.isOver).toBe(true);
    expect(core.session.options.token).toBe(token);
    expect(render(component).stage).toBe(stage);
    unmount();
    expect(core.session.isOver).toBe(true);
    await settle();
  });

  it('is told why there is no stage', async () => {
    let token = 'none';
    const component = () => useStage(token, quiet);
    expect(render(component)).toMatchObject({ stage: undefined, error: { code: StageErrorCode.TOKEN_MALFORMED } });
    token = tokenOf();
    expect(render(component).error).toBeUndefined();
    await core.session.refuses('STAGE_DELETED');
    expect(render(component).error?.code).toBe(StageErrorCode.STAGE_DELETED);
  });

  it('asks another strategy when it has one', async () => {
    let strategy = quiet;
    const component = () => useStage(tokenOf(), strategy);
    render(component);
    await core.session.joins([person('ben')]);
    strategy = { ...quiet, shouldSubscribeToParticipant: () => SubscribeType.AUDIO_ONLY };
    render(component);
    expect(core.session.wants).toMatchObject([{ pid: 'ben', kinds: ['audio'] }]);
  });

  it('shows who is there, and how', async () => {
    const component = () => {
      const { stage } = useStage(tokenOf(), quiet);
      return {
        state: useConnectionState(stage),
        participants: useParticipants(stage),
        speakers: useActiveSpeakers(stage),
        quality: useConnectionQuality(stage),
      };
    };
    expect(render(component)).toEqual({ state: 'connecting', participants: [expect.objectContaining({ id: 'ana' })], speakers: [], quality: undefined });
    await core.session.joins([person('ben')]);
    const { participants } = render(component);
    expect(participants.map(({ id }) => id)).toEqual(['ana', 'ben']);
    expect(render(component).participants).toBe(participants);
    core.session.listener.people({ left: [], joined: [], updated: [person('ben', { audioMuted: true, userId: 'Ben' })] });
    core.session.listener.speakers([{ pid: 'ben', level: 9 }]);
    core.session.listener.quality({ estimateBps: 1, sentBps: 1, loss: 0, roundTripMs: 1 });
    await settle();
    const later = render(component);
    expect(later.participants[1]).toMatchObject({ id: 'ben', userId: 'Ben', audioMuted: true });
    expect(later).toMatchObject({ state: 'connected', speakers: [{ level: 9 }], quality: { roundTripMs: 1 } });
  });

  it('plays a stream, as long as it is the one', async () => {
    const element = new FakeElement();
    let ref: ((element: HTMLMediaElement | null) => void) | undefined;
    const component = () => {
      const { stage } = useStage(tokenOf(), quiet);
      const stream = useStream(stage, 'ben', StreamType.VIDEO);
      ref = useAttach(stream) as typeof ref;
      return { stream, mute: useMute(stage, stream) };
    };
    render(component);
    await core.session.joins([person('ben')]);
    expect(render(component).stream).toBeUndefined();
    ref?.(element.element);
    const [bound] = core.session.binds('ben', 'video');
    await settle();
    const { stream, mute } = render(component);
    expect(stream?.id).toBe(bound?.track.id);
    expect(element.srcObject?.getTracks()).toHaveLength(1);
    mute[1](true);
    await settle();
    expect(render(component).mute[0]).toBe(true);
    core.session.listener.people({ left: ['ben'], joined: [], updated: [] });
    await settle();
    expect(render(component).stream).toBeUndefined();
    expect(element.srcObject).toBeNull();
  });

  it('mutes what is not published yet', () => {
    const stream = new LocalStageStream(track('audio'));
    const component = () => useMute(undefined as Stage | undefined, stream);
    expect(render(component)[0]).toBe(false);
    stream.setMuted(true);
    expect(render(component)[0]).toBe(true);
  });
});
