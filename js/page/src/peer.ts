// One WebRTC connection by WHIP or WHEP: an offer is posted, the answer comes back, a DELETE ends it. The server needs no
// candidates of ours: it learns our address from the first packet.

/** The server said no. `message` is for people. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** When to try again; absent if that would not help. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(message);
  }
}

/** A negotiated connection and the resource that stands for it on the server. */
export class Peer {
  /** Resolves once media can no longer flow, whoever ended it. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #closed = false;

  private constructor(
    readonly connection: RTCPeerConnection,
    private readonly resource: string,
    private readonly token: string,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  static async open(connection: RTCPeerConnection, url: string, token: string): Promise<Peer> {
    await connection.setLocalDescription();
    const response = await fetch(url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/sdp' },
      body: connection.localDescription?.sdp ?? '',
    });
    const body = await response.text();
    if (response.status !== 201) throw refusal(response, body);
    const resource = new URL(response.headers.get('Location') ?? '', response.url).href;
    const peer = new Peer(connection, resource, token);
    try {
      await connection.setRemoteDescription({ type: 'answer', sdp: body });
    } catch (error) {
      peer.close();
      throw error;
    }
    peer.#watch();
    return peer;
  }

  /** Ends it on the server and here. Works while the page is being closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
    if (this.#isGone()) {
      this.connection.close();
      return;
    }
    // The DELETE first: closing would say goodbye by DTLS and leave nothing to delete.
    const headers = { Authorization: `Bearer ${this.token}` };
    fetch(this.resource, { method: 'DELETE', headers, keepalive: true })
      // A server that cannot be reached notices the silence by itself.
      .catch(() => undefined)
      .finally(() => this.connection.close());
  }

  /** Ends it here only, where the server has ended it already or will by itself. */
  drop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
    this.connection.close();
  }

  #watch(): void {
    const look = () => {
      if (this.#isGone()) this.#end();
    };
    this.connection.addEventListener('connectionstatechange', look);
    for (const transport of transports(this.connection)) transport.addEventListener('statechange', look);
    look();
  }

  /** Whether the other side is gone. Its goodbye closes DTLS, which `connectionState` alone does not show. */
  #isGone(): boolean {
    const { connectionState } = this.connection;
    const states = [connectionState, ...transports(this.connection).map(({ state }) => state)];
    return states.some((state) => state === 'closed' || state === 'failed');
  }
}

function transports(connection: RTCPeerConnection): RTCDtlsTransport[] {
  return connection.getTransceivers().flatMap(({ sender }) => (sender.transport ? [sender.transport] : []));
}

function refusal(response: Response, body: string): Refusal {
  let message = `The server answered ${response.status}.`;
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem === 'object' && problem !== null && 'message' in problem && typeof problem.message === 'string') {
      message = sentence(problem.message);
    }
  } catch {
    // Not every server explains itself in JSON.
  }
  return new Refusal(response.status, message, retryAfterMs(response.headers.get('Retry-After')));
}

export function retryAfterMs(header: string | null): number | undefined {
  return header !== null && /^\d{1,4}$/.test(header) ? Number(header) * 1000 : undefined;
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + (words.endsWith('.') ? '' : '.');
}

/** The codecs of a kind with H.264 before all others: every client of a stage decodes it. */
export function preferH264<T extends { mimeType: string }>(codecs: readonly T[]): T[] {
  const isH264 = ({ mimeType }: T) => mimeType.toLowerCase() === 'video/h264';
  return [...codecs.filter(isH264), ...codecs.filter((codec) => !isH264(codec))];
}
