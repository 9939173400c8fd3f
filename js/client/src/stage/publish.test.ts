import { beforeEach, describe, expect, it, vi } from 'vitest';

import { StageErrorCode } from './enums';
import { FakeCore, listen, quiet, settle, tokenOf, track } from './fakes';
import { Stage } from './stage';
import { LocalStageStream } from './streams';
import { useTransport } from './transport';
import type { StageStrategy } from './types';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
});

async function publishing(streams: () => (LocalStageStream | undefined)[]) {
  const strategy: StageStrategy & { publishes: boolean } = {
    ...quiet,
    publishes: true,
    shouldPublishParticipant: () => strategy.publishes,
    stageStreamsToPublish: streams,
  };
  const stage = new Stage(tokenOf(), strategy);
  const lines = listen(stage);
  const join = stage.join();
  const { session } = core;
  await session.joins();
  await join;
  return { stage, strategy, lines, session };
}

describe('publishing', () => {
  it('begins once the stage is joined, where the token says', async () => {
    const audio = track('audio');
    const { lines } = await publishing(() => [new LocalStageStream(audio)]);
    expect(core.publication.options).toMatchObject({ url: 'https://media.example/whip', token: tokenOf() });
    expect(core.publication.options.audio).toMatchObject({ track: audio, encodings: [{ maxBitrate: 64_000 }], stereo: false });
    await core.publication.is('connected');
    expect(lines.slice(2)).toEqual([
      'ParticipantJoined ana',
      'ParticipantStreamsAdded ana audio',
      'ParticipantPublishStateChanged ana attempting_publish',
      'ParticipantPublishStateChanged ana published',
    ]);
  });

  it('does nothing without the capability', async () => {
    const asked = vi.fn(() => true);
    const stage = new Stage(tokenOf({ capabilities: { allow_subscribe: true } }), { ...quiet, shouldPublishParticipant: asked });
    const join = stage.join();
    await core.session.joins();
    await join;
    expect(asked).not.toHaveBeenCalled();
  });

  it('waits for streams that are not there yet', async () => {
    let audio: LocalStageStream | undefined;
    const { stage } = await publishing(() => [undefined, audio]);
    expect(core.publications).toEqual([]);
    audio = new LocalStageStream(track('audio'));
    stage.refreshStrategy();
    expect(core.publications).toHaveLength(1);
  });

  it('puts another camera in the place of one, without another connection', async () => {
    let camera = track('video');
    const { stage, lines } = await publishing(() => [new LocalStageStream(camera)]);
    await core.publication.is('connected');
    lines.length = 0;
    camera = track('video');
    stage.refreshStrategy();
    await settle();
    expect(core.publications).toHaveLength(1);
    expect(core.publication.replaced).toEqual([['video', camera]]);
    expect(lines).toEqual(['ParticipantStreamsRemoved ana video', 'ParticipantStreamsAdded ana video']);
  });

  it('begins anew when the configuration changes', async () => {
    const camera = track('video');
    let maxFramerate = 30;
    const { stage, lines } = await publishing(() => [new LocalStageStream(camera, { maxFramerate })]);
    await core.publication.is('connected');
    lines.length = 0;
    maxFramerate = 15;
    stage.refreshStrategy();
    await core.publication.is('connected');
    expect(core.publications.map(({ state }) => state)).toEqual(['stopped', 'started']);
    expect(lines).toEqual(['ParticipantPublishStateChanged ana attempting_publish', 'ParticipantPublishStateChanged ana published']);
  });

  it('takes a kind out and puts it back', async () => {
    const [audio, video] = [new LocalStageStream(track('audio')), new LocalStageStream(track('video'))];
    let streams = [audio, video];
    const { stage, session } = await publishing(() => streams);
    streams = [audio];
    stage.refreshStrategy();
    expect(session.mutes.at(-1)).toEqual({ audio: false, video: true });
    streams = [audio, video];
    stage.refreshStrategy();
    await settle();
    expect(core.publications).toHaveLength(1);
    expect(core.publication.replaced).toEqual([['video', null], ['video', video.mediaStreamTrack]]);
    expect(session.mutes.at(-1)).toEqual({ audio: false, video: false });
  });

  it('that fails while the session is lost begins again when that is back, and nothing is told of a failure', async () => {
    const audio = track('audio');
    const { lines, session, stage } = await publishing(() => [new LocalStageStream(audio)]);
    await core.publication.is('connected');
    session.listener.state('lost');
    await core.publication.is('lost');
    await core.publication.is('failed');
    expect(core.publications).toHaveLength(1);
    const said = lines.length;
    session.listener.state('connected');
    await settle();
    expect(core.publications).toHaveLength(2);
    await core.publication.is('connected');
    expect(lines.slice(said)).toEqual(['ConnectionStateChanged connected', 'ParticipantPublishStateChanged ana published']);
    expect(lines.join()).not.toMatch(/errored|rror 4/);
    session.listener.state('lost');
    await core.publication.is('lost');
    await core.publication.is('failed');
    stage.leave();
    expect(lines.slice(-5)).toContain('ParticipantStreamsRemoved ana audio');
    expect(lines).toContain('ParticipantPublishStateChanged ana not_published');
  });

  it('that fails while the session is lost is not begun again for who does not want it any more', async () => {
    const audio = track('audio');
    const { lines, session, stage, strategy } = await publishing(() => [new LocalStageStream(audio)]);
    await core.publication.is('connected');
    session.listener.state('lost');
    await core.publication.is('failed');
    strategy.publishes = false;
    stage.refreshStrategy();
    session.listener.state('connected');
    await settle();
    expect(core.publications).toHaveLength(1);
    expect(lines).toContain('ParticipantPublishStateChanged ana not_published');
  });

  it('tells that it is mended, and that it has failed', async () => {
    const { lines, stage } = await publishing(() => [new LocalStageStream(track('audio'))]);
    await core.publication.is('connected');
    lines.length = 0;
    await core.publication.is('lost');
    await core.publication.is('failed');
    expect(lines).toEqual([
      'ParticipantPublishStateChanged ana attempting_publish',
      `error ${StageErrorCode.FAILED}`,
      'ParticipantStreamsRemoved ana audio',
      'ParticipantPublishStateChanged ana errored',
    ]);
    stage.refreshStrategy();
    expect(core.publications).toHaveLength(2);
  });

  it('stops when the strategy says so, and when the stage is left', async () => {
    const { stage, strategy, lines } = await publishing(() => [new LocalStageStream(track('audio'))]);
    strategy.publishes = false;
    stage.refreshStrategy();
    expect(core.publication.state).toBe('stopped');
    await settle();
    expect(lines.slice(-2)).toEqual(['ParticipantStreamsRemoved ana audio', 'ParticipantPublishStateChanged ana not_published']);
    strategy.publishes = true;
    stage.refreshStrategy();
    stage.leave();
    expect(core.publications.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
  });

  it('survives a strategy that throws, or leaves when it is asked', async () => {
    const { stage } = await publishing(() => []);
    const thrown = new Promise((resolve) => {
      process.prependOnceListener('uncaughtException', resolve);
    });
    const handlers = process.listeners('uncaughtException').slice(1);
    for (const handler of handlers) process.off('uncaughtException', handler);
    stage.replaceStrategy({
      ...quiet,
      shouldPublishParticipant: () => {
        throw new Error('mine');
      },
    });
    expect(await thrown).toMatchObject({ message: 'mine' });
    for (const handler of handlers) process.on('uncaughtException', handler);
    stage.replaceStrategy({
      ...quiet,
      shouldPublishParticipant: () => true,
      stageStreamsToPublish: () => {
        stage.leave();
        return [new LocalStageStream(track('audio'))];
      },
    });
    expect(core.publications).toEqual([]);
    expect(core.session.isOver).toBe(true);
  });
});

describe('mute', () => {
  it('may come before publishing: nothing of the video is sent', async () => {
    const [audio, video] = [new LocalStageStream(track('audio')), new LocalStageStream(track('video'))];
    audio.setMuted(true);
    video.setMuted(true);
    const { session } = await publishing(() => [audio, video]);
    expect(session.mutes.at(-1)).toEqual({ audio: true, video: true });
    expect(core.publication.options.video?.encodings).toMatchObject([{ active: false }]);
  });

  it('is told to all, and stops the video until it ends', async () => {
    const video = new LocalStageStream(track('video'));
    const { session, lines } = await publishing(() => [video]);
    lines.length = 0;
    video.setMuted(true);
    await settle();
    expect(session.mutes.at(-1)).toEqual({ audio: true, video: true });
    expect(core.publication.now.video).toMatchObject([{ active: false }]);
    expect(video.mediaStreamTrack.enabled).toBe(false);
    expect(lines).toEqual(['StreamMuteChanged ana video']);
    video.setMuted(false);
    await settle();
    expect(core.publication.now.video).toMatchObject([{ active: true }]);
  });

  it('takes the track away where encodings cannot be switched', async () => {
    vi.spyOn(console, 'info').mockImplementation(() => undefined);
    const video = new LocalStageStream(track('video'));
    await publishing(() => [video]);
    core.publication.refusesEncodings = true;
    video.setMuted(true);
    await settle();
    expect(core.publication.replaced).toEqual([['video', null]]);
  });

  it('is that of the newest object of a track', async () => {
    const microphone = track('audio');
    let stream = new LocalStageStream(microphone);
    const { stage, session, lines } = await publishing(() => [stream]);
    const old = stream;
    stream = new LocalStageStream(microphone);
    stream.setMuted(true);
    lines.length = 0;
    stage.refreshStrategy();
    await settle();
    expect(session.mutes.at(-1)?.audio).toBe(true);
    expect(lines).toEqual(['StreamMuteChanged ana audio']);
    old.setMuted(true);
    old.setMuted(false);
    expect(session.mutes.at(-1)?.audio).toBe(false);
  });

  it('goes with a track that was muted when another object is made for it', () => {
    const microphone = track('audio');
    new LocalStageStream(microphone).setMuted(true);
    expect(new LocalStageStream(microphone).isMuted).toBe(true);
  });
});
