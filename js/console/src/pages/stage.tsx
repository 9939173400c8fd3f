// One stage: what happens on it now, its past sessions, how to reach it, what it is called.

import { useState } from 'preact/hooks';

import { nameOf } from '../api/names';
import type { IngestConfigurationSummary, ParticipantSummary, Stage, StageSession } from '../api/shapes';
import { LiveTiles } from '../media';
import { Command, CopyLine } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Badge, Empty, Page, Section } from '../parts/page';
import { Remove } from '../parts/remove';
import { Table, type Column } from '../parts/table';
import { TagsEditor } from '../parts/tags';
import { lasting, Time } from '../parts/time';
import { tell } from '../parts/toast';
import { originOf, roleOf } from '../replication/rules';
import { go, ingestLink, participantLink, sessionLink, tokensLink } from '../router';
import { client, serverInfo } from '../server';
import { EncoderHelp } from './encoder-help';
import { IngestState } from './ingest';
import { replicationColumn } from './replication';
import { useStageNames } from './stages';

const REFRESH_MS = 4000;
/** Enough to open the socket; a viewer stays in when the token ends. */
const WATCH_TOKEN_MINUTES = 5;

export function StagePage({ stageArn }: { stageArn: string }) {
  const loaded = useLoad(`stage ${stageArn}`, async () => (await client().call('GetStage', { arn: stageArn })).stage, REFRESH_MS);
  const { rtmp } = serverInfo.value;
  return (
    <Await loaded={loaded}>
      {(stage) => (
        <Page title={nameOf(stage)} crumbs={[{ text: 'Stages', href: '#/' }]} actions={<StageActions stage={stage} onChange={loaded.reload} />}>
          <Section id="facts" title="Stage">
            <dl>
              <dt>ARN</dt>
              <dd>
                <CopyLine text={stage.arn} label="ARN" />
              </dd>
              <dt>State</dt>
              <dd>{stage.activeSessionId ? <Badge tone="live">In session</Badge> : <Badge tone="idle">No session</Badge>}</dd>
              <dt>WHIP</dt>
              <dd>
                <CopyLine text={stage.endpoints?.whip ?? '–'} label="WHIP address" />
              </dd>
              <dt>Events</dt>
              <dd>
                <CopyLine text={stage.endpoints?.events ?? '–'} label="events address" />
              </dd>
              <RtmpEndpoint name="RTMPS" server={rtmp?.rtmps ?? ''} />
              <RtmpEndpoint name="RTMP" server={rtmp?.rtmp ?? ''} />
            </dl>
            <Command name="GetStage" input={{ arn: stageArn }} />
          </Section>
          <Present stage={stage} />
          <Sessions stageArn={stageArn} />
          <Encoders stageArn={stageArn} />
          <EncoderHelp stage={stage} />
          <Section id="tags" title="Tags">
            <TagsEditor arn={stageArn} />
          </Section>
        </Page>
      )}
    </Await>
  );
}

/** The stage knows where a port would be; only the server knows whether it is open. */
function RtmpEndpoint({ name, server }: { name: string; server: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{server === '' ? <span class="quiet">No port is open for it.</span> : <CopyLine text={server} label={`${name} address`} />}</dd>
    </>
  );
}

/** The stream keys that lead here. */
function Encoders({ stageArn }: { stageArn: string }) {
  const input = { filterByStageArn: stageArn };
  const loaded = useLoad(`ingest of ${stageArn}`, () => client().all('ListIngestConfigurations', input, (page) => page.ingestConfigurations), REFRESH_MS);
  const columns: Column<IngestConfigurationSummary>[] = [
    { title: 'Configuration', cell: (one) => <a href={ingestLink(one.arn)}>{nameOf(one)}</a> },
    { title: 'Protocol', cell: ({ ingestProtocol }) => ingestProtocol },
    { title: 'State', cell: ({ state }) => <IngestState state={state} /> },
  ];
  return (
    <Section id="rtmp" title="RTMP encoders">
      <Await loaded={loaded}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="quiet">
              No stream key leads to this stage. Create one under <a href="#/ingest">Ingest</a>.
            </p>
          ) : (
            <Table label="RTMP encoders" columns={columns} rows={rows} rowKey={({ arn }) => arn} />
          )
        }
      </Await>
      <Command name="ListIngestConfigurations" input={input} />
    </Section>
  );
}

function StageActions({ stage, onChange }: { stage: Stage; onChange: () => void }) {
  const [isRenaming, setRenaming] = useState(false);
  return (
    <>
      <a class="button" href={tokensLink(stage.arn)}>
        Make a token
      </a>
      <button type="button" onClick={() => setRenaming(true)}>
        Rename
      </button>
      <Remove what={`the stage ${nameOf(stage)}`} operation="DeleteStage" input={{ arn: stage.arn }} isSmall={false} onDone={() => go('#/')}>
        Everybody on it is disconnected, and its sessions and events are gone. Tokens for it open nothing any more.
      </Remove>
      {isRenaming && <Rename stage={stage} onClose={() => setRenaming(false)} onChange={onChange} />}
    </>
  );
}

function Rename({ stage, onClose, onChange }: { stage: Stage; onClose: () => void; onChange: () => void }) {
  const [name, setName] = useState(stage.name ?? '');
  const rename = async () => {
    await client().call('UpdateStage', { arn: stage.arn, name: name.trim() });
    tell('Renamed.');
    onChange();
    onClose();
  };
  return (
    <Dialog title="Rename the stage" onClose={onClose}>
      <div class="stack">
        <ActionForm verb="Rename" onSubmit={rename} onCancel={onClose}>
          <TextField label="Name" value={name} onInput={setName} maxLength={128} pattern="[a-zA-Z0-9_\-]*" hint="Letters, digits, - and _." />
        </ActionForm>
        <Command name="UpdateStage" input={{ arn: stage.arn, name: name.trim() }} />
      </div>
    </Dialog>
  );
}

