// One participant of a session: facts, events, and the way out.

import { ENTRIES_MAX } from '../api/call';
import { nameOfArn } from '../api/names';
import type { Participant, ParticipantEvent, ParticipantSummary, StageSession } from '../api/shapes';
import { Command, CopyLine } from '../parts/copy';
import { Disconnect, type Who } from '../parts/disconnect';
import { Await, useLoad } from '../parts/load';
import { Badge, Page, Section } from '../parts/page';
import { Table, type Column } from '../parts/table';
import { Time } from '../parts/time';
import { originOf } from '../replication/rules';
import { ingestLink, participantLink, sessionLink, stageLink } from '../router';
import { client } from '../server';
import { presenceOf } from '../timeline/lanes';
import { watch } from '../timeline/scale';
import { Timeline, type Lane } from '../timeline/timeline';
import { isOfReplica, nameOfEvent, whyOf, type StageNames } from '../timeline/words';
import { ComesFrom, Replications } from './replication';
import { useStageName, useStageNames } from './stages';

const REFRESH_MS = 4000;
const SUBSCRIPTION_LANES_MAX = 16;

interface ParticipantRef {
  readonly stageArn: string;
  readonly sessionId: string;
  readonly participantId: string;
}

export function ParticipantPage(ref: ParticipantRef) {
  const { stageArn, sessionId, participantId } = ref;
  const loaded = useLoad(
    `participant ${participantId}`,
    async () => {
      const [{ participant }, { stageSession }, events, people] = await Promise.all([
        client().call('GetParticipant', { stageArn, sessionId, participantId }),
        client().call('GetStageSession', { stageArn, sessionId }),
        client().all('ListParticipantEvents', { stageArn, sessionId, participantId }, (page) => page.events),
        client().all('ListParticipants', { stageArn, sessionId }, (page) => page.participants),
      ]);
      return { participant, stageSession, events, names: namesOf(people) };
    },
    REFRESH_MS,
  );
  const crumbs = [
    { text: 'Stages', href: '#/' },
    { text: useStageName(stageArn), href: stageLink(stageArn) },
    { text: sessionId, href: sessionLink(stageArn, sessionId) },
  ];
  return (
    <Await loaded={loaded}>
      {({ participant, stageSession, events, names }) => (
        <Page
          title={participant.userId ? participant.userId : participantId}
          crumbs={crumbs}
          actions={<Disconnect stageArn={stageArn} participantId={participantId} who={whoIs(participant)} onDone={loaded.reload} />}
        >
          <Facts participant={participant} input={ref} />
          <Elsewhere {...{ ...ref, participant, events }} onChange={loaded.reload} />
          <Happened {...{ ...ref, stageSession, events, names }} />
        </Page>
      )}
    </Await>
  );
}

function whoIs(participant: Participant): Who {
  if (originOf(participant) !== undefined) return 'replica';
  return isByIngest(participant) ? 'encoder' : 'participant';
}

interface ElsewhereProps extends ParticipantRef {
  readonly participant: Participant;
  readonly events: readonly ParticipantEvent[];
  readonly onChange: () => void;
}

/** The other stages that have to do with somebody. Who never published has none. */
function Elsewhere({ participant, events, onChange, ...ref }: ElsewhereProps) {
  const origin = originOf(participant);
  if (origin !== undefined) return <ComesFrom {...{ ...ref, origin, onChange }} />;
  if (participant.published !== true) return null;
  // Where the list is cut off, its end is not known; the server knows.
  const isUnknown = events.length >= ENTRIES_MAX;
  const isPublishing = participant.state === 'CONNECTED' && (isUnknown || presenceOf(events, Date.now(), false).published.at(-1)?.isOpen === true);
  return <Replications {...{ ...ref, isPublishing, onChange }} />;
}

function isByIngest({ ingestConfigurationArn }: Participant): boolean {
  return ingestConfigurationArn !== undefined && ingestConfigurationArn !== '';
}

