import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { FakeCore, person, quiet, settle, tokenOf, track } from '../stage/fakes';
import { Stage, StageEvents, type StageStream, LocalStageStream } from '../stage';
import { useTransport } from '../stage/transport';
import { FakeElement, stubDocument } from './fakes';
import { canPlayAudio, startAudio } from './playback';

beforeEach(stubDocument);
afterEach(() => vi.unstubAllGlobals());

const shown = (element: FakeElement) => element.srcObject?.getTracks().map(({ kind }) => kind);

async function watching() {
  const core = new FakeCore();
  useTransport(core);
  const stage = new Stage(tokenOf(), quiet);
  const streams: StageStream[] = [];
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (_, added) => void streams.push(...(added as unknown as StageStream[])));
  const join = stage.join();
  await core.session.joins([person('ben')]);
  await join;
  core.session.binds('ben', 'audio', 'video');
  await settle();
  const [audio, video] = streams as [StageStream, StageStream];
  return { stage, core, audio, video };
}

describe('a stream in an element', () => {
  it('plays together with the one of the other kind', async () => {
    const { audio, video } = await watching();
    const element = new FakeElement();
    expect(audio.attach(element.element)).toBe(element);
    video.attach(element.element);
    expect(shown(element)).toEqual(['audio', 'video']);
    expect(element).toMatchObject({ autoplay: true, muted: false, plays: 2 });
  });

  it('takes the place of another one of its kind', async () => {
    const element = new FakeElement();
    const [one, other] = [new LocalStageStream(track('video')), new LocalStageStream(track('video'))];
    one.attach(element.element);
    other.attach(element.element);
    expect(element.srcObject?.getTracks()).toEqual([other.mediaStreamTrack]);
  });

  it('has an element of its own where none is given', () => {
    expect((new LocalStageStream(track('audio')).attach() as unknown as FakeElement).tag).toBe('audio');
    expect((new LocalStageStream(track('video')).attach() as unknown as FakeElement).tag).toBe('video');
  });

  it('is silent where it is one\'s own', () => {
    const element = new FakeElement();
    new LocalStageStream(track('audio')).attach(element.element);
    expect(element.muted).toBe(true);
  });

  it('is heard where one\'s own was silent, unless the page wants it silent', async () => {
    const { audio } = await watching();
    const [element, quiet] = [new FakeElement(), new FakeElement()];
    quiet.muted = true;
    for (const each of [element, quiet]) {
      const own = new LocalStageStream(track('video'));
      own.attach(each.element);
      own.detach(each.element);
      audio.attach(each.element);
    }
    expect(element.muted).toBe(false);
    expect(quiet.muted).toBe(true);
  });

  it('is taken out of one, or of all', async () => {
    const { video } = await watching();
    const [one, other] = [new FakeElement(), new FakeElement()];
    video.attach(one.element);
    video.attach(other.element);
    expect(video.detach(one.element)).toEqual([one]);
    expect(one.srcObject).toBeNull();
    expect(video.detach()).toEqual([other]);
    expect(video.detach()).toEqual([]);
  });

  it('is gone from it when it is gone', async () => {
    const { stage, audio, video } = await watching();
    const element = new FakeElement();
    audio.attach(element.element);
    video.attach(element.element);
    stage.leave();
    expect(element.srcObject).toBeNull();
  });
});

describe('sound that the browser does not play', () => {
  it('is told of, and played when the user has touched the page', async () => {
    const { stage, audio } = await watching();
    const told: boolean[] = [];
    stage.on(StageEvents.STAGE_AUDIO_PLAYBACK_CHANGED, (canPlay) => void told.push(canPlay));
    const element = new FakeElement();
    element.isAllowed = false;
    audio.attach(element.element);
    await settle();
    expect(canPlayAudio()).toBe(false);
    await expect(startAudio()).rejects.toMatchObject({ name: 'NotAllowedError' });
    element.isAllowed = true;
    await startAudio();
    await settle();
    expect(canPlayAudio()).toBe(true);
    expect(told).toEqual([false, true]);
  });

  it('is forgotten with the element', async () => {
    const { audio } = await watching();
    const element = new FakeElement();
    element.isAllowed = false;
    audio.attach(element.element);
    await settle();
    audio.detach();
    expect(canPlayAudio()).toBe(true);
  });
});
