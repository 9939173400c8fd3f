/** No larger pictures than are seen: the server is told the size of the elements to which a video is attached. */

import { RemoteStageStream } from '../stage/remote-stream';
import type { Size } from '../stage/simulcast';
import type { Stage } from '../stage/stage';
import { viewOf } from '../stage/view';
import { type Attachable, attachedTo, watchAttached } from './attach';

export interface AdaptiveOptions {
  /** Device pixels that count for each pixel of the page; those of the screen by default, and 2 at most. */
  pixelDensity?: number;
}

/** Windows that are being resized say so for each step. */
const SETTLE_MS = 200;
const DENSITY_MAX = 2;
/** Who is not seen gets the lowest layer, so as to be there at once when it is. */
const UNSEEN: Size = { width: 1, height: 1 };

/** Begins with what is attached from now on. Gives what ends it. Streams that are in no element are not limited. */
export function adaptStreams(stage: Stage, { pixelDensity }: AdaptiveOptions = {}): () => void {
  const view = viewOf(stage);
  const seen = new Map<Element, boolean>();
  const streams = new Map<Element, RemoteStageStream>();
  const waiting = new Map<RemoteStageStream, ReturnType<typeof setTimeout>>();

  const limit = (stream: RemoteStageStream) => {
    waiting.delete(stream);
    const { id } = stream.participantInfo;
    // Another binding may have come in its place.
    if (!view.streams(id).some((each) => (each as unknown) === stream)) return;
    view.limit(id, sizeOf(attachedTo(stream), seen, pixelDensity));
  };
  const soon = (stream: RemoteStageStream | undefined) => {
    if (stream && !waiting.has(stream)) waiting.set(stream, setTimeout(() => limit(stream), SETTLE_MS));
  };
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) soon(streams.get(target));
  });
  const crossed = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      seen.set(target, isIntersecting);
      soon(streams.get(target));
    }
  });
  const unwatch = watchAttached((stream: Attachable, element, isAttached) => {
    if (!(stream instanceof RemoteStageStream) || stream.mediaStreamTrack.kind !== 'video') return;
    if (isAttached) {
      streams.set(element, stream);
      resized.observe(element);
      crossed.observe(element);
    } else if (streams.get(element) === stream) {
      streams.delete(element);
      seen.delete(element);
      resized.unobserve(element);
      crossed.unobserve(element);
    }
    soon(stream);
  });
  return () => {
    unwatch();
    resized.disconnect();
    crossed.disconnect();
    for (const timer of waiting.values()) clearTimeout(timer);
    for (const { participantInfo } of streams.values()) view.limit(participantInfo.id, undefined);
    streams.clear();
  };
}

function sizeOf(elements: readonly HTMLMediaElement[], seen: ReadonlyMap<Element, boolean>, pixelDensity?: number): Size | undefined {
  if (elements.length === 0) return undefined;
  const density = pixelDensity ?? Math.min(globalThis.devicePixelRatio || 1, DENSITY_MAX);
  const sizes = elements.filter((element) => seen.get(element)).map(({ clientWidth: width, clientHeight: height }) => ({ width, height }));
  const largest = sizes.sort((one, other) => other.width * other.height - one.width * one.height)[0];
  if (!largest || largest.width * largest.height === 0) return UNSEEN;
  return { width: Math.ceil(largest.width * density), height: Math.ceil(largest.height * density) };
}
