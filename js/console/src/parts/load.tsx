// Things that come from the server: awaited, shown, loaded again.

import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { inWords } from '../api/error';

export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: unknown;
  readonly reload: () => void;
}

/** Loads when `key` changes, when asked, and every `everyMs` while the page is looked at. What was there stays until the new is. */
export function useLoad<Value>(key: string, load: () => Promise<Value>, everyMs?: number): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; error?: unknown }>({ key });
  const newest = useRef(0);
  const current = useRef(load);
  current.current = load;

  const reload = useCallback(() => {
    newest.current += 1;
    const mine = newest.current;
    current.current().then(
      (value) => mine === newest.current && setState({ key, value }),
      (error: unknown) => mine === newest.current && setState((before) => (before.key === key ? { ...before, error } : { key, error })),
    );
  }, [key]);

  useEffect(() => {
    reload();
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  useEffect(() => () => {
    newest.current += 1;
  }, []);

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
