// What is about to be published: opened, seen and heard before anybody else does.

import { useEffect, useRef, useState } from 'preact/hooks';

import { Meter } from './meter';
import { listDevices, openSource, SIZES, type Devices, type Source, type SourceKind } from './source';
import { FaultBox } from './tiles';
import { captureWords, type Words } from './words';

/** `nothing` opens nothing. */
interface Chosen {
  readonly kind: SourceKind | 'nothing';
  readonly cameraId: string;
  readonly microphoneId: string;
  readonly height: number;
  /** Shown in the test picture. */
  readonly name: string;
}

export interface Opened {
  readonly open: Source | undefined;
  readonly devices: Devices;
  readonly isOpening: boolean;
  readonly words: Words | undefined;
  /** A screen is not asked for before the person says so. */
  readonly ask: (() => void) | undefined;
  /** The source is the caller's now, and is not stopped here. */
  readonly take: () => Source | undefined;
}

/** Opens what is chosen, and closes what was chosen before. */
export function useSource({ kind, cameraId, microphoneId, height, name: shownName }: Chosen): Opened {
  const [open, setOpen] = useState<Source | undefined>(undefined);
  const [devices, setDevices] = useState<Devices>({ cameras: [], microphones: [] });
  const [isOpening, setOpening] = useState(false);
  const [words, setWords] = useState<Words | undefined>(undefined);
  const [asked, setAsked] = useState(0);
  const taken = useRef<Source | undefined>(undefined);
  const name = useRef(shownName);
  name.current = shownName;
  const size = SIZES.find((one) => one.height === height) ?? SIZES[0];
  const key = [kind, height, kind === 'camera' ? `${cameraId} ${microphoneId}` : '', kind === 'screen' ? asked : 0].join(' ');
  useEffect(() => {
    setWords(undefined);
    if (kind === 'nothing' || size === undefined || (kind === 'screen' && asked === 0)) return undefined;
    let isOver = false;
    let mine: Source | undefined;
    const lose = () => {
      setOpen(undefined);
      setWords({ title: 'The source has ended.', advice: 'Choose it again, or another one.' });
    };
    setOpening(true);
    openSource({ kind, cameraId, microphoneId, size, name: () => name.current })
      .then((source) => {
        mine = source;
        if (isOver) source.stop();
        else {
          setOpen(source);
          for (const track of source.media.getTracks()) track.addEventListener('ended', () => !isOver && lose());
          void listDevices().then(setDevices);
        }
      })
      .catch((error: unknown) => !isOver && setWords(captureWords(error, kind === 'screen' ? 'screen' : 'camera')))
      .finally(() => !isOver && setOpening(false));
    return () => {
      isOver = true;
      setOpen(undefined);
      setOpening(false);
      if (mine !== undefined && mine !== taken.current) mine.stop();
    };
  }, [key]);
  return {
    open,
    devices,
    isOpening,
    words,
    ask: kind === 'screen' && open === undefined && !isOpening ? () => setAsked(asked + 1) : undefined,
    take: () => {
      taken.current = open;
      return open;
    },
  };
}

export function Preview({ source: { open, words, ask, isOpening } }: { source: Opened }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current !== null) element.current.srcObject = open?.media ?? null;
  }, [open]);
  const audio = open?.media.getAudioTracks()[0];
  return (
    <section class="panel preview" aria-labelledby="preview">
      <h2 id="preview">Preview</h2>
      <div class="picture">
        <video ref={element} autoPlay playsInline muted aria-label="Preview of the picture" />
        {open === undefined && <p class="picture-words">{isOpening ? 'Waiting for the browser…' : ask === undefined ? 'No picture' : 'Nothing is shared yet'}</p>}
        {ask !== undefined && (
          <button type="button" class="primary play" onClick={ask}>
            Choose a screen
          </button>
        )}
      </div>
      {audio === undefined ? <p class="quiet">{open === undefined ? '' : 'No sound comes with it.'}</p> : <Meter track={audio} label="Loudness" />}
      {words !== undefined && <FaultBox words={words} />}
    </section>
  );
}
