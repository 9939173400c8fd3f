// What the probes of a connection test mean, and what to set where one fails.

import { candidateText, reachOf, type Candidate } from './candidates';
import type { Fault, Probe, Way } from './probe';

export interface Finding {
  readonly tone: 'live' | 'busy' | 'bad';
  readonly title: string;
  /** What to do; may be empty. */
  readonly advice: string;
}

export const WAYS: Readonly<Record<Way, string>> = { udp: 'UDP', tcp: 'TCP', relay: 'Relay (TURN)' };

/** The whole in one line first, then each thing that is to be mended. */
export function findings(probes: readonly Probe[], pageHost: string): Finding[] {
  const [first] = probes;
  if (first === undefined) return [];
  const before = probes.map(beforeMedia).find((finding) => finding !== undefined);
  if (before !== undefined && probes.every(({ fault }) => fault?.at === 'socket' || fault?.at === 'answer')) return [before];
  const works = (way: Way) => probes.some((probe) => probe.way === way && probe.fault === undefined);
  return [summary(works), ...probes.flatMap((probe) => ofProbe(probe, pageHost, works('udp') || works('tcp')))];
}

function summary(works: (way: Way) => boolean): Finding {
  if (works('udp')) return { tone: 'live', title: 'Media flows between this browser and the server.', advice: works('tcp') ? '' : 'Clients whose network lets no UDP through will fail, though.' };
  if (works('tcp')) return { tone: 'busy', title: 'Media flows by TCP only.', advice: 'It works, but each lost packet delays all that follow it.' };
  if (works('relay')) return { tone: 'busy', title: 'Media flows by the relay only.', advice: 'It works; the way is longer, and the relay carries all of it.' };
  return { tone: 'bad', title: 'No media flows between this browser and the server.', advice: 'The control API works, since this page does. What follows says what is missing.' };
}

/** The socket and the answer do not depend on the way. */
function beforeMedia({ fault }: Probe): Finding | undefined {
  if (fault?.at === 'socket') {
    return {
      tone: 'bad',
      title: 'The WebSocket does not open.',
      advice:
        'See whether the server runs, and whether the token is one of its own. A proxy before it has to pass upgrades (HTTP/1.1, Connection: Upgrade), and its public URL (--public-url) has to be the address that browsers use.',
    };
  }
  if (fault?.at !== 'answer') return undefined;
  return { tone: 'bad', title: `The stage does not let this browser in${said(fault)}.`, advice: ANSWERS[fault.code] ?? '' };
}

const ANSWERS: Readonly<Record<string, string>> = {
  TOKEN_EXPIRED: 'Take a newer token.',
  TOKEN_NOT_ALLOWED: 'The test receives: the token needs the capability SUBSCRIBE.',
  CODEC_MISMATCH: 'This browser receives no H.264 or no Opus. Stages need both: take another browser.',
  STAGE_DELETED: 'Make a stage, and a token for it.',
  PARTICIPANT_DISCONNECTED: 'The token of a participant that was disconnected opens nothing any more: take another one.',
  STAGE_AT_CAPACITY: 'Wait until somebody leaves, or raise the quota.',
  TIMEOUT: 'The server took the connection and said nothing more: a proxy may hold messages back.',
};

function said({ message }: Fault): string {
  return message === '' ? '' : ` (${message})`;
}

function ofProbe({ way, fault, offered, gathered }: Probe, pageHost: string, isServed: boolean): Finding[] {
  if (fault === undefined) return [];
  const name = WAYS[way];
  const tone = isServed ? 'busy' : 'bad';
  if (fault.code === 'NONE_OFFERED') {
    return [{ tone, title: `${name}: the server offers no address.`, advice: 'Its media port (--media) does not listen that way; downstage doctor says why.' }];
  }
  if (fault.at === 'dtls') {
    return [
      {
        tone,
        title: `${name}: packets arrive, but the encryption is not agreed on.`,
        advice: 'Large packets may be lost on the way (a VPN or tunnel with a small MTU), or something between changes them.',
      },
    ];
  }
  if (fault.at !== 'ice') return [{ tone, title: `${name}: the session did not begin${said(fault)}.`, advice: '' }];
  if (way === 'relay') {
    const title = gathered.some(({ type }) => type === 'relay') ? `${name}: the relay does not reach the server.` : `${name}: no relay answers.`;
    return [{ tone, title, advice: 'See whether the TURN server runs, its secret is the one of --ice-server, and its ports are open.' }];
  }
  return [{ tone, title: `${name}: nothing answers at ${offered.map(candidateText).join(', ')}.`, advice: pathAdvice(way, offered, pageHost) }];
}

function pathAdvice(way: 'udp' | 'tcp', offered: readonly Candidate[], pageHost: string): string {
  const pageAddress = pageHost.replace(/^\[|\]$/g, '');
  const host = reachOf(pageAddress);
  const reaches = offered.map(({ address }) => reachOf(address));
  const ports = [...new Set(offered.map(({ port }) => port))].join(', ');
  if (host !== 'here' && reaches.every((reach) => reach === 'here' || reach === 'nowhere')) {
    return 'The server tells clients of an address that is their own machine. Start it with --external-ip and the address that clients reach it by.';
  }
  const open = `Open port ${ports} (${way.toUpperCase()}) in the firewall of the server and of its cloud. On the server, downstage doctor looks at addresses and ports.`;
  if (host === 'outside' && !reaches.includes('outside')) {
    return `The server tells clients of addresses inside its own network. If this browser is outside of it, start the server with --external-ip and the public address. ${open}`;
  }
  const isSame = offered.some(({ address }) => address === pageAddress);
  return isSame ? open : `${open} If clients reach the server by another address, start it with --external-ip.`;
}
