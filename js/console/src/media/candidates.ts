// Where a server says that it can be reached: the candidates of an SDP answer.

export interface Candidate {
  readonly protocol: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
  /** `host`, `srflx`, `prflx`, `relay`. */
  readonly type: string;
}

const LINE = /^(?:a=)?candidate:\S+ \d+ (\S+) \d+ (\S+) (\d+) typ (\S+)/i;

export function readCandidate(line: string): Candidate | undefined {
  const [, protocol = '', address = '', port = '', type = ''] = LINE.exec(line) ?? [];
  const known = protocol.toLowerCase();
  if (known !== 'udp' && known !== 'tcp') return undefined;
  return { protocol: known, address, port: Number(port), type };
}

/** Each once, though every section of the SDP may name it. */
export function candidatesOf(sdp: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const line of sdp.split(/\r?\n/)) {
    const candidate = line.startsWith('a=candidate:') ? readCandidate(line) : undefined;
    if (candidate !== undefined) found.set(JSON.stringify(candidate), candidate);
  }
  return [...found.values()];
}

/** The SDP without the candidates of the other protocol. */
export function onlyBy(protocol: 'udp' | 'tcp', sdp: string): string {
  const isKept = (line: string) => !line.startsWith('a=candidate:') || readCandidate(line)?.protocol === protocol;
  return sdp.split('\r\n').filter(isKept).join('\r\n');
}

export function candidateText({ protocol, address, port }: Candidate): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`;
}

/** `here` is the machine itself, `inside` a network that the internet does not reach. */
export function reachOf(address: string): 'here' | 'inside' | 'outside' | 'nowhere' {
  if (/^127\.|^::1$|^localhost$|\.localhost$/.test(address)) return 'here';
  if (/^0\.0\.0\.0$|^::$/.test(address)) return 'nowhere';
  if (/^10\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|^169\.254\.|^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|^f[cd][0-9a-f]{2}:|^fe[89ab][0-9a-f]:/i.test(address)) return 'inside';
  return 'outside';
}
