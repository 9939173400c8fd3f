/** A publication: its machine, the peer connection that sends, and the WHIP resource that stands for it. */

import type { Kind, Publication, PublicationListener, PublicationOptions, PublicationTrack } from './contract';
import { type PublishEffect, type PublishInput, PublishMachine, type PublishTimer } from './publish';
import { carried, restarted, restartFragment, withOpus } from './sdp';
import { Timers } from './timers';
import { failureOf, isPassing, post, Problem, remove, restart } from './whip';

/** How long a connection stays open while its resource is being deleted. */
const GOODBYE_MS = 2000;

const KINDS: readonly Kind[] = ['audio', 'video'];

type Media = Omit<PublicationTrack, 'track'> & { track: MediaStreamTrack | null };

/** One connection, from its offer to its end. */
interface Attempt {
  connection: RTCPeerConnection;
  senders: Map<Kind, RTCRtpSender>;
  resource?: string;
}

export class LivePublication implements Publication {
  #machine: PublishMachine;
  #timers: Timers<PublishTimer>;
  #effects: PublishEffect[] = [];
  #attempt: Attempt | undefined;
  #token: string;
  #media: Record<Kind, Media>;

  constructor(
    private readonly options: PublicationOptions,
    private readonly listener: PublicationListener,
  ) {
    const { platform, audio, video, token } = options;
    this.#token = token;
    this.#media = { audio: { track: null, encodings: [], ...audio }, video: { track: null, encodings: [], ...video } };
    this.#machine = new PublishMachine(() => platform.random());
    this.#timers = new Timers(platform, (name) => this.#input({ is: 'timer', name }));
  }

  start(): void {
    this.#input({ is: 'start' });
  }

  stop(): void {
    this.#input({ is: 'stop' });
  }

  token(token: string): void {
    this.#token = token;
  }

  sender(kind: Kind): RTCRtpSender | undefined {
    return this.#attempt?.senders.get(kind);
  }

  async replace(kind: Kind, track: MediaStreamTrack | null): Promise<void> {
    this.#media[kind].track = track;
    await this.sender(kind)?.replaceTrack(track);
  }

  async encodings(kind: Kind, change: (encodings: RTCRtpEncodingParameters[]) => void): Promise<void> {
    const media = this.#media[kind];
    const sender = this.sender(kind);
    const parameters = sender?.getParameters();
    // For the connections to come.
    media.encodings = (parameters?.encodings ?? media.encodings).map((each) => ({ ...each }));
    change(media.encodings);
    if (!sender || !parameters) return;
    await sender.setParameters({ ...parameters, encodings: media.encodings.map((each) => ({ ...each })) });
  }

