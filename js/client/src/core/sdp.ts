/** The little that is read and changed in session descriptions. */

import type { Kind } from './contract';

/** What a stage carries, of what the browser knows: Opus; H.264 and VP8 of whoever publishes, and to be sent H.264, or VP8 where there is none. */
export function carried(codecs: readonly RTCRtpCodec[], way: 'send' | 'receive', kind: Kind): RTCRtpCodec[] {
  const named = (name: string) => codecs.filter(({ mimeType }) => mimeType.toLowerCase() === `${kind}/${name}`);
  if (kind === 'audio') return named('opus');
  const h264 = named('h264');
  // Packets of the other mode are understood in this one too.
  const usual = h264.filter(({ sdpFmtpLine }) => sdpFmtpLine?.includes('packetization-mode=1'));
  const preferred = usual.length > 0 ? usual : h264;
  const pictures = way === 'send' && preferred.length > 0 ? preferred : [...preferred, ...named('vp8')];
  return pictures.length > 0 ? [...pictures, ...named('rtx')] : [];
}

/** Adds parameters to the Opus of each section, in place of those of the same names. */
export function withOpus(sdp: string, parameters: Readonly<Record<string, number>>): string {
  const numbers = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\//gim)].map(([, number]) => number);
  const names = Object.keys(parameters);
  return sdp.replace(/^a=fmtp:(\d+) (.*)$/gm, (line, number: string, format: string) => {
    if (!numbers.includes(number) || names.length === 0) return line;
    const kept = format.trim().split(';').filter((each) => !names.includes(each.split('=')[0]?.trim() ?? ''));
    const added = names.map((name) => `${name}=${parameters[name]}`);
    return `a=fmtp:${number} ${[...kept, ...added].join(';')}`;
  });
}

const line = (sdp: string, name: string) => new RegExp(`^a=${name}:.*$`, 'm').exec(sdp)?.[0].trim();

/** The body of a PATCH that restarts ICE (RFC 8840), from the offer of the restart. */
export function restartFragment(offer: string): string | undefined {
  const section = /^m=.*$/m.exec(offer)?.[0].trim();
  const lines = [line(offer, 'ice-ufrag'), line(offer, 'ice-pwd'), section, line(offer, 'mid')];
  return lines.includes(undefined) ? undefined : `${lines.join('\r\n')}\r\n`;
}

/** The answer after a restart: the one before with the credentials of the fragment. */
export function restarted(answer: string, fragment: string): string | undefined {
  const user = line(fragment, 'ice-ufrag');
  const password = line(fragment, 'ice-pwd');
  if (!user || !password) return undefined;
  return answer.replace(/^a=ice-ufrag:.*$/gm, () => user).replace(/^a=ice-pwd:.*$/gm, () => password);
}