function Facts({ participant, input }: { participant: Participant; input: ParticipantRef }) {
  const joined = (...parts: (string | undefined)[]) => parts.filter((part) => part).join(' ');
  const rows: [string, string][] = [
    ['User', participant.userId ?? ''],
    ['Protocol', participant.protocol === 'UNKNOWN' ? '' : (participant.protocol ?? '')],
    ['Browser', joined(participant.browserName, participant.browserVersion)],
    ['System', joined(participant.osName, participant.osVersion)],
    ['Library', participant.sdkVersion ?? ''],
    ['Provider', participant.ispName ?? ''],
  ];
  const attributes = Object.entries(participant.attributes ?? {});
  return (
    <Section id="facts" title="Participant">
      <dl>
        <dt>Id</dt>
        <dd>
          <CopyLine text={participant.participantId} label="id" />
        </dd>
        <dt>State</dt>
        <dd>{participant.state === 'CONNECTED' ? <Badge tone="live">Connected</Badge> : <Badge tone="idle">Disconnected</Badge>}</dd>
        <dt>First joined</dt>
        <dd>
          <Time iso={participant.firstJoinTime} />
        </dd>
        <dt>Has published</dt>
        <dd>{participant.published === true ? 'Yes' : 'No'}</dd>
        {rows
          .filter(([, text]) => text !== '')
          .map(([name, text]) => (
            <>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </>
          ))}
        {isByIngest(participant) && (
          <>
            <dt>Ingest configuration</dt>
            <dd>
              <a href={ingestLink(participant.ingestConfigurationArn ?? '')}>{nameOfArn(participant.ingestConfigurationArn ?? '')}</a>
              {participant.redundantIngest === true && <small> (two encoders, of which viewers see one)</small>}
            </dd>
          </>
        )}
        {attributes.map(([name, text]) => (
          <>
            <dt>{name} (attribute)</dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      <Command name="GetParticipant" input={input} />
    </Section>
  );
}

interface EventsProps extends ParticipantRef {
  readonly stageSession: StageSession;
  readonly events: readonly ParticipantEvent[];
  /** What the others are called, by their ids. */
  readonly names: ReadonlyMap<string, string>;
}

function namesOf(people: readonly ParticipantSummary[]): ReadonlyMap<string, string> {
  return new Map(people.map(({ participantId, userId }) => [participantId, userId ? userId : participantId]));
}

function Happened(props: EventsProps) {
  const { stageArn, sessionId, participantId, events } = props;
  const stageName = useStageNames(events.flatMap(({ destinationStageArn }) => (destinationStageArn ? [destinationStageArn] : [])));
  return (
    <Section id="timeline" title="What happened">
      <ParticipantTimeline {...props} stageName={stageName} />
      <Events {...props} stageName={stageName} />
      <Command name="ListParticipantEvents" input={{ stageArn, sessionId, participantId }} />
    </Section>
  );
}

interface NamedProps extends EventsProps {
  readonly stageName: StageNames;
}

function ParticipantTimeline({ participantId, stageSession, events, names, stageName }: NamedProps) {
  const begin = Date.parse(stageSession.startTime ?? '');
  const isOver = stageSession.endTime !== undefined;
  const end = isOver ? Date.parse(stageSession.endTime ?? '') : Date.now();
  const presence = presenceOf(events, end, isOver, stageName);
  const subscriptions = [...presence.subscribed].slice(0, SUBSCRIPTION_LANES_MAX);
  const lanes: Lane[] = [
    { key: 'connected', label: 'Connected', bars: [{ kind: 'connected', spans: presence.connected }], marks: presence.marks.filter(isAbout('JOIN', 'TOKEN')) },
    { key: 'published', label: 'Published', bars: [{ kind: 'published', spans: presence.published }], marks: presence.marks.filter(isAbout('PUBLISH')) },
    ...[...presence.replicated].map(
      ([arn, spans]): Lane => ({
        key: `on ${arn}`,
        label: `On ${stageName(arn)}`,
        bars: [{ kind: 'replicated', spans }],
        marks: presence.marks.filter((mark) => isAbout('REPLICATION')(mark) && mark.event.destinationStageArn === arn),
      }),
    ),
    ...subscriptions.map(
      ([id, spans]): Lane => ({
        key: `to ${id}`,
        label: `To ${names.get(id) ?? id}`,
        bars: [{ kind: 'subscribed', spans }],
        marks: presence.marks.filter((mark) => isAbout('SUBSCRIBE')(mark) && mark.event.remoteParticipantId === id),
      }),
    ),
  ];
  const strays = presence.marks.filter((mark) => isAbout('SUBSCRIBE')(mark) && !presence.subscribed.has(mark.event.remoteParticipantId ?? ''));
  if (strays.length > 0) lanes.push({ key: 'strays', label: 'Subscribed', bars: [{ kind: 'subscribed', spans: [] }], marks: strays });
  return (
    <>
      <Timeline label={`What ${names.get(participantId) ?? participantId} did over time`} lanes={lanes} whole={{ from: begin, to: Math.max(end, begin + 1000) }} />
      {presence.subscribed.size > subscriptions.length && <p class="quiet">The picture has the first {SUBSCRIPTION_LANES_MAX} subscriptions.</p>}
    </>
  );
}

function isAbout(...prefixes: string[]): (mark: { readonly event: ParticipantEvent }) => boolean {
  return ({ event }) => prefixes.some((prefix) => event.name.startsWith(prefix));
}

function Events({ stageArn, sessionId, participantId, stageSession, events, names, stageName }: NamedProps) {
  const begin = Date.parse(stageSession.startTime ?? '');
  const columns: Column<ParticipantEvent>[] = [
    {
      title: 'Event',
      cell: (event) => (
        <span class={event.name.endsWith('_ERROR') ? 'bad' : undefined}>
          {nameOfEvent(event)}
          {isOfReplica(event) && <small> as a replica</small>}
        </span>
      ),
    },
    {
      title: 'With',
      cell: ({ remoteParticipantId, replica, destinationStageArn, destinationSessionId = '' }) => {
        if (destinationStageArn) return <a href={participantLink(destinationStageArn, destinationSessionId, participantId)}>{stageName(destinationStageArn)}</a>;
        if (!remoteParticipantId) return <span class="quiet none">–</span>;
        return (
          <span>
            <a href={participantLink(stageArn, sessionId, remoteParticipantId)}>{names.get(remoteParticipantId) ?? remoteParticipantId}</a>
            {replica === true && <small> (a replica)</small>}
          </span>
        );
      },
    },
    { title: 'Why', cell: (event) => whyOf(event) || <span class="quiet none">–</span> },
    { title: 'In the session', isNumber: true, cell: ({ eventTime }) => watch(Date.parse(eventTime) - begin) },
    { title: 'When', cell: ({ eventTime }) => <Time iso={eventTime} /> },
  ];
  return events.length === 0 ? (
    <p class="quiet">No events.</p>
  ) : (
    <Table label="Events" columns={columns} rows={events} rowKey={(event) => `${event.eventTime} ${event.name} ${event.remoteParticipantId ?? ''} ${events.indexOf(event)}`} />
  );
}
