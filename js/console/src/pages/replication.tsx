// Replications as the pages of their participants show them: where to, where from, begun and stopped.

import { useState } from 'preact/hooks';

import { given } from '../api/given';
import type { Attributes, Input, ParticipantReplica, ParticipantSummary, ReplicationRef } from '../api/shapes';
import { Command } from '../parts/copy';
import { ActionForm, Dialog } from '../parts/dialog';
import { AreaField, ChoiceField, readPairs, readPairsSoFar, TextField } from '../parts/field';
import { Await, useLoad } from '../parts/load';
import { Badge, Empty, Section } from '../parts/page';
import { Table, type Column } from '../parts/table';
import { tell } from '../parts/toast';
import { inPlainWords } from '../replication/refusals';
import { ATTRIBUTES_BYTES_MAX, checkSize, choices, inOrder, originOf, readWindow, roleOf, sizeOf, WINDOW_SECONDS_MAX, type Choice, type Origin } from '../replication/rules';
import { participantLink, sessionLink, stageLink } from '../router';
import { client } from '../server';
import { useStageName, useStageNames } from './stages';

const REFRESH_MS = 4000;
/** The API gives no more on a page. */
const PAGE_SIZE = 50;

interface ParticipantRef {
  readonly stageArn: string;
  readonly sessionId: string;
  readonly participantId: string;
}

interface ReplicationsProps extends ParticipantRef {
  readonly isPublishing: boolean;
  /** The record and the events have something new. */
  readonly onChange: () => void;
}

/** The other stages where a participant appears, or did during its session. */
export function Replications({ stageArn, sessionId, participantId, isPublishing, onChange }: ReplicationsProps) {
  const input = { sourceStageArn: stageArn, participantId };
  const loaded = useLoad(
    `replicas ${sessionId} ${participantId}`,
    () => client().all('ListParticipantReplicas', { ...input, maxResults: PAGE_SIZE }, (page) => page.replicas),
    REFRESH_MS,
  );
  const [isStarting, setStarting] = useState(false);
  // The API lists those of the newest session; this may be an older one.
  const replicas = (loaded.value ?? []).filter((replica) => replica.sourceSessionId === sessionId);
  const stageName = useStageNames(replicas.map(({ destinationStageArn }) => destinationStageArn));
  const changed = () => {
    loaded.reload();
    onChange();
  };
  const start = isPublishing && (
    <button type="button" onClick={() => setStarting(true)}>
      Replicate
    </button>
  );
  return (
    <Section id="replications" title="Appears on other stages" actions={start}>
      <Await loaded={loaded}>
        {() =>
          replicas.length === 0 ? (
            <p class="quiet">
              The participant is on this stage alone. {isPublishing ? '“Replicate” lets it appear on another one too.' : 'Who publishes can be replicated to others.'}
            </p>
          ) : (
            <Table
              label="Replications"
              columns={columnsOf(stageName, isPublishing, changed)}
              rows={inOrder(replicas, stageName)}
              rowKey={({ destinationStageArn }) => destinationStageArn}
            />
          )
        }
      </Await>
      <Command name="ListParticipantReplicas" input={input} />
      {isStarting && <Start {...{ stageArn, participantId, replicas }} onClose={() => setStarting(false)} onDone={changed} />}
    </Section>
  );
}

function columnsOf(stageName: (arn: string) => string, isPublishing: boolean, onDone: () => void): Column<ParticipantReplica>[] {
  return [
    { title: 'Stage', cell: ({ destinationStageArn }) => <a href={stageLink(destinationStageArn)}>{stageName(destinationStageArn)}</a> },
    {
      title: 'State',
      cell: ({ replicationState }) => {
        if (replicationState !== 'ACTIVE') return <Badge tone="idle">Stopped</Badge>;
        return isPublishing ? <Badge tone="live">Active</Badge> : <Badge tone="busy">Awaits the participant</Badge>;
      },
    },
    {
      title: 'As a participant there',
      cell: ({ destinationStageArn, destinationSessionId, participantId }) => (
        <a href={participantLink(destinationStageArn, destinationSessionId, participantId)}>Replica in {destinationSessionId}</a>
      ),
    },
    {
      title: '',
      cell: ({ sourceStageArn, destinationStageArn, participantId, replicationState }) =>
        replicationState === 'ACTIVE' && (
          <div class="actions">
            <Stop input={{ sourceStageArn, destinationStageArn, participantId }} stage={stageName(destinationStageArn)} isSmall onDone={onDone} />
          </div>
        ),
    },
  ];
}

