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
  #ended = false;

  private constructor(
    readonly connection: RTCPeerConnection,
    private readonly resource: string,
    private readonly token: string,
  ) {}

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
    return peer;
  }

  /** Resolves once media can no longer flow, whoever ended it. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        const { connectionState } = this.connection;
        // The server's goodbye closes DTLS, which `connectionState` does not show.
        const closed = transports(this.connection).some(({ state }) => state === 'closed' || state === 'failed');
        if (this.#ended || closed || connectionState === 'failed' || connectionState === 'closed') resolve();
      };
      this.connection.addEventListener('connectionstatechange', look);
      for (const transport of transports(this.connection)) transport.addEventListener('statechange', look);
      look();
    });
  }

  /** Ends it here and on the server. Works while the page is being closed. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.connection.close();
    const headers = { Authorization: `Bearer ${this.token}` };
    // Where the server cannot be reached it notices the silence by itself.
    fetch(this.resource, { method: 'DELETE', headers, keepalive: true }).catch(() => undefined);
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
