// One session of a stage: who was there and when.

import type { ParticipantSummary } from '../api/shapes';
import { Command } from '../parts/copy';
import { Await, useLoad } from '../parts/load';
import { Badge, Page, Section } from '../parts/page';
import { Table, type Column } from '../parts/table';
import { lasting, Time } from '../parts/time';
import { participantLink, stageLink } from '../router';
import { client } from '../server';
import { presenceOf, union, type Mark } from '../timeline/lanes';
import { watch } from '../timeline/scale';
import { Timeline, type Lane } from '../timeline/timeline';
import { Participants } from './stage';
import { useStageName, useStageNames } from './stages';

const REFRESH_MS = 5000;
/** Each lane costs a call; more would be no picture either. */
const LANES_MAX = 40;

interface SessionRef {
  readonly stageArn: string;
  readonly sessionId: string;
}

export function SessionPage({ stageArn, sessionId }: SessionRef) {
  const session = useLoad(`session ${sessionId}`, async () => (await client().call('GetStageSession', { stageArn, sessionId })).stageSession, REFRESH_MS);
  const people = useLoad(`people ${sessionId}`, () => client().all('ListParticipants', { stageArn, sessionId }, (page) => page.participants), REFRESH_MS);
  const crumbs = [
    { text: 'Stages', href: '#/' },
    { text: useStageName(stageArn), href: stageLink(stageArn) },
  ];
  return (
    <Page title={`Session ${sessionId}`} crumbs={crumbs}>
      <Await loaded={session}>
        {({ startTime, endTime }) => {
          const begin = Date.parse(startTime ?? '');
          const end = endTime === undefined ? Date.now() : Date.parse(endTime);
          return (
            <>
              <Section id="facts" title="Session">
                <dl>
                  <dt>State</dt>
                  <dd>{endTime === undefined ? <Badge tone="live">Goes on</Badge> : <Badge tone="idle">Ended</Badge>}</dd>
                  <dt>Began</dt>
                  <dd>
                    <Time iso={startTime} />
                  </dd>
                  <dt>Ended</dt>
                  <dd>
                    <Time iso={endTime} />
                  </dd>
                  <dt>Length</dt>
                  <dd>{lasting(end - begin)}</dd>
                </dl>
                <Command name="GetStageSession" input={{ stageArn, sessionId }} />
              </Section>
              <Section id="timeline" title="What happened">
                {people.value !== undefined && people.value.length > 0 ? (
                  <SessionTimeline stageArn={stageArn} sessionId={sessionId} people={people.value} begin={begin} end={end} isOver={endTime !== undefined} />
                ) : (
                  <p class="quiet">Nobody has joined.</p>
                )}
              </Section>
            </>
          );
        }}
      </Await>
      <Section id="participants" title="Participants">
        <Await loaded={people}>
          {(rows) =>
            rows.length === 0 ? (
              <p class="quiet">Nobody has joined.</p>
            ) : (
              <Participants label="Participants" stageArn={stageArn} sessionId={sessionId} rows={rows} />
            )
          }
        </Await>
        <Command name="ListParticipants" input={{ stageArn, sessionId }} />
      </Section>
    </Page>
  );
}

interface TimelineProps extends SessionRef {
  readonly people: readonly ParticipantSummary[];
  readonly begin: number;
  readonly end: number;
  readonly isOver: boolean;
}

function SessionTimeline({ stageArn, sessionId, people, begin, end, isOver }: TimelineProps) {
  const shown = people.slice(0, LANES_MAX);
  const key = shown.map(({ participantId }) => participantId).join(' ');
  const loaded = useLoad(
    `events ${sessionId} ${key}`,
    () =>
      Promise.all(
        shown.map(async (person) => ({
          person,
          events: await client().all('ListParticipantEvents', { stageArn, sessionId, participantId: person.participantId }, (page) => page.events),
        })),
      ),
    isOver ? undefined : REFRESH_MS,
  );
  const stageName = useStageNames(loaded.value?.flatMap(({ events }) => events.flatMap(({ destinationStageArn }) => (destinationStageArn ? [destinationStageArn] : []))) ?? []);
  return (
    <Await loaded={loaded}>
      {(all) => {
        const lanes = all.map(({ person, events }): Lane => {
          const presence = presenceOf(events, end, isOver, stageName);
          return {
            key: person.participantId,
            label: person.userId ? person.userId : person.participantId,
            bars: [
              { kind: 'connected', spans: presence.connected },
              { kind: 'published', spans: presence.published },
              { kind: 'subscribed', spans: union([...presence.subscribed.values()].flat()) },
            ],
            marks: presence.marks,
          };
        });
        return (
          <>
            <Timeline label={`Participants of the session ${sessionId} over time`} lanes={lanes} whole={{ from: begin, to: Math.max(end, begin + 1000) }} />
            {people.length > LANES_MAX && <p class="quiet">The picture has the first {LANES_MAX} participants.</p>}
            <Marks lanes={lanes} begin={begin} linkOf={(id) => participantLink(stageArn, sessionId, id)} />
            <p class="quiet">The page of a participant has each event in words.</p>
          </>
        );
      }}
    </Await>
  );
}

interface MarksProps {
  readonly lanes: readonly Lane[];
  readonly begin: number;
  readonly linkOf: (participantId: string) => string;
}

/** The marks of the picture as text. */
function Marks({ lanes, begin, linkOf }: MarksProps) {
  const rows = lanes.flatMap(({ key, label, marks }) => marks.map((mark) => ({ key, label, mark }))).sort((a, b) => a.mark.at - b.mark.at);
  if (rows.length === 0) return null;
  const columns: Column<{ key: string; label: string; mark: Mark }>[] = [
    { title: 'What', cell: ({ mark }) => <span class={mark.tone === 'bad' ? 'bad' : undefined}>{mark.words}</span> },
    { title: 'Who', cell: ({ key, label }) => <a href={linkOf(key)}>{label}</a> },
    { title: 'In the session', isNumber: true, cell: ({ mark }) => watch(mark.at - begin) },
  ];
  return <Table label="Errors, exchanges and replications" columns={columns} rows={rows} rowKey={({ key, mark }) => `${key} ${mark.at} ${mark.words}`} />;
}
