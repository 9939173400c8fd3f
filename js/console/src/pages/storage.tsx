// Storage configurations: buckets for recordings.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { nameOf } from '../api/names';
import type { Input, StorageConfiguration } from '../api/shapes';
import { Command, CopyLine } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Empty, Page } from '../parts/page';
import { Remove } from '../parts/remove';
import { Table, type Column } from '../parts/table';
import { TagsButton } from '../parts/tags';
import { tell } from '../parts/toast';
import { client } from '../server';

export function StoragePage() {
  const loaded = useLoad('storage', () => client().all('ListStorageConfigurations', {}, (page) => page.storageConfigurations));
  const [isMaking, setMaking] = useState(false);
  const columns: Column<StorageConfiguration>[] = [
    { title: 'Configuration', cell: nameOf },
    { title: 'Bucket', cell: ({ s3 }) => s3?.bucketName ?? '–' },
    { title: 'ARN', cell: ({ arn }) => <CopyLine text={arn} label="ARN" /> },
    {
      title: '',
      cell: (one) => (
        <div class="actions">
          <TagsButton arn={one.arn} name={nameOf(one)} count={Object.keys(one.tags ?? {}).length} onChange={loaded.reload} />
          <Remove what={`the storage configuration ${nameOf(one)}`} operation="DeleteStorageConfiguration" input={{ arn: one.arn }} onDone={loaded.reload}>
            The bucket and what is in it stay.
          </Remove>
        </div>
      ),
    },
  ];
  return (
    <Page
      title="Storage configurations"
      lead="Where recordings go: buckets of the server’s object store."
      actions={
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          Create
        </button>
      }
    >
      <Await loaded={loaded}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="There is no storage configuration.">
              <p>You need one to record. Make the bucket first: in the server’s object store, a folder or an S3 server; then name it here.</p>
            </Empty>
          ) : (
            <div class="panel">
              <Table label="Storage configurations" columns={columns} rows={rows} rowKey={({ arn }) => arn} />
            </div>
          )
        }
      </Await>
      <Command name="ListStorageConfigurations" input={{}} />
      {isMaking && (
        <Create
          onClose={() => setMaking(false)}
          onDone={() => {
            setMaking(false);
            loaded.reload();
          }}
        />
      )}
    </Page>
  );
}

function Create({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState('');
  const [bucketName, setBucketName] = useState('');
  const input = given<Input<'CreateStorageConfiguration'>>({ name: orNone(name), s3: { bucketName: bucketName.trim() } });
  const create = async () => {
    await client().call('CreateStorageConfiguration', input);
    tell('Storage configuration created.');
    onDone();
  };
  return (
    <Dialog title="Create a storage configuration" onClose={onClose}>
      <div class="stack">
        <ActionForm verb="Create" onSubmit={create} onCancel={onClose}>
          <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="Letters, digits, - and _; may be empty." />
          <TextField label="Bucket" value={bucketName} onInput={setBucketName} required maxLength={63} pattern="[a-z0-9.\-]{3,63}" hint="It has to exist." />
        </ActionForm>
        <Command name="CreateStorageConfiguration" input={input} />
      </div>
    </Dialog>
  );
}
