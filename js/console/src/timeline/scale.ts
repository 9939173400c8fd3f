// From time to place and back, and where the labels stand.

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The closest look: below a second there is nothing to see. */
const SPAN_MS_MIN = 1000;

const STEPS_MS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
].map((seconds) => seconds * 1000);

/** Times at round distances, `count` of them at most, counted from the begin of `origin`. */
export function ticks(range: Range, origin: number, count: number): number[] {
  const span = range.to - range.from;
  const step = STEPS_MS.find((one) => span / one <= count) ?? Math.ceil(span / Math.max(count, 1));
  const found: number[] = [];
  for (let at = origin + Math.ceil((range.from - origin) / step) * step; at <= range.to; at += step) found.push(at);
  return found;
}

export function placeOf(at: number, range: Range, width: number): number {
  return ((at - range.from) / (range.to - range.from)) * width;
}

/** A look `factor` times as wide around its middle, inside of `whole`. */
export function zoom(range: Range, whole: Range, factor: number): Range {
  const middle = (range.from + range.to) / 2;
  const span = Math.min(Math.max((range.to - range.from) * factor, SPAN_MS_MIN), whole.to - whole.from);
  return inside({ from: middle - span / 2, to: middle + span / 2 }, whole);
}

/** Moved by a part of its own width, inside of `whole`. */
export function pan(range: Range, whole: Range, part: number): Range {
  const by = (range.to - range.from) * part;
  return inside({ from: range.from + by, to: range.to + by }, whole);
}

function inside(range: Range, whole: Range): Range {
  const span = range.to - range.from;
  const from = Math.min(Math.max(range.from, whole.from), whole.to - span);
  return { from, to: from + span };
}

/** Time since the begin of the session, as on a watch: `0:05`, `12:30`, `1:02:03`. */
export function watch(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
