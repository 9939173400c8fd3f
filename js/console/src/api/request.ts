// An operation as an HTTP request, before it is signed.

import type { Input, OperationName } from './shapes';

export interface PlainRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Percent-encoded, as it stands in the address. */
  readonly path: string;
  readonly query: Readonly<Record<string, string[]>>;
  readonly body: string | undefined;
}

export function requestOf<Name extends OperationName>(name: Name, input: Input<Name>): PlainRequest {
  const members = input as Readonly<Record<string, unknown>>;
  const tags = () => `/tags/${escapePath(String(members['resourceArn']))}`;
  switch (name) {
    case 'ListTagsForResource':
      return { method: 'GET', path: tags(), query: {}, body: undefined };
    case 'TagResource':
      return { method: 'POST', path: tags(), query: {}, body: JSON.stringify({ tags: members['tags'] }) };
    case 'UntagResource':
      return { method: 'DELETE', path: tags(), query: { tagKeys: members['tagKeys'] as string[] }, body: undefined };
    default:
      return { method: 'POST', path: `/${name}`, query: {}, body: JSON.stringify(input) };
  }
}

/** RFC 3986: `encodeURIComponent` leaves some marks that signatures count as encoded. */
export function escapePath(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function queryText(query: PlainRequest['query']): string {
  const pairs = Object.entries(query).flatMap(([key, values]) => values.map((value) => `${escapePath(key)}=${escapePath(value)}`));
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
