import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { StageErrorCode, StageEvents, StageLeftReason, SubscribeType } from './enums';
import { StageError } from './errors';
import { FakeCore, listen, person, quiet, settle, tokenOf } from './fakes';
import { Stage } from './stage';
import { useTransport } from './transport';
import { viewOf } from './view';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function joined(strategy = quiet) {
  const stage = new Stage(tokenOf(), strategy);
  const lines = listen(stage);
  const join = stage.join();
  await core.session.joins();
  await join;
  return { stage, lines, session: core.session };
}

describe('a stage', () => {
  it('connects where its token says', async () => {
    const { session } = await joined();
    expect(session.options).toMatchObject({ url: 'wss://media.example/events/abcdABCDefgh', token: tokenOf(), receives: true });
  });

  it('tells of the connection and of the local participant, and resolves', async () => {
    const { lines } = await joined();
    expect(lines).toEqual(['ConnectionStateChanged connecting', 'ConnectionStateChanged connected', 'ParticipantJoined ana']);
  });

  it('tells nothing within a call of the application', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const lines = listen(stage);
    void stage.join();
    expect(lines).toEqual([]);
    await settle();
    expect(lines).toEqual(['ConnectionStateChanged connecting']);
  });

  it('joins once, however often it is asked to', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const joins = [stage.join(), stage.join()];
    await core.session.joins();
    await Promise.all([...joins, stage.join()]);
    expect(core.sessions).toHaveLength(1);
  });

  it('throws at once for what is no token', () => {
    expect(() => new Stage('none', quiet)).toThrow(expect.objectContaining({ code: StageErrorCode.TOKEN_MALFORMED, category: 'JOIN_ERROR' }));
  });

  it('does not join with a token that has ended', async () => {
    const stage = new Stage(tokenOf({ exp: 1 }), quiet);
    const lines = listen(stage);
    await expect(stage.join()).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXPIRED });
    await settle();
    expect(lines).toEqual(['ConnectionStateChanged errored', `error ${StageErrorCode.TOKEN_EXPIRED}`]);
    expect(core.sessions).toEqual([]);
  });

  it('rejects the join with the error that it tells', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const errors: StageError[] = [];
    stage.on(StageEvents.ERROR, (error) => void errors.push(error));
    const join = stage.join().catch((error: unknown) => error);
    await core.session.refuses('STAGE_DELETED');
    expect(await join).toBe(errors[0]);
    expect(errors[0]).toMatchObject({ code: StageErrorCode.STAGE_DELETED });
  });

  it('can join again after it could not', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const first = expect(stage.join()).rejects.toBeInstanceOf(StageError);
    await core.session.refuses('STAGE_AT_CAPACITY');
    await first;
    const second = stage.join();
    await core.session.joins();
    await second;
    expect(core.sessions).toHaveLength(2);
  });

  it('leaves at once: all is told when the call returns', async () => {
    const { stage, lines, session } = await joined();
    session.listener.people({ left: [], joined: [person('ben')], updated: [] });
    session.binds('ben', 'audio', 'video');
    await settle();
    lines.length = 0;
    stage.leave();
    expect(lines).toEqual([
      'ParticipantStreamsRemoved ben audio+video',
      'ParticipantSubscribeStateChanged ben not_subscribed',
      'ParticipantPublishStateChanged ben not_published',
      'ParticipantLeft ben',
      'ParticipantLeft ana',
      'Left user-initiated',
      'ConnectionStateChanged disconnected',
    ]);
    expect(session.isOver).toBe(true);
  });

  it('tells nothing where there is nothing to leave', () => {
    const stage = new Stage(tokenOf(), quiet);
    const lines = listen(stage);
    stage.leave();
    expect(lines).toEqual([]);
  });

  it('cancels the join that it leaves, without an error', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const lines = listen(stage);
    const join = stage.join();
    stage.leave();
    await expect(join).rejects.toMatchObject({ code: StageErrorCode.CANCELED });
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(lines.at(-1)).toBe('ConnectionStateChanged disconnected');
  });

  it('joins again while the join before is being canceled', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const first = expect(stage.join()).rejects.toBeDefined();
    stage.leave();
    const second = stage.join();
    await core.session.joins();
    await Promise.all([first, second]);
    expect(viewOf(stage).state).toBe('connected');
  });

  it.each(['participant-disconnected', 'stage-deleted', 'token-reused', 'unknown'] as const)('tells why it was put out: %s', async (reason) => {
    const { lines, session } = await joined();
    session.ends(reason);
    await settle();
    expect(lines.slice(-2)).toEqual([`Left ${reason}`, 'ConnectionStateChanged disconnected']);
    expect(Object.values(StageLeftReason)).toContain(reason);
  });

  it('is connecting while its socket is lost, and goes on', async () => {
    const { lines, session } = await joined();
    lines.length = 0;
    session.listener.state('lost');
    session.listener.state('connected');
    await settle();
    expect(lines).toEqual(['ConnectionStateChanged connecting', 'ConnectionStateChanged connected']);
  });

  it('hears nothing of a session that it has left', async () => {
    const { stage, lines, session } = await joined();
    stage.leave();
    lines.length = 0;
    session.listener.people({ left: [], joined: [person('ben')], updated: [] });
    session.listener.failure({ code: 'FAILED', category: 'SUBSCRIBE_ERROR', message: '' });
    await settle();
    expect(lines).toEqual([]);
  });

  it('leaves when its page goes for good', async () => {
    const page = new EventTarget();
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    const { lines, session } = await joined();
    page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: true }));
    expect(session.isOver).toBe(false);
    page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }));
    expect(session.isOver).toBe(true);
    await settle();
    expect(lines).toContain('Left user-initiated');
  });

  it('tells mistakes of the protocol to nobody but the log', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { lines, session } = await joined();
    lines.length = 0;
    session.listener.failure({ code: 'MESSAGE_MALFORMED', category: 'PROTOCOL_ERROR', message: 'x' });
    session.listener.failure({ code: 'TOO_MANY_SUBS', category: 'PROTOCOL_ERROR', message: 'x' });
    await settle();
    expect(lines).toEqual([`error ${StageErrorCode.FAILED}`]);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it('tells who speaks, by the participants it knows', async () => {
    const { stage, session } = await joined();
    session.listener.people({ left: [], joined: [person('ben')], updated: [] });
    const heard: unknown[] = [];
    stage.on(StageEvents.STAGE_ACTIVE_SPEAKERS_CHANGED, (speakers) => void heard.push(speakers.map(({ participant, level }) => [participant.id, level])));
    session.listener.speakers([{ pid: 'ben', level: 20 }, { pid: 'ana', level: 40 }, { pid: 'gone', level: 50 }]);
    await settle();
    expect(heard).toEqual([[['ben', 20], ['ana', 40]]]);
  });

  it('tells of the quality when its rating changes', async () => {
    const { lines, stage, session } = await joined();
    lines.length = 0;
    const quality = { estimateBps: 1, sentBps: 1, loss: 0, roundTripMs: 20 };
    for (const loss of [0, 0.001, 0.05]) session.listener.quality({ ...quality, loss });
    await settle();
    expect(lines).toHaveLength(2);
    expect(viewOf(stage).quality).toMatchObject({ loss: 0.05, quality: 1 });
  });

  it('subscribes to nobody without the capability', async () => {
    const asked = vi.fn(() => SubscribeType.AUDIO_VIDEO);
    const stage = new Stage(tokenOf({ capabilities: { allow_publish: true } }), { ...quiet, shouldSubscribeToParticipant: asked });
    const join = stage.join();
    await core.session.joins([person('ben')]);
    await join;
    expect(core.session.options.receives).toBe(false);
    expect(asked).not.toHaveBeenCalled();
    expect(core.session.wants).toEqual([]);
  });
});
