// Encoder configurations: video settings for compositions.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { nameOf } from '../api/names';
import type { EncoderConfiguration, Input, Video } from '../api/shapes';
import { Command } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Empty, Page } from '../parts/page';
import { Remove } from '../parts/remove';
import { Table, type Column } from '../parts/table';
import { TagsButton } from '../parts/tags';
import { tell } from '../parts/toast';
import { client } from '../server';

/** The listing has no video settings; each costs a call. */
const DETAILS_MAX = 40;

async function load(): Promise<EncoderConfiguration[]> {
  const summaries = await client().all('ListEncoderConfigurations', {}, (page) => page.encoderConfigurations);
  return Promise.all(
    summaries.map(async (summary, at) =>
      at < DETAILS_MAX ? (await client().call('GetEncoderConfiguration', { arn: summary.arn })).encoderConfiguration : summary,
    ),
  );
}

export function EncodersPage() {
  const loaded = useLoad('encoders', load);
  const [isMaking, setMaking] = useState(false);
  const video = (one: EncoderConfiguration): Video => one.video ?? {};
  const columns: Column<EncoderConfiguration>[] = [
    { title: 'Configuration', cell: nameOf },
    { title: 'Picture', isNumber: true, cell: (one) => `${video(one).width ?? '–'} × ${video(one).height ?? '–'}` },
    { title: 'Pictures a second', isNumber: true, cell: (one) => video(one).framerate ?? '–' },
    { title: 'Bitrate', isNumber: true, cell: (one) => (video(one).bitrate === undefined ? '–' : `${Number(video(one).bitrate) / 1000} kbit/s`) },
    {
      title: '',
      cell: (one) => (
        <div class="actions">
          <TagsButton arn={one.arn} name={nameOf(one)} count={Object.keys(one.tags ?? {}).length} onChange={loaded.reload} />
          <Remove what={`the encoder configuration ${nameOf(one)}`} operation="DeleteEncoderConfiguration" input={{ arn: one.arn }} onDone={loaded.reload}>
            Compositions cannot be started with it any more.
          </Remove>
        </div>
      ),
    },
  ];
  return (
    <Page
      title="Encoder configurations"
      lead="Size, rate and bitrate of a composition’s video."
      actions={
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          Create
        </button>
      }
    >
      <Await loaded={loaded}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="There is no encoder configuration.">
              <p>You need one to mix a stage into one picture. Create it here; compositions name it by its ARN.</p>
            </Empty>
          ) : (
            <div class="panel">
              <Table label="Encoder configurations" columns={columns} rows={rows} rowKey={({ arn }) => arn} />
            </div>
          )
        }
      </Await>
      <Command name="ListEncoderConfigurations" input={{}} />
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
  const [width, setWidth] = useState('1280');
  const [height, setHeight] = useState('720');
  const [framerate, setFramerate] = useState('30');
  const [bitrate, setBitrate] = useState('2500');
  const number = (text: string) => (text === '' ? undefined : Number(text));
  const input = given<Input<'CreateEncoderConfiguration'>>({
    name: orNone(name),
    video: given<Video>({
      width: number(width),
      height: number(height),
      framerate: number(framerate),
      bitrate: bitrate === '' ? undefined : Math.round(Number(bitrate) * 1000),
    }),
  });
  const create = async () => {
    await client().call('CreateEncoderConfiguration', input);
    tell('Encoder configuration created.');
    onDone();
  };
  return (
    <Dialog title="Create an encoder configuration" onClose={onClose}>
      <div class="stack">
        <ActionForm verb="Create" onSubmit={create} onCancel={onClose}>
          <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="Letters, digits, - and _; may be empty." />
          <div class="row">
            <TextField label="Width" type="number" value={width} onInput={setWidth} min={2} max={1920} />
            <TextField label="Height" type="number" value={height} onInput={setHeight} min={2} max={1920} />
          </div>
          <div class="row">
            <TextField label="Pictures a second" type="number" value={framerate} onInput={setFramerate} min={1} max={60} />
            <TextField label="Bitrate (kbit/s)" type="number" value={bitrate} onInput={setBitrate} min={1} max={8500} />
          </div>
        </ActionForm>
        <Command name="CreateEncoderConfiguration" input={input} />
      </div>
    </Dialog>
  );
}
