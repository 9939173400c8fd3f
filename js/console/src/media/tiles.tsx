// Everybody who publishes, and how this browser is served.

import { StageConnectionState, StageParticipantPublishState } from 'downstage-client';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { Badge, type Tone } from '../parts/page';
import { bitrate, milliseconds, percent } from './format';
import type { OnStage } from './on-stage';
import { Tile } from './tile';
import type { Words } from './words';

interface TilesProps {
  readonly stage: OnStage;
  /** What is shown while nobody publishes. */
  readonly nobody: ComponentChildren;
  /** Beside the state. */
  readonly actions?: ComponentChildren;
  /** The names of the stages where replicas come from, by their ids. */
  readonly replicas?: ReadonlyMap<string, string>;
}

export function Tiles({ stage, nobody, actions, replicas }: TilesProps) {
  const [heard, setHeard] = useState<ReadonlySet<string>>(new Set());
  const others = stage.others.value;
  const listen = (ids: readonly string[], isOn: boolean) => {
    const next = new Set(heard);
    for (const id of ids) {
      if (isOn) next.add(id);
      else next.delete(id);
    }
    setHeard(next);
  };
  const isSilent = heard.size === 0;
  return (
    <div class="stack">
      <div class="section-head">
        <Quality stage={stage} />
        <div class="actions">
          {others.length > 0 && (
            <button type="button" aria-pressed={!isSilent} onClick={() => (isSilent ? listen(others.map(({ id }) => id), true) : setHeard(new Set()))}>
              {isSilent ? 'Sound of all' : 'Silence'}
            </button>
          )}
          {actions}
        </div>
      </div>
      <FaultOf stage={stage} />
      {others.length === 0 && stage.connection.value === StageConnectionState.CONNECTED && nobody}
      {others.length > 0 && (
        <div class="tiles">
          {others.map((other) => (
            <Tile
              key={other.id}
              stage={stage}
              other={other}
              measured={stage.measured.value.get(other.id)}
              isSpeaking={stage.speakers.value.has(other.id)}
              hasSound={heard.has(other.id)}
              origin={replicas?.get(other.id)}
              onSound={(isOn) => listen([other.id], isOn)}
            />
          ))}
        </div>
      )}
    </div>
  );
}

const STATES: Readonly<Record<StageConnectionState, { readonly tone: Tone; readonly text: string }>> = {
  [StageConnectionState.DISCONNECTED]: { tone: 'idle', text: 'Not on the stage' },
  [StageConnectionState.CONNECTING]: { tone: 'busy', text: 'Connecting…' },
  [StageConnectionState.CONNECTED]: { tone: 'live', text: 'On the stage' },
  [StageConnectionState.ERRORED]: { tone: 'bad', text: 'Could not join' },
};

function Quality({ stage }: { stage: OnStage }) {
  const { tone, text } = STATES[stage.connection.value];
  const quality = stage.quality.value;
  return (
    <p class="served" role="status">
      <Badge tone={tone}>{text}</Badge>
      {quality !== undefined && stage.others.value.length > 0 && (
        <span class="quiet" aria-live="off">
          {bitrate(quality.sentBps)} of about {bitrate(quality.estimateBps)} · loss {percent(quality.loss)} · {milliseconds(quality.roundTripMs)}
        </span>
      )}
    </p>
  );
}

/** What is wrong while it goes on, and another attempt where none is made by itself. */
export function FaultOf({ stage }: { stage: OnStage }) {
  const fault = stage.fault.value;
  if (fault === undefined || stage.over.value !== undefined) return null;
  return (
    <FaultBox words={fault}>
      {stage.publishing.value === StageParticipantPublishState.ERRORED && (
        <button type="button" onClick={() => stage.retry()}>
          Publish again
        </button>
      )}
    </FaultBox>
  );
}

export function FaultBox({ words: { title, advice }, children }: { words: Words; children?: ComponentChildren }) {
  return (
    <div class="problem" role="alert">
      <strong>{title}</strong>
      {advice !== '' && <p>{advice}</p>}
      {children}
    </div>
  );
}
