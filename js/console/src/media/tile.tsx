// One publisher: the picture, who it is, how it arrives.

import { useEffect, useId, useRef, useState } from 'preact/hooks';

import { bitrate, framesPerSecond, milliseconds, percent, size } from './format';
import { latest, names } from './history';
import { Bars, CameraOff, MicrophoneOff, Replica, Speaking } from './marks';
import { Measurements } from './measurements';
import type { Measured, OnStage, Other } from './on-stage';
import { qualityWords } from './words';

interface TileProps {
  readonly stage: OnStage;
  readonly other: Other;
  readonly measured: Measured | undefined;
  readonly isSpeaking: boolean;
  readonly hasSound: boolean;
  readonly onSound: (hasSound: boolean) => void;
  /** What the stage is called that a replica comes from. */
  readonly origin: string | undefined;
}

export function Tile({ stage, other, measured, isSpeaking, hasSound, onSound, origin }: TileProps) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const name = other.userId === '' ? other.id : other.userId;
  const loss = latest(measured?.history ?? [], 'loss');
  const quality = qualityWords(loss);
  return (
    <article class="tile" data-speaking={isSpeaking} data-open={isOpen} aria-label={name}>
      <Picture other={other} name={name} hasSound={hasSound} />
      <div class="tile-foot">
        <div class="tile-name">
          <strong title={other.id}>{name}</strong>
          <span class="marks">
            {isSpeaking && <Speaking />}
            {origin !== undefined && <Replica from={origin} />}
            {other.isAudioMuted && <MicrophoneOff />}
            {other.isVideoStopped && <CameraOff />}
            <Bars filled={quality.bars} label={`Arrives: ${quality.text}`} />
          </span>
        </div>
        <p class="tile-facts">{facts(other, measured)}</p>
        <div class="actions">
          {other.layers.length > 1 && <LayerChoice stage={stage} other={other} name={name} />}
          {other.audio !== undefined && (
            <button type="button" class="small" aria-pressed={hasSound} aria-label={`Sound of ${name}`} onClick={() => onSound(!hasSound)}>
              Sound
            </button>
          )}
          <button type="button" class="small" aria-expanded={isOpen} aria-controls={id} aria-label={`Charts of ${name}`} onClick={() => setOpen(!isOpen)}>
            Charts
          </button>
        </div>
      </div>
      <div id={id} class="tile-charts" hidden={!isOpen}>
        {isOpen && <Measurements measured={measured} />}
      </div>
    </article>
  );
}

function Picture({ other: { video, audio, isVideoStopped, isPaused }, name, hasSound }: { other: Other; name: string; hasSound: boolean }) {
  const element = useRef<HTMLVideoElement>(null);
  const [isBlocked, setBlocked] = useState(false);
  useEffect(() => {
    const shown = element.current;
    if (shown === null || video === undefined) return undefined;
    video.attach(shown);
    return () => {
      video.detach(shown);
    };
  }, [video]);
  useEffect(() => {
    const shown = element.current;
    if (shown === null || audio === undefined) return undefined;
    audio.attach(shown);
    return () => {
      audio.detach(shown);
    };
  }, [audio]);
  useEffect(() => {
    const shown = element.current;
    if (shown === null) return;
    shown.muted = !hasSound;
    // A browser that allows no sound before the page was touched stops the picture with it.
    if (shown.srcObject !== null) shown.play().catch((error: unknown) => setBlocked(error instanceof DOMException && error.name === 'NotAllowedError'));
  }, [hasSound, video, audio]);
  const play = () => {
    void element.current?.play().then(
      () => setBlocked(false),
      () => undefined,
    );
  };
  const words = pictureWords(video !== undefined, audio !== undefined, isVideoStopped, isPaused);
  return (
    <div class="picture">
      <video ref={element} autoPlay playsInline muted aria-label={`Picture of ${name}`} onPlaying={() => setBlocked(false)} />
      {words !== '' && <p class="picture-words">{words}</p>}
      {isBlocked && (
        <button type="button" class="primary play" onClick={play}>
          Play {name}
        </button>
      )}
    </div>
  );
}

function pictureWords(hasVideo: boolean, hasAudio: boolean, isStopped: boolean, isPaused: boolean): string {
  if (isStopped) return 'Camera off';
  if (isPaused) return 'Paused: the bandwidth is too little for this picture';
  if (hasVideo) return '';
  return hasAudio ? 'Sound only' : 'Waiting for the media…';
}

function facts({ selected, layers }: Other, measured: Measured | undefined): string {
  const received = measured?.received;
  if (received === undefined) return 'Nothing has arrived yet.';
  const history = measured?.history ?? [];
  const now = (prefix: string) => names(history.slice(-1), prefix).map((layer) => latest(history, prefix + layer)).at(0);
  return [
    ...(layers.length > 1 && selected !== undefined ? [selected] : []),
    ...(received.width ? [size(received.width, received.height), framesPerSecond(now('fps:'))] : []),
    bitrate(now('bitrate:')),
    `loss ${percent(latest(history, 'loss'))}`,
    milliseconds(received.roundTripMs),
  ].join(' · ');
}

function LayerChoice({ stage, other: { id, layers, selected, preferred }, name }: { stage: OnStage; other: Other; name: string }) {
  return (
    <label class="layer">
      <span class="unseen">Layer of {name}</span>
      <select value={preferred ?? ''} onChange={(event) => stage.prefer(id, event.currentTarget.value === '' ? undefined : event.currentTarget.value)}>
        <option value="">Automatic{preferred === undefined && selected !== undefined ? ` (${selected})` : ''}</option>
        {[...layers].reverse().map(({ label, width, height, bitrateBps }) => (
          <option key={label} value={label}>
            {label} · {size(width, height)} · {bitrate(bitrateBps)}
            {preferred === label && selected !== label ? ' (not to be had)' : ''}
          </option>
        ))}
      </select>
    </label>
  );
}
