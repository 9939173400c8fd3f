import { beforeEach, describe, expect, it, vi } from 'vitest';

import { InitialLayerPreference, JitterBufferMinDelay, RemoteStageStreamEvents, StageErrorCode, StageEvents, SubscribeType } from './enums';
import { FakeCore, listen, person, quiet, settle, tokenOf, track } from './fakes';
import type { RemoteStageStream } from './remote-stream';
import { Stage } from './stage';
import { LocalStageStream } from './streams';
import { useTransport } from './transport';
import type { StageStrategy } from './types';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
});

async function watching(strategy: Partial<StageStrategy> = {}, ...ids: string[]) {
  const stage = new Stage(tokenOf(), { ...quiet, ...strategy });
  const lines = listen(stage);
  const streams: RemoteStageStream[] = [];
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (_, added) => void streams.push(...(added as RemoteStageStream[])));
  const join = stage.join();
  const { session } = core;
  await session.joins(ids.map((id) => person(id)));
  await join;
  lines.length = 0;
  return { stage, lines, session, streams };
}

const LAYERS = [
  { label: 'low', width: 320, height: 180, framesPerSecond: 15, bitrateBps: 200_000 },
  { label: 'hi', width: 1280, height: 720, framesPerSecond: 30, bitrateBps: 1_700_000 },
];

describe('subscribing', () => {
  it('tells of a publisher from its coming to its going', async () => {
    const { session, lines } = await watching();
    session.listener.people({ left: [], joined: [person('ben')], updated: [] });
    session.binds('ben', 'audio', 'video');
    await settle();
    expect(lines).toEqual([
      'ParticipantJoined ben',
      'ParticipantPublishStateChanged ben published',
      'ParticipantSubscribeStateChanged ben attempting_subscribe',
      'ParticipantStreamsAdded ben audio+video',
      'ParticipantSubscribeStateChanged ben subscribed',
    ]);
    lines.length = 0;
    session.listener.people({ left: ['ben'], joined: [], updated: [] });
    await settle();
    expect(lines).toEqual([
      'ParticipantStreamsRemoved ben audio+video',
      'ParticipantSubscribeStateChanged ben not_subscribed',
      'ParticipantPublishStateChanged ben not_published',
      'ParticipantLeft ben',
    ]);
  });

  it('makes the streams of a binding anew', async () => {
    const { session, streams } = await watching({}, 'ben');
    const [bound] = session.binds('ben', 'video');
    session.listener.trackEnded({ pid: 'ben', ...(bound as { kind: 'video'; track: MediaStreamTrack }) });
    session.binds('ben', 'video');
    await settle();
    expect(new Set(streams.map(({ id }) => id)).size).toBe(2);
    expect(await streams[0]?.requestRTCStats()).toBeUndefined();
    expect(await streams[1]?.requestRTCStats()).toBeDefined();
  });

  it('does not seem to begin anew when a publisher leaves', async () => {
    const { session, lines } = await watching({}, 'ben');
    const [bound] = session.binds('ben', 'audio');
    await settle();
    lines.length = 0;
    session.listener.trackEnded({ pid: 'ben', ...(bound as { kind: 'audio'; track: MediaStreamTrack }) });
    session.listener.people({ left: ['ben'], joined: [], updated: [] });
    await settle();
    expect(lines.filter((line) => line.includes('Subscribe'))).toEqual(['ParticipantSubscribeStateChanged ben not_subscribed']);
  });

  it('begins anew where a track ends and its publisher stays', async () => {
    const { session, lines } = await watching({}, 'ben');
    const [bound] = session.binds('ben', 'audio');
    await settle();
    lines.length = 0;
    session.listener.trackEnded({ pid: 'ben', ...(bound as { kind: 'audio'; track: MediaStreamTrack }) });
    await settle();
    expect(lines).toEqual(['ParticipantStreamsRemoved ben audio', 'ParticipantSubscribeStateChanged ben attempting_subscribe']);
  });

  it.each([
    [SubscribeType.AUDIO_VIDEO, ['audio', 'video']],
    [SubscribeType.AUDIO_ONLY, ['audio']],
    [SubscribeType.NONE, undefined],
  ])('wants of %s: %j', async (type, kinds) => {
    const { session } = await watching({ shouldSubscribeToParticipant: () => type }, 'ben');
    expect(session.wants[0]?.kinds).toEqual(kinds);
  });

  it('removes the video alone when it wants sound only', async () => {
    let type = SubscribeType.AUDIO_VIDEO;
    const { stage, session, lines } = await watching({ shouldSubscribeToParticipant: () => type }, 'ben');
    const [, video] = session.binds('ben', 'audio', 'video');
    type = SubscribeType.AUDIO_ONLY;
    stage.refreshStrategy();
    await settle();
    lines.length = 0;
    session.listener.trackEnded({ pid: 'ben', ...(video as { kind: 'video'; track: MediaStreamTrack }) });
    await settle();
    expect(lines).toEqual(['ParticipantStreamsRemoved ben video']);
  });

  it('tells whom the server refuses, and wants them again when it is refreshed', async () => {
    const { stage, session, lines } = await watching({}, 'ben', 'cat');
    session.listener.failure({ code: 'STAGE_AT_CAPACITY', category: 'SUBSCRIBE_ERROR', message: 'full', pid: 'ben' });
    await settle();
    expect(lines).toEqual(['ParticipantSubscribeStateChanged ben errored', `error ${StageErrorCode.STAGE_AT_CAPACITY}`]);
    expect(session.wants.map(({ pid }) => pid)).toEqual(['cat']);
    stage.refreshStrategy();
    expect(session.wants.map(({ pid }) => pid)).toEqual(['ben', 'cat']);
  });

  it('lets into receivers only where the strategy has something to say of subscriptions', async () => {
    expect((await watching({ subscribeConfiguration: () => ({}) })).session.options.prepare).toBeDefined();
    expect((await watching()).session.options.prepare).toBeUndefined();
  });

  it('asks how to begin when a subscription begins, and not again', async () => {
    const asked = vi.fn(() => ({ simulcast: { initialLayerPreference: InitialLayerPreference.HIGHEST_QUALITY } }));
    const { stage, session } = await watching({ subscribeConfiguration: asked }, 'ben');
    stage.refreshStrategy();
    expect(asked).toHaveBeenCalledOnce();
    expect(session.wants).toMatchObject([{ pid: 'ben', initial: 'high' }]);
  });

  it.each([
    [{ minDelay: JitterBufferMinDelay.DEFAULT }, null],
    [{ minDelay: JitterBufferMinDelay.LOW }, 100],
    [{ minDelay: 250 }, 250],
    [{ minDelay: 99_999 }, 4000],
    [{ minDelay: Number.NaN }, null],
    [undefined, null],
  ])('delays by %j: %j ms', async (jitterBuffer, expected) => {
    const { session } = await watching({ subscribeConfiguration: () => ({ ...(jitterBuffer && { jitterBuffer }) }) }, 'ben');
    expect(session.binds('ben', 'audio')[0]?.receiver.jitterBufferTarget).toBe(expected);
  });

  it('does not delay while it publishes', async () => {
    const stream = new LocalStageStream(track('audio'));
    let publishes = false;
    const { stage, session } = await watching(
      { subscribeConfiguration: () => ({ jitterBuffer: { minDelay: 300 } }), shouldPublishParticipant: () => publishes, stageStreamsToPublish: () => [stream] },
      'ben',
    );
    const [bound] = session.binds('ben', 'audio');
    publishes = true;
    stage.refreshStrategy();
    expect(bound?.receiver.jitterBufferTarget).toBeNull();
    publishes = false;
    stage.refreshStrategy();
    expect(bound?.receiver.jitterBufferTarget).toBe(300);
  });
});

