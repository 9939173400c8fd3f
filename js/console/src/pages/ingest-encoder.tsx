// What goes into the encoder.

import { useState } from 'preact/hooks';

import type { IngestConfiguration, Stage } from '../api/shapes';
import { ffmpegRtmp, gstreamerRtmp, isEncrypted } from '../encoder-settings';
import { RadioField } from '../media/radio';
import { CodeBlock, CopyLine } from '../parts/copy';
import { serverInfo } from '../server';

type Encoder = 'obs' | 'ffmpeg' | 'gstreamer';

const ENCODERS: readonly { value: Encoder; text: string }[] = [
  { value: 'obs', text: 'OBS' },
  { value: 'ffmpeg', text: 'FFmpeg' },
  { value: 'gstreamer', text: 'GStreamer' },
];

interface EncoderProps {
  readonly configuration: IngestConfiguration;
  /** The endpoints of its stage, where it has one. */
  readonly endpoints: Stage['endpoints'];
}

export function EncoderSettings({ configuration, endpoints }: EncoderProps) {
  const [encoder, setEncoder] = useState<Encoder>('obs');
  const servers = serversOf(configuration, endpoints);
  const [chosen, setChosen] = useState('');
  const server = servers.includes(chosen) ? chosen : (servers[0] ?? '');
  if (server === '') return <ClosedPort configuration={configuration} />;
  return (
    <div class="stack">
      <div class="choices">
        <RadioField legend="Encoder" value={encoder} onChange={setEncoder} options={ENCODERS} />
        {servers.length > 1 && (
          <RadioField legend="Protocol" value={server} onChange={setChosen} options={servers.map((value) => ({ value, text: isEncrypted(value) ? 'RTMPS' : 'RTMP' }))} />
        )}
      </div>
      <Keys configuration={configuration} server={server} isObs={encoder === 'obs'} />
      <How encoder={encoder} server={server} />
      {isEncrypted(server) && serverInfo.value.rtmp?.isSelfSigned === true && <SelfSigned encoder={encoder} hasPlain={serverInfo.value.rtmp.rtmp !== undefined} />}
    </div>
  );
}

/** The addresses that the configuration may be used at, its own protocol first: what the server says of itself, else what the stage says. */
function serversOf({ ingestProtocol }: IngestConfiguration, endpoints: Stage['endpoints']): string[] {
  const open = serverInfo.value.rtmp;
  const known = open === null ? {} : { rtmp: open.rtmp ?? '', rtmps: open.rtmps ?? '' };
  const { rtmp = '', rtmps = '' } = { ...endpoints, ...known };
  return (ingestProtocol === 'RTMP' ? [rtmp, rtmps] : [rtmps]).filter((server) => server !== '');
}

function ClosedPort({ configuration: { ingestProtocol } }: { configuration: IngestConfiguration }) {
  const key = ingestProtocol === 'RTMP' ? 'rtmp.listen' : 'rtmp.tls_listen';
  return (
    <p class="note">
      This server has no port open for {ingestProtocol}: set <code>{key}</code> in its configuration.
    </p>
  );
}

function Keys({ configuration, server, isObs }: { configuration: IngestConfiguration; server: string; isObs: boolean }) {
  const credentials = configuration.redundantIngestCredentials ?? [];
  const keys = credentials.length > 0 ? credentials : [{ participantId: configuration.participantId, streamKey: configuration.streamKey }];
  return (
    <>
      {isObs && <p>Settings → Stream, with the service “Custom…”:</p>}
      <dl>
        <dt>Server</dt>
        <dd>
          <CopyLine text={server} label="server" />
        </dd>
        {keys.map(({ streamKey = '', participantId = '' }, at) => (
          <>
            <dt key={`key ${at}`}>{keys.length === 1 ? 'Stream key' : `Stream key ${at + 1}`}</dt>
            <dd>
              <CopyLine text={streamKey} label={keys.length === 1 ? 'stream key' : `stream key ${at + 1}`} secret />
              {keys.length > 1 && (
                <div>
                  <small>
                    {at === 0 ? 'One encoder' : 'A second encoder'}, as participant <code>{participantId}</code>
                  </small>
                </div>
              )}
            </dd>
          </>
        ))}
      </dl>
      {keys.length > 1 && <p class="quiet">Both encoders send the same picture with the same settings. Viewers see one of them; when it ends or falls silent for a second, they see the other.</p>}
    </>
  );
}

function How({ encoder, server }: { encoder: Encoder; server: string }) {
  const isSelfSigned = serverInfo.value.rtmp?.isSelfSigned === true;
  switch (encoder) {
    case 'obs':
      return (
        <>
          <p>Settings → Output, with the output mode “Advanced”, and Settings → Video:</p>
          <dl>
            <dt>Video encoder</dt>
            <dd>H.264: x264 with the options bframes=0, or the graphics card’s with B-frames 0</dd>
            <dt>Rate control</dt>
            <dd>CBR, 2,500 kbit/s; 6,000 at most</dd>
            <dt>Keyframe interval</dt>
            <dd>2 s</dd>
            <dt>Audio encoder</dt>
            <dd>AAC, 128 kbit/s, 48 kHz</dd>
            <dt>Output resolution</dt>
            <dd>1280×720 at most</dd>
          </dl>
        </>
      );
    case 'ffmpeg':
      return (
        <>
          <p>A file, by FFmpeg 5 or newer, with the key in the variable STREAM_KEY:</p>
          <CodeBlock text={ffmpegRtmp(server, isSelfSigned)} label="FFmpeg command" />
        </>
      );
    case 'gstreamer':
      return (
        <>
          <p>A test picture and a tone, by GStreamer 1.18 or newer, with the key in the variable STREAM_KEY:</p>
          <CodeBlock text={gstreamerRtmp(server, isSelfSigned)} label="GStreamer command" />
        </>
      );
  }
}

function SelfSigned({ encoder, hasPlain }: { encoder: Encoder; hasPlain: boolean }) {
  if (encoder !== 'obs') return <p class="note">This server made its certificate itself, and nobody else vouches for it; the command passes that over. Leave that part out where the server has a real certificate.</p>;
  return (
    <p class="note">
      This server made its certificate itself, and OBS refuses such a one (“invalid SSL certificate”). {hasPlain ? 'Make a configuration for RTMP to try it on this machine, or g' : 'G'}ive the server a
      certificate that this computer trusts: <code>rtmp.certificate</code> and <code>rtmp.key</code>.
    </p>
  );
}
