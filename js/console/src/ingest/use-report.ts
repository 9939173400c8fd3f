// The administration's word on ingest, again and again while a page is looked at.

import { NotAdmitted } from '../api/administration';
import { useLoad } from '../parts/load';
import { adminKey, refusedAdminKey } from '../server';
import { readReport, type IngestReport } from './report';

export interface Reported {
  readonly report: IngestReport | undefined;
  /** Whether figures need a key that is not known. */
  readonly needsKey: boolean;
  /** Why there is no report for a while. */
  readonly error: unknown;
}

export function useReport(everyMs: number): Reported {
  const key = adminKey.value;
  const needsKey = key === '' || key === refusedAdminKey.value?.key;
  const load = async () => {
    if (needsKey) return undefined;
    try {
      return await readReport(key);
    } catch (error) {
      if (error instanceof NotAdmitted) refusedAdminKey.value = { key, why: error.message };
      throw error;
    }
  };
  const { value, error } = useLoad(`report ${needsKey ? '' : key}`, load, everyMs);
  return { report: value, needsKey, error: needsKey ? undefined : error };
}
