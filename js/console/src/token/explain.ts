// Asking the administration why a token is refused; docs/admin.md.

import { administer } from '../api/administration';

export interface Explanation {
  readonly kind: string;
  readonly signer?: string;
  readonly publicKeyArn?: string;
  readonly signature: 'VERIFIED' | 'REFUSED' | 'NOT_CHECKED';
  readonly accepted: boolean;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

/** Rejects with an error whose message is for people. */
export function explain(token: string, adminKey: string): Promise<Explanation> {
  return administer('token', adminKey, { token });
}
