// What is on the page. Text from tokens and from other participants is only ever set as text.

import type { Publisher } from './events';
import type { Upkeep } from './keep';
import type { Token } from './token';

const LOG_LINES_MAX = 200;

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`index.html has no ${id}`);
}

export const page = {
  state: element('state', HTMLParagraphElement),
  door: element('door', HTMLElement),
  form: element('join', HTMLFormElement),
  token: element('token', HTMLTextAreaElement),
  about: element('about', HTMLDListElement),
  error: element('error', HTMLParagraphElement),
  source: element('source', HTMLFieldSetElement),
  join: element('enter', HTMLButtonElement),
  recipe: element('recipe', HTMLElement),
  copy: element('copy', HTMLButtonElement),
  stage: element('stage', HTMLElement),
  tiles: element('tiles', HTMLDivElement),
  alone: element('alone', HTMLParagraphElement),
  microphone: element('microphone', HTMLButtonElement),
  video: element('video', HTMLButtonElement),
  leave: element('leave', HTMLButtonElement),
  log: element('log', HTMLOListElement),
};

export function showState(words: string, tone: 'idle' | 'busy' | 'live' | 'over'): void {
  page.state.textContent = words;
  page.state.dataset['tone'] = tone;
  note(words);
}

export function showError(words: string | undefined): void {
  page.error.textContent = words ?? '';
  page.error.hidden = words === undefined;
}

export function showToken(token: Token | undefined): void {
  page.about.hidden = token === undefined;
  page.about.replaceChildren();
  if (!token) return;
  const may = [token.mayPublish ? 'publish' : '', token.maySubscribe ? 'subscribe' : ''].filter(Boolean);
  const rows = {
    Participant: token.userId === '' ? token.participantId : `${token.userId} (${token.participantId})`,
    Stage: token.stageArn,
    May: may.length === 0 ? 'do nothing' : may.join(' and '),
    [token.expires.getTime() < Date.now() ? 'Expired' : 'Expires']: token.expires.toLocaleString(),
  };
  for (const [name, value] of Object.entries(rows)) {
    const term = document.createElement('dt');
    const description = document.createElement('dd');
    term.textContent = name;
    description.textContent = value;
    page.about.append(term, description);
  }
}

export function showDoor(): void {
  page.stage.hidden = true;
  page.door.hidden = false;
  page.tiles.replaceChildren();
  page.token.focus();
}

export function showStage(): void {
  page.door.hidden = true;
  page.stage.hidden = false;
  page.leave.focus();
}

export function forgetLog(): void {
  page.log.replaceChildren();
}

export function note(words: string): void {
  const line = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString();
  line.append(time, ` ${words}`);
  page.log.append(line);
  while (page.log.childElementCount > LOG_LINES_MAX) page.log.firstElementChild?.remove();
}

export function press(button: HTMLButtonElement, what: string, on: boolean): void {
  button.setAttribute('aria-pressed', String(on));
  button.textContent = `${what} ${on ? 'on' : 'off'}`;
}

/** A picture with a name and a word about its connection. */
export class Tile {
  readonly #figure = document.createElement('figure');
  readonly #video = document.createElement('video');
  readonly #status = document.createElement('span');

  constructor(name: string, own: boolean) {
    this.#video.autoplay = true;
    this.#video.playsInline = true;
    this.#video.muted = own;
    this.#video.setAttribute('aria-label', name);
    const caption = document.createElement('figcaption');
    const label = document.createElement('strong');
    label.textContent = name;
    caption.append(label, this.#status);
    this.#figure.append(this.#video, caption);
    page.tiles.append(this.#figure);
  }

  /** Mirrors the picture, as people expect of their own camera. */
  mirror(): void {
    this.#video.classList.add('mirrored');
  }

  play(media: MediaStream): void {
    this.#video.srcObject = media;
  }

  show(upkeep: Upkeep): void {
    this.#figure.dataset['phase'] = upkeep.phase;
    this.#status.textContent = describe(upkeep);
  }

  say(words: string): void {
    this.#status.textContent = words;
  }

  remove(): void {
    this.#video.srcObject = null;
    this.#figure.remove();
  }
}

export function describe(upkeep: Upkeep): string {
  switch (upkeep.phase) {
    case 'connecting':
      return 'connecting…';
    case 'live':
      return 'live';
    case 'waiting':
      return `${upkeep.words} Trying again…`;
    case 'over':
      return upkeep.words;
  }
}

export function nameOf({ userId, id }: Publisher): string {
  return userId === '' ? id : userId;
}
