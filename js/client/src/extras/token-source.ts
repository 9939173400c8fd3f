/** Keeps the token of a stage fresh: what ends it is no trouble while the stage is joined, but is when it has to be joined anew. */

import { StageErrorCategory, StageErrorCode } from '../stage/enums';
import { StageError } from '../stage/errors';
import { log, LogLevels } from '../stage/log';
import type { Stage } from '../stage/stage';
import { viewOf } from '../stage/view';

export interface TokenSourceOptions {
  /** How long before its end a token is exchanged, in milliseconds; a minute by default. */
  aheadMs?: number;
}

const AHEAD_MS = 60_000;
const RETRY_MS = 10_000;
/** Longer timers fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Asks `source` for the next token of the same participant before the present one ends, and exchanges it. Gives what ends that.
 * Throws TOKEN_EXCHANGE_REQUEST_INVALID for a token that cannot be exchanged, which one made by the API is.
 */
export function keepToken(stage: Stage, source: () => Promise<string>, { aheadMs = AHEAD_MS }: TokenSourceOptions = {}): () => void {
  const view = viewOf(stage);
  if (!view.token.isSelfSigned) {
    const message = 'only tokens that are signed with an imported key can be exchanged';
    throw new StageError(StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID, StageErrorCategory.JOIN_ERROR, message);
  }
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (leastMs: number) => {
    if (isOver || view.token.expires === Number.POSITIVE_INFINITY) return;
    const due = view.token.expires - aheadMs - Date.now();
    timer = setTimeout(due > TIMER_MAX_MS ? () => wait(0) : renew, Math.min(Math.max(due, leastMs), TIMER_MAX_MS));
  };
  const renew = async () => {
    try {
      const token = await source();
      if (!isOver) await stage.exchangeToken(token);
    } catch (error) {
      log(LogLevels.WARN, 'the token could not be renewed', error);
    }
    // Also after a success: a source that gives old tokens is not to be asked all the time.
    wait(RETRY_MS);
  };
  wait(0);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
