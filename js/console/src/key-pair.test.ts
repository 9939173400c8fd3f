import { createPublicKey, createPrivateKey } from 'node:crypto';

import { expect, test } from 'vitest';

import { makeKeyPair } from './key-pair';

test('a pair is P-384, as PEM that other tools read, and its halves belong together', async () => {
  const pair = await makeKeyPair();
  const [secret, open] = [createPrivateKey(pair.privateKey), createPublicKey(pair.publicKey)];
  expect(secret.asymmetricKeyDetails?.namedCurve).toBe('secp384r1');
  expect(createPublicKey(pair.privateKey).equals(open)).toBe(true);
  expect(pair.publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END PUBLIC KEY-----\n$/);
});
