// Where the published media comes from: the camera, or a test picture with a clock and a tone for machines without one.

import Ticker from './ticker?worker';

export type SourceKind = 'camera' | 'picture';

export interface Source {
  readonly kind: SourceKind;
  readonly media: MediaStream;
  stop(): void;
}

/** A stage's limit is 921,600 pixels. */
const WIDTH = 1280;
const HEIGHT = 720;
const FRAMES_PER_SECOND = 30;
const TONE = { hertz: 440, gain: 0.05, seconds: 0.1 };

export async function openCamera(): Promise<Source> {
  // Absent where the page came neither by https nor from localhost.
  if (!('mediaDevices' in navigator)) {
    throw new Error('Browsers give the camera only to https pages and to localhost.');
  }
  const media = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: {
      width: { ideal: WIDTH, max: WIDTH },
      height: { ideal: HEIGHT, max: HEIGHT },
      frameRate: { ideal: FRAMES_PER_SECOND, max: FRAMES_PER_SECOND },
    },
  });
  return {
    kind: 'camera',
    media,
    stop: () => {
      for (const track of media.getTracks()) track.stop();
    },
  };
}

/** What `getUserMedia` failed for, in words. */
export function cameraFault(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return 'The browser was not allowed to use the camera.';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'There is no camera that fits.';
    case 'NotReadableError':
      return 'The camera is in use by another program.';
    default:
      return error instanceof Error ? error.message : 'The camera does not work.';
  }
}

export function openPicture(name: string): Source {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('The browser cannot draw a test picture.');

  const audio = new AudioContext();
  const oscillator = audio.createOscillator();
  oscillator.frequency.value = TONE.hertz;
  const gain = audio.createGain();
  gain.gain.value = 0;
  const output = audio.createMediaStreamDestination();
  oscillator.connect(gain).connect(output);
  oscillator.start();

  // A worker's timer goes on in a tab that nobody looks at; the page's own would fall to one frame a second.
  const ticker = new Ticker();
  let second = 0;
  ticker.addEventListener('message', () => {
    const now = new Date();
    draw(context, now, name);
    if (now.getSeconds() === second) return;
    second = now.getSeconds();
    gain.gain.setValueAtTime(TONE.gain, audio.currentTime);
    gain.gain.setValueAtTime(0, audio.currentTime + TONE.seconds);
  });
  ticker.postMessage(1000 / FRAMES_PER_SECOND);
  draw(context, new Date(), name);

  const media = new MediaStream([...canvas.captureStream(FRAMES_PER_SECOND).getTracks(), ...output.stream.getTracks()]);
  return {
    kind: 'picture',
    media,
    stop: () => {
      ticker.terminate();
      for (const track of media.getTracks()) track.stop();
      void audio.close();
    },
  };
}

/** Where the bars end, as a part of the height. The tile's caption lies over the lowest sixth. */
const BAND = 0.42;
const BARS = ['#bfbfbf', '#bfbf00', '#00bfbf', '#00bf00', '#bf00bf', '#bf0000', '#0000bf'];

function draw(context: CanvasRenderingContext2D, now: Date, name: string): void {
  const width = WIDTH / BARS.length;
  BARS.forEach((color, at) => {
    context.fillStyle = color;
    context.fillRect(Math.floor(at * width), 0, Math.ceil(width), HEIGHT);
  });
  context.fillStyle = '#101018';
  context.fillRect(0, HEIGHT * BAND, WIDTH, HEIGHT * (1 - BAND));
  // Crosses the picture once a second: a stutter shows at once.
  context.fillStyle = '#ffffff';
  context.fillRect((now.getMilliseconds() / 1000) * (WIDTH - 24), HEIGHT * BAND - 12, 24, 12);
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = '600 112px ui-monospace, monospace';
  context.fillText(now.toISOString().slice(11, 21), WIDTH / 2, HEIGHT * 0.58);
  context.font = '500 44px system-ui, sans-serif';
  context.fillText(name, WIDTH / 2, HEIGHT * 0.74, WIDTH - 80);
}
