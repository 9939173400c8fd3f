// Ingest configurations: stream keys with which RTMP encoders publish.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { nameOf, nameOfArn } from '../api/names';
import type { IngestConfigurationSummary, IngestProtocol, Input, StageSummary } from '../api/shapes';
import { liveFirst, summaryOf } from '../ingest/figures';
import { detailOf, wordsOf } from '../ingest/refusals';
import { statusOf, streamsOf, type IngestReport, type Refusal } from '../ingest/report';
import { useReport } from '../ingest/use-report';
import { AdminKeyForm } from '../parts/admin-key';
import { Command } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { AreaField, CheckField, ChoiceField, readPairs, readPairsSoFar, TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Badge, Empty, Page, Section } from '../parts/page';
import { Remove } from '../parts/remove';
import { Table, type Column } from '../parts/table';
import { Time } from '../parts/time';
import { tell } from '../parts/toast';
import { go, ingestLink, stageLink } from '../router';
import { client, serverInfo } from '../server';

const REFRESH_MS = 2000;

export function IngestPage() {
  const loaded = useLoad(
    'ingest',
    async () => {
      const [configurations, stages] = await Promise.all([
        client().all('ListIngestConfigurations', {}, (page) => page.ingestConfigurations),
        client().all('ListStages', {}, (page) => page.stages),
      ]);
      return { configurations, stages };
    },
    REFRESH_MS,
  );
  const [isMaking, setMaking] = useState(false);
  const { report, needsKey } = useReport(REFRESH_MS);
  const stages = loaded.value?.stages ?? [];
  const stageOf = (arn: string) => {
    const stage = stages.find((one) => one.arn === arn);
    return stage === undefined ? nameOfArn(arn) : nameOf(stage);
  };
  const figures: Column<IngestConfigurationSummary>[] = [
    { title: 'Now', cell: ({ arn }) => <Now arn={arn} report={report} /> },
    { title: 'Last refusal', cell: ({ arn }) => <LastRefusal refusal={statusOf(report, arn)?.lastRefusal} /> },
  ];
  const columns: Column<IngestConfigurationSummary>[] = [
    { title: 'Configuration', cell: (one) => <a href={ingestLink(one.arn)}>{nameOf(one)}</a> },
    { title: 'Protocol', cell: ({ ingestProtocol }) => <span class="whole">{ingestProtocol}</span> },
    {
      title: 'Stage',
      cell: ({ stageArn }) => (stageArn === '' ? <span class="quiet">None</span> : <a class="name" href={stageLink(stageArn)}>{stageOf(stageArn)}</a>),
    },
    { title: 'State', cell: ({ state }) => <IngestState state={state} /> },
    ...(needsKey ? [] : figures),
    {
      title: '',
      cell: (one) => (
        <div class="actions">
          <Remove
            what={`the ingest configuration ${nameOf(one)}`}
            operation="DeleteIngestConfiguration"
            input={one.state === 'ACTIVE' ? { arn: one.arn, force: true } : { arn: one.arn }}
            onDone={loaded.reload}
          >
            <RemoveWords isActive={one.state === 'ACTIVE'} />
          </Remove>
        </div>
      ),
    },
  ];
  return (
    <Page
      title="Ingest configurations"
      lead="A stream key lets an RTMP encoder such as OBS publish to a stage."
      actions={
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          Create
        </button>
      }
    >
      {serverInfo.value.rtmp === null && <p class="note">This server has no RTMP port open (<code>rtmp.listen</code>, <code>rtmp.tls_listen</code>); until it has, encoders publish by WHIP, as the page of a stage says.</p>}
      <Await loaded={loaded}>
        {({ configurations }) =>
          configurations.length === 0 ? (
            <Empty title="There is no ingest configuration.">
              <p>Create one for a stage; then copy its server and stream key into the encoder.</p>
              <div class="actions">
                <button type="button" onClick={() => setMaking(true)}>
                  Create the first
                </button>
              </div>
            </Empty>
          ) : (
            <div class="panel">
              <Table label="Ingest configurations" columns={columns} rows={liveFirst(configurations)} rowKey={({ arn }) => arn} />
            </div>
          )
        }
      </Await>
      {needsKey ? (
        <Section id="figures" title="Figures and refusals">
          <AdminKeyForm what="Bitrate, frame rate and refusals" />
        </Section>
      ) : (
        <Strangers refusals={report?.refusals ?? []} />
      )}
      <Command name="ListIngestConfigurations" input={{}} />
      {isMaking && (
        <Create
          stages={stages}
          onClose={() => setMaking(false)}
          onDone={(arn) => {
            setMaking(false);
            go(ingestLink(arn));
          }}
        />
      )}
    </Page>
  );
}

export function IngestState({ state }: { state: IngestConfigurationSummary['state'] }) {
  return state === 'ACTIVE' ? <Badge tone="live">Active</Badge> : <Badge tone="idle">Inactive</Badge>;
}

