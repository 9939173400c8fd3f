/** Errors of the stage API, and how failures of the transport become such. */

import type { Failure } from '../core/contract';
import { type RealTimeConnectionErrorCode, StageErrorCategory, StageErrorCode } from './enums';

export class StageError extends Error {
  override readonly name = 'StageError';

  constructor(
    readonly code: StageErrorCode,
    readonly category: StageErrorCategory,
    message: string,
    readonly details?: Record<string, unknown>,
  ) {
    super(message);
  }

  override toString(): string {
    return `${this.name} ${this.code} (${StageErrorCode[this.code]}, ${this.category}): ${this.message}`;
  }
}

export class RealTimeConnectionError extends Error {
  override readonly name = 'RealTimeConnectionError';

  constructor(
    readonly code: RealTimeConnectionErrorCode,
    message: string,
  ) {
    super(message);
  }

  override toString(): string {
    return `${this.name} ${this.code}: ${this.message}`;
  }
}

/** What has no code of its own has failed, as the network does. The name in words stays in the details. */
export function stageError({ code, category, message, pid }: Failure): StageError {
  const known = StageErrorCode[code as keyof typeof StageErrorCode] ?? StageErrorCode.FAILED;
  const of = StageErrorCategory[category as keyof typeof StageErrorCategory] ?? StageErrorCategory.SUBSCRIBE_ERROR;
  return new StageError(known, of, message, { reason: code, ...(pid !== undefined && { participantId: pid }) });
}

/** What the transport rejects with is a failure; anything else is a mistake of ours. */
export function stageErrorOf(error: unknown): StageError {
  if (error instanceof StageError) return error;
  const { code, category, message } = Object(error) as Partial<Failure>;
  if (code !== undefined && category !== undefined) return stageError(error as Failure);
  return new StageError(StageErrorCode.FAILED, StageErrorCategory.JOIN_ERROR, message ?? String(error));
}
