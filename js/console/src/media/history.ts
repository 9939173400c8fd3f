// The last minute of some measurements, for charts.

/** How far back charts look, and how often is measured. */
export const WINDOW_S = 60;
export const SAMPLE_MS = 1000;

export interface Sample {
  /** Seconds on any steady clock. */
  readonly at: number;
  /** What was not measured is missing. */
  readonly values: Readonly<Record<string, number | undefined>>;
}

export type History = readonly Sample[];

/** The samples of the last minute, with one more. */
export function added(history: History, sample: Sample): History {
  return [...history.filter(({ at }) => at > sample.at - WINDOW_S && at < sample.at), sample];
}

/** The names that begin with `prefix` and have a value in the window, without it, in the order of their first sight. */
export function names(history: History, prefix: string): string[] {
  const found = new Set<string>();
  for (const { values } of history) {
    for (const [name, value] of Object.entries(values)) if (name.startsWith(prefix) && value !== undefined) found.add(name.slice(prefix.length));
  }
  return [...found];
}

/** Columns as charts want them: seconds before the last sample (none above 0), then a column for each name, with gaps as `null`. */
export function columns(history: History, of: readonly string[]): [number[], ...(number | null)[][]] {
  const now = history.at(-1)?.at ?? 0;
  return [history.map(({ at }) => at - now), ...of.map((name) => history.map(({ values }) => values[name] ?? null))];
}

export function latest(history: History, name: string): number | undefined {
  return history.at(-1)?.values[name];
}
