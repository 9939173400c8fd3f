/** Whatever an application calls and whatever the transport tells, in any order: nothing throws, and in the end everything is released. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { Kind, LeftReason } from '../core/contract';
import { StageEvents, SubscribeType } from './enums';
import { FakeCore, type FakePublication, type FakeSession, person, settle, tokenOf, track } from './fakes';
import type { RemoteStageStream } from './remote-stream';
import { Stage } from './stage';
import { LocalStageStream } from './streams';
import { useTransport } from './transport';
import { viewOf } from './view';

const STEPS = 120;
const PEOPLE = ['ben', 'cat', 'eve'];

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
  for (const method of ['warn', 'info', 'error'] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
});

afterEach(() => vi.restoreAllMocks());

/** Numbers that are the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

it.each(Array.from({ length: 60 }, (_, seed) => seed))('weather %i', async (seed) => {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const chance = () => next() < 0.5;

  const microphones = [track('audio'), track('audio')];
  const cameras = [track('video'), track('video', { width: 320, height: 180 })];
  const strategy = {
    stageStreamsToPublish: () => [
      chance() ? new LocalStageStream(one(microphones)) : undefined,
      chance() ? new LocalStageStream(one(cameras), { simulcast: { enabled: chance() }, ...(chance() && { maxFramerate: 15 }) }) : undefined,
    ],
    shouldPublishParticipant: chance,
    shouldSubscribeToParticipant: () => one(Object.values(SubscribeType)),
    subscribeConfiguration: () => ({ jitterBuffer: { minDelay: below(500) } }),
    preferredLayerForStream: () => one([null, 'hi', undefined]),
  };
  const stage = new Stage(tokenOf(), strategy);
  const present = new Map<string, Set<string>>();
  const gone: RemoteStageStream[] = [];
  stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, ({ id }) => {
    expect(present.has(id)).toBe(false);
    present.set(id, new Set());
  });
  stage.on(StageEvents.STAGE_PARTICIPANT_LEFT, ({ id }) => {
    expect([...(present.get(id) ?? ['missing'])]).toEqual([]);
    present.delete(id);
  });
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, ({ id }, streams) => {
    for (const stream of streams) present.get(id)?.add(stream.id);
  });
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, ({ id, isLocal }, streams) => {
    for (const stream of streams) expect(present.get(id)?.delete(stream.id)).toBe(true);
    if (!isLocal) gone.push(...(streams as RemoteStageStream[]));
  });

  // What a transport may tell, by what it has told.
  const roster = new Map<FakeSession, Set<string>>();
  const bound = new Map<string, { pid: string; kind: Kind; track: MediaStreamTrack }>();
  const live = () => (core.sessions.at(-1)?.isOver === false ? core.session : undefined);
  const joinedLive = () => (live()?.isIn ? live() : undefined);
  const people = () => roster.get(core.session) ?? roster.set(core.session, new Set()).get(core.session)!;
  const unbindAll = (pid?: string) => {
    for (const [key, each] of bound) {
      if (pid !== undefined && each.pid !== pid) continue;
      bound.delete(key);
      joinedLive()?.listener.trackEnded(each);
    }
  };
  const exchange = () => void stage.exchangeToken(tokenOf({ user_id: `user ${below(3)}`, capabilities: { allow_publish: chance(), allow_subscribe: chance() } })).catch(() => undefined);
  const publication = (): FakePublication | undefined => (core.publications.at(-1)?.state === 'started' ? core.publication : undefined);

  const actions: (() => unknown)[] = [
    () => void stage.join().catch(() => undefined),
    () => (next() < 0.2 ? stage.leave() : undefined),
    () => stage.refreshStrategy(),
    () => stage.replaceStrategy(strategy),
    exchange,
    () => stage.emit('mine', 1),
    () => one([...microphones, ...cameras].map((it) => new LocalStageStream(it))).setMuted(chance()),
    () => (viewOf(stage).streams(viewOf(stage).participants[0]?.id ?? '')[0] as unknown as LocalStageStream | undefined)?.setMuted(chance()),
    () => viewOf(stage).limit(one(PEOPLE), chance() ? { width: 100, height: 100 } : undefined),
    () => (live() && !live()?.isIn ? live()?.joins() : undefined),
    () => (live() && !live()?.isIn && next() < 0.3 ? live()?.refuses('TIMEOUT') : undefined),
    () => joinedLive()?.listener.state(one(['lost', 'connected'] as const)),
    () => {
      const pid = one(PEOPLE);
      if (!joinedLive() || people().has(pid)) return;
      people().add(pid);
      joinedLive()?.listener.people({ left: [], joined: [person(pid)], updated: [] });
    },
    () => {
      const pid = one(PEOPLE);
      if (!joinedLive() || !people().delete(pid)) return;
      unbindAll(pid);
      joinedLive()?.listener.people({ left: [pid], joined: [], updated: [] });
    },
    () => joinedLive()?.listener.people({ left: [], joined: [], updated: [...people()].map((pid) => person(pid, { audioMuted: chance(), userId: String(below(2)) })) }),
    () => {
      for (const { pid, kinds } of joinedLive()?.wants ?? []) {
        for (const kind of kinds) {
          if (bound.has(`${pid}${kind}`) || !people().has(pid)) continue;
          const [it] = core.session.binds(pid, kind);
          if (it) bound.set(`${pid}${kind}`, { pid, kind, track: it.track });
        }
      }
    },
    () => unbindAll(),
    () => joinedLive()?.listener.layers({ pid: one(PEOPLE), list: [{ label: 'hi', width: 1, height: 1, framesPerSecond: 1, bitrateBps: 1 }], selected: one(['hi', null]), reason: one(['automatic', 'bandwidth', 'selected']) }),
    () => joinedLive()?.listener.failure({ code: 'STAGE_AT_CAPACITY', category: 'SUBSCRIBE_ERROR', message: '', pid: one(PEOPLE) }),
    () => joinedLive()?.listener.speakers(PEOPLE.map((pid) => ({ pid, level: 1 }))),
    () => joinedLive()?.exchanging?.resolve({ id: 'ana', userId: 'x', attributes: {}, capabilities: new Set(['publish', 'subscribe']) }),
    () => (next() < 0.3 ? joinedLive()?.exchanging?.reject({ code: 'TIMEOUT', category: 'JOIN_ERROR', message: '' }) : undefined),
    () => (next() < 0.1 ? joinedLive()?.ends(one<LeftReason>(['stage-deleted', 'token-reused', 'failed-exchange'])) : undefined),
    () => publication()?.is(one(['connected', 'lost', 'failed'] as const)),
  ];

  for (let step = 0; step < STEPS; step += 1) {
    await one(actions)();
    if (core.sessions.at(-1)?.isOver) bound.clear();
    if (chance()) await settle();
  }
  stage.leave();
  await settle();

  expect(core.sessions.every(({ isOver }) => isOver)).toBe(true);
  expect(core.publications.every(({ state }) => state === 'stopped')).toBe(true);
  expect(viewOf(stage)).toMatchObject({ participants: [], speakers: [], publishState: 'not_published' });
  expect([...present]).toEqual([]);
  for (const stream of gone) expect(await stream.requestRTCStats()).toBeUndefined();
});
