// Before publishing: on which stage, with what, and how it looks and sounds.

import { useEffect, useRef, useState } from 'preact/hooks';

import type { Api } from '../api/call';
import { Problem, useLoad } from '../parts/load';
import { AreaField, CheckField, ChoiceField, TextField } from '../parts/field';
import { Section } from '../parts/page';
import { api, handedToken } from '../server';
import { Meter } from './meter';
import { RadioField } from './radio';
import { listDevices, openSource, SIZES, type Devices, type Source, type SourceKind } from './source';
import { FaultBox } from './tiles';
import { parseToken, TokenError, tokenSoFar, type Token } from './token';
import { captureWords, type Words } from './words';

export interface Start {
  readonly token: Token;
  readonly source: Source | undefined;
  readonly hasSimulcast: boolean;
  /** Of the picture that was asked for. */
  readonly height: number;
}

type Place = 'own' | 'token';
type Choice = SourceKind | 'nothing';

/** Minutes: long enough to begin; who is on a stage stays when the token ends. */
const TOKEN_LASTS = 60;

export function PublishSetup({ over, onStart }: { over: Words | undefined; onStart: (start: Start) => void }) {
  const known = api.value;
  const [place, setPlace] = useState<Place>(known === undefined || handedToken.value !== '' ? 'token' : 'own');
  const [pasted, setPasted] = useState(handedToken.value);
  const [stageArn, setStageArn] = useState('');
  const [userId, setUserId] = useState('console');
  const [choice, setChoice] = useState<Choice>('picture');
  const [cameraId, setCamera] = useState('');
  const [microphoneId, setMicrophone] = useState('');
  const [height, setHeight] = useState(String(SIZES[0]?.height));
  const [hasSimulcast, setSimulcast] = useState(true);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(undefined);
  const token = place === 'token' ? tokenSoFar(pasted) : undefined;
  const name = place === 'own' ? userId : (token?.userId ?? '');
  const mayPublish = token?.mayPublish !== false;
  const source = useSource(mayPublish ? choice : 'nothing', { cameraId, microphoneId, height: Number(height), name: name === '' ? 'downstage' : name });

  const start = async () => {
    setError(undefined);
    setBusy(true);
    try {
      const found = place === 'own' && known !== undefined ? await mint(known, stageArn, userId) : readToken(pasted);
      if (source.words !== undefined && choice !== 'nothing' && found.mayPublish) throw new TokenError(source.words.title);
      if (source.open === undefined && !found.maySubscribe) throw new TokenError('This token may not watch, so choose what to publish.');
      onStart({ token: found, source: found.mayPublish ? source.take() : undefined, hasSimulcast, height: Number(height) });
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };

  return (
    <form
      class="publish-setup"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void start();
      }}
    >
      <div>
        {over !== undefined && (
          <div class="notice" role="status">
            <strong>{over.title}</strong>
            {over.advice !== '' && <p>{over.advice}</p>}
          </div>
        )}
        <Section id="publish-where" title="Where">
          <div class="stack">
            {known !== undefined && (
              <RadioField
                legend="Stage"
                value={place}
                onChange={setPlace}
                options={[
                  { value: 'own', text: 'A stage of this account' },
                  { value: 'token', text: 'The stage of a token' },
                ]}
              />
            )}
            {place === 'own' && known !== undefined ? (
              <>
                <StageChoice known={known} value={stageArn} onChange={setStageArn} />
                <TextField label="User ID" value={userId} onInput={setUserId} maxLength={128} hint="Under this name the others see you." />
              </>
            ) : (
              <>
                <AreaField label="Participant token" value={pasted} onInput={setPasted} placeholder="eyJ…" required hint={<TokenHint token={token} />} />
              </>
            )}
          </div>
        </Section>
        <Section id="publish-what" title="What">
          <div class="stack">
            <RadioField
              legend="Source"
              value={mayPublish ? choice : 'nothing'}
              onChange={setChoice}
              disabled={!mayPublish}
              options={[
                { value: 'picture', text: 'Test picture', hint: 'Colour bars, a clock with milliseconds, a frame counter, and a tone each second.' },
                { value: 'camera', text: 'Camera and microphone' },
                { value: 'screen', text: 'A screen or window' },
                { value: 'nothing', text: 'Nothing: only watch' },
              ]}
            />
            {choice === 'camera' && mayPublish && <DeviceChoice devices={source.devices} cameraId={cameraId} onCamera={setCamera} microphoneId={microphoneId} onMicrophone={setMicrophone} />}
            {choice !== 'nothing' && mayPublish && (
              <>
                <ChoiceField
                  label="Resolution"
                  value={height}
                  onChange={setHeight}
                  options={SIZES.map((size) => ({ value: String(size.height), text: `${size.width}×${size.height}` }))}
                  hint="At most; stages take no more than 720p."
                />
                <CheckField
                  label="Simulcast"
                  value={hasSimulcast}
                  onChange={setSimulcast}
                  hint="Several layers, so that each viewer gets what fits; it needs Chromium on a computer, and costs more of the processor."
                />
              </>
            )}
          </div>
        </Section>
        {error !== undefined && (error instanceof TokenError ? <FaultBox words={{ title: error.message, advice: '' }} /> : <Problem error={error} />)}
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy || source.isOpening}>
            {isBusy ? 'One moment…' : choice === 'nothing' || !mayPublish ? 'Join to watch' : 'Publish'}
          </button>
        </div>
      </div>
      {choice !== 'nothing' && mayPublish && <Preview source={source} />}
    </form>
  );
}

function readToken(pasted: string): Token {
  const token = parseToken(pasted);
  if (token.expires.getTime() < Date.now()) throw new TokenError('This token has expired. Get a new one.');
  if (!token.mayPublish && !token.maySubscribe) throw new TokenError('This token allows neither to publish nor to subscribe.');
  return token;
}

