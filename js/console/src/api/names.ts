// What resources are called.

export function nameOfArn(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** What a resource is called: its name, or the end of its ARN. */
export function nameOf({ name, arn }: { readonly name?: string; readonly arn: string }): string {
  return name === undefined || name === '' ? nameOfArn(arn) : name;
}
