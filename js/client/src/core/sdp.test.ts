import { expect, test } from 'vitest';

import { carried, restarted, restartFragment, withOpus } from './sdp';
import { iceServers } from './whip';

const codec = (mimeType: string, sdpFmtpLine?: string) => ({ mimeType, clockRate: 90_000, ...(sdpFmtpLine && { sdpFmtpLine }) });

test('of the codecs of a browser those are offered that a stage carries', () => {
  const one = codec('video/H264', 'packetization-mode=1;profile-level-id=42e01f');
  const none = codec('video/H264', 'packetization-mode=0;profile-level-id=42e01f');
  const [vp8, rtx] = [codec('video/VP8'), codec('video/rtx')];
  expect(carried([codec('video/AV1'), rtx, vp8, none, one], 'send', 'video')).toEqual([one, rtx]);
  expect(carried([vp8, none, rtx], 'send', 'video')).toEqual([none, rtx]);
  expect(carried([codec('video/VP9'), vp8, rtx], 'send', 'video')).toEqual([vp8, rtx]);
  expect(carried([rtx], 'send', 'video')).toEqual([]);
  expect(carried([codec('audio/red'), codec('audio/opus')], 'receive', 'audio')).toEqual([codec('audio/opus')]);
});

test('whoever receives takes the pictures of all publishers, whichever of the two codecs they send', () => {
  const h264 = codec('video/H264', 'packetization-mode=1;profile-level-id=42e01f');
  const [vp8, rtx] = [codec('video/VP8'), codec('video/rtx')];
  expect(carried([vp8, rtx, codec('video/AV1'), h264], 'receive', 'video')).toEqual([h264, vp8, rtx]);
  expect(carried([vp8, rtx], 'receive', 'video')).toEqual([vp8, rtx]);
});

test('parameters of Opus take the place of those of the same names, and no other codec is touched', () => {
  const sdp = 'a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10; stereo=0\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n';
  expect(withOpus(sdp, { stereo: 1 })).toBe(sdp.replace('minptime=10; stereo=0', 'minptime=10;stereo=1'));
  expect(withOpus(sdp, {})).toBe(sdp);
});

test('a restart is asked for with one section, and answered in the description that holds', () => {
  const section = 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=mid:0\r\n';
  expect(restartFragment(`v=0\r\n${section}${section}`)).toBe('a=ice-ufrag:a\r\na=ice-pwd:b\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n');
  expect(restartFragment('v=0\r\n')).toBeUndefined();
  const answered = restarted(section, 'a=ice-ufrag:$&\na=ice-pwd:d\n');
  expect(answered).toBe(section.replace('ufrag:a', () => 'ufrag:$&').replace('pwd:b', 'pwd:d'));
  expect(restarted(section, 'v=0')).toBeUndefined();
});

test('ICE servers are read from a Link header, and other links are not', () => {
  const link = '<stun:a>; rel="ice-server", <turn:b?transport=udp>; rel="ice-server"; username="1:x"; credential="y,z"; credential-type="password", <https://c>; rel="next"';
  expect(iceServers(link)).toEqual([{ urls: 'stun:a' }, { urls: 'turn:b?transport=udp', username: '1:x', credential: 'y,z' }]);
  expect(iceServers('')).toEqual([]);
});
