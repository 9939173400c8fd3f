// How an encoder publishes by WHIP: what goes into OBS, and the same by FFmpeg.

import { useState } from 'preact/hooks';

import { ffmpegWhip } from '../encoder-settings';
import type { Stage } from '../api/shapes';
import { CodeBlock, Command, CopyLine } from '../parts/copy';
import { Section } from '../parts/page';
import { tellError } from '../parts/toast';
import { client } from '../server';

const TOKEN_MINUTES = 720;

export function EncoderHelp({ stage }: { stage: Stage }) {
  const [token, setToken] = useState('');
  const input = { stageArn: stage.arn, userId: 'obs', capabilities: ['PUBLISH' as const], duration: TOKEN_MINUTES };
  const whip = stage.endpoints?.whip ?? '';
  const mint = async () => {
    try {
      setToken((await client().call('CreateParticipantToken', input)).participantToken.token);
    } catch (error) {
      tellError(error);
    }
  };
  return (
    <Section id="encoders" title="OBS and FFmpeg by WHIP">
      <p>In OBS 30 or newer, under Settings → Stream.</p>
      <dl>
        <dt>Service</dt>
        <dd>WHIP</dd>
        <dt>Server</dt>
        <dd>
          <CopyLine text={whip} label="server" />
        </dd>
        <dt>Bearer Token</dt>
        <dd>
          {token === '' ? (
            <button type="button" class="small" onClick={() => void mint()}>
              Make a token for 12 hours
            </button>
          ) : (
            <CopyLine text={token} label="bearer token" secret />
          )}
        </dd>
        <dt>Video</dt>
        <dd>H.264, keyframe interval 2 s, no B-frames, profile baseline</dd>
      </dl>
      <p>A file by FFmpeg 8 or newer, with the token in the variable TOKEN:</p>
      <CodeBlock text={ffmpegWhip(whip)} label="FFmpeg command" />
      <Command name="CreateParticipantToken" input={input} />
    </Section>
  );
}
