// What the publishers of a stage send, as it is seen. To look is to join: this browser is a participant while it does.

import { useEffect, useState } from 'preact/hooks';

import { CodeBlock } from '../parts/copy';
import { Problem } from '../parts/load';
import { Empty } from '../parts/page';
import { tellError } from '../parts/toast';
import { go } from '../router';
import { api, handedToken } from '../server';
import { ffmpegCommand } from './encoder';
import { OnStage } from './on-stage';
import { FaultBox, Tiles } from './tiles';
import { parseToken } from './token';

export interface LiveTilesProps {
  readonly stageArn: string;
  /** Makes a token that may subscribe; rejects with an error whose message is for people. */
  readonly mint: () => Promise<string>;
  /** Who of them is a replica, and what the stage is called that it comes from: a stage itself does not tell. */
  readonly replicas: ReadonlyMap<string, string>;
}

/** Joins when it is shown, and leaves when it goes. */
export function LiveTiles({ stageArn, mint, replicas }: LiveTilesProps) {
  const [attempt, setAttempt] = useState(0);
  const [stage, setStage] = useState<OnStage | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  useEffect(() => {
    let isOver = false;
    let mine: OnStage | undefined;
    setStage(undefined);
    setError(undefined);
    mint()
      .then((text) => {
        if (isOver) return;
        mine = new OnStage({ token: parseToken(text), receives: true });
        setStage(mine);
        void mine.join();
      })
      .catch((caught: unknown) => !isOver && setError(caught));
    return () => {
      isOver = true;
      mine?.leave();
    };
  }, [stageArn, attempt]);
  const again = () => setAttempt(attempt + 1);
  if (error !== undefined) return <Problem error={error} retry={again} />;
  if (stage === undefined) return <p class="quiet" role="status">Getting a token…</p>;
  const over = stage.over.value;
  if (over !== undefined) {
    return (
      <FaultBox words={over}>
        <button type="button" onClick={again}>
          Watch again
        </button>
      </FaultBox>
    );
  }
  return <Tiles stage={stage} replicas={replicas} nobody={<Nobody stageArn={stageArn} />} />;
}

function Nobody({ stageArn }: { stageArn: string }) {
  const [command, setCommand] = useState('');
  const mint = async (userId: string, capabilities: ('PUBLISH' | 'SUBSCRIBE')[]) => {
    const made = await api.value?.call('CreateParticipantToken', { stageArn, userId, capabilities });
    if (made === undefined) throw new Error('Sign in first.');
    return parseToken(made.participantToken.token);
  };
  const publishHere = async () => {
    handedToken.value = (await mint('browser', ['PUBLISH', 'SUBSCRIBE'])).text;
    go('#/publish');
  };
  const showCommand = async () => {
    setCommand(ffmpegCommand(await mint('ffmpeg', ['PUBLISH'])));
  };
  return (
    <Empty title="Nobody publishes yet.">
      <p>Who publishes appears here at once. Begin with the camera or a test picture of this browser, or with an encoder.</p>
      <div class="actions">
        <button type="button" class="primary" onClick={() => void publishHere().catch(tellError)}>
          Publish from here
        </button>
        <button type="button" onClick={() => void showCommand().catch(tellError)}>
          Show an FFmpeg command
        </button>
      </div>
      {command !== '' && (
        <div class="encoder">
          <p>A test picture by FFmpeg 8 or newer. The token in it opens the stage: keep it to yourself.</p>
          <CodeBlock text={command} label="FFmpeg command" />
        </div>
      )}
    </Empty>
  );
}
