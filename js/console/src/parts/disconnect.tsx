// Putting somebody out, asked once more.

import { useState } from 'preact/hooks';

import { given, orNone } from '../api/given';
import { client } from '../server';
import { Command } from './copy';
import { ActionForm, Dialog } from './dialog';
import { TextField } from './field';
import { tell } from './toast';

interface DisconnectProps {
  readonly stageArn: string;
  readonly participantId: string;
  /** Whether it publishes by an ingest configuration, which is detached then. */
  readonly isIngest: boolean;
  readonly onDone: () => void;
}

export function Disconnect({ stageArn, participantId, isIngest, onDone }: DisconnectProps) {
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const input = given<{ stageArn: string; participantId: string; reason?: string }>({ stageArn, participantId, reason: orNone(reason) });
  const disconnect = async () => {
    await client().call('DisconnectParticipant', input);
    setOpen(false);
    tell(isIngest ? 'Disconnected; the ingest configuration has no stage any more.' : 'Disconnected; the token opens nothing any more.');
    onDone();
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Disconnect
      </button>
      {isOpen && (
        <Dialog title={isIngest ? 'Disconnect the encoder?' : 'Disconnect the participant?'} onClose={() => setOpen(false)}>
          <div class="stack">
            {isIngest ? (
              <p>The encoder is cut off at once, and the ingest configuration is taken off its stage, so that the encoder cannot come back by itself. Attach it again, and the same stream key works again.</p>
            ) : (
              <p>Who uses the token is out at once, and cannot come back with it.</p>
            )}
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
