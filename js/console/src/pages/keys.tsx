// Public keys whose owners sign tokens themselves.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { nameOf } from '../api/names';
import type { Input, PublicKeySummary } from '../api/shapes';
import { canMakeKeys, download, makeKeyPair } from '../key-pair';
import { CodeBlock, Command, CopyLine } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { AreaField, TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Empty, Page } from '../parts/page';
import { Remove } from '../parts/remove';
import { Table, type Column } from '../parts/table';
import { TagsButton } from '../parts/tags';
import { tell } from '../parts/toast';
import { client } from '../server';

type Open = 'import' | 'make' | undefined;

export function KeysPage() {
  const keys = useLoad('keys', () => client().all('ListPublicKeys', {}, (page) => page.publicKeys));
  const [open, setOpen] = useState<Open>(undefined);
  const [shown, setShown] = useState<PublicKeySummary | undefined>(undefined);
  const close = () => setOpen(undefined);
  const done = () => {
    close();
    keys.reload();
  };
  const columns: Column<PublicKeySummary>[] = [
    { title: 'Key', cell: nameOf },
    { title: 'ARN', cell: ({ arn }) => <CopyLine text={arn} label="ARN" /> },
    {
      title: '',
      cell: (key) => (
        <div class="actions">
          <button type="button" class="small" aria-label={`Show ${nameOf(key)}`} onClick={() => setShown(key)}>
            Show
          </button>
          <TagsButton arn={key.arn} name={nameOf(key)} count={Object.keys(key.tags ?? {}).length} onChange={keys.reload} />
          <Remove what={`the key ${nameOf(key)}`} operation="DeletePublicKey" input={{ arn: key.arn }} onDone={keys.reload}>
            Nobody joins any more with a token that it has signed; who is in stays in.
          </Remove>
        </div>
      ),
    },
  ];
  const actions = (
    <>
      <button type="button" class="primary" onClick={() => setOpen('make')}>
        Make a key pair
      </button>
      <button type="button" onClick={() => setOpen('import')}>
        Import
      </button>
    </>
  );
  return (
    <Page title="Public keys" lead="Who holds the private half of an imported key signs tokens without calling the API." actions={actions}>
      <Await loaded={keys}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No key is imported.">
              <p>You need none for tokens that the server makes. To sign your own, make a key pair here, or import the public half of one that you have.</p>
            </Empty>
          ) : (
            <div class="panel">
              <Table label="Public keys" columns={columns} rows={rows} rowKey={({ arn }) => arn} />
            </div>
          )
        }
      </Await>
      <Command name="ListPublicKeys" input={{}} />
      {open === 'import' && <Import onClose={close} onDone={done} />}
      {open === 'make' && <Make onClose={close} onDone={done} />}
      {shown !== undefined && <Show summary={shown} onClose={() => setShown(undefined)} />}
    </Page>
  );
}

interface DialogProps {
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function Import({ onClose, onDone }: DialogProps) {
  const [name, setName] = useState('');
  const [material, setMaterial] = useState('');
  const input = given<Input<'ImportPublicKey'>>({ publicKeyMaterial: material.trim(), name: orNone(name) });
  const submit = async () => {
    if (material.includes('PRIVATE KEY')) throw new Error('This is a private key. Keep it to yourself, and import the public half.');
    await client().call('ImportPublicKey', input);
    tell('Key imported.');
    onDone();
  };
  return (
    <Dialog title="Import a public key" onClose={onClose}>
      <div class="stack">
        <ActionForm verb="Import" onSubmit={submit} onCancel={onClose}>
          <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="Letters, digits, - and _; may be empty." />
          <AreaField label="Public key" value={material} onInput={setMaterial} rows={6} required placeholder="-----BEGIN PUBLIC KEY-----" hint="ECDSA on P-384, as PEM." />
        </ActionForm>
        {!material.includes('PRIVATE KEY') && material !== '' && <Command name="ImportPublicKey" input={input} />}
      </div>
    </Dialog>
  );
}

function Make({ onClose, onDone }: DialogProps) {
  const [name, setName] = useState('');
  const submit = async () => {
    const pair = await makeKeyPair();
    await client().call('ImportPublicKey', given<Input<'ImportPublicKey'>>({ publicKeyMaterial: pair.publicKey, name: orNone(name) }));
    download(`${name.trim() === '' ? 'participant-key' : name.trim()}.pem`, pair.privateKey);
    tell('Key imported; the private half is among your downloads.');
    onDone();
  };
  return (
    <Dialog title="Make a key pair" onClose={onClose}>
      {canMakeKeys() ? (
        <div class="stack">
          <p>It is made in this browser. The public half is imported; the private half is downloaded, and kept nowhere else.</p>
          <ActionForm verb="Make and import" onSubmit={submit} onCancel={onClose}>
            <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="Letters, digits, - and _; may be empty." />
          </ActionForm>
          <Same name={name} />
        </div>
      ) : (
        <div class="stack">
          <p>Browsers make keys on https pages and on localhost only. In a shell:</p>
          <Same name={name} />
        </div>
      )}
    </Dialog>
  );
}

function Same({ name }: { name: string }) {
  const file = orNone(name)?.replace(/[^\w-]/g, '') ?? 'participant-key';
  return (
    <details class="command">
      <summary>Same in a shell</summary>
      <CodeBlock
        text={`downstage keygen participant-key --out ${file}\naws ivs-realtime import-public-key --name ${file} \\\n  --public-key-material file://${file}.pub.pem`}
        label="commands"
      />
    </details>
  );
}

function Show({ summary, onClose }: { summary: PublicKeySummary; onClose: () => void }) {
  const loaded = useLoad(`key ${summary.arn}`, async () => (await client().call('GetPublicKey', { arn: summary.arn })).publicKey);
  return (
    <Dialog title={nameOf(summary)} onClose={onClose}>
      <Await loaded={loaded}>
        {(key) => (
          <div class="stack">
            <dl>
              <dt>ARN</dt>
              <dd>
                <CopyLine text={key.arn} label="ARN" />
              </dd>
              <dt>Fingerprint</dt>
              <dd>
                <code>{key.fingerprint ?? ''}</code>
              </dd>
            </dl>
            <CodeBlock text={key.publicKeyMaterial ?? ''} label="public key" />
            <Command name="GetPublicKey" input={{ arn: key.arn }} />
          </div>
        )}
      </Await>
    </Dialog>
  );
}
