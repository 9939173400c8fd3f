// Asking the administration why a token is refused; docs/admin.md.

export interface Explanation {
  readonly kind: string;
  readonly signer?: string;
  readonly publicKeyArn?: string;
  readonly signature: 'VERIFIED' | 'REFUSED' | 'NOT_CHECKED';
  readonly accepted: boolean;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

/** Rejects with an error whose message is for people. */
export async function explain(token: string, adminKey: string): Promise<Explanation> {
  let answer: Response;
  try {
    answer = await fetch('/_downstage/token', {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
      cache: 'no-store',
      redirect: 'error',
    });
  } catch {
    throw new Error('The server cannot be reached. Does it run?');
  }
  const body = (await answer.json().catch(() => ({}))) as { message?: string };
  if (answer.ok) return body as Explanation;
  if (answer.status === 404 || body.message === undefined) throw new Error('This server has no administration; set admin.key in its configuration.');
  throw new Error(body.message);
}
