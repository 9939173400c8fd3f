import { expect, test } from 'vitest';

import { candidatesOf, candidateText, onlyBy, reachOf, readCandidate } from './candidates';

const SDP = [
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'a=candidate:1 1 udp 2130706431 192.0.2.7 7401 typ host',
  'a=candidate:2 1 TCP 1694498815 192.0.2.7 7401 typ host tcptype passive',
  'm=video 9 UDP/TLS/RTP/SAVPF 102',
  'a=candidate:1 1 udp 2130706431 192.0.2.7 7401 typ host',
  '',
].join('\r\n');

test('candidates are read once each', () => {
  expect(candidatesOf(SDP).map(candidateText)).toEqual(['192.0.2.7:7401/udp', '192.0.2.7:7401/tcp']);
});

test('a way keeps its own candidates and everything else', () => {
  expect(candidatesOf(onlyBy('tcp', SDP)).map(({ protocol }) => protocol)).toEqual(['tcp']);
  expect(onlyBy('udp', SDP).split('\r\n')).toHaveLength(SDP.split('\r\n').length - 1);
  expect(onlyBy('udp', SDP)).toContain('m=video');
});

test('what browsers gather is read, and what is no candidate is not', () => {
  expect(readCandidate('candidate:9 1 udp 41885439 2001:db8::1 50000 typ relay raddr 0.0.0.0 rport 0')).toEqual({
    protocol: 'udp',
    address: '2001:db8::1',
    port: 50000,
    type: 'relay',
  });
  expect(readCandidate('')).toBeUndefined();
  expect(readCandidate('candidate:1 1 sctp 1 192.0.2.1 1 typ host')).toBeUndefined();
  expect(candidateText({ protocol: 'udp', address: '2001:db8::1', port: 1, type: 'host' })).toBe('[2001:db8::1]:1/udp');
});

test.each([
  ['127.0.0.1', 'here'],
  ['::1', 'here'],
  ['localhost', 'here'],
  ['0.0.0.0', 'nowhere'],
  ['10.1.2.3', 'inside'],
  ['172.16.0.1', 'inside'],
  ['172.32.0.1', 'outside'],
  ['192.168.1.4', 'inside'],
  ['fd00::1', 'inside'],
  ['fe80::1', 'inside'],
  ['203.0.113.9', 'outside'],
  ['stage.example.com', 'outside'],
])('%s is %s', (address, reach) => {
  expect(reachOf(address)).toBe(reach);
});
