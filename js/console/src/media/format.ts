// Numbers as people read them.

/** `1.25 Mbit/s`, `320 kbit/s`. */
export function bitrate(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined || !Number.isFinite(bitsPerSecond)) return '–';
  if (bitsPerSecond >= 1e6) return `${trimmed(bitsPerSecond / 1e6, 2)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** Of a share from 0 to 1. What is little but not nothing does not read as nothing. */
export function percent(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return '–';
  if (share > 0 && share < 0.001) return '<0.1 %';
  return `${trimmed(share * 100, share < 0.1 ? 1 : 0)} %`;
}

export function milliseconds(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  if (value >= 1000) return `${trimmed(value / 1000, 1)} s`;
  return `${trimmed(value, value < 10 ? 1 : 0)} ms`;
}

export function framesPerSecond(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '–' : `${Math.round(value)} fps`;
}

export function size(width: number | undefined, height: number | undefined): string {
  return width === undefined || height === undefined || width === 0 ? '–' : `${width}×${height}`;
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
