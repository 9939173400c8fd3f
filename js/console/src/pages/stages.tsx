// All stages of the account in the region.

import { useState } from 'preact/hooks';

import { ENTRIES_MAX } from '../api/call';
import { given, orNone } from '../api/given';
import { nameOf, nameOfArn } from '../api/names';
import type { StageSummary } from '../api/shapes';
import { Command } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { AreaField, readPairs, readPairsSoFar, TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Badge, Empty, Page } from '../parts/page';
import { Table, type Column } from '../parts/table';
import { TagsButton } from '../parts/tags';
import { tell } from '../parts/toast';
import { go, sessionLink, stageLink } from '../router';
import { client } from '../server';

const REFRESH_MS = 5000;

/** What a stage is called, for the way back to it; the end of its ARN until that is known. */
export function useStageName(stageArn: string): string {
  const loaded = useLoad(`name ${stageArn}`, async () => (await client().call('GetStage', { arn: stageArn })).stage);
  return nameOf(loaded.value ?? { arn: stageArn });
}

/** The same for several, in one call. */
export function useStageNames(arns: readonly string[]): (arn: string) => string {
  const wanted = [...new Set(arns)].sort();
  const loaded = useLoad(`names ${wanted.join(' ')}`, async () => (wanted.length === 0 ? [] : client().all('ListStages', {}, (page) => page.stages)));
  const names = new Map(loaded.value?.map((stage) => [stage.arn, nameOf(stage)]));
  return (arn) => names.get(arn) ?? nameOfArn(arn);
}

export function StagesPage() {
  const stages = useLoad('stages', () => client().all('ListStages', {}, (page) => page.stages), REFRESH_MS);
  const [isMaking, setMaking] = useState(false);
  const create = (
    <button type="button" class="primary" onClick={() => setMaking(true)}>
      Create stage
    </button>
  );
  const columns: Column<StageSummary>[] = [
    { title: 'Stage', cell: (stage) => <a href={stageLink(stage.arn)}>{nameOf(stage)}</a> },
    {
      title: 'Now',
      cell: ({ arn, activeSessionId }) =>
        activeSessionId === undefined || activeSessionId === '' ? (
          <Badge tone="idle">No session</Badge>
        ) : (
          <a href={sessionLink(arn, activeSessionId)}>
            <Badge tone="live">In session</Badge>
          </a>
        ),
    },
    { title: 'ARN', cell: ({ arn }) => <code>{arn}</code> },
    {
      title: '',
      cell: (stage) => (
        <div class="actions">
          <TagsButton arn={stage.arn} name={nameOf(stage)} count={Object.keys(stage.tags ?? {}).length} onChange={stages.reload} />
        </div>
      ),
    },
  ];
  return (
    <Page title="Stages" lead="A stage is the place where participants meet." actions={create}>
      <Await loaded={stages}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="There is no stage yet.">
              <p>Create one, make a token for each person, and join with it on the page “Publish”.</p>
              <div class="actions">
                <button type="button" onClick={() => setMaking(true)}>
                  Create the first stage
                </button>
              </div>
            </Empty>
          ) : (
            <div class="panel">
              <Table label="Stages" columns={columns} rows={rows} rowKey={({ arn }) => arn} />
              {rows.length >= ENTRIES_MAX && <p class="quiet">These are the first {ENTRIES_MAX}; the others are to be had by the API.</p>}
            </div>
          )
        }
      </Await>
      <Command name="ListStages" input={{}} />
      {isMaking && <CreateStage onClose={() => setMaking(false)} />}
    </Page>
  );
}

function CreateStage({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [tags, setTags] = useState('');
  const create = async () => {
    const { stage } = await client().call('CreateStage', given({ name: orNone(name), tags: readPairs(tags, 'Tags') }));
    tell('Stage created.');
    go(stageLink(stage.arn));
  };
  return (
    <Dialog title="Create a stage" onClose={onClose}>
      <div class="stack">
        <ActionForm verb="Create" onSubmit={create} onCancel={onClose}>
          <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="Letters, digits, - and _; may be empty." />
          <AreaField label="Tags" value={tags} onInput={setTags} placeholder="team=media" hint="One key=value on each line; may be empty." />
        </ActionForm>
        <Command name="CreateStage" input={given({ name: orNone(name), tags: readPairsSoFar(tags) })} />
      </div>
    </Dialog>
  );
}
