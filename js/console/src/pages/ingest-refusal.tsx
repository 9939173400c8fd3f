// The last refusal: what was wrong, and what to do about it.

import { detailOf, wordsOf } from '../ingest/refusals';
import type { Refusal } from '../ingest/report';
import { Time } from '../parts/time';

export function RefusalBox({ refusal }: { refusal: Refusal }) {
  const { what, then } = wordsOf(refusal);
  const detail = detailOf(refusal);
  return (
    <div class="refusal" role="group" aria-label="Last refusal">
      <p>
        <strong>{what}</strong> {then}
      </p>
      <p class="quiet">
        Last refusal, <Time iso={refusal.at} />
        {refusal.address === undefined ? '' : ` from ${refusal.address}`}: <code>{refusal.code}</code>
        {detail === '' ? '' : `. ${detail}`}
      </p>
    </div>
  );
}
