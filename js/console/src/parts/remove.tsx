// Deleting: asked once more, with the command beside it.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import type { Input, OperationName } from '../api/shapes';
import { client } from '../server';
import { Command } from './copy';
import { ActionForm, Dialog } from './dialog';
import { tell } from './toast';

interface RemoveProps<Name extends OperationName> {
  /** What is deleted: `the stage demo`. */
  readonly what: string;
  readonly operation: Name;
  readonly input: Input<Name>;
  readonly onDone: () => void;
  readonly isSmall?: boolean;
  /** What it means. */
  readonly children: ComponentChildren;
}

export function Remove<Name extends OperationName>({ what, operation, input, onDone, isSmall = true, children }: RemoveProps<Name>) {
  const [isOpen, setOpen] = useState(false);
  const remove = async () => {
    await client().call(operation, input);
    setOpen(false);
    tell(`Deleted ${what}.`);
    onDone();
    // The button goes with what was deleted, and would take the focus along.
    requestAnimationFrame(() => document.querySelector('h1')?.focus());
  };
  return (
    <>
      <button type="button" class={isSmall ? 'danger small' : 'danger'} aria-label={`Delete ${what}`} onClick={() => setOpen(true)}>
        Delete
      </button>
      {isOpen && (
        <Dialog title={`Delete ${what}?`} onClose={() => setOpen(false)}>
          <div class="stack">
            <div>{children}</div>
            <Command name={operation} input={input} />
            <ActionForm verb="Delete" tone="danger" onSubmit={remove} onCancel={() => setOpen(false)} />
          </div>
        </Dialog>
      )}
    </>
  );
}
