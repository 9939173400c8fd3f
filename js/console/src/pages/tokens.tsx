// Participant tokens: made, read, and explained where they do not work.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { nameOf, nameOfArn } from '../api/names';
import type { Capability, Input, ParticipantToken } from '../api/shapes';
import { Command, CopyLine } from '../parts/copy';
import { ActionForm } from '../parts/dialog';
import { AreaField, CheckField, ChoiceField, readPairs, readPairsSoFar, TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Empty, Page, Section } from '../parts/page';
import { Time } from '../parts/time';
import { go } from '../router';
import { client, handedToken } from '../server';
import { TokenReader } from './token-reader';

const MINUTES_DEFAULT = 720;
const MINUTES_MAX = 20_160;

export function TokensPage({ stageArn }: { stageArn: string | undefined }) {
  const [made, setMade] = useState<ParticipantToken | undefined>(undefined);
  return (
    <Page title="Tokens" lead="A participant token lets one person join one stage. The server keeps none of them.">
      <Section id="mint" title="Make a token">
        <Mint stageArn={stageArn} onMade={setMade} />
        {made !== undefined && <Made token={made} />}
      </Section>
      <Section id="read" title="Read a token">
        <TokenReader key={made?.token} initial={made?.token ?? ''} />
      </Section>
    </Page>
  );
}

function Mint({ stageArn, onMade }: { stageArn: string | undefined; onMade: (token: ParticipantToken) => void }) {
  const stages = useLoad('stages', () => client().all('ListStages', {}, (page) => page.stages));
  return (
    <Await loaded={stages}>
      {(all) => {
        const known = all.some(({ arn }) => arn === stageArn) || stageArn === undefined ? all : [{ arn: stageArn }, ...all];
        return known.length === 0 ? (
          <Empty title="There is no stage to make a token for.">
            <div class="actions">
              <a class="button" href="#/">
                Create a stage first
              </a>
            </div>
          </Empty>
        ) : (
          <MintForm stages={known} stageArn={stageArn} onMade={onMade} />
        );
      }}
    </Await>
  );
}

interface MintFormProps {
  readonly stages: readonly { readonly arn: string; readonly name?: string }[];
  readonly stageArn: string | undefined;
  readonly onMade: (token: ParticipantToken) => void;
}

function MintForm({ stages, stageArn: preset, onMade }: MintFormProps) {
  const [stageArn, setStageArn] = useState(preset ?? stages[0]?.arn ?? '');
  const [userId, setUserId] = useState('');
  const [mayPublish, setPublish] = useState(true);
  const [maySubscribe, setSubscribe] = useState(true);
  const [minutes, setMinutes] = useState(String(MINUTES_DEFAULT));
  const [attributes, setAttributes] = useState('');
  const capabilities: Capability[] = [...(mayPublish ? ['PUBLISH' as const] : []), ...(maySubscribe ? ['SUBSCRIBE' as const] : [])];
  const input = (pairs: Record<string, string> | undefined): Input<'CreateParticipantToken'> =>
    given<Input<'CreateParticipantToken'>>({
      stageArn,
      userId: orNone(userId),
      attributes: pairs,
      capabilities,
      duration: minutes === '' ? undefined : Number(minutes),
    });
  const mint = async () => {
    const { participantToken } = await client().call('CreateParticipantToken', input(readPairs(attributes, 'Attributes')));
    onMade(participantToken);
  };
  const options = stages.map((stage) => ({ value: stage.arn, text: stage.name ? `${stage.name} (${nameOfArn(stage.arn)})` : nameOf(stage) }));
  return (
    <div class="stack">
      <ActionForm verb="Make token" onSubmit={mint}>
        <ChoiceField label="Stage" value={stageArn} onChange={setStageArn} options={options} />
        <div class="row">
          <TextField label="User id" value={userId} onInput={setUserId} maxLength={128} hint="Whoever it is to you; everybody on the stage can read it." />
          <TextField label="Minutes" type="number" value={minutes} onInput={setMinutes} min={1} max={MINUTES_MAX} hint="In which one may join; who is in stays in." />
        </div>
        <fieldset>
          <legend>Allowed</legend>
          <CheckField label="Publish" value={mayPublish} onChange={setPublish} />
          <CheckField label="Subscribe" value={maySubscribe} onChange={setSubscribe} />
        </fieldset>
        <AreaField label="Attributes" value={attributes} onInput={setAttributes} rows={2} placeholder="seat=4" hint="One key=value on each line; everybody on the stage can read them." />
      </ActionForm>
      <Command name="CreateParticipantToken" input={input(readPairsSoFar(attributes))} />
    </div>
  );
}

function Made({ token }: { token: ParticipantToken }) {
  const join = () => {
    handedToken.value = token.token;
    go('#/publish');
  };
  return (
    <div class="made" role="status">
      <h3>Token made</h3>
      <dl>
        <dt>Token</dt>
        <dd>
          <CopyLine text={token.token} label="token" secret />
        </dd>
        <dt>Participant</dt>
        <dd>
          <CopyLine text={token.participantId} label="participant id" />
        </dd>
        <dt>Ends</dt>
        <dd>
          <Time iso={token.expirationTime} />
        </dd>
      </dl>
      <div class="actions">
        <button type="button" class="primary" onClick={join}>
          Join with it here
        </button>
      </div>
    </div>
  );
}
