// One of a few, each with a word on what it means.

import { useId } from 'preact/hooks';

interface RadioProps<Value extends string> {
  readonly legend: string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly { readonly value: Value; readonly text: string; readonly hint?: string }[];
  readonly disabled?: boolean;
}

export function RadioField<Value extends string>({ legend, value, onChange, options, disabled = false }: RadioProps<Value>) {
  const id = useId();
  return (
    <fieldset disabled={disabled}>
      <legend>{legend}</legend>
      {options.map((option) => (
        <div key={option.value} class="field check">
          <label>
            <input
              type="radio"
              name={id}
              value={option.value}
              checked={option.value === value}
              aria-describedby={option.hint === undefined ? undefined : `${id}-${option.value}`}
              onChange={() => onChange(option.value)}
            />
            <span>{option.text}</span>
          </label>
          {option.hint !== undefined && <small id={`${id}-${option.value}`}>{option.hint}</small>}
        </div>
      ))}
    </fieldset>
  );
}
