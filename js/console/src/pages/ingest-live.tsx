// What an encoder sends at this moment, measured by the server.

import { useEffect, useState } from 'preact/hooks';

import type { IngestConfiguration } from '../api/shapes';
import { adviceOf, factsOf, sampleOf } from '../ingest/figures';
import { streamsOf, type IngestReport, type IngestStream } from '../ingest/report';
import type { Reported } from '../ingest/use-report';
import { bitrate, framesPerSecond } from '../media/format';
import { Chart, Charts } from '../media/chart';
import { added, type History } from '../media/history';
import { AdminKeyForm } from '../parts/admin-key';
import { Problem } from '../parts/load';
import { Badge } from '../parts/page';
import { lasting, Time } from '../parts/time';

export function Live({ configuration, reported: { report, needsKey, error } }: { configuration: IngestConfiguration; reported: Reported }) {
  if (configuration.state !== 'ACTIVE') return <Silent isDetached={configuration.stageArn === ''} />;
  if (needsKey) return <AdminKeyForm what="Bitrate, frame rate and the like" />;
  if (report === undefined) return error === undefined ? <p class="quiet">One moment…</p> : <Problem error={error} />;
  const streams = streamsOf(report, configuration.arn);
  if (streams.length === 0) return <p class="quiet">The first measurements come in a moment.</p>;
  const isPair = configuration.redundantIngest === true;
  return (
    <div class="stack">
      {streams.map((stream) => (
        <Stream key={`${stream.participantId} ${stream.since}`} stream={stream} report={report} isPair={isPair} />
      ))}
      {isPair && streams.length === 1 && <p class="quiet">The other encoder does not publish; when this one ends, viewers see nothing.</p>}
    </div>
  );
}

function Silent({ isDetached }: { isDetached: boolean }) {
  return isDetached ? (
    <p>The configuration has no stage, so that its stream key opens nothing. Attach it to one below.</p>
  ) : (
    <p class="quiet">Nobody publishes with its stream key.</p>
  );
}

function Stream({ stream, report, isPair }: { stream: IngestStream; report: IngestReport; isPair: boolean }) {
  const history = useHistory(stream, report);
  const advice = adviceOf(stream);
  return (
    <article class="ingest" aria-label={`Stream of ${stream.participantId}`}>
      {isPair && (
        <p class="ingest-leg">
          {stream.activeLeg ? <Badge tone="live">Viewers see this one</Badge> : <Badge tone="busy">Stands by</Badge>} <code>{stream.participantId}</code>
        </p>
      )}
      <dl>
        <dt>Since</dt>
        <dd>
          <Time iso={stream.since} /> <small>({lasting(Date.now() - Date.parse(stream.since))})</small>
        </dd>
        {factsOf(stream).map(([term, text]) => (
          <>
            <dt key={term}>{term}</dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      <Charts>
        <Chart title="Video bitrate" history={history} least={1_000_000} text={bitrate} series={[{ name: 'video', label: '' }]} />
        <Chart title="Frame rate" history={history} least={32} text={framesPerSecond} series={[{ name: 'fps', label: '' }]} />
        <Chart title="Audio bitrate" history={history} least={160_000} text={bitrate} series={[{ name: 'audio', label: '' }]} />
      </Charts>
      {advice.map((words) => (
        <p key={words} class="note">
          {words}
        </p>
      ))}
    </article>
  );
}

/** The last minute of a stream, one sample for each report. */
function useHistory(stream: IngestStream, report: IngestReport): History {
  const [history, setHistory] = useState<History>([]);
  useEffect(() => setHistory((before) => added(before, sampleOf(stream, performance.now() / 1000))), [report]);
  return history;
}
