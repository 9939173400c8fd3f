// The frame around all pages: the way to each, the theme, who is signed in.

import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

import { ConnectionTest, PublishPage } from './media';
import { AccountPage, SignIn } from './pages/account';
import { EncodersPage } from './pages/encoders';
import { IngestPage } from './pages/ingest';
import { IngestConfigurationPage } from './pages/ingest-configuration';
import { KeysPage } from './pages/keys';
import { ParticipantPage } from './pages/participant';
import { SessionPage } from './pages/session';
import { StagePage } from './pages/stage';
import { StagesPage } from './pages/stages';
import { StoragePage } from './pages/storage';
import { TokensPage } from './pages/tokens';
import { Empty, Page } from './parts/page';
import { Toasts } from './parts/toast';
import { route, type Route } from './router';
import { credentials, serverInfo } from './server';
import { theme, type Theme } from './theme';

const LINKS: readonly { readonly href: string; readonly text: string; readonly pages: readonly Route['page'][] }[] = [
  { href: '#/', text: 'Stages', pages: ['stages', 'stage', 'session', 'participant'] },
  { href: '#/tokens', text: 'Tokens', pages: ['tokens'] },
  { href: '#/keys', text: 'Public keys', pages: ['keys'] },
  { href: '#/ingest', text: 'Ingest', pages: ['ingest'] },
  { href: '#/encoders', text: 'Encoders', pages: ['encoders'] },
  { href: '#/storage', text: 'Storage', pages: ['storage'] },
  { href: '#/publish', text: 'Publish', pages: ['publish'] },
  { href: '#/connection', text: 'Connection test', pages: ['connection'] },
];

/** Whether the menu is open, where the screen is narrow. */
const isMenuOpen = signal(false);

export function closeMenu(): void {
  isMenuOpen.value = false;
}

export function App() {
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('main')?.focus()}>
        Skip to the content
      </button>
      <Bar />
      <div class="frame">
        <Menu />
        <main tabIndex={-1}>
          <Current route={route.value} />
        </main>
      </div>
      <Toasts />
    </>
  );
}

function Bar() {
  const known = credentials.value;
  return (
    <header class="bar">
      <a class="brand" href="#/">
        downstage
      </a>
      <button
        type="button"
        class="menu-button"
        aria-expanded={isMenuOpen.value}
        aria-controls="menu"
        onClick={() => {
          isMenuOpen.value = !isMenuOpen.value;
        }}
      >
        Menu
      </button>
      <div class="bar-end">
        <select aria-label="Theme" value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
          <option value="system">System theme</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
        <a class="account" href="#/account" aria-current={route.value.page === 'account' ? 'page' : undefined}>
          {known === undefined ? 'Sign in' : `${shortKey(known.accessKeyId)} · ${known.region}`}
        </a>
      </div>
    </header>
  );
}

function shortKey(accessKeyId: string): string {
  return accessKeyId.length > 12 ? `…${accessKeyId.slice(-8)}` : accessKeyId;
}

function Menu() {
  return (
    <nav id="menu" class="menu" data-open={isMenuOpen.value} aria-label="Pages">
      <ul>
        {LINKS.map(({ href, text, pages }) => (
          <li key={href}>
            <a href={href} aria-current={pages.includes(route.value.page) ? 'page' : undefined} onClick={closeMenu}>
              {text}
            </a>
          </li>
        ))}
      </ul>
      <p class="version">{serverInfo.value.version === '' ? '' : `Version ${serverInfo.value.version}`}</p>
    </nav>
  );
}

function Current({ route: at }: { route: Route }) {
  // Each page is made anew when what it shows is another thing, or somebody else looks.
  const key = `${JSON.stringify(at)} ${credentials.value?.accessKeyId ?? ''} ${credentials.value?.region ?? ''}`;
  switch (at.page) {
    case 'publish':
      return <PublishPage key={key} />;
    case 'connection':
      return <ConnectionTest key={key} />;
    case 'account':
      return <AccountPage key={key} />;
    case 'unknown':
      return (
        <Page key={key} title="No such page">
          <Empty title="The address leads nowhere.">
            <p>
              Begin with the <a href="#/">stages</a>.
            </p>
          </Empty>
        </Page>
      );
    default:
      return credentials.value === undefined ? <SignIn key={key} /> : <div key={key}>{signedIn(at)}</div>;
  }
}

function signedIn(at: Route): ComponentChildren {
  switch (at.page) {
    case 'stages':
      return <StagesPage />;
    case 'stage':
      return <StagePage stageArn={at.stageArn} />;
    case 'session':
      return <SessionPage stageArn={at.stageArn} sessionId={at.sessionId} />;
    case 'participant':
      return <ParticipantPage stageArn={at.stageArn} sessionId={at.sessionId} participantId={at.participantId} />;
    case 'tokens':
      return <TokensPage stageArn={at.stageArn} />;
    case 'keys':
      return <KeysPage />;
    case 'ingest':
      return at.configurationArn === undefined ? <IngestPage /> : <IngestConfigurationPage arn={at.configurationArn} />;
    case 'encoders':
      return <EncodersPage />;
    case 'storage':
      return <StoragePage />;
    default:
      return null;
  }
}
