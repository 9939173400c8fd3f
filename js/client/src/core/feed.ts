/** A receiving peer connection with its slots. What it carries goes out as tracks of a binding's own. */

import type { Kind, Platform, SessionListener, SessionOptions } from './contract';
import type { FeedInput } from './effects';
import type { BoundSlot } from './messages';
import { carried, withOpus } from './sdp';

export interface FeedOwner extends Pick<SessionListener, 'track' | 'trackEnded' | 'paused'> {
  input(input: FeedInput): void;
  prepare?: SessionOptions['prepare'];
}

interface Binding extends BoundSlot {
  track: MediaStreamTrack;
}

export class Feed {
  #connection: RTCPeerConnection;
  /** What is done, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #bindings = new Map<string, Binding>();
  #isClosed = false;

  constructor(
    private readonly platform: Platform,
    iceServers: RTCIceServer[],
    private readonly owner: FeedOwner,
  ) {
    this.#connection = new platform.RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers });
    this.#connection.onconnectionstatechange = () => this.#look();
  }

  /** Offers so many sections in all. */
  offer(audio: number, video: number, restart = false): void {
    this.#do(async () => {
      this.#grow('audio', audio);
      this.#grow('video', video);
      if (restart) this.#connection.restartIce();
      const { sdp = '' } = await this.#connection.createOffer();
      // What is played in stereo is what this description says so of.
      await this.#connection.setLocalDescription({ type: 'offer', sdp: withOpus(sdp, { stereo: 1 }) });
      const made = this.#connection.localDescription?.sdp ?? '';
      if (!this.#isClosed) this.owner.input({ is: 'offered', sdp: made });
    });
  }

  answer(sdp: string): void {
    this.#do(async () => {
      await this.#connection.setRemoteDescription({ type: 'answer', sdp });
      // A connection that was well all the time does not say so again.
      if (this.#connection.connectionState === 'connected') this.#look();
    });
  }

  /** Takes the last offer back, with the sections that it added. */
  rollback(): void {
    this.#do(async () => {
      await this.#connection.setLocalDescription({ type: 'rollback' });
      for (const transceiver of this.#connection.getTransceivers()) if (transceiver.mid === null) transceiver.stop();
    });
  }

  /** For the next time that candidates are gathered. */
  ice(iceServers: RTCIceServer[]): void {
    this.#do(async () => this.#connection.setConfiguration({ bundlePolicy: 'max-bundle', iceServers }));
  }

  /** All that the slots carry from now on. */
  bind(slots: readonly BoundSlot[]): void {
    const wanted = new Map(slots.map((slot) => [slot.mid, slot]));
    for (const [mid, { pid, kind }] of this.#bindings) {
      const slot = wanted.get(mid);
      if (slot?.pid !== pid || slot.kind !== kind) this.#end(mid);
    }
    for (const slot of slots) this.#bind(slot);
  }

  /** These do not publish any more, or publish anew. */
  unbind(pids: readonly string[]): void {
    for (const [mid, { pid }] of this.#bindings) if (pids.includes(pid)) this.#end(mid);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
    for (const mid of [...this.#bindings.keys()]) this.#end(mid);
  }

  #look(): void {
    const { connectionState: state } = this.#connection;
    if (this.#isClosed || state === 'new' || state === 'connecting' || state === 'closed') return;
    this.owner.input({ is: 'feed', state });
  }

  #bind(slot: BoundSlot): void {
    // Whoever was told of the one before may have closed the feed.
    if (this.#isClosed) return;
    const { mid, kind, pid, paused } = slot;
    const before = this.#bindings.get(mid);
    if (before) {
      if (before.paused === paused) return;
      before.paused = paused;
      return this.owner.paused({ pid, kind, paused });
    }
    const receiver = this.#connection.getTransceivers().find((each) => each.mid === mid)?.receiver;
    if (!receiver || receiver.track.kind !== kind) return;
    const track = receiver.track.clone();
    this.#bindings.set(mid, { ...slot, track });
    this.owner.track({ pid, kind, track, receiver });
    if (paused && this.#bindings.has(mid)) this.owner.paused({ pid, kind, paused });
  }

  #end(mid: string): void {
    const binding = this.#bindings.get(mid);
    if (!binding) return;
    this.#bindings.delete(mid);
    const { pid, kind, track } = binding;
    track.stop();
    this.owner.trackEnded({ pid, kind, track });
  }

  #grow(kind: Kind, count: number): void {
    const there = this.#connection.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind).length;
    const codecs = carried(this.platform.codecs('receive', kind), 'receive', kind);
    for (let index = there; index < count; index += 1) {
      const transceiver = this.#connection.addTransceiver(kind, { direction: 'recvonly' });
      this.owner.prepare?.(transceiver.receiver, kind);
      // Offers of many sections are short enough only if they name no more than a stage carries.
      if (codecs.length > 0) transceiver.setCodecPreferences?.(codecs);
    }
  }

  #do(work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#isClosed) return;
      try {
        await work();
      } catch (error) {
        if (!this.#isClosed) this.owner.input({ is: 'broken', message: String(error) });
      }
    });
  }
}
