// Where published media comes from: camera and microphone, a shared screen, or a test picture for machines without either.

import { openPicture } from './picture';

export type SourceKind = 'camera' | 'screen' | 'picture';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Wanted {
  readonly kind: SourceKind;
  /** Empty: the browser's own choice. */
  readonly cameraId: string;
  readonly microphoneId: string;
  readonly size: Size;
  /** Written into the test picture; asked for each frame. */
  readonly name: () => string;
}

export interface Source {
  readonly kind: SourceKind;
  readonly media: MediaStream;
  stop(): void;
}

/** Stages take 921,600 pixels at most. */
export const SIZES: readonly Size[] = [
  { width: 1280, height: 720 },
  { width: 960, height: 540 },
  { width: 640, height: 360 },
];
export const FRAMES_PER_SECOND = 30;

/** Rejects as `getUserMedia` and `getDisplayMedia` do; `captureWords` knows what that means. */
export async function openSource(wanted: Wanted): Promise<Source> {
  const { kind, size, name } = wanted;
  if (kind === 'picture') return { kind, ...openPicture(name, size, FRAMES_PER_SECOND) };
  // Absent where the page came neither by https nor from localhost.
  if (!('mediaDevices' in navigator)) throw new Error('Browsers give cameras and screens only to https pages and to localhost.');
  const media = await (kind === 'camera' ? openCamera(wanted) : openScreen(size));
  return {
    kind,
    media,
    stop: () => {
      for (const track of media.getTracks()) track.stop();
    },
  };
}

function openCamera({ cameraId, microphoneId, size: { width, height } }: Wanted): Promise<MediaStream> {
  const device = (id: string) => (id === '' ? {} : { deviceId: { exact: id } });
  return navigator.mediaDevices.getUserMedia({
    audio: { ...device(microphoneId) },
    video: {
      ...device(cameraId),
      width: { ideal: width, max: width },
      height: { ideal: height, max: height },
      frameRate: { ideal: FRAMES_PER_SECOND, max: FRAMES_PER_SECOND },
    },
  });
}

async function openScreen({ width, height }: Size): Promise<MediaStream> {
  const media = await navigator.mediaDevices.getDisplayMedia({
    audio: true,
    video: { width: { max: width }, height: { max: height }, frameRate: { max: FRAMES_PER_SECOND } },
  });
  // Letters stay sharp at the cost of frames.
  for (const track of media.getVideoTracks()) track.contentHint = 'detail';
  return media;
}

export interface Devices {
  readonly cameras: readonly MediaDeviceInfo[];
  readonly microphones: readonly MediaDeviceInfo[];
}

/** Browsers name devices only after one was opened. */
export async function listDevices(): Promise<Devices> {
  if (!('mediaDevices' in navigator)) return { cameras: [], microphones: [] };
  const all = await navigator.mediaDevices.enumerateDevices();
  const named = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== '');
  return { cameras: named('videoinput'), microphones: named('audioinput') };
}
