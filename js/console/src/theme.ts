// Light, dark, or as the system has it. The choice is no secret, so it outlives the tab.

import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'downstage.theme';

export const theme = signal<Theme>(readTheme(localStorage.getItem(KEY)));

export function readTheme(text: string | null): Theme {
  return text === 'light' || text === 'dark' ? text : 'system';
}

export function startTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
    localStorage.setItem(KEY, theme.value);
  });
}
