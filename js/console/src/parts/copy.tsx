// Text to take away.

import { useEffect, useRef, useState } from 'preact/hooks';

import { cliCommand } from '../api/cli';
import type { Input, OperationName } from '../api/shapes';

const COPIED_SHOWN_MS = 2000;

/** A button that copies. Where the browser gives no clipboard, it selects the text of `target` for the person to copy. */
export function Copy({ text, label, target }: { text: string; label: string; target?: () => Node | null }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
    } catch {
      const node = target?.();
      if (node) getSelection()?.selectAllChildren(node);
    }
  };
  return (
    <button type="button" class="small" aria-label={done ? 'Copied' : label} onClick={() => void copy()}>
      {done ? 'Copied' : 'Copy'}
    </button>
  );
}

/** Text in one block, with its button. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  const block = useRef<HTMLPreElement>(null);
  return (
    <div class="code">
      <pre ref={block} tabIndex={0} aria-label={label}>
        <code>{text}</code>
      </pre>
      <Copy text={text} label={`Copy ${label}`} target={() => block.current} />
    </div>
  );
}

/** One value on a line, with its button. A secret shows its end only, until asked. */
export function CopyLine({ text, label, secret = false }: { text: string; label: string; secret?: boolean }) {
  const value = useRef<HTMLElement>(null);
  const [open, setOpen] = useState(!secret);
  return (
    <span class="copy-line">
      <code ref={value}>{open ? text : `••••••${text.slice(-4)}`}</code>
      {secret && (
        <button type="button" class="small" aria-pressed={open} aria-label={`Show ${label}`} onClick={() => setOpen(!open)}>
          {open ? 'Hide' : 'Show'}
        </button>
      )}
      <Copy
        text={text}
        label={`Copy ${label}`}
        target={() => {
          // What is selected is what is seen.
          setOpen(true);
          return value.current;
        }}
      />
    </span>
  );
}

/** The AWS CLI command that does the same. */
export function Command<Name extends OperationName>({ name, input }: { name: Name; input: Input<Name> }) {
  const command = cliCommand(name, input);
  return (
    <details class="command">
      <summary>Same by the AWS CLI</summary>
      <CodeBlock text={command} label="command" />
    </details>
  );
}
