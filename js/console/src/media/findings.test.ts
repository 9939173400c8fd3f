import { expect, test } from 'vitest';

import type { Candidate } from './candidates';
import { findings } from './findings';
import type { Fault, Probe, Way } from './probe';

const at = (address: string, protocol: 'udp' | 'tcp' = 'udp'): Candidate => ({ protocol, address, port: 7401, type: 'host' });

function probed(way: Way, fault?: Partial<Fault>, offered: Candidate[] = [at('203.0.113.9')]): Probe {
  return { way, took: {}, offered, gathered: [], ice: [], ...(fault && { fault: { at: 'ice', message: '', code: '', ...fault } }) };
}

const text = (probes: Probe[], host = 'stage.example.com') =>
  findings(probes, host)
    .map(({ tone, title, advice }) => `${tone}: ${title} ${advice}`.trim())
    .join('\n');

test('where everything works there is one line', () => {
  expect(findings([probed('udp'), probed('tcp')], 'localhost')).toEqual([
    { tone: 'live', title: 'Media flows between this browser and the server.', advice: '' },
  ]);
});

test('without UDP it is said what is lost and which port is to be opened', () => {
  const words = text([probed('udp', { code: 'TIMEOUT' }), probed('tcp')]);
  expect(words).toContain('busy: Media flows by TCP only.');
  expect(words).toContain('UDP: nothing answers at 203.0.113.9:7401/udp. Open port 7401 (UDP)');
});

test('an address of the machine itself is explained to somebody on another', () => {
  const words = text([probed('udp', {}, [at('127.0.0.1')]), probed('tcp', {}, [at('127.0.0.1', 'tcp')])]);
  expect(words).toContain('bad: No media flows');
  expect(words).toContain('--external-ip');
  expect(text([probed('udp', {}, [at('127.0.0.1')])], '127.0.0.1')).not.toContain('--external-ip');
});

test('a private address is doubted where the page came from outside', () => {
  expect(text([probed('udp', {}, [at('10.0.0.4')])])).toContain('--external-ip');
  expect(text([probed('udp', {}, [at('10.0.0.4')])], '10.0.0.4')).not.toContain('--external-ip');
});

test('another address than the page came from may be the wrong one', () => {
  expect(text([probed('udp', {}, [at('203.0.113.9')])], '203.0.113.4')).toContain('If clients reach the server by another address');
  expect(text([probed('udp', {}, [at('2001:db8::1')])], '[2001:db8::1]')).not.toContain('--external-ip');
});

test('what fails before media is said once', () => {
  const fault = { at: 'socket', code: '' } as const;
  expect(findings([probed('udp', fault), probed('tcp', fault)], 'localhost')).toHaveLength(1);
  expect(text([probed('udp', fault)])).toContain('The WebSocket does not open. See whether');
  expect(text([probed('udp', { at: 'answer', code: 'TOKEN_NOT_ALLOWED', message: 'the token may not subscribe' })])).toContain(
    'does not let this browser in (the token may not subscribe). The test receives',
  );
});

test('a path without encryption, a way that is not offered, and a silent relay have words of their own', () => {
  expect(text([probed('udp', { at: 'dtls' })])).toContain('packets arrive, but the encryption');
  expect(text([probed('udp'), probed('tcp', { code: 'NONE_OFFERED' }, [])])).toContain('busy: TCP: the server offers no address.');
  expect(text([probed('udp'), probed('relay', { code: 'TIMEOUT' })])).toContain('no relay answers');
});
