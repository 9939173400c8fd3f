// Bare clients: no library, so that what is tested is the wire. Each peer keeps the URL of its resource.

window.peers = {};

const settled = (connection) => new Promise((resolve, reject) => {
  const look = () => {
    if (connection.connectionState === 'connected') resolve();
    if (['failed', 'closed'].includes(connection.connectionState)) reject(new Error(connection.connectionState));
  };
  connection.addEventListener('connectionstatechange', look);
  look();
});

// The `Link` headers of the response to a subscription, by the last word of their relation: `layer` and `server-sent-events`.
const links = (response, url) => Object.fromEntries(
  [...(response.headers.get('Link') ?? '').matchAll(/<([^>]*)>; rel="[^"]*?([^:"]+)"/g)]
    .map(([, target, relation]) => [relation, here(target, url)]));

// The server's own idea of its address is not always how this page reached it.
const here = (target, url) => new URL(new URL(target, url).pathname, url).href;

// These codecs, in this order.
const prefer = (transceiver, kind, types) => {
  const { codecs } = RTCRtpSender.getCapabilities(kind);
  transceiver.setCodecPreferences(types.flatMap((type) => codecs.filter(({ mimeType }) => mimeType === type)));
};

const negotiate = async (name, url, token, connection, bend = (sdp) => sdp) => {
  await connection.setLocalDescription();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
    body: connection.localDescription.sdp,
  });
  const text = await response.text();
  if (response.status !== 201) return { status: response.status, text };
  const resource = here(response.headers.get('Location'), url);
  const etag = response.headers.get('ETag');
  window.peers[name] = { connection, resource, etag, token, links: links(response, url), told: [], samples: [] };
  await connection.setRemoteDescription({ type: 'answer', sdp: bend(text) });
  await settled(connection);
  return { status: 201, text, resource, etag };
};

// The answer with a codec before the others in the video section: the first one is what is sent.
const lead = (sdp, codec) => {
  const [before, video] = sdp.split(/(?=m=video )/);
  const first = [...video.matchAll(/^a=rtpmap:(\d+) (\w+)\//gm)].filter(([, , name]) => `video/${name}` === codec).map(([, number]) => number);
  return before + video.replace(/^(m=video \d+ \S+)(.*)$/m, (_, start, numbers) => {
    const others = numbers.trim().split(' ').filter((number) => !first.includes(number));
    return [start, ...first, ...others].join(' ');
  });
};

// The answer without the addresses of UDP.
const overTcp = (sdp) => sdp.replace(/a=candidate:.* udp .*\r\n/gi, '');

// The picture with grain over it, which takes the bitrate that it is allowed, as a real camera's does.
const grainy = (track, { width, height, frameRate }) => {
  const element = document.createElement('video');
  element.srcObject = new MediaStream([track]);
  element.muted = true;
  element.play();
  const grain = new OffscreenCanvas(256, 256);
  const noise = new ImageData(256, 256);
  for (let index = 0; index < noise.data.length; index += 1) noise.data[index] = index % 4 === 3 ? 70 : Math.random() * 255;
  grain.getContext('2d').putImageData(noise, 0, 0);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  setInterval(() => {
    context.drawImage(element, 0, 0, width, height);
    const [left, top] = [Math.random() * 256, Math.random() * 256];
    for (let x = -left; x < width; x += 256) for (let y = -top; y < height; y += 256) context.drawImage(grain, x, y);
  }, 1000 / frameRate);
  return canvas.captureStream(frameRate).getVideoTracks()[0];
};

// Offers `codec`, and sends it; with `beside`, which is offered too, also where the answer prefers that.
window.publish = async (name, url, token, {
  width = 640, height = 360, kbps = 800, codec = 'video/H264', beside = null, frameRate = 30,
  layers = [{ maxBitrate: kbps * 1000 }], grain = false, sound = null, tcp = false,
} = {}) => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width, height, frameRate } });
  const connection = new RTCPeerConnection();
  const audio = connection.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
  if (sound) prefer(audio, 'audio', sound);
  const [camera] = stream.getVideoTracks();
  const video = connection.addTransceiver(grain ? grainy(camera, { width, height, frameRate }) : camera, {
    direction: 'sendonly', streams: [stream], sendEncodings: layers,
  });
  const all = RTCRtpSender.getCapabilities('video').codecs;
  video.setCodecPreferences(all.filter((each) => [codec, beside, 'video/rtx'].includes(each.mimeType)));
  // A busy machine must not change the sizes that a test waits for.
  await video.sender.setParameters({ ...video.sender.getParameters(), degradationPreference: 'maintain-resolution' });
  return negotiate(name, url, token, connection, (sdp) => {
    const led = beside ? lead(sdp, codec) : sdp;
    return tcp ? overTcp(led) : led;
  });
};

