// One ingest configuration: what comes in by it, what goes into the encoder, which stage it publishes to.

import { useState } from 'preact/hooks';

import { ApiError } from '../api/error';
import { nameOf, nameOfArn } from '../api/names';
import type { IngestConfiguration, Stage, StageSummary } from '../api/shapes';
import { refusalOf } from '../ingest/refusals';
import { statusOf, type Refusal } from '../ingest/report';
import { useReport } from '../ingest/use-report';
import { Command, CopyLine } from '../parts/copy';
import { ActionForm } from '../parts/dialog';
import { Disconnect } from '../parts/disconnect';
import { ChoiceField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Badge, Page, Section } from '../parts/page';
import { Remove } from '../parts/remove';
import { TagsEditor } from '../parts/tags';
import { tell } from '../parts/toast';
import { go, participantLink, stageLink } from '../router';
import { client } from '../server';
import { IngestState, RemoveWords, stageOptions } from './ingest';
import { EncoderSettings } from './ingest-encoder';
import { Live } from './ingest-live';
import { RefusalBox } from './ingest-refusal';

const REFRESH_MS = 2000;
const FIGURES_MS = 1000;
const HISTORY_MS = 5000;

/** What the records of the stage say of the configuration's participant. */
interface Past {
  readonly sessionId: string;
  readonly participantId: string;
  readonly refusal: Refusal | undefined;
}

export function IngestConfigurationPage({ arn }: { arn: string }) {
  const loaded = useLoad(`ingest ${arn}`, async () => (await client().call('GetIngestConfiguration', { arn })).ingestConfiguration, REFRESH_MS);
  return <Await loaded={loaded}>{(configuration) => <Loaded configuration={configuration} reload={loaded.reload} />}</Await>;
}

function Loaded({ configuration, reload }: { configuration: IngestConfiguration; reload: () => void }) {
  const { arn, stageArn } = configuration;
  const reported = useReport(FIGURES_MS);
  const stages = useLoad('stages', () => client().all('ListStages', {}, (page) => page.stages), HISTORY_MS);
  const stage = useLoad(`stage ${stageArn}`, () => stageOf(stageArn));
  const past = useLoad(`past ${stageArn}`, () => pastOf(configuration), HISTORY_MS);
  const refusal = statusOf(reported.report, arn)?.lastRefusal ?? past.value?.refusal;
  const isActive = configuration.state === 'ACTIVE';
  return (
    <Page
      title={nameOf(configuration)}
      crumbs={[{ text: 'Ingest configurations', href: '#/ingest' }]}
      actions={
        <>
          {isActive && stageArn !== '' && <Disconnect stageArn={stageArn} participantId={configuration.participantId} who="encoder" onDone={reload} />}
          <Remove
            what={`the ingest configuration ${nameOf(configuration)}`}
            operation="DeleteIngestConfiguration"
            input={isActive ? { arn, force: true } : { arn }}
            isSmall={false}
            onDone={() => go('#/ingest')}
          >
            <RemoveWords isActive={isActive} />
          </Remove>
        </>
      }
    >
      <Section id="now" title="Now">
        <div class="stack">
          <p class="ingest-state">
            <IngestState state={configuration.state} />
          </p>
          <Live configuration={configuration} reported={reported} />
          {refusal !== undefined && <RefusalBox refusal={refusal} />}
          {past.value !== undefined && (
            <p>
              <a href={participantLink(stageArn, past.value.sessionId, past.value.participantId)}>All events of its participant</a>
            </p>
          )}
        </div>
      </Section>
      <Facts configuration={configuration} stages={stages.value ?? []} />
      <Section id="encoder" title="Encoder settings">
        <EncoderSettings configuration={configuration} endpoints={stage.value?.endpoints} />
      </Section>
      <Section id="stage-of" title="Stage">
        {stages.value === undefined ? <p class="quiet">One moment…</p> : <Attach key={stageArn} configuration={configuration} stages={stages.value} onDone={reload} />}
      </Section>
      <Section id="tags" title="Tags">
        <TagsEditor arn={arn} />
      </Section>
    </Page>
  );
}

