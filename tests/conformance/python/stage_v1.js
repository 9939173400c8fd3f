// A client of `stage.v1`, written from docs/stage-v1.md. It keeps what the server says in plain members, for tests to read.

class Feed {
  constructor(url, token, options = {}) {
    Object.assign(this, { url, token, options, frames: [], binds: {}, layers: {}, left: null, seq: 0, answers: 0, offers: 0 });
    this.connection = new RTCPeerConnection();
    this.connection.addEventListener('track', ({ track, transceiver }) => {
      const element = document.createElement(track.kind);
      element.autoplay = true;
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
      transceiver.element = element;
    });
  }

  grow(audio, video) {
    for (const [kind, wanted] of [['audio', audio], ['video', video]]) {
      const there = this.connection.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind).length;
      // What a stage cannot carry makes an offer of many sections longer, and nothing else.
      const { codecs } = RTCRtpReceiver.getCapabilities(kind);
      const carried = codecs.filter(({ mimeType }) => ['audio/opus', 'video/H264', 'video/VP8', 'video/rtx'].includes(mimeType));
      for (let count = there; count < wanted; count += 1) {
        const transceiver = this.connection.addTransceiver(kind, { direction: 'recvonly' });
        if (!this.options.everyCodec) transceiver.setCodecPreferences(carried);
      }
    }
  }

  async offer() {
    this.offers += 1;
    await this.connection.setLocalDescription();
    return this.connection.localDescription.sdp;
  }

  // Without slots there is no feed.
  async join(audio, video) {
    this.grow(audio, video);
    const offer = audio + video > 0 ? { offer: await this.offer() } : {};
    return this.connect({ type: 'join', ...offer, want: this.options.want ?? {} });
  }

  // Connects anew and goes on with the session; media needs no new offer.
  resume() {
    return this.connect({ type: 'join', resume: { session: this.session, seq: this.seq } });
  }

  connect(join) {
    return new Promise((resolve, reject) => {
      this.socket = new WebSocket(this.url, ['stage.v1', this.token]);
      this.socket.onopen = () => this.say(join);
      this.socket.onclose = ({ code, reason }) => reject(new Error(`the socket was closed: ${code} ${reason}`));
      this.socket.onmessage = async ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.seq) this.seq = frame.seq;
        this.frames.push(frame);
        await this[`on_${frame.type}`]?.(frame);
        if (frame.type === 'joined') resolve(frame);
      };
    });
  }

  say(message) { this.socket.send(JSON.stringify(message)); }

  async on_joined({ session, resumed, answer }) {
    this.session = session;
    if (resumed !== 'replayed') this.binds = {};
    if (answer) await this.take(answer);
  }

  async on_answer({ sdp }) { await this.take(sdp); }

  async take(sdp) {
    await this.connection.setRemoteDescription({ type: 'answer', sdp });
    this.answers += 1;
    if (this.needed) await this.on_need(this.needed);
  }

  on_bind({ slots }) { this.binds = Object.fromEntries(slots.map((slot) => [slot.mid, slot])); }

  on_layers(frame) { this.layers[frame.pid] = frame; }

  on_left({ reason }) { this.left = reason; }

  // One offer at a time: another need waits for the answer to it.
  async on_need(need) {
    if (this.options.keep) return;
    if (this.offers > this.answers) {
      this.needed = need;
      return;
    }
    this.needed = null;
    this.offers += 1;
    this.grow(need.audio, need.video);
    await this.connection.setLocalDescription();
    this.say({ type: 'offer', sdp: this.connection.localDescription.sdp });
  }

  // What is received of whom: `{ pid: { audio, video } }`.
  async received() {
    const found = {};
    for (const report of (await this.connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      const bound = this.binds[report.mid];
      if (bound) (found[bound.pid] ??= {})[report.kind] = { ...report, paused: bound.paused };
    }
    return found;
  }
}

window.feeds = {};

window.feed = async (name, url, token, { audio = 4, video = 4, ...options } = {}) => {
  window.feeds[name] = new Feed(url, token, options);
  const { seq, slots, resumed } = await window.feeds[name].join(audio, video);
  return { seq, slots, resumed };
};
