"""Debian's Chromium with a fake camera and microphone, and WHIP and WHEP spoken by a bare RTCPeerConnection in it."""

import os

from playwright.sync_api import Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

# Bare clients: no library, so that what is tested is the wire. Each peer keeps the URL of its resource.
SCRIPT = """
window.peers = {};

const settled = (connection) => new Promise((resolve, reject) => {
  const look = () => {
    if (connection.connectionState === 'connected') resolve();
    if (['failed', 'closed'].includes(connection.connectionState)) reject(new Error(connection.connectionState));
  };
  connection.addEventListener('connectionstatechange', look);
  look();
});

const negotiate = async (name, url, token, connection) => {
  await connection.setLocalDescription();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
    body: connection.localDescription.sdp,
  });
  const text = await response.text();
  if (response.status !== 201) return { status: response.status, text };
  const resource = new URL(response.headers.get('Location'), url).href;
  const etag = response.headers.get('ETag');
  window.peers[name] = { connection, resource, etag, token };
  await connection.setRemoteDescription({ type: 'answer', sdp: text });
  await settled(connection);
  return { status: 201, text, resource, etag };
};

window.publish = async (name, url, token, { width = 640, height = 360, kbps = 800, codec = 'video/H264' } = {}) => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width, height, frameRate: 30 } });
  const connection = new RTCPeerConnection();
  connection.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
  const video = connection.addTransceiver(stream.getVideoTracks()[0], {
    direction: 'sendonly', streams: [stream], sendEncodings: [{ maxBitrate: kbps * 1000 }],
  });
  const all = RTCRtpSender.getCapabilities('video').codecs;
  video.setCodecPreferences(all.filter((each) => [codec, 'video/rtx'].includes(each.mimeType)));
  return negotiate(name, url, token, connection);
};

window.subscribe = async (name, url, token, { kinds = ['audio', 'video'] } = {}) => {
  const connection = new RTCPeerConnection();
  const stream = new MediaStream();
  connection.addEventListener('track', ({ track }) => stream.addTrack(track));
  for (const kind of kinds) connection.addTransceiver(kind, { direction: 'recvonly' });
  const element = document.createElement('video');
  element.autoplay = true;
  element.muted = false;
  element.srcObject = stream;
  document.body.append(element);
  const result = await negotiate(name, url, token, connection);
  if (window.peers[name]) window.peers[name].element = element;
  return result;
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
  const lines = offer.sdp.split('\\r\\n');
  const pick = (prefix) => lines.find((line) => line.startsWith(prefix));
  const fragment = [pick('a=ice-ufrag:'), pick('a=ice-pwd:'), pick('m='), pick('a=mid:')].join('\\r\\n') + '\\r\\n';
  const response = await fetch(resource, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*', Authorization: `Bearer ${token}` },
    body: fragment,
  });
  const text = await response.text();
  if (response.status !== 200) return { status: response.status, text };
  const fresh = (prefix) => text.split(/\\r?\\n/).find((line) => line.startsWith(prefix));
  const answer = connection.currentRemoteDescription.sdp
    .replace(/a=ice-ufrag:.*/g, fresh('a=ice-ufrag:'))
    .replace(/a=ice-pwd:.*/g, fresh('a=ice-pwd:'));
  await connection.setRemoteDescription({ type: 'answer', sdp: answer });
  await settled(connection);
  return { status: 200, etag: response.headers.get('ETag'), before: peer.etag };
};
"""


class Browser:
    """One Chromium for all tests; each page is a context of its own."""

    def __enter__(self) -> "Browser":
        self.playwright = sync_playwright().start()
        self.chromium = self.playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=ARGUMENTS
        )
        return self

    def __exit__(self, *_) -> None:
        self.chromium.close()
        self.playwright.stop()

    def page(self, origin: str, **options) -> Page:
        """A page of the server's origin that can publish and subscribe."""
        context = self.chromium.new_context(permissions=["camera", "microphone"], **options)
        context.add_init_script(SCRIPT)
        page = context.new_page()
        page.goto(f"{origin}/healthz")
        return page
