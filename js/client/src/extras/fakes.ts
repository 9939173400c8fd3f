/** For tests: as much of a document as the extras touch. */

import { vi } from 'vitest';

export class FakeMediaStream {
  #tracks: MediaStreamTrack[] = [];
  getTracks = () => [...this.#tracks];
  addTrack = (track: MediaStreamTrack) => void (this.#tracks.includes(track) || this.#tracks.push(track));
  removeTrack = (track: MediaStreamTrack) => void (this.#tracks = this.#tracks.filter((each) => each !== track));
}

export class FakeElement {
  srcObject: FakeMediaStream | null = null;
  autoplay = false;
  muted = false;
  clientWidth = 0;
  clientHeight = 0;
  /** What the browser lets it do. */
  isAllowed = true;
  plays = 0;
  constructor(readonly tag = 'video') {}
  play = async () => {
    this.plays += 1;
    if (!this.isAllowed) throw new DOMException('no', 'NotAllowedError');
  };
  get element(): HTMLVideoElement {
    return this as unknown as HTMLVideoElement;
  }
}

/** An observer of sizes or of what is seen; the last one of each kind is `latest`. */
export class FakeObserver {
  static latest: FakeObserver;
  targets = new Set<unknown>();
  constructor(readonly tell: (entries: unknown[]) => void) {
    (new.target as typeof FakeObserver).latest = this;
  }
  observe = (target: unknown) => void this.targets.add(target);
  unobserve = (target: unknown) => void this.targets.delete(target);
  disconnect = () => this.targets.clear();
}

export class FakeResizeObserver extends FakeObserver {}
export class FakeIntersectionObserver extends FakeObserver {}

export function stubDocument(): void {
  vi.stubGlobal('MediaStream', FakeMediaStream);
  vi.stubGlobal('document', { createElement: (tag: string) => new FakeElement(tag) });
  vi.stubGlobal('ResizeObserver', FakeResizeObserver);
  vi.stubGlobal('IntersectionObserver', FakeIntersectionObserver);
}
