// Guests on stages, by the client library: each keeps what it is told in plain members, for tests to read. Pictures and tones are made
// here, so that a guest needs neither a camera nor an origin that browsers trust.

window.guests = {};

window.loaded = () => (window.library ??= import('/client/downstage-client.js'));

// Noise over a picture takes the bitrate that it is allowed, as a real camera's does.
const grain = () => {
  const canvas = new OffscreenCanvas(256, 256);
  const noise = new ImageData(256, 256);
  for (let index = 0; index < noise.data.length; index += 1) noise.data[index] = index % 4 === 3 ? 70 : Math.random() * 255;
  canvas.getContext('2d').putImageData(noise, 0, 0);
  return (context, { width, height }) => {
    const [left, top] = [Math.random() * 256, Math.random() * 256];
    for (let x = -left; x < width; x += 256) for (let y = -top; y < height; y += 256) context.drawImage(canvas, x, y);
  };
};

// A picture that changes with each frame, in one canvas for all who want one of that size.
const pictures = {};
const picture = ({ width = 192, height = 108, frameRate = 10, grainy = false } = {}) => {
  const name = `${width}x${height}@${frameRate}`;
  pictures[name] ??= (() => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    let count = 0;
    const cover = grainy ? grain() : () => {};
    const draw = () => {
      count += 1;
      context.fillStyle = `hsl(${count % 360} 60% 40%)`;
      context.fillRect(0, 0, width, height);
      context.fillStyle = 'white';
      context.fillRect((count * 3) % width, (count * 2) % height, width / 6, height / 6);
      cover(context, canvas);
    };
    draw();
    setInterval(draw, 1000 / frameRate);
    return canvas.captureStream(frameRate).getVideoTracks()[0];
  })();
  return pictures[name].clone();
};

let sound;
const tone = () => {
  sound ??= (() => {
    const context = new AudioContext();
    const oscillator = context.createOscillator();
    const destination = context.createMediaStreamDestination();
    oscillator.connect(destination);
    oscillator.start();
    return destination.stream.getAudioTracks()[0];
  })();
  return sound.clone();
};

// For clients that ask for a camera, on origins where browsers give none.
window.pretend = () => Object.defineProperty(navigator, 'mediaDevices', {
  value: { getUserMedia: async ({ video }) => new MediaStream([tone(), picture(video)]) },
});

const named = (participant) => participant.userId || participant.id;

// What an event came with, in words that JSON can carry.
const inWords = (what) => {
  if (Array.isArray(what)) return what.map(inWords);
  if (what === null || typeof what !== 'object') return what ?? null;
  if (what instanceof Error) return { code: what.code, category: what.category, message: what.message };
  if ('capabilities' in what) return named(what);
  if ('level' in what) return { participant: { userId: named(what.participant) }, level: what.level };
  if ('streamType' in what) return what.streamType;
  if ('label' in what) return what.label;
  if (what.payload instanceof ArrayBuffer) return { uuid: what.uuid, text: new TextDecoder().decode(what.payload) };
  return what;
};

// These come all the time.
const NOISE = ['stageActiveSpeakersChanged', 'stageConnectionQualityChanged', 'stageAudioPlaybackChanged'];

class Guest {
  constructor(library, token, options) {
    this.library = library;
    // What the strategy answers; tests change it and refresh.
    this.wish = { publish: null, subscribe: library.SubscribeType.AUDIO_VIDEO, groups: null, prefer: null, configuration: {}, ...options.wish };
    this.told = [];
    this.last = {};
    // By the id of who publishes them.
    this.streams = new Map();
    this.elements = new Map();
    this.stage = new library.Stage(token, this.strategy(), options.configuration?.());
    for (const event of Object.values(library.StageEvents)) this.stage.on(event, (...told) => this.hear(event, told));
  }

  strategy() {
    const { SubscribeType } = this.library;
    return {
      stageStreamsToPublish: () => this.local(),
      shouldPublishParticipant: () => this.wish.publish !== null,
      shouldSubscribeToParticipant: ({ attributes }) =>
        this.wish.groups && !this.wish.groups.includes(attributes.participantGroup) ? SubscribeType.NONE : this.wish.subscribe,
      subscribeConfiguration: () => this.wish.configuration,
      preferredLayerForStream: () => this.wish.prefer,
    };
  }

  // Objects of this guest, made once for each wish.
  local() {
    if (this.made?.wish === this.wish.publish) return this.made.streams;
    const { video, audio = {}, size } = this.wish.publish ?? {};
    const { LocalStageStream } = this.library;
    const streams = [audio && new LocalStageStream(tone(), audio), video && new LocalStageStream(picture(size), video)].filter(Boolean);
    this.made = { wish: this.wish.publish, streams };
    return streams;
  }

  hear(event, told) {
    this.last[event] = inWords(told);
    if (!NOISE.includes(event)) this.told.push([event, ...inWords(told)]);
    const [participant, streams] = told;
    if (event === 'stageParticipantStreamsAdded' && !participant.isLocal) for (const stream of streams) this.show(participant, stream);
    if (event === 'stageParticipantStreamsRemoved' && !participant.isLocal) for (const stream of streams) this.hide(participant, stream);
  }

  show(participant, stream) {
    const { id } = participant;
    const element = this.elements.get(id) ?? document.createElement('video');
    this.elements.set(id, element);
    stream.attach(element);
    document.body.append(element);
    this.streams.set(id, [...(this.streams.get(id) ?? []), stream]);
  }

  hide({ id }, stream) {
    const rest = (this.streams.get(id) ?? []).filter((each) => each !== stream);
    this.streams.set(id, rest);
    if (rest.length === 0) this.elements.get(id)?.remove();
  }

  stream(name, kind) {
    return [...this.streams.values()].flat().find(({ participantInfo, streamType }) => named(participantInfo) === name && streamType === kind);
  }

  // What is received of whom, by the name and the kind.
  async received() {
    const found = {};
    for (const stream of [...this.streams.values()].flat()) {
      const { participantInfo, streamType, isMuted, isPaused } = stream;
      (found[named(participantInfo)] ??= {})[streamType] = { ...(await stream.requestQualityStats()), isMuted, isPaused };
    }
    return found;
  }

  change(wish) {
    Object.assign(this.wish, wish);
    this.stage.refreshStrategy();
  }
}

// Gives the error, where joining fails.
window.enter = async (name, token, options = {}) => {
  const guest = (window.guests[name] = new Guest(await loaded(), token, options));
  return guest.stage.join().then(() => null, inWords);
};