const NONE = <span class="quiet none">–</span>;

/** What comes in by it; of a redundant pair what viewers see. */
function Now({ arn, report }: { arn: string; report: IngestReport | undefined }) {
  const [first, second] = streamsOf(report, arn);
  if (first === undefined) return NONE;
  return (
    <div>
      <div>{summaryOf(first)}</div>
      {second !== undefined && <small>and a second encoder</small>}
    </div>
  );
}

function LastRefusal({ refusal }: { refusal: Refusal | undefined }) {
  if (refusal === undefined) return NONE;
  return (
    <div>
      <div>{wordsOf(refusal).title}</div>
      <small>
        <Time iso={refusal.at} />
      </small>
    </div>
  );
}

function Why(refusal: Refusal) {
  const detail = detailOf(refusal);
  return (
    <div>
      <div>{wordsOf(refusal).what}</div>
      {detail !== '' && <small>{detail}</small>}
    </div>
  );
}

/** Those who came with a key that is none. */
function Strangers({ refusals }: { refusals: readonly Refusal[] }) {
  if (refusals.length === 0) return null;
  const columns: Column<Refusal>[] = [
    { title: 'When', cell: ({ at }) => <Time iso={at} /> },
    { title: 'From', cell: ({ address = '' }) => <code class="name">{address}</code> },
    { title: 'Why', cell: Why },
    { title: 'What to do', cell: (refusal) => wordsOf(refusal).then || NONE },
  ];
  return (
    <Section id="strangers" title="Refused at the door">
      <p>The newest encoders that never got so far as to name an ingest configuration of this server.</p>
      <Table label="Refused at the door" columns={columns} rows={refusals} rowKey={(refusal) => `${refusal.at} ${refusal.address ?? ''} ${refusals.indexOf(refusal)}`} />
    </Section>
  );
}

/** What it means to delete a configuration. */
export function RemoveWords({ isActive }: { isActive: boolean }): ComponentChildren {
  if (!isActive) return 'The stream key opens nothing any more.';
  return 'An encoder publishes with it at the moment. The API refuses to delete such a configuration (409 ConflictException) unless it is forced; this forces it, and the encoder is cut off. The stream key opens nothing any more.';
}

interface CreateProps {
  readonly stages: readonly StageSummary[];
  readonly onClose: () => void;
  readonly onDone: (arn: string) => void;
}

export function stageOptions(stages: readonly StageSummary[]): { value: string; text: string }[] {
  return [{ value: '', text: 'No stage' }, ...stages.map((stage) => ({ value: stage.arn, text: nameOf(stage) }))];
}

function Create({ stages, onClose, onDone }: CreateProps) {
  const [name, setName] = useState('');
  const [protocol, setProtocol] = useState<IngestProtocol>('RTMPS');
  const [stageArn, setStageArn] = useState(stages[0]?.arn ?? '');
  const [userId, setUserId] = useState('');
  const [isRedundant, setRedundant] = useState(false);
  const [attributes, setAttributes] = useState('');
  const input = (pairs: Record<string, string> | undefined) =>
    given<Input<'CreateIngestConfiguration'>>({
      ingestProtocol: protocol,
      name: orNone(name),
      stageArn: orNone(stageArn),
      userId: orNone(userId),
      attributes: pairs,
      insecureIngest: protocol === 'RTMP' ? true : undefined,
      redundantIngest: isRedundant ? true : undefined,
    });
  const create = async () => {
    const { ingestConfiguration } = await client().call('CreateIngestConfiguration', input(readPairs(attributes, 'Attributes')));
    tell('Ingest configuration created.');
    onDone(ingestConfiguration.arn);
  };
  return (
    <Dialog title="Create an ingest configuration" onClose={onClose}>
      <div class="stack">
        <ActionForm verb="Create" onSubmit={create} onCancel={onClose}>
          <div class="row">
            <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="May be empty." />
            <ChoiceField
              label="Protocol"
              value={protocol}
              onChange={(value) => setProtocol(value as IngestProtocol)}
              options={[
                { value: 'RTMPS', text: 'RTMPS (encrypted)' },
                { value: 'RTMP', text: 'RTMP (in the clear)' },
              ]}
            />
          </div>
          <ChoiceField label="Stage" value={stageArn} onChange={setStageArn} options={stageOptions(stages)} />
          <TextField label="User id" value={userId} onInput={setUserId} maxLength={128} hint="Whoever it is to you; everybody on the stage can read it." />
          <AreaField label="Attributes" value={attributes} onInput={setAttributes} rows={2} placeholder="camera=front" hint="One key=value on each line." />
          <CheckField label="Two stream keys, for a second encoder that takes over" value={isRedundant} onChange={setRedundant} />
        </ActionForm>
        <Command name="CreateIngestConfiguration" input={input(readPairsSoFar(attributes))} />
      </div>
    </Dialog>
  );
}
