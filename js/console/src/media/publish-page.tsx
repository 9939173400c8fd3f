// Publishes from this browser: with a token that somebody gave, or on a stage of the account that is signed in.

import { LocalStageStream } from 'downstage-client';
import { useEffect, useRef, useState } from 'preact/hooks';

import { Page } from '../parts/page';
import { api, handedToken } from '../server';
import { OnStage } from './on-stage';
import { PublishLive } from './publish-live';
import { choicesFor, PublishSetup, type Choices, type Start } from './publish-setup';
import type { Source } from './source';
import type { Token } from './token';
import type { Words } from './words';

/** Being on a stage, from joining to the end. */
export interface Run {
  readonly stage: OnStage;
  readonly token: Token;
  readonly source: Source | undefined;
  readonly streams: readonly LocalStageStream[];
}

const MAX_KBPS: Readonly<Record<number, number>> = { 720: 2500, 540: 1500, 360: 800 };

export function PublishPage() {
  const [run, setRun] = useState<Run | undefined>(undefined);
  const [over, setOver] = useState<Words | undefined>(undefined);
  const [choices, setChoices] = useState<Choices>(() => choicesFor(api.value !== undefined, handedToken.value));
  const current = useRef<Run | undefined>(undefined);
  current.current = run;
  useEffect(
    () => () => {
      current.current?.stage.leave();
      current.current?.source?.stop();
      handedToken.value = '';
    },
    [],
  );

  const start = ({ token, source }: Start) => {
    const { hasSimulcast, height } = choices;
    const streams = (source?.media.getTracks() ?? []).map((track) =>
      track.kind === 'audio'
        ? new LocalStageStream(track)
        : new LocalStageStream(track, { simulcast: { enabled: hasSimulcast }, maxVideoBitrateKbps: MAX_KBPS[height] ?? 2500 }),
    );
    const stage = new OnStage({ token, streams, receives: token.maySubscribe });
    setOver(undefined);
    setRun({ stage, token, source, streams });
    void stage.join();
  };
  const end = (why: Words) => {
    run?.source?.stop();
    setRun(undefined);
    setOver(why);
  };

  return (
    <Page title="Publish" lead="From this browser: the camera, a screen, or a test picture with clock and tone.">
      {run === undefined ? <PublishSetup choices={choices} onChoose={(changed) => setChoices((before) => ({ ...before, ...changed }))} over={over} onStart={start} /> : <PublishLive run={run} onOver={end} />}
    </Page>
  );
}
