// The page: reads the token, opens the source, and connects a session to the view.

import { Session } from './session';
import { cameraFault, openCamera, openPicture, type Source } from './source';
import { parseToken, TokenError, tokenInFragment, type Token } from './token';
import { describe, forgetLog, nameOf, note, page, press, showDoor, showError, showStage, showState, showToken, Tile } from './view';

let leaveNow: (() => void) | undefined;

// The key of `downstage dev`, which serves its own machine only; any other server has keys of its own.
const isDev = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
const [keyId, secret] = isDev ? ['test', 'test'] : ['…', '…'];

page.recipe.textContent = [
  `export AWS_ENDPOINT_URL_IVS_REALTIME=${location.origin}`,
  `export AWS_ACCESS_KEY_ID=${keyId} AWS_SECRET_ACCESS_KEY=${secret} AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1`,
  'aws ivs-realtime create-stage --name demo \\',
  '  --participant-token-configurations userId=ana userId=ben',
].join('\n');

page.copy.addEventListener('click', () => {
  void navigator.clipboard
    .writeText(page.recipe.textContent ?? '')
    .then(() => {
      page.copy.textContent = 'Copied';
    })
    .catch(() => getSelection()?.selectAllChildren(page.recipe));
});

function readToken(): Token {
  const token = parseToken(page.token.value);
  if (token.expires.getTime() < Date.now()) throw new TokenError('This token has expired. Get a new one.');
  return token;
}

function look(): void {
  let token: Token | undefined;
  try {
    token = parseToken(page.token.value);
  } catch {
    // Half a token is no fault before the button is pressed.
  }
  showToken(token);
  showError(undefined);
  page.source.hidden = token !== undefined && !token.mayPublish;
}

page.token.addEventListener('input', look);

page.form.addEventListener('submit', (event) => {
  event.preventDefault();
  showError(undefined);
  void join()
    .catch((error: unknown) => {
      showError(error instanceof Error ? error.message : 'Something went wrong.');
    })
    .finally(() => {
      page.join.disabled = false;
    });
  // The camera's prompt may stay open for long; a second join would publish twice. A form without an enabled submit button
  // cannot be submitted, by the Enter key neither.
  page.join.disabled = true;
});

async function join(): Promise<void> {
  const token = readToken();
  if (!token.mayPublish && !token.maySubscribe) {
    throw new TokenError('This token allows neither to publish nor to subscribe.');
  }
  forgetLog();
  const source = token.mayPublish ? await openSource(token) : undefined;
  enter(token, source);
}

async function openSource(token: Token): Promise<Source | undefined> {
  const choice = new FormData(page.form).get('source');
  if (choice === 'nothing') return undefined;
  const name = token.userId === '' ? token.participantId : token.userId;
  if (choice === 'picture') return openPicture(name);
  showState('Waiting for the camera…', 'busy');
  try {
    return await openCamera();
  } catch (error) {
    note(`${cameraFault(error)} Sending a test picture instead.`);
    return openPicture(name);
  }
}

function enter(token: Token, source: Source | undefined): void {
  showStage();
  const tiles = new Map<string, Tile>();
  const own = source && ownTile(token, source);
  prepareMute(source);

  const session = new Session(token, source?.media, {
    state: (words, tone) => {
      showState(words, tone);
      if (tone !== 'over') return;
      leave();
      showState(words, 'over');
      showError(words);
    },
    publishing: (upkeep) => {
      own?.show(upkeep);
      note(`You: ${describe(upkeep)}`);
    },
    appeared: (publisher) => {
      tiles.set(publisher.id, new Tile(nameOf(publisher), false));
      page.alone.hidden = true;
      note(`${nameOf(publisher)} publishes`);
    },
    receiving: (id, upkeep) => tiles.get(id)?.show(upkeep),
    media: (id, media) => tiles.get(id)?.play(media),
    vanished: (id) => {
      tiles.get(id)?.remove();
      tiles.delete(id);
      page.alone.hidden = tiles.size > 0 || !token.maySubscribe;
      note(`${id} publishes no more`);
    },
  });
  page.alone.hidden = tiles.size > 0 || !token.maySubscribe;

  const leave = () => {
    leaveNow = undefined;
    session.leave();
    source?.stop();
    own?.remove();
    showDoor();
    showState('Not on a stage', 'idle');
  };
  leaveNow = leave;
}

function ownTile(token: Token, source: Source): Tile {
  const you = source.kind === 'camera' ? 'you' : 'you, test picture';
  const tile = new Tile(`${token.userId === '' ? token.participantId : token.userId} (${you})`, true);
  if (source.kind === 'camera') tile.mirror();
  tile.play(source.media);
  tile.say('connecting…');
  return tile;
}

function prepareMute(source: Source | undefined): void {
  page.microphone.hidden = page.video.hidden = source === undefined;
  press(page.microphone, 'Microphone', true);
  press(page.video, 'Video', true);
  page.microphone.onclick = () => toggle(page.microphone, 'Microphone', source?.media.getAudioTracks() ?? []);
  page.video.onclick = () => toggle(page.video, 'Video', source?.media.getVideoTracks() ?? []);
}

function toggle(button: HTMLButtonElement, what: string, tracks: MediaStreamTrack[]): void {
  const on = button.getAttribute('aria-pressed') !== 'true';
  for (const track of tracks) track.enabled = on;
  press(button, what, on);
}

page.leave.addEventListener('click', () => leaveNow?.());
addEventListener('pagehide', () => leaveNow?.());

// `/#<token>` fills the form in; a fragment stays in the browser. It goes from the address bar, where others might see it.
if (location.hash.length > 1) {
  page.token.value = tokenInFragment(location.hash);
  history.replaceState(null, '', location.pathname);
}
look();
