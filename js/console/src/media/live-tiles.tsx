// What the publishers of a stage send, as it is seen.

export interface LiveTilesProps {
  readonly stageArn: string;
  /** Makes a token that may subscribe; rejects with an error whose message is for people. */
  readonly mint: () => Promise<string>;
}

export function LiveTiles(_props: LiveTilesProps) {
  return null;
}
