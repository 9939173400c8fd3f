import { expect, test } from 'vitest';

import { cliCommand, cliSetup, kebab, quote } from './cli';

const ARN = 'arn:aws:ivs:us-east-1:000000000000:stage/demo';

test('names of operations and members become words with dashes', () => {
  expect(kebab('CreateParticipantToken')).toBe('create-participant-token');
  expect(kebab('filterByStageArn')).toBe('filter-by-stage-arn');
  expect(kebab('s3')).toBe('s3');
});

test('words that a shell leaves alone are not quoted, all others are', () => {
  expect(quote(ARN)).toBe(ARN);
  expect(quote('')).toBe("''");
  expect(quote('two words')).toBe("'two words'");
  expect(quote("it's")).toBe(`'it'\\''s'`);
  expect(quote('$HOME `x` ~')).toBe("'$HOME `x` ~'");
});

test('a short command stays on its line, and an absent member is left out', () => {
  expect(cliCommand('ListStages', {})).toBe('aws ivs-realtime list-stages');
  expect(cliCommand('UpdateStage', { arn: ARN, name: 'tour' })).toBe(`aws ivs-realtime update-stage --arn ${ARN} --name tour`);
});

test('lists are words, maps and structures are JSON, booleans are flags', () => {
  expect(cliCommand('CreateParticipantToken', { stageArn: ARN, capabilities: ['PUBLISH', 'SUBSCRIBE'], attributes: { seat: 'row 4' }, duration: 60 })).toBe(
    [
      'aws ivs-realtime create-participant-token',
      `--stage-arn ${ARN}`,
      '--capabilities PUBLISH SUBSCRIBE',
      `--attributes '{"seat":"row 4"}'`,
      '--duration 60',
    ].join(' \\\n  '),
  );
  expect(cliCommand('DeleteIngestConfiguration', { arn: 'a', force: true })).toBe('aws ivs-realtime delete-ingest-configuration --arn a --force');
  expect(cliCommand('DeleteIngestConfiguration', { arn: 'a', force: false })).toBe('aws ivs-realtime delete-ingest-configuration --arn a --no-force');
  expect(cliCommand('CreateStorageConfiguration', { s3: { bucketName: 'recordings' } })).toBe(
    `aws ivs-realtime create-storage-configuration --s3 '{"bucketName":"recordings"}'`,
  );
});

test('an empty text is said, since it means something', () => {
  expect(cliCommand('UpdateIngestConfiguration', { arn: 'a', stageArn: '' })).toBe(
    "aws ivs-realtime update-ingest-configuration --arn a --stage-arn ''",
  );
});

test('values that look like options do not become some', () => {
  expect(cliCommand('UpdateStage', { arn: 'a', name: '-x' })).toBe('aws ivs-realtime update-stage --arn a --name=-x');
  expect(cliCommand('UntagResource', { resourceArn: 'a', tagKeys: ['-x', 'y'] })).toBe(
    `aws ivs-realtime untag-resource --resource-arn a --tag-keys '["-x","y"]'`,
  );
});

test('a value that the CLI would read from a file is given as JSON', () => {
  expect(cliCommand('CreateParticipantToken', { stageArn: 'a', userId: 'file:///etc/passwd' })).toBe(
    `aws ivs-realtime create-participant-token --cli-input-json '{"stageArn":"a","userId":"file:///etc/passwd"}'`,
  );
});

test('a text of many lines is one word', () => {
  const pem = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n';
  expect(cliCommand('ImportPublicKey', { publicKeyMaterial: pem })).toBe(`aws ivs-realtime import-public-key \\\n  --public-key-material='${pem}'`);
});

test('the lines for a shell show a secret only if it is given', () => {
  expect(cliSetup('http://localhost:7400', 'AKIA', 'us-east-1')).toContain('AWS_SECRET_ACCESS_KEY=…');
  expect(cliSetup('http://localhost:7400', 'test', 'us-east-1', 'te st')).toContain("AWS_SECRET_ACCESS_KEY='te st'");
});

test('a replication is one command, with its numbers and maps', () => {
  const ids = { sourceStageArn: ARN, destinationStageArn: `${ARN}-2`, participantId: 'ana' };
  expect(cliCommand('StartParticipantReplication', { ...ids, reconnectWindowSeconds: 0, attributes: { role: 'guest' } })).toBe(
    [
      'aws ivs-realtime start-participant-replication',
      `--source-stage-arn ${ARN}`,
      `--destination-stage-arn ${ARN}-2`,
      '--participant-id ana',
      '--reconnect-window-seconds 0',
      `--attributes '{"role":"guest"}'`,
    ].join(' \\\n  '),
  );
});
