// Questions and forms above the page. The browser keeps the focus inside and gives it back.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

import { Problem } from './load';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // Only closing gives the focus back; a dialog that is taken away takes it along.
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <div class="section-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          ×
        </button>
      </div>
      {children}
    </dialog>
  );
}

interface FormProps {
  /** What is on the button. */
  readonly verb: string;
  readonly tone?: 'primary' | 'danger';
  readonly onSubmit: () => Promise<void>;
  readonly onCancel?: (() => void) | undefined;
  readonly children?: ComponentChildren;
}

/** Fields, a button, and why it did not work. One request at a time. */
export function ActionForm({ verb, tone = 'primary', onSubmit, onCancel, children }: FormProps) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(undefined);
  const submit = (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setError(undefined);
    onSubmit()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <form onSubmit={submit}>
      {children}
      {error !== undefined && <Problem error={error} />}
      <div class="actions">
        <button type="submit" class={tone} disabled={isBusy}>
          {isBusy ? 'One moment…' : verb}
        </button>
        {onCancel !== undefined && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}
