// A meeting, written the way applications of Amazon IVS Real-Time are: with classes made from `Stage`, streams made anew for each question,
// strategies put in before the join, and a roster that lives on events alone.

import {
  Emitter,
  LocalStageStream,
  Stage,
  StageConnectionState,
  StageErrorCategory,
  StageEvents,
  StageLeftReason,
  StageParticipantPublishState,
  StreamType,
  SubscribeType,
  __version,
} from 'amazon-ivs-web-broadcast';

const { NONE, AUDIO_VIDEO } = SubscribeType;

class MeetingStage extends Stage {
  on = super.on.bind(this);

  off = super.off.bind(this);

  shouldPublish = false;

  tracks = [];

  constructor(token, group) {
    const nobody = { stageStreamsToPublish: () => [], shouldPublishParticipant: () => false, shouldSubscribeToParticipant: () => NONE };
    super(token, nobody);
    this.group = group;
    this.replaceStrategy(this);
    this.on(StageEvents.STAGE_CONNECTION_STATE_CHANGED, (state) => {
      if (state === StageConnectionState.CONNECTED) this.emit('meetingReady', this.group);
    });
    window.addEventListener('beforeunload', this.leave);
  }

  stageStreamsToPublish() {
    const [audio, video] = this.tracks;
    const configuration = { maxVideoBitrateKbps: 500, maxFramerate: 15, simulcast: { enabled: false } };
    this.published = [audio && new LocalStageStream(audio), video && new LocalStageStream(video, configuration)];
    return this.published;
  }

  shouldPublishParticipant(participant) {
    return this.shouldPublish && participant.capabilities.has('publish');
  }

  shouldSubscribeToParticipant({ attributes }) {
    return this.group === 'user' && attributes.meeting === 'weekly' ? AUDIO_VIDEO : NONE;
  }

  async join() {
    this.refreshStrategy();
    await super.join();
    this.refreshStrategy();
  }

  publish(tracks) {
    this.tracks = tracks;
    this.shouldPublish = true;
    this.refreshStrategy();
  }

  unpublish() {
    this.shouldPublish = false;
    this.refreshStrategy();
  }

  async republish(tracks) {
    const stopped = new Promise((resolve) => {
      const changed = ({ isLocal }, state) => {
        if (!isLocal || state !== StageParticipantPublishState.NOT_PUBLISHED) return;
        this.off(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, changed);
        resolve();
      };
      this.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, changed);
    });
    this.unpublish();
    await stopped;
    await new Promise((resolve) => setTimeout(resolve, 400));
    this.publish(tracks);
  }

  leave = () => {
    window.removeEventListener('beforeunload', this.leave);
    super.leave();
    this.removeAllListeners();
  };
}

const people = new Map();
const log = (window.log = []);
const show = (id, text) => (document.getElementById(id).textContent = text);

const draw = ({ id, userId, isLocal, isPublishing, audioMuted, videoStopped }, streams) => {
  const tile = people.get(id) ?? document.createElement('figure');
  people.set(id, tile);
  tile.id = userId;
  document.getElementById('people').append(tile);
  tile.dataset.state = [isLocal && 'local', isPublishing && 'publishing', audioMuted && 'muted', videoStopped && 'stopped'].filter(Boolean).join(' ');
  if (!streams) return;
  const video = tile.querySelector('video') ?? tile.appendChild(document.createElement('video'));
  const shown = streams.filter(({ streamType }) => !isLocal || streamType === StreamType.VIDEO);
  video.srcObject = new MediaStream(shown.map(({ mediaStreamTrack }) => mediaStreamTrack));
  video.autoplay = true;
};

const watch = (stage) => {
  stage.on('meetingReady', (group) => log.push(`ready ${group}`));
  stage.on(StageEvents.STAGE_CONNECTION_STATE_CHANGED, (state) => show('state', state));
  stage.on(StageEvents.STAGE_LEFT, (reason) => log.push(reason === StageLeftReason.USER_INITIATED ? 'left' : `put out: ${reason}`));
  stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, (participant) => draw(participant));
  stage.on(StageEvents.STAGE_PARTICIPANT_LEFT, ({ id }) => {
    people.get(id)?.remove();
    people.delete(id);
  });
  stage.on(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (participant, state) => {
    log.push(`${participant.userId} ${state}`);
    if (people.has(participant.id)) draw(participant);
  });
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (participant, streams) => draw(participant, streams));
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (participant) => {
    const video = people.get(participant.id)?.querySelector('video');
    if (video) video.srcObject = null;
  });
  stage.on(StageEvents.STAGE_STREAM_MUTE_CHANGED, (participant) => draw(participant));
  stage.on(StageEvents.ERROR, (error) => {
    log.push(`${error.category} ${error.code}: ${error.toString()}`);
    if (error.category === StageErrorCategory.JOIN_ERROR) show('error', error.message);
  });
};

const parameters = new URLSearchParams(location.hash.slice(1));
const camera = (window.camera = new MeetingStage(parameters.get('token'), 'user'));
let screen;
let streams = [];
watch(camera);

const devices = async () => {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180, frameRate: 15 } });
  return [media.getAudioTracks()[0], media.getVideoTracks()[0]];
};

const click = (id, work) =>
  document.getElementById(id).addEventListener('click', () => work().catch((error) => log.push(`failed: ${error}`)));

click('join', () => camera.join());
click('publish', async () => {
  // The strategy is asked while there are no devices yet.
  camera.publish([]);
  streams = await devices();
  camera.publish(streams);
});
click('republish', async () => {
  streams = await devices();
  await camera.republish(streams);
});
click('mute', async () => {
  const [audio] = camera.published;
  audio.setMuted(!audio.isMuted);
});
click('share', async () => {
  screen = new MeetingStage(parameters.get('screen'), 'display');
  screen.on(StageEvents.ERROR, (error) => log.push(`screen: ${error}`));
  await screen.join();
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 640, height: 360 });
  setInterval(() => canvas.getContext('2d').fillRect(Math.random() * 640, Math.random() * 360, 9, 9), 200);
  screen.publish([undefined, canvas.captureStream(5).getVideoTracks()[0]]);
});
click('leave', async () => {
  screen?.leave();
  camera.leave();
});

// What a dialogue about the connection would show.
window.roundTrip = async () => {
  camera.refreshStrategy();
  const [, video] = camera.published;
  const report = await video.getStats();
  return [...(report?.values() ?? [])].find(({ type }) => type === 'remote-inbound-rtp')?.roundTripTime;
};
window.version = [typeof __version, typeof Emitter];
