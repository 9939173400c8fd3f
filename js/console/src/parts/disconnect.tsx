// Putting somebody out, asked once more.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { client } from '../server';
import { Command } from './copy';
import { ActionForm, Dialog } from './dialog';
import { TextField } from './field';
import { tell } from './toast';

/** An encoder's ingest configuration is detached; a replica's participant is put out of the stage where the replica is. */
export type Who = 'participant' | 'encoder' | 'replica';

interface DisconnectProps {
  readonly stageArn: string;
  readonly participantId: string;
  readonly who: Who;
  readonly onDone: () => void;
}

const WORDS: Readonly<Record<Who, { readonly meaning: string; readonly done: string }>> = {
  participant: {
    meaning: 'Who uses the token is out at once, and cannot come back with it.',
    done: 'Disconnected; the token opens nothing any more.',
  },
  encoder: {
    meaning:
      'The encoder is cut off at once, and the ingest configuration is taken off its stage, so that the encoder cannot come back by itself. Attach it again, and the same stream key works again.',
    done: 'Disconnected; the ingest configuration has no stage any more.',
  },
  replica: {
    meaning:
      'The replica leaves this stage at once, and the participant cannot come to it any more: neither as a replica nor with a token. Where it comes from it stays. “Stop” ends the replication alone.',
    done: 'Disconnected; the participant cannot come to this stage any more.',
  },
};

export function Disconnect({ stageArn, participantId, who, onDone }: DisconnectProps) {
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const input = given<{ stageArn: string; participantId: string; reason?: string }>({ stageArn, participantId, reason: orNone(reason) });
  const disconnect = async () => {
    await client().call('DisconnectParticipant', input);
    setOpen(false);
    tell(WORDS[who].done);
    onDone();
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Disconnect
      </button>
      {isOpen && (
        <Dialog title={`Disconnect the ${who}?`} onClose={() => setOpen(false)}>
          <div class="stack">
            <p>{WORDS[who].meaning}</p>
            <ActionForm verb="Disconnect" tone="danger" onSubmit={disconnect} onCancel={() => setOpen(false)}>
              <TextField label="Reason" value={reason} onInput={setReason} maxLength={128} hint="For the record; may be empty." />
            </ActionForm>
            <Command name="DisconnectParticipant" input={input} />
          </div>
        </Dialog>
      )}
    </>
  );
}
