// AWS Signature Version 4 in the browser, with a SHA-256 that needs no secure context.

import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

import { queryText, type PlainRequest } from './request';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface SignedRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** Signs for the origin, which is `http://host:port` without a path. */
export async function sign(request: PlainRequest, origin: string, credentials: Credentials, now: Date): Promise<SignedRequest> {
  const { protocol, host, hostname, port } = new URL(origin);
  const signer = new SignatureV4({ service: 'ivs', region: credentials.region, credentials, sha256: Sha256 });
  const signed = await signer.sign(
    {
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      method: request.method,
      path: request.path,
      query: request.query,
      headers: { host, ...(request.body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: request.body,
    } as Parameters<SignatureV4['sign']>[0],
    { signingDate: now },
  );
  // The browser writes the host itself, and allows nobody else to.
  const { host: _host, ...headers } = signed.headers as Record<string, string>;
  return { url: `${origin}${request.path}${queryText(request.query)}`, method: request.method, headers, body: request.body };
}
