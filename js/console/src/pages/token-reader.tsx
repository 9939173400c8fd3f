// What a token says, and why it is refused.

import { useState } from 'preact/hooks';

import { ApiError } from '../api/error';
import { CodeBlock } from '../parts/copy';
import { ActionForm } from '../parts/dialog';
import { AreaField, TextField } from '../parts/field';
import { Badge } from '../parts/page';
import { Time } from '../parts/time';
import { adminKey, client } from '../server';
import { faultsOf } from '../token/check';
import { decodeToken, trimToken, type DecodedToken } from '../token/decode';
import { explain, type Explanation } from '../token/explain';

interface Verdict {
  readonly accepted: boolean;
  /** Whether the server said so, with its keys and records. */
  readonly isFinal: boolean;
  readonly reasons: readonly string[];
}

export function TokenReader({ initial }: { initial: string }) {
  const [pasted, setPasted] = useState(initial);
  const [verdict, setVerdict] = useState<Verdict | undefined>(undefined);
  const text = trimToken(pasted);
  const change = (value: string) => {
    setPasted(value);
    setVerdict(undefined);
  };
  const judge = async () => setVerdict(await judgeToken(text, adminKey.value));
  return (
    <div class="stack">
      <ActionForm verb="Why is it refused?" onSubmit={judge}>
        <AreaField label="Token" value={pasted} onInput={change} rows={4} placeholder="eyJ…" />
        <TextField
          label="Administration key"
          type="password"
          value={adminKey.value}
          onInput={(value) => (adminKey.value = value)}
          hint="With it the server itself says why, signature and bans included. Without it only what shows in the token is checked. It is not stored."
        />
      </ActionForm>
      {verdict !== undefined && <Judged verdict={verdict} />}
      {text !== '' && <Decoded text={text} />}
    </div>
  );
}

async function judgeToken(text: string, key: string): Promise<Verdict> {
  if (key !== '') {
    const told: Explanation = await explain(text, key);
    return { accepted: told.accepted, isFinal: true, reasons: told.reasons.map(({ message }) => message) };
  }
  const reasons = faultsOf(text, Date.now(), location.host);
  const stage = await faultOfStage(text);
  if (stage !== undefined) reasons.push(stage);
  return { accepted: reasons.length === 0, isFinal: false, reasons };
}

/** Whether the API knows the stage, where that can be asked. */
async function faultOfStage(text: string): Promise<string | undefined> {
  try {
    await client().call('GetStage', { arn: String(decodeToken(text).claims['resource']) });
  } catch (error) {
    if (error instanceof ApiError && error.type === 'ResourceNotFoundException') return 'The stage does not exist.';
    // Another account's stage, or no answer: nothing is known of it.
  }
  return undefined;
}

function Judged({ verdict }: { verdict: Verdict }) {
  const { accepted, isFinal, reasons } = verdict;
  return (
    <div class="made" role="status">
      {accepted ? <Badge tone="live">{isFinal ? 'It would be let in' : 'Nothing is wrong that shows in it'}</Badge> : <Badge tone="bad">It is refused</Badge>}
      {reasons.length > 0 && (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {!isFinal && <p class="quiet">Not checked: the signature, the public key, whether the participant is disconnected for good.</p>}
    </div>
  );
}

function Decoded({ text }: { text: string }) {
  let token: DecodedToken;
  try {
    token = decodeToken(text);
  } catch (error) {
    return <p class="quiet">{error instanceof Error ? error.message : ''}</p>;
  }
  const { claims } = token;
  const seconds = (name: string) => (typeof claims[name] === 'number' ? new Date(claims[name] * 1000) : undefined);
  const iso = (date: Date | undefined) => (date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString());
  return (
    <div class="stack">
      <dl>
        <dt>Kind</dt>
        <dd>{token.kind === 'participant' ? 'Participant token' : 'Connection token'}</dd>
        <dt>Signed by</dt>
        <dd>{typeof token.header['kid'] === 'string' ? <code>{token.header['kid']}</code> : 'this server’s key'}</dd>
        <dt>Issued</dt>
        <dd>
          <Time iso={iso(seconds('iat'))} />
        </dd>
        <dt>Ends</dt>
        <dd>
          <Time iso={iso(seconds('exp'))} />
        </dd>
      </dl>
      <CodeBlock text={JSON.stringify({ header: token.header, claims }, null, 2)} label="content of the token" />
    </div>
  );
}