/** Who is there: seen and heard, and in a list. */
function Present({ stage }: { stage: Stage }) {
  const sessionId = stage.activeSessionId ?? '';
  const input = { stageArn: stage.arn, sessionId, filterByState: 'CONNECTED' as const };
  const people = useLoad(`now ${sessionId}`, async () => (sessionId === '' ? [] : client().all('ListParticipants', input, (page) => page.participants)), REFRESH_MS);
  const origins = (people.value ?? []).flatMap((person) => {
    const origin = originOf(person);
    return origin === undefined ? [] : [{ id: person.participantId, arn: origin.stageArn }];
  });
  const stageName = useStageNames(origins.map(({ arn }) => arn));
  return (
    <>
      <Live stageArn={stage.arn} replicas={new Map(origins.map(({ id, arn }) => [id, stageName(arn)]))} />
      <Section id="now" title="Participants now">
        {sessionId === '' ? (
          <Empty title="Nobody is here.">
            <p>
              Make a token under <a href={tokensLink(stage.arn)}>Tokens</a> and join with it under <a href="#/publish">Publish</a>; a session begins with the first
              participant.
            </p>
          </Empty>
        ) : (
          <>
            <Await loaded={people}>
              {(rows) =>
                rows.length === 0 ? (
                  <p class="quiet">Everybody has left; the session ends soon.</p>
                ) : (
                  <Participants label="Participants now" stageArn={stage.arn} sessionId={sessionId} rows={rows} omit="State" />
                )
              }
            </Await>
            <Command name="ListParticipants" input={input} />
          </>
        )}
      </Section>
    </>
  );
}

function Live({ stageArn, replicas }: { stageArn: string; replicas: ReadonlyMap<string, string> }) {
  const [isWatching, setWatching] = useState(false);
  const mint = async () => {
    const made = await client().call('CreateParticipantToken', {
      stageArn,
      userId: 'console',
      capabilities: ['SUBSCRIBE'],
      duration: WATCH_TOKEN_MINUTES,
    });
    return made.participantToken.token;
  };
  return (
    <Section
      id="live"
      title="Live"
      actions={
        <button type="button" aria-pressed={isWatching} onClick={() => setWatching(!isWatching)}>
          {isWatching ? 'Stop watching' : 'Watch'}
        </button>
      }
    >
      {isWatching ? <LiveTiles stageArn={stageArn} mint={mint} replicas={replicas} /> : <p class="quiet">To watch is to join the stage as a participant “console” that only subscribes.</p>}
    </Section>
  );
}

interface ParticipantsProps {
  readonly label: string;
  readonly stageArn: string;
  readonly sessionId: string;
  readonly rows: readonly ParticipantSummary[];
  /** A column that would say nothing. */
  readonly omit?: string;
}

/** Participants of a session. What there is to say of replications has a column where somebody has to do with one. */
export function Participants({ label, stageArn, sessionId, rows, omit }: ParticipantsProps) {
  const stageName = useStageNames(rows.flatMap((row) => originOf(row)?.stageArn ?? []));
  const columns: Column<ParticipantSummary>[] = [
    {
      title: 'Participant',
      cell: ({ participantId, userId }) => <a href={participantLink(stageArn, sessionId, participantId)}>{userId ? userId : participantId}</a>,
    },
    { title: 'Id', cell: ({ participantId }) => <code>{participantId}</code> },
    {
      title: 'State',
      cell: ({ state }) => (state === 'CONNECTED' ? <Badge tone="live">Connected</Badge> : <Badge tone="idle">Disconnected</Badge>),
    },
    { title: 'Published', cell: Published },
    ...(rows.some((row) => roleOf(row) !== '') ? [replicationColumn(stageName)] : []),
    { title: 'First joined', cell: ({ firstJoinTime }) => <Time iso={firstJoinTime} /> },
  ];
  return <Table label={label} columns={columns.filter(({ title }) => title !== omit)} rows={rows} rowKey={({ participantId }) => participantId} />;
}

function Published({ published, ingestConfigurationArn = '' }: ParticipantSummary) {
  if (published !== true) return 'No';
  return ingestConfigurationArn === '' ? 'Yes' : <a href={ingestLink(ingestConfigurationArn)}>By an encoder</a>;
}

function Sessions({ stageArn }: { stageArn: string }) {
  const loaded = useLoad(`sessions ${stageArn}`, () => client().all('ListStageSessions', { stageArn }, (page) => page.stageSessions), REFRESH_MS);
  const columns: Column<StageSession>[] = [
    { title: 'Session', cell: ({ sessionId }) => <a href={sessionLink(stageArn, sessionId)}>{sessionId}</a> },
    { title: 'Began', cell: ({ startTime }) => <Time iso={startTime} /> },
    { title: 'Ended', cell: ({ endTime }) => (endTime === undefined ? <Badge tone="live">Goes on</Badge> : <Time iso={endTime} />) },
    {
      title: 'Length',
      isNumber: true,
      cell: ({ startTime, endTime }) => lasting((endTime === undefined ? Date.now() : Date.parse(endTime)) - Date.parse(startTime ?? '')),
    },
  ];
  return (
    <Section id="sessions" title="Sessions">
      <Await loaded={loaded}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="quiet">There has been no session. One begins when somebody joins.</p>
          ) : (
            <Table label="Sessions" columns={columns} rows={rows} rowKey={({ sessionId }) => sessionId} />
          )
        }
      </Await>
      <Command name="ListStageSessions" input={{ stageArn }} />
    </Section>
  );
}
