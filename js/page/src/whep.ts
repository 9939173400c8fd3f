// Receiving one publisher by WHEP.

import { Peer } from './peer';
import type { Token } from './token';

export interface Received {
  readonly peer: Peer;
  readonly media: MediaStream;
}

export async function subscribe(token: Token, participantId: string): Promise<Received> {
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const media = new MediaStream();
  connection.addEventListener('track', ({ track }) => media.addTrack(track));
  connection.addTransceiver('audio', { direction: 'recvonly' });
  connection.addTransceiver('video', { direction: 'recvonly' });
  const url = `${token.whipUrl}/subscribe/${encodeURIComponent(participantId)}`;
  try {
    return { peer: await Peer.open(connection, url, token.text), media };
  } catch (error) {
    connection.close();
    throw error;
  }
}