// Sends an encoding, or stops it.
window.activate = async (name, rid, active) => {
  const [video] = window.peers[name].connection.getSenders().filter(({ track }) => track.kind === 'video');
  const parameters = video.getParameters();
  parameters.encodings.find((each) => each.rid === rid).active = active;
  await video.setParameters(parameters);
};

// `media` is where media is sent to in place of the addresses in the answer: `[address, port]`, or null; `tcp` takes out those of UDP.
window.subscribe = async (name, url, token, {
  kinds = ['audio', 'video'], media = null, tcp = false, sampled = false, sound = null,
} = {}) => {
  const connection = new RTCPeerConnection();
  const stream = new MediaStream();
  connection.addEventListener('track', ({ track }) => stream.addTrack(track));
  for (const kind of kinds) {
    const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
    if (sound && kind === 'audio') prefer(transceiver, kind, sound);
  }
  const element = document.createElement('video');
  element.autoplay = true;
  element.muted = false;
  element.srcObject = stream;
  document.body.append(element);
  const bend = (sdp) => {
    if (sampled) sample(name);
    if (tcp) return overTcp(sdp);
    return media
      ? sdp.replace(/a=candidate:.* tcp .*\r\n/gi, '').replace(/^(a=candidate:\S+ \d udp \d+) \S+ \d+/gim, `$1 ${media.join(' ')}`)
      : sdp;
  };
  const result = await negotiate(name, url, token, connection, bend);
  if (window.peers[name]) window.peers[name].element = element;
  return result;
};

// Notes what is received each time that the size of the picture has changed or a second has gone by.
const sample = (name) => {
  const peer = window.peers[name];
  const begin = performance.now();
  setInterval(async () => {
    const { video, audio } = await window.received(name);
    const { frameWidth: width = 0, frameHeight: height = 0, framesDecoded = 0, freezeCount = 0, totalFreezesDuration = 0 } = video ?? {};
    const at = (performance.now() - begin) / 1000;
    const last = peer.samples.at(-1);
    if (last && last.width === width && at - last.at < 1) return;
    peer.samples.push({
      at, width, height, framesDecoded, freezeCount, totalFreezesDuration,
      bytes: video?.bytesReceived ?? 0, samples: audio?.totalSamplesReceived ?? 0, concealed: audio?.concealedSamples ?? 0,
    });
  }, 20);
};

// Reads the events of a subscription; `told` of the peer grows.
window.listen = async (name, events) => {
  const { token, links: { 'server-sent-events': url }, told } = window.peers[name];
  const headers = { Authorization: `Bearer ${token}` };
  const posted = await fetch(url, {
    method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(events),
  });
  if (posted.status !== 201) return posted.status;
  const response = await fetch(here(posted.headers.get('Location'), url), { headers });
  const read = async () => {
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
        if (fields.event) told.push({ event: fields.event, data: JSON.parse(fields.data) });
      }
    }
  };
  read().catch(() => {});
  return response.status;
};

window.choose = async (name, choice) => {
  const { token, links: { layer } } = window.peers[name];
  const response = await fetch(layer, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(choice),
  });
  return response.status;
};

window.received = async (name) => {
  const found = {};
  for (const report of (await window.peers[name].connection.getStats()).values()) {
    if (report.type === 'inbound-rtp') found[report.kind] = { ...report };
  }
  return found;
};

window.remove = async (name) => {
  const { connection, resource, token } = window.peers[name];
  const response = await fetch(resource, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } });
  connection.close();
  return response.status;
};

window.restart = async (name) => {
  const peer = window.peers[name];
  const { connection, resource, token } = peer;
  const offer = await connection.createOffer({ iceRestart: true });
  await connection.setLocalDescription(offer);
  const lines = offer.sdp.split('\r\n');
  const pick = (prefix) => lines.find((line) => line.startsWith(prefix));
  const fragment = [pick('a=ice-ufrag:'), pick('a=ice-pwd:'), pick('m='), pick('a=mid:')].join('\r\n') + '\r\n';
  const response = await fetch(resource, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*', Authorization: `Bearer ${token}` },
    body: fragment,
  });
  const text = await response.text();
  if (response.status !== 200) return { status: response.status, text };
  const fresh = (prefix) => text.split(/\r?\n/).find((line) => line.startsWith(prefix));
  const answer = connection.currentRemoteDescription.sdp
    .replace(/a=ice-ufrag:.*/g, fresh('a=ice-ufrag:'))
    .replace(/a=ice-pwd:.*/g, fresh('a=ice-pwd:'));
  await connection.setRemoteDescription({ type: 'answer', sdp: answer });
  await settled(connection);
  return { status: 200, etag: response.headers.get('ETag'), before: peer.etag };
};
