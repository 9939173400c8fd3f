// Requests to the administration, with its own key; docs/admin.md.

/** The administration does not want this key, or there is none to ask: asking again with it changes nothing. */
export class NotAdmitted extends Error {}

const UNREACHABLE = 'The server cannot be reached. Does it run?';
const ABSENT = 'This server has no administration; set admin.key in its configuration.';
const WRONG_KEY = 'The administration key is wrong.';

/** A GET, or a POST of `body` where there is one. Rejects with an error whose message is for people. */
export async function administer<Answer>(path: string, key: string, body?: unknown): Promise<Answer> {
  let answer: Response;
  try {
    answer = await fetch(`/_downstage/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      redirect: 'error',
    });
  } catch {
    throw new Error(UNREACHABLE);
  }
  const told = (await answer.json().catch(() => undefined)) as unknown;
  if (answer.ok) return told as Answer;
  throw faultOf(answer.status, answer.headers.has('x-amzn-errortype'), told);
}

/** `isOfApi`: without an administration its paths are unknown ones of the API. */
export function faultOf(status: number, isOfApi: boolean, body: unknown): Error {
  const { message } = (body ?? {}) as { message?: unknown };
  if (isOfApi || status === 404 || typeof message !== 'string') return status < 500 ? new NotAdmitted(ABSENT) : new Error(`The server answered ${status}.`);
  if (status === 401) return new NotAdmitted(WRONG_KEY);
  return status === 403 ? new NotAdmitted(message) : new Error(message);
}
