// Things that come from the server: awaited, shown, loaded again.

import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { inWords } from '../api/error';
import { Turns } from './turns';

export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: unknown;
  readonly reload: () => void;
}

/** Loads when `key` changes, when asked, and every `everyMs` while the page is looked at. What was there stays until the new is. */
export function useLoad<Value>(key: string, load: () => Promise<Value>, everyMs?: number): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; error?: unknown }>({ key });
  const turns = useRef(new Turns());
  const current = useRef(load);
  current.current = load;

  const reload = useCallback(() => {
    const mine = turns.current.next();
    current.current().then(
      (value) => turns.current.take(mine) && setState({ key, value }),
      (error: unknown) => turns.current.take(mine) && setState((before) => (before.key === key ? { ...before, error } : { key, error })),
    );
  }, [key]);

  useEffect(() => {
    reload();
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  useEffect(() => () => turns.current.end(), []);

  const isCurrent = state.key === key;
  return { value: isCurrent ? state.value : undefined, error: isCurrent ? state.error : undefined, reload };
}

/** The value once it is there; before, that it comes, or why it does not. */
export function Await<Value>({ loaded, children }: { loaded: Loaded<Value>; children: (value: Value) => ComponentChildren }) {
  const { value, error, reload } = loaded;
  return (
    <>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {value !== undefined ? children(value) : error === undefined && <p class="quiet" role="status">Loading…</p>}
    </>
  );
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, detail } = inWords(error);
  return (
    <div class="problem" role="alert">
      <strong>{title}</strong>
      {detail !== '' && <p>{detail}</p>}
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