describe('what others do', () => {
  it('is told of their streams: mute', async () => {
    const { session, lines, streams } = await watching({}, 'ben');
    session.binds('ben', 'audio');
    await settle();
    lines.length = 0;
    session.listener.people({ left: [], joined: [], updated: [person('ben', { audioMuted: true, videoStopped: true })] });
    await settle();
    expect(lines).toEqual(['StreamMuteChanged ben audio']);
    expect(streams[0]).toMatchObject({ isMuted: true, participantInfo: { audioMuted: true, videoStopped: true } });
    expect(streams[0]?.mediaStreamTrack.enabled).toBe(false);
  });

  it('is told of them: another name, other attributes', async () => {
    const { session, lines } = await watching({}, 'ben');
    session.listener.people({ left: [], joined: [], updated: [person('ben', { userId: 'Ben' })] });
    session.listener.people({ left: [], joined: [], updated: [person('ben', { userId: 'Ben' })] });
    await settle();
    expect(lines).toEqual(['ParticipantMetadataChanged ben']);
  });

  it('can be muted here, too, which their own mute does not end', async () => {
    const { session, streams } = await watching({}, 'ben');
    session.binds('ben', 'audio');
    await settle();
    const [stream] = streams;
    stream?.setMuted(true);
    session.listener.people({ left: [], joined: [], updated: [person('ben', { audioMuted: true })] });
    session.listener.people({ left: [], joined: [], updated: [person('ben')] });
    expect(stream?.isMuted).toBe(true);
    stream?.setMuted(false);
    expect(stream?.mediaStreamTrack.enabled).toBe(true);
  });
});

