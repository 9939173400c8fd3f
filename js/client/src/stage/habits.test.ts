/** Applications as they are written for the API of IVS: they are to run as they are. */

import { beforeEach, describe, expect, it } from 'vitest';

import {
  __version,
  ConnectionState,
  Emitter,
  JitterBufferMinDelay,
  LocalStageStream,
  LogLevels,
  RemoteStageStream,
  type SimulcastConfiguration,
  Stage,
  type StageAudioConfiguration,
  StageConnectionState,
  StageError,
  StageErrorCategory,
  StageErrorCode,
  StageEvents,
  StageLeftReason,
  type StageParticipantInfo,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  type StageStrategy,
  StageStream,
  type StageVideoConfiguration,
  StreamType,
  SubscribeType,
} from '../index';
import { FakeCore, person, settle, tokenOf, track } from './fakes';
import { useTransport } from './transport';
import packageJson from '../../package.json';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
});

/** A stage of the kind that demos have: it is its own strategy, binds its methods, and tells events of its own. */
class CustomStage extends Stage {
  static readonly CHANGED = 'customChanged';
  override readonly on = super.on.bind(this);
  override readonly off = super.off.bind(this);
  shouldPublish = false;
  tracks: { audio?: MediaStreamTrack; video?: MediaStreamTrack } = {};
  roster = new Map<string, StageParticipantInfo>();
  localParticipant: StageParticipantInfo | undefined;
  connected = false;
  participants: string[] = [];
  private readonly group: string;

  constructor(token: string, group = 'user') {
    super(token, { stageStreamsToPublish: () => [], shouldPublishParticipant: () => false, shouldSubscribeToParticipant: () => SubscribeType.NONE });
    this.group = group;
    this.replaceStrategy(this as unknown as StageStrategy);
    this.refreshStrategy();
    this.on(StageEvents.STAGE_CONNECTION_STATE_CHANGED, (state: StageConnectionState) => {
      this.connected = state === ConnectionState.CONNECTED;
      this.emit(CustomStage.CHANGED, state);
    });
    this.on(StageEvents.STAGE_PARTICIPANT_JOINED, (participant: StageParticipantInfo) => {
      if (participant.isLocal) this.localParticipant = participant;
      else this.roster.set(participant.id, participant);
    });
    this.on(StageEvents.STAGE_PARTICIPANT_LEFT, ({ id }: StageParticipantInfo) => this.roster.delete(id));
  }

  stageStreamsToPublish(): LocalStageStream[] {
    const { audio, video } = this.tracks;
    return [audio && new LocalStageStream(audio), video && new LocalStageStream(video, { simulcast: { enabled: true } })] as LocalStageStream[];
  }

  shouldPublishParticipant(): boolean {
    return this.shouldPublish;
  }

  shouldSubscribeToParticipant({ attributes }: StageParticipantInfo): SubscribeType {
    return attributes['participantGroup'] === this.group || this.group === 'user' ? SubscribeType.AUDIO_VIDEO : SubscribeType.NONE;
  }

  override async join(): Promise<void> {
    await super.join();
    this.shouldPublish = true;
    this.refreshStrategy();
  }

  override leave(): void {
    super.leave();
    this.removeAllListeners();
  }
}

async function joined(stage: Stage, ...people: Parameters<typeof person>[]) {
  const join = stage.join();
  const { session } = core;
  await session.joins(people.map((each) => person(...each)));
  await join;
  await settle();
  return session;
}

