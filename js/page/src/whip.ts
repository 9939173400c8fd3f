// Publishing by WHIP.

import { Peer, preferH264 } from './peer';
import type { Token } from './token';

/** Plenty for 720p, and far below the 8.5 Mbit/s at which a stage ends a publisher. */
const VIDEO_BITRATE_BPS_MAX = 2_500_000;

export async function publish(token: Token, media: MediaStream): Promise<Peer> {
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const [audio] = media.getAudioTracks();
  const [video] = media.getVideoTracks();
  connection.addTransceiver(audio ?? 'audio', { direction: 'sendonly', streams: [media] });
  const sender = connection.addTransceiver(video ?? 'video', {
    direction: 'sendonly',
    streams: [media],
    sendEncodings: [{ maxBitrate: VIDEO_BITRATE_BPS_MAX }],
  });
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs;
  if (codecs) sender.setCodecPreferences(preferH264(codecs));
  try {
    return await Peer.open(connection, token.whipUrl, token.text);
  } catch (error) {
    connection.close();
    throw error;
  }
}
