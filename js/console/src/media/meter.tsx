// How loud a track is, before anybody hears it.

import { useEffect, useRef } from 'preact/hooks';

/** Ten times a second is enough to see words. */
const LOOK_MS = 100;
/** What the empty and the full meter mean, in dB of full scale. */
const QUIETEST_DB = -60;

export function Meter({ track, label }: { track: MediaStreamTrack | undefined; label: string }) {
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const shown = bar.current;
    if (track === undefined || shown === null) return undefined;
    const audio = new AudioContext();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 2048;
    audio.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      if (audio.state === 'suspended') void audio.resume().catch(() => undefined);
      analyser.getFloatTimeDomainData(samples);
      const share = levelOf(samples);
      shown.style.setProperty('--level', String(share));
      shown.setAttribute('aria-valuenow', String(Math.round(share * 100)));
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
      void audio.close();
    };
  }, [track]);
  return <div ref={bar} class="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={0} />;
}

/** The loudest of some samples as a share of the meter, 0 to 1. */
export function levelOf(samples: ArrayLike<number>): number {
  let peak = 0;
  for (let at = 0; at < samples.length; at += 1) peak = Math.max(peak, Math.abs(samples[at] ?? 0));
  if (peak === 0) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(peak)) / QUIETEST_DB));
}