async function stageOf(stageArn: string): Promise<Stage | undefined> {
  return stageArn === '' ? undefined : (await client().call('GetStage', { arn: stageArn })).stage;
}

/** Looks through the newest session, so that a refusal shows without the key of the administration. */
async function pastOf({ stageArn, participantId, redundantIngestCredentials = [] }: IngestConfiguration): Promise<Past | undefined> {
  if (stageArn === '') return undefined;
  const { stageSessions } = await client().call('ListStageSessions', { stageArn, maxResults: 1 });
  const sessionId = stageSessions[0]?.sessionId;
  if (sessionId === undefined) return undefined;
  const people = await client().all('ListParticipants', { stageArn, sessionId }, (page) => page.participants);
  const own = [participantId, ...redundantIngestCredentials.map((one) => one.participantId ?? '')].filter((id) => people.some((one) => one.participantId === id));
  const [first] = own;
  if (first === undefined) return undefined;
  const events = await Promise.all(own.map((id) => client().all('ListParticipantEvents', { stageArn, sessionId, participantId: id }, (page) => page.events)));
  return { sessionId, participantId: first, refusal: refusalOf(events.flat()) };
}

function Facts({ configuration, stages }: { configuration: IngestConfiguration; stages: readonly StageSummary[] }) {
  const { arn, stageArn, userId, redundantIngest, attributes = {} } = configuration;
  const stage = stages.find((one) => one.arn === stageArn);
  return (
    <Section id="facts" title="Configuration">
      <dl>
        <dt>ARN</dt>
        <dd>
          <CopyLine text={arn} label="ARN" />
        </dd>
        <dt>Protocol</dt>
        <dd>{configuration.ingestProtocol}</dd>
        <dt>Stage</dt>
        <dd>{stageArn === '' ? <span class="quiet">None</span> : <a href={stageLink(stageArn)}>{stage === undefined ? nameOfArn(stageArn) : nameOf(stage)}</a>}</dd>
        <dt>Participant</dt>
        <dd>
          <CopyLine text={configuration.participantId} label="participant" />
        </dd>
        {userId !== undefined && userId !== '' && (
          <>
            <dt>User</dt>
            <dd>{userId}</dd>
          </>
        )}
        {redundantIngest === true && (
          <>
            <dt>Redundant</dt>
            <dd>Two stream keys, for a second encoder that takes over</dd>
          </>
        )}
        {Object.entries(attributes).map(([name, text]) => (
          <>
            <dt key={name}>{name} (attribute)</dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      <Command name="GetIngestConfiguration" input={{ arn }} />
    </Section>
  );
}

function Attach({ configuration, stages, onDone }: { configuration: IngestConfiguration; stages: readonly StageSummary[]; onDone: () => void }) {
  const [stageArn, setStageArn] = useState(configuration.stageArn);
  const attach = async () => {
    try {
      await client().call('UpdateIngestConfiguration', { arn: configuration.arn, stageArn });
    } catch (error) {
      if (error instanceof ApiError && error.type === 'ConflictException') throw new Error(BUSY);
      throw error;
    }
    tell(stageArn === '' ? 'Detached; the stream key opens nothing until it has a stage.' : 'Attached.');
    onDone();
  };
  if (configuration.state === 'ACTIVE') {
    return (
      <p>
        <Badge tone="busy">In use</Badge> {BUSY}
      </p>
    );
  }
  return (
    <>
      <ActionForm verb="Change the stage" onSubmit={attach}>
        <ChoiceField label="Publishes to" value={stageArn} onChange={setStageArn} options={stageOptions(stages)} hint="Without a stage the stream key opens nothing." />
      </ActionForm>
      <Command name="UpdateIngestConfiguration" input={{ arn: configuration.arn, stageArn }} />
    </>
  );
}

const BUSY =
  'An encoder publishes at the moment, and until it ends the API refuses to change the configuration (409 ConflictException). End the stream in the encoder, or disconnect it, which takes the configuration off its stage.';
