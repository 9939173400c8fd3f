/** Streams in elements. An element plays one stream of each kind. */

import { playing, silent } from './playback';

export interface Attachable {
  readonly mediaStreamTrack: MediaStreamTrack;
}

const elements = new WeakMap<Attachable, Set<HTMLMediaElement>>();
/** Made silent here, and not by the page. */
const silenced = new WeakSet<HTMLMediaElement>();
const watchers = new Set<(stream: Attachable, element: HTMLMediaElement, isAttached: boolean) => void>();

export function attach(stream: Attachable, element?: HTMLMediaElement, isSilent = false): HTMLMediaElement {
  const { mediaStreamTrack: track } = stream;
  const shown = element ?? document.createElement(track.kind === 'audio' ? 'audio' : 'video');
  const source = shown.srcObject instanceof MediaStream ? shown.srcObject : new MediaStream();
  for (const other of source.getTracks()) if (other.kind === track.kind && other !== track) source.removeTrack(other);
  source.addTrack(track);
  if (shown.srcObject !== source) shown.srcObject = source;
  shown.autoplay = true;
  if (isSilent && !shown.muted) {
    shown.muted = true;
    silenced.add(shown);
  } else if (!isSilent && silenced.delete(shown)) shown.muted = false;
  (shown as HTMLVideoElement).playsInline = true;
  const those = elements.get(stream) ?? new Set();
  elements.set(stream, those.add(shown));
  for (const watcher of watchers) watcher(stream, shown, true);
  playing(shown);
  return shown;
}

export function detach(stream: Attachable, element?: HTMLMediaElement): HTMLMediaElement[] {
  const those = elements.get(stream);
  const gone = [...(those ?? [])].filter((each) => element === undefined || each === element);
  for (const each of gone) {
    those?.delete(each);
    if (each.srcObject instanceof MediaStream) {
      each.srcObject.removeTrack(stream.mediaStreamTrack);
      if (each.srcObject.getTracks().length === 0) {
        each.srcObject = null;
        silent(each);
      }
    }
    for (const watcher of watchers) watcher(stream, each, false);
  }
  return gone;
}

export function attachedTo(stream: Attachable): HTMLMediaElement[] {
  return [...(elements.get(stream) ?? [])];
}

/** Tells of each stream that is attached or detached; gives what ends that. */
export function watchAttached(watcher: (stream: Attachable, element: HTMLMediaElement, isAttached: boolean) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