describe('an application', () => {
  it('makes a class of its own from the stage, which is its own strategy', async () => {
    const stage = new CustomStage(tokenOf());
    const changes: unknown[] = [];
    stage.on(CustomStage.CHANGED, (state: unknown) => void changes.push(state));
    const session = await joined(stage, ['ben', { attributes: { participantGroup: 'user' } }]);
    expect(changes).toEqual(['connecting', 'connected']);
    expect(stage.connected).toBe(true);
    expect([...stage.roster.keys()]).toEqual(['ben']);
    expect(stage.localParticipant?.capabilities.has('subscribe')).toBe(true);
    expect(session.wants).toMatchObject([{ pid: 'ben', kinds: ['audio', 'video'] }]);
  });

  it('publishes after the join, when its devices are there', async () => {
    const stage = new CustomStage(tokenOf());
    await joined(stage);
    expect(core.publications).toEqual([]);
    stage.tracks = { audio: track('audio'), video: track('video') };
    stage.refreshStrategy();
    expect(core.publications).toHaveLength(1);
    expect(core.publication.state).toBe('started');
  });

  it('refreshes as often as it likes, with streams made anew each time', async () => {
    const stage = new CustomStage(tokenOf());
    stage.tracks = { audio: track('audio'), video: track('video') };
    await joined(stage);
    for (let count = 0; count < 20; count += 1) stage.refreshStrategy();
    expect(core.publications).toHaveLength(1);
    expect(core.publication.replaced).toEqual([]);
  });

  it('republishes: unpublishes, waits until it is not published, publishes', async () => {
    const stage = new CustomStage(tokenOf());
    stage.tracks = { audio: track('audio') };
    await joined(stage);
    await core.publication.is('connected');
    const states: unknown[] = [];
    stage.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (_: StageParticipantInfo, state: unknown) => void states.push(state));
    stage.shouldPublish = false;
    stage.refreshStrategy();
    await settle();
    expect(states).toEqual([StageParticipantPublishState.NOT_PUBLISHED]);
    stage.shouldPublish = true;
    stage.refreshStrategy();
    expect(core.publications).toHaveLength(2);
  });

  it('shares its screen as a second participant of the same page', async () => {
    const user = new CustomStage(tokenOf());
    const first = await joined(user, ['ana-screen', { attributes: { participantGroup: 'display' } }]);
    const display = new CustomStage(tokenOf({ jti: 'ana-screen', attributes: { participantGroup: 'display' } }), 'display');
    display.tracks = { video: track('video') };
    const second = await joined(display, ['ana', { attributes: { participantGroup: 'user' } }]);
    expect(first.wants).toHaveLength(1);
    expect(second.wants).toEqual([]);
    display.leave();
    expect(first.isOver).toBe(false);
    expect(core.publications.map(({ state }) => state)).toEqual(['stopped']);
  });

  it('toggles the mute of the streams that it was told of', async () => {
    const stage = new CustomStage(tokenOf());
    stage.tracks = { audio: track('audio') };
    let own: LocalStageStream | undefined;
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (participant: StageParticipantInfo, [stream]: LocalStageStream[]) => {
      if (participant.isLocal) own = stream;
    });
    const session = await joined(stage);
    stage.refreshStrategy();
    own?.setMuted(!own.isMuted);
    expect(session.mutes.at(-1)).toEqual({ audio: true, video: true });
    expect(stage.tracks.audio?.enabled).toBe(false);
    stage.refreshStrategy();
    expect(stage.localParticipant?.audioMuted).toBe(true);
    own?.setMuted(!own.isMuted);
    expect(stage.localParticipant?.audioMuted).toBe(false);
  });

  it('draws tiles from what is told of others', async () => {
    const stage = new CustomStage(tokenOf());
    const tiles = new Map<string, StageStream[]>();
    stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, ({ id }: StageParticipantInfo, streams: StageStream[]) => void tiles.set(id, streams));
    const session = await joined(stage, ['ben']);
    session.binds('ben', 'audio', 'video');
    await settle();
    expect(tiles.get('ben')?.map(({ streamType }) => streamType)).toEqual([StreamType.AUDIO, StreamType.VIDEO]);
    expect(tiles.get('ben')?.[0]).toBeInstanceOf(RemoteStageStream);
  });

  it('finds every name that it imports', () => {
    const types: { video?: StageVideoConfiguration; audio?: StageAudioConfiguration; simulcast?: SimulcastConfiguration } = {};
    expect(types).toEqual({});
    for (const name of [Stage, LocalStageStream, RemoteStageStream, StageStream, Emitter, StageError]) expect(name).toBeTypeOf('function');
    for (const name of [StageEvents, StageConnectionState, StageErrorCategory, StageErrorCode, StageLeftReason, LogLevels]) expect(name).toBeTypeOf('object');
    for (const name of [StageParticipantSubscribeState, StageParticipantPublishState, JitterBufferMinDelay, SubscribeType, StreamType]) expect(name).toBeTypeOf('object');
    expect(__version).toBe(packageJson.version);
  });

  it('keeps stages in reactive objects, which wrap what has no tag of its own', () => {
    for (const it of [new CustomStage(tokenOf()), new LocalStageStream(track('audio'))]) {
      expect(Object.prototype.toString.call(it)).not.toBe('[object Object]');
    }
  });
});
