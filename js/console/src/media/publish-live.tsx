// While publishing: what is sent, how well, and who else is there.

import { StageParticipantPublishState, StreamType, type LocalStageStream } from 'downstage-client';
import { useEffect, useRef, useState } from 'preact/hooks';

import { Badge, Empty, Section, type Tone } from '../parts/page';
import { Table } from '../parts/table';
import { bitrate, framesPerSecond, milliseconds, percent, size } from './format';
import { latest } from './history';
import { Measurements } from './measurements';
import { Meter } from './meter';
import { SINGLE, type Measured } from './on-stage';
import type { Run } from './publish-page';
import type { Sent } from './rates';
import { FaultOf, Tiles } from './tiles';
import { limitationWords, type Words } from './words';

export function PublishLive({ run, onOver }: { run: Run; onOver: (why: Words) => void }) {
  const { stage, source, token } = run;
  const over = stage.over.value;
  useEffect(() => {
    if (over !== undefined) onOver(over);
  }, [over]);
  // The browser's own button ends sharing, a cable that is pulled out the camera.
  useEffect(() => {
    const tracks = source?.media.getTracks() ?? [];
    const end = () => {
      stage.leave();
      onOver({ title: 'The source has ended, so publishing has, too.', advice: 'Choose it again, or another one.' });
    };
    for (const track of tracks) track.addEventListener('ended', end);
    return () => {
      for (const track of tracks) track.removeEventListener('ended', end);
    };
  }, [stage, source]);
  const leave = (
    <button type="button" class="danger" onClick={() => stage.leave()}>
      Leave
    </button>
  );
  return (
    <>
      {source !== undefined && <Own run={run} />}
      {token.maySubscribe ? (
        <Section id="others" title="Others on the stage">
          <Tiles
            stage={stage}
            actions={leave}
            nobody={
              <Empty title="Nobody else publishes.">
                <p>Who does appears here at once.</p>
              </Empty>
            }
          />
        </Section>
      ) : (
        <div class="stack">
          <FaultOf stage={stage} />
          <p class="quiet">This token may not watch, so nobody else is shown.</p>
          <div class="actions">{leave}</div>
        </div>
      )}
    </>
  );
}

const STATES: Readonly<Record<StageParticipantPublishState, { readonly tone: Tone; readonly text: string }>> = {
  [StageParticipantPublishState.NOT_PUBLISHED]: { tone: 'idle', text: 'Not published' },
  [StageParticipantPublishState.ATTEMPTING_PUBLISH]: { tone: 'busy', text: 'Connecting…' },
  [StageParticipantPublishState.PUBLISHED]: { tone: 'live', text: 'Published' },
  [StageParticipantPublishState.ERRORED]: { tone: 'bad', text: 'Failed' },
};

function Own({ run: { stage, token, source, streams } }: { run: Run }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current !== null) element.current.srcObject = source?.media ?? null;
  }, [source]);
  const { tone, text } = STATES[stage.publishing.value];
  const measured = stage.measured.value.get(stage.selfId);
  const audio = streams.find(({ streamType }) => streamType === StreamType.AUDIO);
  const video = streams.find(({ streamType }) => streamType === StreamType.VIDEO);
  return (
    <Section id="own" title={token.userId === '' ? token.participantId : token.userId} actions={<Badge tone={tone}>{text}</Badge>}>
      <div class="own">
        <div>
          <div class="picture">
            <video ref={element} autoPlay playsInline muted aria-label="What is published" />
          </div>
          {audio !== undefined && <Meter track={audio.mediaStreamTrack} label="Loudness" />}
          <div class="actions">
            {audio !== undefined && <Mute stream={audio} what="Microphone" />}
            {video !== undefined && <Mute stream={video} what="Picture" />}
          </div>
        </div>
        <div>
          <Layers measured={measured} />
          <Measurements measured={measured} />
        </div>
      </div>
    </Section>
  );
}

function Mute({ stream, what }: { stream: LocalStageStream; what: string }) {
  const [isMuted, setMuted] = useState(stream.isMuted);
  const toggle = () => {
    stream.setMuted(!isMuted);
    setMuted(!isMuted);
  };
  return (
    <button type="button" aria-pressed={!isMuted} onClick={toggle}>
      {what}: {isMuted ? 'off' : 'on'}
    </button>
  );
}

function Layers({ measured }: { measured: Measured | undefined }) {
  const sent = measured?.sent ?? [];
  const history = measured?.history ?? [];
  if (sent.length === 0) return null;
  const nameOf = ({ rid }: Sent) => (rid === '' ? SINGLE : rid);
  return (
    <>
      <Table
        label="Layers that are sent"
        rows={sent}
        rowKey={nameOf}
        columns={[
          { title: 'Layer', cell: ({ rid }) => (rid === '' ? 'the only one' : rid) },
          { title: 'Size', isNumber: true, cell: ({ width, height }) => size(width, height) },
          { title: 'Frames', isNumber: true, cell: (layer) => framesPerSecond(latest(history, `fps:${nameOf(layer)}`)) },
          { title: 'Bitrate', isNumber: true, cell: (layer) => bitrate(latest(history, `bitrate:${nameOf(layer)}`)) },
          { title: 'Held back by', cell: (layer) => (layer.isActive ? limitationWords(layer.limitation) : 'not sent') },
        ]}
      />
      <p class="quiet">
        Lost {percent(latest(history, 'loss'))} · round trip {milliseconds(latest(history, 'roundTrip'))}
        {sent[0]?.encoder ? ` · encoder ${sent[0].encoder}` : ''}
      </p>
    </>
  );
}
