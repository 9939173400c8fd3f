// Calls of the control API, as any SDK makes them.

import { errorOf, ApiError } from './error';
import { requestOf } from './request';
import type { Input, Listing, OperationName, Output } from './shapes';
import { sign, type Credentials, type SignedRequest } from './sign';

/** A signature holds for five minutes around the server's time; this much earlier the difference is made up for. */
const SKEW_TOLERATED_MS = 60_000;
/** The API gives at most so many entries on a page. */
const PAGE_SIZE = 100;
/** A listing is not followed further: nobody reads that many rows. */
export const ENTRIES_MAX = 1000;

export type Send = (request: SignedRequest) => Promise<Response>;

export interface Api {
  call<Name extends OperationName>(name: Name, input: Input<Name>): Promise<Output<Name>>;
  /** Every page of a listing, up to `ENTRIES_MAX` entries. */
  all<Name extends Listing, Entry>(name: Name, input: Input<Name>, entries: (page: Output<Name>) => readonly Entry[]): Promise<Entry[]>;
}

/** An API at `origin`. `now` is the time of this machine in milliseconds; the server's own replaces it where they differ. */
export function openApi(origin: string, credentials: Credentials, send: Send = sendByFetch, now: () => number = Date.now): Api {
  let skewMs = 0;

  /** Whether the server's time is another than was signed with. */
  const learnTime = (answer: Response): boolean => {
    const date = Date.parse(answer.headers.get('date') ?? '');
    if (Number.isNaN(date)) return false;
    const skew = date - now();
    const isNews = Math.abs(skew - skewMs) > SKEW_TOLERATED_MS;
    if (isNews) skewMs = skew;
    return isNews;
  };

  const attempt = async <Name extends OperationName>(name: Name, input: Input<Name>): Promise<Response> => {
    const signed = await sign(requestOf(name, input), origin, credentials, new Date(now() + skewMs));
    try {
      return await send(signed);
    } catch {
      throw new ApiError('Unreachable', '', 0);
    }
  };

  const call = async <Name extends OperationName>(name: Name, input: Input<Name>): Promise<Output<Name>> => {
    let answer = await attempt(name, input);
    // A refused signature changed nothing, so that it can be made again.
    if (answer.status === 403 && learnTime(answer)) answer = await attempt(name, input);
    const body = await answer.text();
    if (!answer.ok) throw errorOf(answer.status, answer.headers, body);
    return (body === '' ? {} : JSON.parse(body)) as Output<Name>;
  };

  return {
    call,
    async all(name, input, entries) {
      const found = [];
      let nextToken: string | undefined;
      do {
        const page = await call(name, { maxResults: PAGE_SIZE, ...input, ...(nextToken === undefined ? {} : { nextToken }) });
        found.push(...entries(page));
        nextToken = (page as { nextToken?: string }).nextToken;
      } while (nextToken !== undefined && found.length < ENTRIES_MAX);
      return found;
    },
  };
}

const sendByFetch: Send = ({ url, method, headers, body }) =>
  fetch(url, { method, headers, body: body ?? null, credentials: 'omit', cache: 'no-store', redirect: 'error' });
