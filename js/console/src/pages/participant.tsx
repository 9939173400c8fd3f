// One participant of a session: facts, events, and the way out.

import type { Participant, ParticipantEvent, ParticipantSummary, StageSession } from '../api/shapes';
import { Command, CopyLine } from '../parts/copy';
import { Disconnect } from '../parts/disconnect';
import { Await, useLoad } from '../parts/load';
import { Badge, Page, Section } from '../parts/page';
import { Table, type Column } from '../parts/table';
import { Time } from '../parts/time';
import { ingestLink, participantLink, sessionLink, stageLink } from '../router';
import { client } from '../server';
import { presenceOf } from '../timeline/lanes';
import { watch } from '../timeline/scale';
import { Timeline, type Lane } from '../timeline/timeline';
import { nameOfEvent, whyOf } from '../timeline/words';
import { nameOfArn, useStageName } from './stages';

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
          actions={<Disconnect stageArn={stageArn} participantId={participantId} isIngest={isByIngest(participant)} onDone={loaded.reload} />}
        >
          <Facts participant={participant} input={{ stageArn, sessionId, participantId }} />
          <Section id="timeline" title="What happened">
            <ParticipantTimeline {...{ participantId, stageSession, events, names }} />
            <Events {...{ stageArn, sessionId, stageSession, events, names }} />
            <Command name="ListParticipantEvents" input={{ stageArn, sessionId, participantId }} />
          </Section>
        </Page>
      )}
    </Await>
  );
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

interface EventsProps {
  readonly stageSession: StageSession;
  readonly events: readonly ParticipantEvent[];
  /** What the others are called, by their ids. */
  readonly names: ReadonlyMap<string, string>;
}

function namesOf(people: readonly ParticipantSummary[]): ReadonlyMap<string, string> {
  return new Map(people.map(({ participantId, userId }) => [participantId, userId ? userId : participantId]));
}

function ParticipantTimeline({ participantId, stageSession, events, names }: EventsProps & { participantId: string }) {
  const begin = Date.parse(stageSession.startTime ?? '');
  const isOver = stageSession.endTime !== undefined;
  const end = isOver ? Date.parse(stageSession.endTime ?? '') : Date.now();
  const presence = presenceOf(events, end, isOver);
  const subscriptions = [...presence.subscribed].slice(0, SUBSCRIPTION_LANES_MAX);
  const lanes: Lane[] = [
    { key: 'connected', label: 'Connected', bars: [{ kind: 'connected', spans: presence.connected }], marks: presence.marks.filter(isAbout('JOIN', 'TOKEN')) },
    { key: 'published', label: 'Published', bars: [{ kind: 'published', spans: presence.published }], marks: presence.marks.filter(isAbout('PUBLISH', 'REPLICATION')) },
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

function Events({ stageArn, sessionId, stageSession, events, names }: EventsProps & { stageArn: string; sessionId: string }) {
  const begin = Date.parse(stageSession.startTime ?? '');
  const columns: Column<ParticipantEvent>[] = [
    { title: 'Event', cell: (event) => <span class={event.name.endsWith('_ERROR') ? 'bad' : undefined}>{nameOfEvent(event)}</span> },
    {
      title: 'With',
      cell: ({ remoteParticipantId }) =>
        remoteParticipantId ? <a href={participantLink(stageArn, sessionId, remoteParticipantId)}>{names.get(remoteParticipantId) ?? remoteParticipantId}</a> : <span class="quiet none">–</span>,
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
