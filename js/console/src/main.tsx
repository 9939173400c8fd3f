// The console begins here.

import { render } from 'preact';

import { App, closeMenu } from './app';
import { parseRoute, route, tokenOfFragment } from './router';
import { handedToken, start } from './server';
import { startTheme } from './theme';

function readAddress(): void {
  const token = tokenOfFragment(location.hash);
  if (token !== undefined) {
    // A token goes from the address bar, where others might see it. The fragment never left the browser.
    handedToken.value = token;
    history.replaceState(null, '', '#/publish');
  }
  closeMenu();
  route.value = parseRoute(location.hash);
}

startTheme();
addEventListener('hashchange', readAddress);
readAddress();
await start();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
