// Whether this browser reaches the server's media ports, and by which way.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import type { Api } from '../api/call';
import { Problem } from '../parts/load';
import { AreaField } from '../parts/field';
import { Badge, Empty, Page, Section } from '../parts/page';
import { Table } from '../parts/table';
import { api } from '../server';
import { candidateText } from './candidates';
import { findings, WAYS, type Finding } from './findings';
import { milliseconds } from './format';
import { probe, STEPS, type Probe, type Step, type Way } from './probe';
import { RadioField } from './radio';
import { parseToken, type Token } from './token';

type Place = 'own' | 'token';

/** What the stage of a test is named: a closed tab may leave one behind. */
const STAGE_NAME = 'connection-test';
/** Minutes; the shortest. */
const TOKEN_LASTS = 1;

const STEP_WORDS: Readonly<Record<Step, string>> = {
  socket: 'opening the WebSocket',
  answer: 'waiting for the answer',
  ice: 'looking for a path',
  dtls: 'agreeing on encryption',
};

export function ConnectionTest() {
  const known = api.value;
  const [place, setPlace] = useState<Place>(known === undefined ? 'token' : 'own');
  const [pasted, setPasted] = useState('');
  const [probes, setProbes] = useState<readonly Probe[]>([]);
  const [doing, setDoing] = useState<string | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const isHere = useRef(true);
  useEffect(
    () => () => {
      isHere.current = false;
    },
    [],
  );

  const run = async () => {
    setError(undefined);
    setProbes([]);
    setDoing('Getting a token…');
    const tell = (words: string) => isHere.current && setDoing(words);
    try {
      const test = (token: Token) => probeAll(token, tell, (done) => isHere.current && setProbes(done));
      await (place === 'own' && known !== undefined ? onOwnStage(known, test) : test(parseToken(pasted)));
    } catch (caught) {
      if (isHere.current) setError(caught);
    } finally {
      if (isHere.current) setDoing(undefined);
    }
  };

  return (
    <Page title="Connection test" lead="Tries each way by which media can go between this browser and the server, one after the other, and says what to set where one fails.">
      <Section id="test-begin" title="What to test on">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (doing === undefined) void run();
          }}
        >
          {known !== undefined && (
            <RadioField
              legend="Stage"
              value={place}
              onChange={setPlace}
              options={[
                { value: 'own', text: 'A stage for the test', hint: `Made now, named ${STAGE_NAME}, and deleted when the test is over.` },
                { value: 'token', text: 'The stage of a token', hint: 'The participant joins and leaves again; nobody on the stage sees it.' },
              ]}
            />
          )}
          {place === 'token' && (
            <AreaField label="Participant token" hint="It has to have the capability SUBSCRIBE." value={pasted} onInput={setPasted} placeholder="eyJ…" required />
          )}
          <div class="actions">
            <button type="submit" class="primary" disabled={doing !== undefined}>
              {doing === undefined ? (probes.length === 0 ? 'Start the test' : 'Test again') : 'Testing…'}
            </button>
            <span role="status" class="quiet">
              {doing ?? ''}
            </span>
          </div>
          {error !== undefined && <Problem error={error} />}
        </form>
      </Section>
      <Section id="test-result" title="Result">
        {probes.length === 0 ? (
          <Empty title={doing === undefined ? 'Nothing tested yet.' : 'The first result comes in a moment.'}>
            <p>It takes a few seconds; up to half a minute where nothing answers. Neither camera nor microphone is used.</p>
          </Empty>
        ) : (
          <Result probes={probes} isDone={doing === undefined} />
        )}
      </Section>
    </Page>
  );
}

async function onOwnStage(known: Api, test: (token: Token) => Promise<void>): Promise<void> {
  const { stage } = await known.call('CreateStage', { name: STAGE_NAME, tags: { purpose: STAGE_NAME } });
  try {
    const { participantToken } = await known.call('CreateParticipantToken', { stageArn: stage.arn, capabilities: ['SUBSCRIBE'], userId: STAGE_NAME, duration: TOKEN_LASTS });
    await test(parseToken(participantToken.token));
  } finally {
    await known.call('DeleteStage', { arn: stage.arn });
  }
}

async function probeAll(token: Token, tell: (words: string) => void, show: (done: readonly Probe[]) => void): Promise<void> {
  const done: Probe[] = [];
  const next = async (way: Way, ice: readonly RTCIceServer[] = []) => {
    done.push(await probe(token, way, ice, (step) => tell(`${WAYS[way]}: ${STEP_WORDS[step]}…`)));
    show([...done]);
  };
  await next('udp');
  if (isOver(done)) return;
  await next('tcp');
  const relays = done.flatMap(({ ice }) => ice).filter(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
  if (relays.length > 0) await next('relay', relays);
}

/** Where the socket or the answer fails, it does so for every way. */
function isOver(done: readonly Probe[]): boolean {
  return done.some(({ fault }) => fault?.at === 'socket' || fault?.at === 'answer');
}

const COLUMNS: Readonly<Record<Step, string>> = { socket: 'WebSocket', answer: 'Answer', ice: 'Path (ICE)', dtls: 'Encryption (DTLS)' };

function Result({ probes, isDone }: { probes: readonly Probe[]; isDone: boolean }) {
  return (
    <div class="stack">
      {isDone && <Findings all={findings(probes, location.hostname)} />}
      <Table
        label="Ways to the server"
        rows={probes}
        rowKey={({ way }) => way}
        columns={[
          { title: 'Way', cell: ({ way }) => WAYS[way] },
          { title: 'Works', cell: ({ fault }) => <Badge tone={fault === undefined ? 'live' : 'bad'}>{fault === undefined ? 'yes' : 'no'}</Badge> },
          ...STEPS.map((step) => ({ title: COLUMNS[step], isNumber: true, cell: (one: Probe) => timeOf(one, step) })),
          { title: 'Round trip', isNumber: true, cell: ({ pair }) => milliseconds(pair?.roundTripMs) },
        ]}
      />
      {probes.map((one) => (
        <Details key={one.way} probe={one} />
      ))}
    </div>
  );
}

function timeOf({ took, fault }: Probe, step: Step): ComponentChildren {
  if (took[step] !== undefined) return milliseconds(took[step]);
  if (fault?.at !== step) return '–';
  return fault.code === 'TIMEOUT' ? 'no answer' : 'failed';
}

function Findings({ all }: { all: readonly Finding[] }) {
  return (
    <div role="status">
      <ul class="findings">
        {all.map(({ tone, title, advice }) => (
          <li key={title} data-tone={tone}>
            <strong>{title}</strong>
            {advice !== '' && <p>{advice}</p>}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Details({ probe: { way, pair, offered, gathered, fault } }: { probe: Probe }) {
  const own = [...new Set(gathered.map(({ type, protocol, address }) => `${type} ${protocol} ${address.endsWith('.local') ? '(address hidden by the browser)' : address}`))];
  return (
    <details>
      <summary>{WAYS[way]}: addresses</summary>
      <dl class="details">
        <dt>In use here</dt>
        <dd>{pair?.local ?? '–'}</dd>
        <dt>In use there</dt>
        <dd>{pair?.remote ?? '–'}</dd>
        <dt>Offered by the server</dt>
        <dd>{offered.map(candidateText).join(', ') || '–'}</dd>
        <dt>Found by this browser</dt>
        <dd>{own.join(', ') || '–'}</dd>
        {fault !== undefined && fault.message !== '' && (
          <>
            <dt>What was said</dt>
            <dd>{fault.message}</dd>
          </>
        )}
      </dl>
    </details>
  );
}
