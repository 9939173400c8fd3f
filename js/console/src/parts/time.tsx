// Moments and lengths of time, for people.

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function Time({ iso }: { iso: string | undefined }) {
  const at = Date.parse(iso ?? '');
  if (Number.isNaN(at)) return <span class="quiet none">–</span>;
  return (
    <time dateTime={iso} title={iso}>
      {MOMENT.format(at)}
    </time>
  );
}

/** Two units at most: `1 h 3 min`, `12 s`, `340 ms`. */
export function lasting(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  const units: [string, number][] = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ];
  const first = units.findIndex(([, count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) => `${count} ${unit}`)
    .join(' ');
}
