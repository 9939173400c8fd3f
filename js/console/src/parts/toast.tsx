// Short news at the corner: what was done, or why it was not.

import { signal } from '@preact/signals';

import { inWords } from '../api/error';

interface Toast {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly title: string;
  readonly detail: string;
}

const GOOD_LASTS_MS = 5000;
const SHOWN_MAX = 4;

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

export function tell(title: string): void {
  const id = add({ tone: 'good', title, detail: '' });
  setTimeout(() => dismiss(id), GOOD_LASTS_MS);
}

/** Stays until it is closed: it may take a while to understand. */
export function tellError(error: unknown): void {
  add({ tone: 'bad', ...inWords(error) });
}

function add(toast: Omit<Toast, 'id'>): number {
  lastId += 1;
  toasts.value = [...toasts.value, { ...toast, id: lastId }].slice(-SHOWN_MAX);
  return lastId;
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="region" aria-label="News" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class="toast" data-tone={toast.tone} role={toast.tone === 'bad' ? 'alert' : undefined}>
          <div>
            <strong>{toast.title}</strong>
            {toast.detail !== '' && <p>{toast.detail}</p>}
          </div>
          <button type="button" class="quiet" aria-label="Close" onClick={() => dismiss(toast.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
