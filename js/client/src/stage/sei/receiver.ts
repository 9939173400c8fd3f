/** Messages out of the videos that are received. A receiver carries one publisher after the other; its transform stays. */

import type { SeiMessage } from '../types';
import type { Sei } from './nal';
import { uuidText } from './sender';
import { transformed } from './transform';

type Hearing = (message: SeiMessage) => void;

const hearings = new WeakMap<RTCRtpReceiver, { hears: Hearing | undefined }>();

/** Lets messages be heard of later. Chromium takes no transform of a receiver that has been there for a while. */
export function hearable(receiver: RTCRtpReceiver): void {
  if (!hearings.has(receiver)) begun(receiver);
}

/** From now on the messages of this receiver are told; gives what ends that. */
export function hear(receiver: RTCRtpReceiver, hears: Hearing): () => void {
  const hearing = hearings.get(receiver) ?? begun(receiver);
  hearing.hears = hears;
  return () => {
    if (hearing.hears === hears) hearing.hears = undefined;
  };
}

function begun(receiver: RTCRtpReceiver): { hears: Hearing | undefined } {
  const hearing: { hears: Hearing | undefined } = { hears: undefined };
  hearings.set(receiver, hearing);
  const port = transformed(receiver, 'receive');
  if (port) {
    port.onmessage = ({ data: { uuid, payload } }: MessageEvent<Sei>) => {
      hearing.hears?.({ uuid: uuidText(uuid), payload: payload.slice().buffer as ArrayBuffer });
    };
  }
  return hearing;
}
