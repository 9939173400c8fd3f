// Ingest configurations: stream keys with which RTMP encoders publish.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import type { IngestConfigurationSummary, IngestProtocol, Input, StageSummary } from '../api/shapes';
import { Command } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { AreaField, CheckField, ChoiceField, readPairs, readPairsSoFar, TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Badge, Empty, Page } from '../parts/page';
import { Remove } from '../parts/remove';
import { Table, type Column } from '../parts/table';
import { TagsButton } from '../parts/tags';
import { tell } from '../parts/toast';
import { stageLink } from '../router';
import { client, serverInfo } from '../server';
import { IngestSettings } from './ingest-settings';
import { nameOf, nameOfArn } from './stages';

const REFRESH_MS = 5000;

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
  const [shownArn, setShownArn] = useState('');
  const stages = loaded.value?.stages ?? [];
  const stageOf = (arn: string) => {
    const stage = stages.find((one) => one.arn === arn);
    return stage === undefined ? nameOfArn(arn) : nameOf(stage);
  };
  const columns: Column<IngestConfigurationSummary>[] = [
    { title: 'Configuration', cell: nameOf },
    { title: 'Protocol', cell: ({ ingestProtocol }) => ingestProtocol },
    {
      title: 'Stage',
      cell: ({ stageArn }) => (stageArn === '' ? <span class="quiet">None</span> : <a href={stageLink(stageArn)}>{stageOf(stageArn)}</a>),
    },
    { title: 'State', cell: ({ state }) => (state === 'ACTIVE' ? <Badge tone="live">Active</Badge> : <Badge tone="idle">Inactive</Badge>) },
    {
      title: '',
      cell: (one) => (
        <div class="actions">
          <button type="button" class="small" aria-label={`Settings of ${nameOf(one)}`} onClick={() => setShownArn(one.arn)}>
            Settings
          </button>
          <TagsButton arn={one.arn} name={nameOf(one)} count={0} onChange={loaded.reload} />
          <Remove
            what={`the ingest configuration ${nameOf(one)}`}
            operation="DeleteIngestConfiguration"
            input={one.state === 'ACTIVE' ? { arn: one.arn, force: true } : { arn: one.arn }}
            onDone={loaded.reload}
          >
            The stream key opens nothing any more.{one.state === 'ACTIVE' && ' Who publishes with it is cut off.'}
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
      {serverInfo.value.rtmp === null && <p class="note">This server has no RTMP port open; until it has, encoders publish by WHIP, as the page of a stage says.</p>}
      <Await loaded={loaded}>
        {({ configurations }) =>
          configurations.length === 0 ? (
            <Empty title="There is no ingest configuration.">
              <p>Create one for a stage; then copy its server and stream key into OBS.</p>
              <div class="actions">
                <button type="button" onClick={() => setMaking(true)}>
                  Create the first
                </button>
              </div>
            </Empty>
          ) : (
            <div class="panel">
              <Table label="Ingest configurations" columns={columns} rows={configurations} rowKey={({ arn }) => arn} />
            </div>
          )
        }
      </Await>
      <Command name="ListIngestConfigurations" input={{}} />
      {isMaking && (
        <Create
          stages={stages}
          onClose={() => setMaking(false)}
          onDone={(arn) => {
            setMaking(false);
            setShownArn(arn);
            loaded.reload();
          }}
        />
      )}
      {shownArn !== '' && <IngestSettings arn={shownArn} stages={stages} onClose={() => setShownArn('')} onChange={loaded.reload} />}
    </Page>
  );
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