describe('layers', () => {
  const layered = async (preferredLayerForStream?: StageStrategy['preferredLayerForStream']) => {
    const it = await watching({ ...(preferredLayerForStream && { preferredLayerForStream }) }, 'ben');
    it.session.binds('ben', 'video');
    await settle();
    it.lines.length = 0;
    return it;
  };

  it('are told with the one that comes', async () => {
    const { session, lines, streams } = await layered();
    session.listener.layers({ pid: 'ben', list: LAYERS, selected: 'low', reason: 'automatic' });
    await settle();
    expect(lines).toEqual(['StreamLayersChanged ben video low+hi', 'StreamLayerSelected ben video low selected']);
    const [stream] = streams;
    expect(stream?.getLayers().map(({ label, selected }) => [label, selected])).toEqual([['low', true], ['hi', false]]);
    expect(stream?.getSelectedLayer()?.label).toBe('low');
    expect([stream?.getLowestQualityLayer()?.label, stream?.getHighestQualityLayer()?.label]).toEqual(['low', 'hi']);
    expect(stream?.isAdapting).toBe(true);
  });

  it('are chosen by the strategy, by layer or label', async () => {
    for (const choose of [(stream: RemoteStageStream) => stream.getHighestQualityLayer(), () => 'hi']) {
      const { session, lines, streams } = await layered((_, stream) => choose(stream));
      const adapts: boolean[] = [];
      streams[0]?.on(RemoteStageStreamEvents.ADAPTION_CHANGED, (isAdapting) => void adapts.push(isAdapting));
      session.listener.layers({ pid: 'ben', list: LAYERS, selected: 'low', reason: 'automatic' });
      await settle();
      expect(session.wants).toMatchObject([{ pid: 'ben', prefer: 'hi' }]);
      expect(streams[0]?.isAdapting).toBe(false);
      session.listener.layers({ pid: 'ben', list: LAYERS, selected: 'hi', reason: 'selected' });
      await settle();
      expect(lines.at(-1)).toBe('StreamLayerSelected ben video hi selected');
    }
  });

  it('are told to be unavailable once, when the next best comes instead', async () => {
    const { session, lines } = await layered(() => 'hi');
    session.listener.layers({ pid: 'ben', list: LAYERS, selected: 'low', reason: 'automatic' });
    await settle();
    lines.length = 0;
    for (let count = 0; count < 2; count += 1) session.listener.layers({ pid: 'ben', list: LAYERS, selected: 'low', reason: 'bandwidth' });
    await settle();
    expect(lines).toEqual(['StreamLayerSelected ben video low unavailable']);
  });

  it('go back to the server when the strategy prefers none', async () => {
    let preferred: string | null = 'hi';
    const { stage, session, lines } = await layered(() => preferred);
    preferred = null;
    stage.refreshStrategy();
    await settle();
    expect(lines).toEqual(['StreamAdaptionChanged ben video true']);
    expect(session.wants).toMatchObject([{ prefer: null }]);
  });

  it('that came before the track are those of the stream', async () => {
    const { session, streams } = await watching({}, 'ben');
    session.listener.layers({ pid: 'ben', list: LAYERS, selected: null, reason: 'automatic' });
    session.binds('ben', 'video');
    await settle();
    expect(streams[0]?.getLayers()).toHaveLength(2);
    expect(streams[0]?.getSelectedLayer()).toBeUndefined();
  });

  it('are not told to be selected where none comes', async () => {
    const { session, lines } = await layered();
    session.listener.layers({ pid: 'ben', list: LAYERS, selected: 'low', reason: 'automatic' });
    await settle();
    lines.length = 0;
    session.listener.layers({ pid: 'ben', list: LAYERS, selected: null, reason: 'bandwidth' });
    await settle();
    expect(lines).toEqual(['StreamLayersChanged ben video low+hi']);
  });

  it('may be paused for want of bandwidth', async () => {
    const { session, streams } = await layered();
    const paused: boolean[] = [];
    streams[0]?.on(RemoteStageStreamEvents.PAUSED_CHANGED, (is) => void paused.push(is));
    session.listener.paused({ pid: 'ben', kind: 'video', paused: true });
    session.listener.paused({ pid: 'ben', kind: 'video', paused: false });
    expect(paused).toEqual([true, false]);
  });
});
