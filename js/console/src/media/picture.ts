// The test picture: colour bars, a clock with milliseconds, a frame counter, and a tone at each full second while a square flashes.
// Delay is read off the clock, stutter off the runner and the counter, and whether sound and picture agree off tone and square.

import type { Size } from './source';
import Ticker from './ticker?worker';

const TONE = { hertz: 1000, gain: 0.08, milliseconds: 100 };
/** At each full minute, so that it is known which second is heard. */
const MINUTE_TONE_HERTZ = 1500;

export function openPicture(name: () => string, { width, height }: Size, framesPerSecond: number): { media: MediaStream; stop(): void } {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { alpha: false });
  if (context === null) throw new Error('This browser cannot draw a test picture.');
  context.scale(width / WIDTH, height / HEIGHT);
  const tone = openTone();

  // A worker's timer goes on in a tab that nobody looks at; the page's own would fall to one frame a second.
  const ticker = new Ticker();
  let frame = 0;
  let second = 0;
  const tick = () => {
    const now = new Date();
    draw(context, now, frame, name());
    frame += 1;
    if (now.getSeconds() === second) return;
    second = now.getSeconds();
    tone.beep(second === 0 ? MINUTE_TONE_HERTZ : TONE.hertz);
  };
  ticker.addEventListener('message', tick);
  ticker.postMessage(1000 / framesPerSecond);
  tick();

  const media = new MediaStream([...canvas.captureStream(framesPerSecond).getTracks(), ...tone.media.getTracks()]);
  return {
    media,
    stop: () => {
      ticker.terminate();
      for (const track of media.getTracks()) track.stop();
      tone.close();
    },
  };
}

function openTone(): { media: MediaStream; beep(hertz: number): void; close(): void } {
  const audio = new AudioContext();
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  gain.gain.value = 0;
  const output = audio.createMediaStreamDestination();
  oscillator.connect(gain).connect(output);
  oscillator.start();
  // Before the page is touched a browser may hold the sound back; the next touch lets it go.
  const resume = () => void audio.resume().catch(() => undefined);
  if (audio.state === 'suspended') addEventListener('pointerdown', resume, { once: true });
  return {
    media: output.stream,
    beep: (hertz) => {
      if (audio.state === 'suspended') resume();
      oscillator.frequency.value = hertz;
      gain.gain.setValueAtTime(TONE.gain, audio.currentTime);
      gain.gain.setValueAtTime(0, audio.currentTime + TONE.milliseconds / 1000);
    },
    close: () => {
      removeEventListener('pointerdown', resume);
      void audio.close();
    },
  };
}

/** What `draw` draws in; the canvas may be smaller. */
const WIDTH = 1280;
const HEIGHT = 720;
/** Where the bars end. */
const BAND = 330;
const BARS = ['#bfbfbf', '#bfbf00', '#00bfbf', '#00bf00', '#bf00bf', '#bf0000', '#0000bf'];
const RUNNER = { width: 24, height: 14 };
const FLASH = { left: 60, top: BAND + 60, side: 110 };

/** `12:34:56.789`, UTC: two machines with good clocks show the delay. */
export function clockText(now: Date): string {
  return now.toISOString().slice(11, 23);
}

function draw(context: CanvasRenderingContext2D, now: Date, frame: number, name: string): void {
  const width = WIDTH / BARS.length;
  BARS.forEach((colour, at) => {
    context.fillStyle = colour;
    context.fillRect(Math.floor(at * width), 0, Math.ceil(width), BAND);
  });
  context.fillStyle = '#101018';
  context.fillRect(0, BAND, WIDTH, HEIGHT - BAND);
  context.fillStyle = '#ffffff';
  context.fillRect((now.getMilliseconds() / 1000) * (WIDTH - RUNNER.width), BAND - RUNNER.height, RUNNER.width, RUNNER.height);
  if (now.getMilliseconds() < TONE.milliseconds) context.fillRect(FLASH.left, FLASH.top, FLASH.side, FLASH.side);
  context.strokeStyle = '#ffffff';
  context.lineWidth = 4;
  context.strokeRect(FLASH.left, FLASH.top, FLASH.side, FLASH.side);
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  context.font = '600 112px ui-monospace, "DejaVu Sans Mono", monospace';
  context.fillText(clockText(now), 220, FLASH.top + FLASH.side / 2, 1000);
  context.font = '500 44px system-ui, sans-serif';
  context.fillText(name, 60, 610, 760);
  context.textAlign = 'right';
  context.fillText(`frame ${frame}`, WIDTH - 60, 610, 380);
}
