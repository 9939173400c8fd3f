// What the administration tells of ingest, `GET /_downstage/ingest`; docs/admin.md.

import { administer } from '../api/administration';

export interface IngestReport {
  readonly configurations: readonly IngestStatus[];
  /** Of those who named no configuration, newest first. */
  readonly refusals: readonly Refusal[];
}

export interface IngestStatus {
  readonly arn: string;
  readonly streams: readonly IngestStream[];
  readonly lastRefusal?: Refusal;
}

/** What is not measured yet is missing. */
export interface IngestStream {
  readonly participantId: string;
  readonly protocol: string;
  readonly address: string;
  readonly encoder: string;
  readonly since: string;
  /** Whether viewers see this one of a redundant pair. */
  readonly activeLeg: boolean;
  readonly video: {
    readonly codec?: string;
    readonly width?: number;
    readonly height?: number;
    readonly layers?: number;
    readonly framesPerSecond?: number;
    readonly keyFrameIntervalMs?: number;
    readonly bitrateBps?: number;
  };
  readonly audio: { readonly sampleRateHz?: number; readonly channels?: number; readonly bitrateBps?: number };
}

export interface Refusal {
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly address?: string;
}

export function readReport(adminKey: string): Promise<IngestReport> {
  return administer('ingest', adminKey);
}

export function statusOf(report: IngestReport | undefined, arn: string): IngestStatus | undefined {
  return report?.configurations.find((one) => one.arn === arn);
}

/** The streams of a configuration, the one that viewers see first. */
export function streamsOf(report: IngestReport | undefined, arn: string): readonly IngestStream[] {
  return [...(statusOf(report, arn)?.streams ?? [])].sort((one, other) => Number(other.activeLeg) - Number(one.activeLeg));
}