interface StartProps {
  readonly stageArn: string;
  readonly participantId: string;
  readonly replicas: readonly ParticipantReplica[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function Start({ stageArn, participantId, replicas, onClose, onDone }: StartProps) {
  const stages = useLoad('destinations', () => client().all('ListStages', {}, (page) => page.stages));
  return (
    <Dialog title="Replicate to another stage" onClose={onClose}>
      <Await loaded={stages}>
        {(all) => {
          const options = choices(all, stageArn, replicas);
          return options.length === 0 ? (
            <Empty title="There is no stage to go to.">
              <p>
                Create another one under <a href="#/">Stages</a>.
              </p>
            </Empty>
          ) : (
            <StartForm {...{ stageArn, participantId, options, onClose, onDone }} />
          );
        }}
      </Await>
    </Dialog>
  );
}

function StartForm({ stageArn, participantId, options, onClose, onDone }: Omit<StartProps, 'replicas'> & { readonly options: readonly Choice[] }) {
  const [destination, setDestination] = useState(options[0]?.value ?? '');
  const [window, setWindow] = useState('');
  const [attributes, setAttributes] = useState('');
  const inputOf = (reconnectWindowSeconds: number | undefined, pairs: Attributes | undefined) =>
    given<Input<'StartParticipantReplication'>>({ sourceStageArn: stageArn, destinationStageArn: destination, participantId, reconnectWindowSeconds, attributes: pairs });
  const start = async () => {
    const pairs = readPairs(attributes, 'Attributes');
    checkSize(pairs);
    await client().call('StartParticipantReplication', inputOf(readWindow(window), pairs)).catch(rethrow);
    tell('The participant appears on the other stage now.');
    onDone();
    onClose();
  };
  const bytes = sizeOf(readPairsSoFar(attributes));
  return (
    <div class="stack">
      <p>Viewers of the other stage see and hear the participant as if it had joined there. On this stage nothing changes.</p>
      <ActionForm verb="Replicate" onSubmit={start} onCancel={onClose}>
        <ChoiceField label="Stage" value={destination} onChange={setDestination} options={options} />
        <TextField
          label="Reconnect window in seconds"
          type="number"
          value={window}
          onInput={setWindow}
          min={0}
          max={WINDOW_SECONDS_MAX}
          placeholder="0"
          hint={`How long the replication awaits the participant after it has stopped publishing, up to ${WINDOW_SECONDS_MAX}. With 0 the replication ends then.`}
        />
        <AreaField
          label="Attributes"
          value={attributes}
          onInput={setAttributes}
          placeholder="role=guest"
          hint={
            <>
              One key=value on each line; may be empty. The replica has them beside the participant’s own, and in place of those of the same key.{' '}
              <span class={bytes > ATTRIBUTES_BYTES_MAX ? 'bad' : undefined}>
                {bytes} of {ATTRIBUTES_BYTES_MAX} bytes.
              </span>
            </>
          }
        />
      </ActionForm>
      <Command name="StartParticipantReplication" input={inputOf(windowSoFar(window), readPairsSoFar(attributes))} />
    </div>
  );
}

function windowSoFar(text: string): number | undefined {
  try {
    return readWindow(text);
  } catch {
    return undefined;
  }
}

function rethrow(error: unknown): never {
  throw inPlainWords(error);
}

interface StopProps {
  readonly input: ReplicationRef;
  /** What the stage is called where the replica is. */
  readonly stage: string;
  readonly isSmall?: boolean;
  readonly onDone: () => void;
}

function Stop({ input, stage, isSmall = false, onDone }: StopProps) {
  const [isOpen, setOpen] = useState(false);
  const stop = async () => {
    await client().call('StopParticipantReplication', input).catch(rethrow);
    setOpen(false);
    tell(`The replica has left ${stage}.`);
    onDone();
    // The button goes with the replication, and would take the focus along.
    requestAnimationFrame(() => document.querySelector('h1')?.focus());
  };
  return (
    <>
      <button type="button" class={isSmall ? 'danger small' : 'danger'} aria-label={`Stop the replication to ${stage}`} onClick={() => setOpen(true)}>
        Stop
      </button>
      {isOpen && (
        <Dialog title={`Stop the replication to ${stage}?`} onClose={() => setOpen(false)}>
          <div class="stack">
            <p>The replica leaves {stage} at once. Where the participant joined it stays, and so do its replicas on other stages.</p>
            <Command name="StopParticipantReplication" input={input} />
            <ActionForm verb="Stop" tone="danger" onSubmit={stop} onCancel={() => setOpen(false)} />
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Where a replica comes from. */
export function ComesFrom({ stageArn, participantId, origin, onChange }: { stageArn: string; participantId: string; origin: Origin; onChange: () => void }) {
  const here = useStageName(stageArn);
  const there = useStageName(origin.stageArn);
  const input = { sourceStageArn: origin.stageArn, destinationStageArn: stageArn, participantId };
  return (
    <Section id="origin" title="Comes from another stage" actions={origin.isActive && <Stop input={input} stage={here} onDone={onChange} />}>
      <dl>
        <dt>Replication</dt>
        <dd>{origin.isActive ? <Badge tone="live">Active</Badge> : <Badge tone="idle">Stopped</Badge>}</dd>
        <dt>Stage</dt>
        <dd>
          <a href={stageLink(origin.stageArn)}>{there}</a>
        </dd>
        <dt>Session</dt>
        <dd>
          <a href={sessionLink(origin.stageArn, origin.sessionId)}>{origin.sessionId}</a>
        </dd>
        <dt>Participant</dt>
        <dd>
          <a href={participantLink(origin.stageArn, origin.sessionId, participantId)}>Its own page on {there}</a>
        </dd>
      </dl>
      {origin.isActive && <Command name="StopParticipantReplication" input={input} />}
    </Section>
  );
}

/** What a list says of somebody, and from where a replica comes. */
export function replicationColumn(stageName: (arn: string) => string): Column<ParticipantSummary> {
  return {
    title: 'Replication',
    cell: (participant) => {
      const role = roleOf(participant);
      if (role === '') return <span class="quiet none">–</span>;
      const origin = originOf(participant);
      const badge = <Badge tone={participant.replicationState === 'ACTIVE' ? 'busy' : 'idle'}>{role}</Badge>;
      if (origin === undefined) return badge;
      return (
        <span class="replication">
          {badge} of <a href={participantLink(origin.stageArn, origin.sessionId, participant.participantId)}>{stageName(origin.stageArn)}</a>
        </span>
      );
    },
  };
}