  #input(input: PublishInput): void {
    this.#effects.push(...this.#machine.handle(input));
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) this.#do(effect);
  }

  #do(effect: PublishEffect): void {
    switch (effect.do) {
      case 'tell':
        return this.#tell(() => this.listener.state(effect.state));
      case 'fail':
        return this.#tell(() => this.listener.failure(effect.failure));
      case 'post':
        void this.#post();
        return;
      case 'restart':
        void this.#restart();
        return;
      case 'discard':
        return this.#discard();
      case 'timer':
        return this.#timers.set(effect.name, effect.ms);
      case 'cancel':
        return this.#timers.cancel(effect.name);
      case 'rest':
        return this.#timers.clear();
    }
  }

  async #post(): Promise<void> {
    const { platform, url } = this.options;
    let attempt: Attempt | undefined;
    try {
      const connection = new platform.RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      attempt = this.#attempt = { connection, senders: new Map() };
      this.#fill(attempt);
      const { sdp = '' } = await connection.createOffer();
      await connection.setLocalDescription({ type: 'offer', sdp: withOpus(sdp, this.#opus(true)) });
      if (attempt !== this.#attempt) return;
      this.#watch(attempt);
      const token = this.#token;
      const created = await post(platform, url, token, connection.localDescription?.sdp ?? '');
      if (attempt !== this.#attempt) return void remove(platform, created.resource, token);
      attempt.resource = created.resource;
      if (created.ice.length > 0) connection.setConfiguration({ bundlePolicy: 'max-bundle', iceServers: created.ice });
      await connection.setRemoteDescription({ type: 'answer', sdp: withOpus(created.answer, this.#opus(false)) });
      if (attempt === this.#attempt) this.#input({ is: 'posted' });
    } catch (error) {
      if (attempt === this.#attempt) this.#refused('post', error);
    }
  }

  async #restart(): Promise<void> {
    const attempt = this.#attempt;
    if (!attempt?.resource) return;
    const { connection, resource } = attempt;
    try {
      const offer = await connection.createOffer({ iceRestart: true });
      await connection.setLocalDescription(offer);
      const fragment = restartFragment(connection.localDescription?.sdp ?? '');
      const answer = connection.currentRemoteDescription?.sdp;
      if (attempt !== this.#attempt || !fragment || !answer) return;
      const answered = restarted(answer, await restart(this.options.platform, resource, this.#token, fragment));
      if (attempt !== this.#attempt || !answered) return;
      await connection.setRemoteDescription({ type: 'answer', sdp: answered });
      // A connection that was well all the time does not say so again.
      if (connection.connectionState === 'connected') this.#look(attempt);
    } catch (error) {
      if (attempt === this.#attempt) this.#refused('restart', error);
    }
  }

  #refused(of: 'post' | 'restart', error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem(-1, 'FAILED', String(error));
    const { status, retryAfterMs: afterMs } = problem;
    // A resource that is gone, or cannot be restarted, is followed by another; who may not publish may not.
    const again = of === 'post' ? isPassing(problem) : status !== 401 && status !== 403;
    this.#input({ is: 'refused', of, failure: failureOf(problem), again, ...(afterMs !== undefined && { afterMs }) });
  }

  /** A section of each kind: tracks come and go in them, and a server wants H.264 also for sound alone. */
  #fill({ connection, senders }: Attempt): void {
    const { platform, prepare } = this.options;
    for (const kind of KINDS) {
      const { track, encodings } = this.#media[kind];
      const transceiver = connection.addTransceiver(track ?? kind, {
        direction: 'sendonly',
        ...(encodings.length > 0 && { sendEncodings: encodings.map((each) => ({ ...each })) }),
      });
      const codecs = carried(platform.codecs('send', kind), 'send', kind);
      if (codecs.length > 0) transceiver.setCodecPreferences?.(codecs);
      senders.set(kind, transceiver.sender);
      prepare?.(transceiver.sender, kind);
    }
  }

  #watch(attempt: Attempt): void {
    const { connection, senders } = attempt;
    const look = () => this.#look(attempt);
    connection.onconnectionstatechange = look;
    for (const { transport } of senders.values()) if (transport) transport.onstatechange = look;
  }

  #look(attempt: Attempt): void {
    if (attempt !== this.#attempt) return;
    const state = isGone(attempt) ? 'closed' : attempt.connection.connectionState;
    if (state !== 'new' && state !== 'connecting') this.#input({ is: 'connection', state });
  }

  /** The parameters of Opus that are asked for; what counts for sending is what the answer says. */
  #opus(isOffer: boolean): Record<string, number> {
    const { stereo, encodings } = this.#media.audio;
    const most = encodings[0]?.maxBitrate;
    return {
      ...(stereo && { stereo: 1, ...(isOffer && { 'sprop-stereo': 1 }) }),
      ...(most !== undefined && { maxaveragebitrate: most }),
    };
  }

  /** The DELETE first: closing says goodbye by DTLS, and leaves nothing to delete. So does a goodbye of the server's. */
  #discard(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (!attempt) return;
    const { connection, senders, resource } = attempt;
    const { platform } = this.options;
    connection.onconnectionstatechange = null;
    if (resource === undefined || isGone(attempt)) return connection.close();
    for (const sender of senders.values()) sender.replaceTrack(null).catch(() => undefined);
    const close = () => {
      platform.clearTimeout(timer);
      connection.close();
    };
    const timer = platform.setTimeout(close, GOODBYE_MS);
    void remove(platform, resource, this.#token).then(close);
  }

  /** A mistake of the listener's is reported, and changes nothing here. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** The goodbye of the other side closes DTLS, which the state of the connection alone does not show. */
function isGone({ senders }: Attempt): boolean {
  return [...senders.values()].some(({ transport }) => transport?.state === 'closed');
}
