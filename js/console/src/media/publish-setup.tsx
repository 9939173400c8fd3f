// Before publishing: on which stage, with what, and how it looks and sounds.

import { useEffect, useRef, useState } from 'preact/hooks';

import type { Api } from '../api/call';
import { Problem, useLoad } from '../parts/load';
import { AreaField, CheckField, ChoiceField, TextField } from '../parts/field';
import { Section } from '../parts/page';
import { api } from '../server';
import { TokenError } from '../token/decode';
import { Preview, useSource } from './preview';
import { RadioField } from './radio';
import { SIZES, type Devices, type Source, type SourceKind } from './source';
import { FaultBox } from './tiles';
import { parseToken, tokenSoFar, type Token } from './token';
import type { Words } from './words';

export interface Start {
  readonly token: Token;
  readonly source: Source | undefined;
}

/** What the person has chosen; it outlives a leave. */
export interface Choices {
  readonly place: 'own' | 'token';
  readonly pasted: string;
  readonly stageArn: string;
  readonly userId: string;
  readonly source: SourceKind | 'nothing';
  readonly cameraId: string;
  readonly microphoneId: string;
  readonly height: number;
  readonly hasSimulcast: boolean;
}

export function choicesFor(isSignedIn: boolean, handed: string): Choices {
  return {
    place: isSignedIn && handed === '' ? 'own' : 'token',
    pasted: handed,
    stageArn: '',
    userId: 'console',
    source: 'picture',
    cameraId: '',
    microphoneId: '',
    height: SIZES[0]?.height ?? 720,
    hasSimulcast: true,
  };
}

interface SetupProps {
  readonly choices: Choices;
  readonly onChoose: (changed: Partial<Choices>) => void;
  /** Why the last session ended. */
  readonly over: Words | undefined;
  readonly onStart: (start: Start) => void;
}

/** Minutes: long enough to begin; who is on a stage stays when the token ends. */
const TOKEN_LASTS = 60;

export function PublishSetup({ choices, onChoose, over, onStart }: SetupProps) {
  const known = api.value;
  const { place, pasted, stageArn, userId } = choices;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(undefined);
  const token = place === 'token' ? tokenSoFar(pasted) : undefined;
  const name = place === 'own' ? userId : (token?.userId ?? '');
  const mayPublish = token?.mayPublish !== false;
  const kind = mayPublish ? choices.source : 'nothing';
  const source = useSource({ ...choices, kind, name: name === '' ? 'downstage' : name });

  const isHere = useRef(true);
  useEffect(
    () => () => {
      isHere.current = false;
    },
    [],
  );

  const start = async () => {
    setError(undefined);
    setBusy(true);
    try {
      const found = place === 'own' && known !== undefined ? await mint(known, stageArn, userId) : readToken(pasted);
      if (kind !== 'nothing' && source.open === undefined) throw new TokenError(source.words?.title ?? 'Choose first what to publish.');
      if (kind === 'nothing' && !found.maySubscribe) throw new TokenError('This token may not watch, so choose what to publish.');
      // Who has gone to another page meanwhile publishes nothing.
      if (!isHere.current) return;
      onStart({ token: found, source: source.take() });
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
      {kind !== 'nothing' && <Preview source={source} />}
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
                onChange={(chosen) => onChoose({ place: chosen })}
                options={[
                  { value: 'own', text: 'A stage of this account' },
                  { value: 'token', text: 'The stage of a token' },
                ]}
              />
            )}
            {place === 'own' && known !== undefined ? (
              <>
                <StageChoice known={known} value={stageArn} onChange={(arn) => onChoose({ stageArn: arn })} />
                <TextField label="User ID" value={userId} onInput={(text) => onChoose({ userId: text })} maxLength={128} hint="Under this name the others see you." />
              </>
            ) : (
              <AreaField
                label="Participant token"
                value={pasted}
                onInput={(text) => onChoose({ pasted: text })}
                placeholder="eyJ…"
                required
                hint={<TokenHint token={token} />}
              />
            )}
          </div>
        </Section>
        <Section id="publish-what" title="What">
          <div class="stack">
            <RadioField
              legend="Source"
              value={kind}
              onChange={(chosen) => onChoose({ source: chosen })}
              disabled={!mayPublish}
              options={[
                { value: 'picture', text: 'Test picture', hint: 'Colour bars, a clock with milliseconds, a frame counter, and a tone each second.' },
                { value: 'camera', text: 'Camera and microphone' },
                { value: 'screen', text: 'A screen or window' },
                { value: 'nothing', text: 'Nothing: only watch' },
              ]}
            />
            {!mayPublish && <p class="quiet">This token may watch only.</p>}
            {kind === 'camera' && <DeviceChoice devices={source.devices} choices={choices} onChoose={onChoose} />}
            {kind !== 'nothing' && <PictureChoice choices={choices} onChoose={onChoose} />}
          </div>
        </Section>
        {error !== undefined && (error instanceof TokenError ? <FaultBox words={{ title: error.message, advice: '' }} /> : <Problem error={error} />)}
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy || source.isOpening}>
            {isBusy ? 'One moment…' : kind === 'nothing' ? 'Join to watch' : 'Publish'}
          </button>
        </div>
      </div>
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

type ChoiceProps = Pick<SetupProps, 'choices' | 'onChoose'>;

function DeviceChoice({ devices: { cameras, microphones }, choices, onChoose }: ChoiceProps & { devices: Devices }) {
  const options = (all: readonly MediaDeviceInfo[]) => [
    { value: '', text: 'As the browser chooses' },
    ...all.map(({ deviceId, label }, at) => ({ value: deviceId, text: label === '' ? `Device ${at + 1}` : label })),
  ];
  return (
    <div class="row">
      <ChoiceField label="Camera" value={choices.cameraId} onChange={(id) => onChoose({ cameraId: id })} options={options(cameras)} />
      <ChoiceField label="Microphone" value={choices.microphoneId} onChange={(id) => onChoose({ microphoneId: id })} options={options(microphones)} />
    </div>
  );
}

function PictureChoice({ choices, onChoose }: ChoiceProps) {
  return (
    <>
      <ChoiceField
        label="Resolution"
        value={String(choices.height)}
        onChange={(text) => onChoose({ height: Number(text) })}
        options={SIZES.map(({ width, height }) => ({ value: String(height), text: `${width}×${height}` }))}
        hint="At most; stages take no more than 720p."
      />
      <CheckField
        label="Simulcast"
        value={choices.hasSimulcast}
        onChange={(hasSimulcast) => onChoose({ hasSimulcast })}
        hint="Several layers, so that each viewer gets what fits; it needs Chromium on a computer, and costs more of the processor."
      />
    </>
  );
}
