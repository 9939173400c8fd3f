// What goes into the encoder, and which stage it publishes to.

import { useState } from 'preact/hooks';

import type { IngestConfiguration, StageSummary } from '../api/shapes';
import { ffmpegRtmp } from '../encoder-settings';
import { CodeBlock, Command, CopyLine } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { ChoiceField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { tell } from '../parts/toast';
import { client, serverInfo } from '../server';
import { stageOptions } from './ingest';
import { nameOf } from './stages';

interface SettingsProps {
  readonly arn: string;
  readonly stages: readonly StageSummary[];
  readonly onClose: () => void;
  readonly onChange: () => void;
}

export function IngestSettings({ arn, stages, onClose, onChange }: SettingsProps) {
  const loaded = useLoad(`ingest ${arn}`, async () => {
    const { ingestConfiguration } = await client().call('GetIngestConfiguration', { arn });
    return { configuration: ingestConfiguration, server: await serverOf(ingestConfiguration, stages) };
  });
  return (
    <Dialog title={loaded.value === undefined ? 'Ingest configuration' : nameOf(loaded.value.configuration)} onClose={onClose}>
      <Await loaded={loaded}>
        {({ configuration, server }) => (
          <div class="stack">
            <Encoder configuration={configuration} server={server} />
            <Command name="GetIngestConfiguration" input={{ arn }} />
            <Attach
              configuration={configuration}
              stages={stages}
              onDone={() => {
                loaded.reload();
                onChange();
              }}
            />
          </div>
        )}
      </Await>
    </Dialog>
  );
}

/** The address of the port: what the server says of itself, else what a stage says, all of which say the same. */
async function serverOf({ ingestProtocol, stageArn }: IngestConfiguration, stages: readonly StageSummary[]): Promise<string> {
  const key = ingestProtocol === 'RTMP' ? 'rtmp' : 'rtmps';
  const own = serverInfo.value.rtmp?.[key];
  if (own !== undefined) return own;
  const arn = stageArn === '' ? stages[0]?.arn : stageArn;
  if (arn === undefined) return '';
  return (await client().call('GetStage', { arn })).stage.endpoints?.[key] ?? '';
}

function Encoder({ configuration, server }: { configuration: IngestConfiguration; server: string }) {
  const keys = [configuration.streamKey, ...(configuration.redundantIngestCredentials ?? []).map(({ streamKey }) => streamKey ?? '')];
  const shown = [...new Set(keys)].filter((key) => key !== '');
  return (
    <>
      <p>In OBS, under Settings → Stream, with the service “Custom…”:</p>
      <dl>
        <dt>Server</dt>
        <dd>{server === '' ? <span class="quiet">Create a stage to see it.</span> : <CopyLine text={server} label="server" />}</dd>
        {shown.map((key, at) => (
          <>
            <dt>{shown.length === 1 ? 'Stream Key' : `Stream Key ${at + 1}`}</dt>
            <dd>
              <CopyLine text={key} label="stream key" secret />
            </dd>
          </>
        ))}
        <dt>Output</dt>
        <dd>H.264, keyframe interval 2 s, no B-frames, profile baseline; AAC</dd>
        <dt>Participant</dt>
        <dd>
          <code>{configuration.participantId}</code>
        </dd>
      </dl>
      {server !== '' && (
        <>
          <p>The same by FFmpeg, with the key in the variable STREAM_KEY:</p>
          <CodeBlock text={ffmpegRtmp(server)} label="FFmpeg command" />
        </>
      )}
    </>
  );
}

function Attach({ configuration, stages, onDone }: { configuration: IngestConfiguration; stages: readonly StageSummary[]; onDone: () => void }) {
  const [stageArn, setStageArn] = useState(configuration.stageArn);
  const attach = async () => {
    await client().call('UpdateIngestConfiguration', { arn: configuration.arn, stageArn });
    tell(stageArn === '' ? 'Detached.' : 'Attached.');
    onDone();
  };
  const isLive = configuration.state === 'ACTIVE';
  return (
    <>
      <ActionForm verb="Change the stage" onSubmit={attach}>
        <ChoiceField
          label="Publishes to"
          value={stageArn}
          onChange={setStageArn}
          options={stageOptions(stages)}
          {...(isLive ? { hint: 'It publishes at the moment; the stage can be changed when it does not.' } : {})}
        />
      </ActionForm>
      <Command name="UpdateIngestConfiguration" input={{ arn: configuration.arn, stageArn }} />
    </>
  );
}
