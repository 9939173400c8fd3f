// Who is signed in, and signing in.

import { useState } from 'preact/hooks';

import { openApi } from '../api/call';
import { cliSetup } from '../api/cli';
import { CodeBlock } from '../parts/copy';
import { ActionForm } from '../parts/dialog';
import { TextField } from '../parts/field';
import { Page, Section } from '../parts/page';
import { tell } from '../parts/toast';
import { go, route } from '../router';
import { credentials, origin, serverInfo, signIn, signOut } from '../server';

export function SignIn() {
  return (
    <Page title="Sign in" lead="With an access key of this server, as any AWS SDK does. Without one you can still publish with a participant token.">
      <SignInForm />
      <p>
        <a href="#/publish">I have a participant token</a>
      </p>
    </Page>
  );
}

function SignInForm() {
  const known = credentials.value ?? serverInfo.value.dev;
  const [accessKeyId, setAccessKeyId] = useState(known?.accessKeyId ?? '');
  const [secretAccessKey, setSecret] = useState(known?.secretAccessKey ?? '');
  const [region, setRegion] = useState(known?.region ?? 'us-east-1');
  const submit = async () => {
    const given = { accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim(), region: region.trim() };
    await openApi(origin, given).call('ListStages', { maxResults: 1 });
    signIn(given);
    tell('Signed in.');
    if (route.value.page === 'account') go('#/');
  };
  return (
    <Section id="sign-in" title="Access key">
      <ActionForm verb="Sign in" onSubmit={submit}>
        <TextField label="Access key ID" value={accessKeyId} onInput={setAccessKeyId} required autocomplete="username" />
        <TextField label="Secret access key" value={secretAccessKey} onInput={setSecret} type="password" required autocomplete="current-password" />
        <TextField label="Region" value={region} onInput={setRegion} required pattern="[a-z0-9\-]+" hint="Stages belong to a region; any name of a region will do." />
        <p class="quiet">
          The keys stay in this tab and end with it. Requests are signed here; the secret is not sent.
          {serverInfo.value.dev !== null && ' This is a development server, whose keys are known and filled in.'}
        </p>
      </ActionForm>
    </Section>
  );
}

export function AccountPage() {
  const known = credentials.value;
  return (
    <Page title="Account" actions={known !== undefined && <button type="button" onClick={signOut}>Sign out</button>}>
      <SignInForm />
      {known !== undefined && (
        <Section id="shell" title="The same in a shell">
          <p>The commands that pages show work after these lines.</p>
          <CodeBlock
            text={cliSetup(origin, known.accessKeyId, known.region, serverInfo.value.dev?.accessKeyId === known.accessKeyId ? known.secretAccessKey : undefined)}
            label="lines for the shell"
          />
        </Section>
      )}
    </Page>
  );
}
