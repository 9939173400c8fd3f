/** An input without the members that nothing was given for: the API takes no `null`, and an empty text means something. */
export function given<Input extends object>(members: { [Member in keyof Input]: Input[Member] | undefined }): Input {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Input;
}

/** A text field that was left empty is not given. */
export const orNone = (text: string): string | undefined => (text.trim() === '' ? undefined : text.trim());
