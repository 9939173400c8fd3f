// Asks for the key of the administration, where a page can say more with it.

import { useState } from 'preact/hooks';

import { adminKey, refusedAdminKey } from '../server';
import { ActionForm } from './dialog';
import { TextField } from './field';

/** `what` begins a sentence: `Bitrate and frame rate`. */
export function AdminKeyForm({ what }: { what: string }) {
  const [typed, setTyped] = useState('');
  const refused = refusedAdminKey.value;
  const use = async () => {
    refusedAdminKey.value = undefined;
    adminKey.value = typed.trim();
  };
  return (
    <div class="stack">
      <p>
        {what} are told by the administration, which has a key of its own: <code>admin.key</code> in the configuration of the server.
      </p>
      {refused !== undefined && (
        <p class="bad" role="alert">
          {refused.why}
        </p>
      )}
      <ActionForm verb="Use the key" onSubmit={use}>
        <TextField label="Administration key" type="password" value={typed} onInput={setTyped} required hint="It is not stored." />
      </ActionForm>
    </div>
  );
}
