/** Browsers do not play sound before the user has touched the page. Who is silent for that is remembered, and played on demand. */

const blocked = new Set<HTMLMediaElement>();
const watchers = new Set<(canPlay: boolean) => void>();

/** Whether no element waits for the user. */
export function canPlayAudio(): boolean {
  return blocked.size === 0;
}

/** To be called when the user touches something: plays all that waits. Rejects if the browser still will not. */
export async function startAudio(): Promise<void> {
  const before = canPlayAudio();
  const tried = await Promise.allSettled([...blocked].map(async (element) => element.play().then(() => blocked.delete(element))));
  tell(before);
  const refused = tried.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (refused) throw refused.reason;
}

/** Tells whether sound can be played, each time that it changes; gives what ends that. */
export function watchPlayback(watcher: (canPlay: boolean) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Plays what was attached. */
export function playing(element: HTMLMediaElement): void {
  element.play()?.catch((error: unknown) => {
    // Elements that were detached or got another source meanwhile are of no interest.
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || element.srcObject === null) return;
    const before = canPlayAudio();
    blocked.add(element);
    tell(before);
  });
}

export function silent(element: HTMLMediaElement): void {
  const before = canPlayAudio();
  blocked.delete(element);
  tell(before);
}

function tell(before: boolean): void {
  const now = canPlayAudio();
  if (now !== before) for (const watcher of watchers) watcher(now);
}