async function mint(known: Api, stageArn: string, userId: string): Promise<Token> {
  if (stageArn === '') throw new TokenError('Choose a stage first.');
  const { participantToken } = await known.call('CreateParticipantToken', {
    stageArn,
    capabilities: ['PUBLISH', 'SUBSCRIBE'],
    duration: TOKEN_LASTS,
    ...(userId.trim() !== '' && { userId: userId.trim() }),
  });
  return parseToken(participantToken.token);
}

function TokenHint({ token }: { token: Token | undefined }) {
  if (token === undefined) return <>As CreateParticipantToken gives it, or signed with a key of your own. The page Tokens makes one.</>;
  const may = [...(token.mayPublish ? ['publish'] : []), ...(token.maySubscribe ? ['watch'] : [])].join(' and ');
  const stage = token.stageArn.split('/').at(-1);
  return (
    <>
      {token.userId === '' ? token.participantId : token.userId} on stage {stage}; may {may === '' ? 'do nothing' : may}; expires {token.expires.toLocaleString()}.
    </>
  );
}

function StageChoice({ known, value, onChange }: { known: Api; value: string; onChange: (stageArn: string) => void }) {
  const loaded = useLoad('stages to publish on', () => known.all('ListStages', {}, (page) => page.stages));
  const [error, setError] = useState<unknown>(undefined);
  const stages = loaded.value ?? [];
  const first = stages[0]?.arn ?? '';
  useEffect(() => {
    if (value === '' && first !== '') onChange(first);
  }, [value, first]);
  const make = () => {
    setError(undefined);
    known.call('CreateStage', { name: 'demo' }).then(({ stage }) => {
      onChange(stage.arn);
      loaded.reload();
    }, setError);
  };
  if (loaded.error !== undefined) return <Problem error={loaded.error} retry={loaded.reload} />;
  if (loaded.value !== undefined && stages.length === 0) {
    return (
      <div class="notice">
        <strong>There is no stage yet.</strong>
        {error !== undefined && <Problem error={error} />}
        <div class="actions">
          <button type="button" onClick={make}>
            Make the stage “demo”
          </button>
        </div>
      </div>
    );
  }
  return (
    <ChoiceField
      label="Which one"
      value={value}
      onChange={onChange}
      options={stages.map(({ arn, name }) => ({ value: arn, text: name === undefined || name === '' ? (arn.split('/').at(-1) ?? arn) : `${name} (${arn.split('/').at(-1) ?? ''})` }))}
    />
  );
}

interface DeviceProps {
  readonly devices: Devices;
  readonly cameraId: string;
  readonly onCamera: (id: string) => void;
  readonly microphoneId: string;
  readonly onMicrophone: (id: string) => void;
}

function DeviceChoice({ devices: { cameras, microphones }, cameraId, onCamera, microphoneId, onMicrophone }: DeviceProps) {
  const options = (all: readonly MediaDeviceInfo[]) => [
    { value: '', text: 'As the browser chooses' },
    ...all.map(({ deviceId, label }, at) => ({ value: deviceId, text: label === '' ? `Device ${at + 1}` : label })),
  ];
  return (
    <div class="row">
      <ChoiceField label="Camera" value={cameraId} onChange={onCamera} options={options(cameras)} />
      <ChoiceField label="Microphone" value={microphoneId} onChange={onMicrophone} options={options(microphones)} />
    </div>
  );
}

interface Opened {
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
function useSource(choice: Choice, wanted: { cameraId: string; microphoneId: string; height: number; name: string }): Opened {
  const [open, setOpen] = useState<Source | undefined>(undefined);
  const [devices, setDevices] = useState<Devices>({ cameras: [], microphones: [] });
  const [isOpening, setOpening] = useState(false);
  const [words, setWords] = useState<Words | undefined>(undefined);
  const [asked, setAsked] = useState(0);
  const taken = useRef<Source | undefined>(undefined);
  const name = useRef(wanted.name);
  name.current = wanted.name;
  const { cameraId, microphoneId, height } = wanted;
  const size = SIZES.find((one) => one.height === height) ?? SIZES[0];
  const key = [choice, height, choice === 'camera' ? `${cameraId} ${microphoneId}` : '', choice === 'screen' ? asked : 0].join(' ');
  useEffect(() => {
    setWords(undefined);
    if (choice === 'nothing' || size === undefined || (choice === 'screen' && asked === 0)) return undefined;
    let isOver = false;
    let mine: Source | undefined;
    setOpening(true);
    openSource({ kind: choice, cameraId, microphoneId, size, name: () => name.current })
      .then((source) => {
        mine = source;
        if (isOver) source.stop();
        else {
          setOpen(source);
          void listDevices().then(setDevices);
        }
      })
      .catch((error: unknown) => !isOver && setWords(captureWords(error, choice === 'screen' ? 'screen' : 'camera')))
      .finally(() => !isOver && setOpening(false));
    return () => {
      isOver = true;
      setOpen(undefined);
      if (mine !== undefined && mine !== taken.current) mine.stop();
    };
  }, [key]);
  return {
    open,
    devices,
    isOpening,
    words,
    ask: choice === 'screen' && open === undefined && !isOpening ? () => setAsked(asked + 1) : undefined,
    take: () => {
      taken.current = open;
      return open;
    },
  };
}

function Preview({ source: { open, words, ask, isOpening } }: { source: Opened }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current !== null) element.current.srcObject = open?.media ?? null;
  }, [open]);
  const audio = open?.media.getAudioTracks()[0];
  return (
    <aside class="panel preview" aria-labelledby="preview">
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
    </aside>
  );
}
