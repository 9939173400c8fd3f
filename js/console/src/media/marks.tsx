// Small pictures with a word for those who do not see them.

interface MarkProps {
  readonly label: string;
  readonly path: string;
}

function Mark({ label, path }: MarkProps) {
  return (
    <svg class="mark" viewBox="0 0 24 24" role="img" aria-label={label}>
      <title>{label}</title>
      <path d={path} />
    </svg>
  );
}

export const MicrophoneOff = () => (
  <Mark label="Microphone off" path="M12 3a3 3 0 0 0-3 3v4m6 1V6m-9 5a6 6 0 0 0 9 5.2M18 11a6 6 0 0 1-.6 2.6M12 17v4M4 4l16 16" />
);
export const CameraOff = () => <Mark label="Camera off" path="M4 7h1m4 0h5v6m0 3v1H4V7m10 4 6-4v10l-2-1.3M4 3l17 18" />;
export const Speaking = () => <Mark label="Speaking" path="M4 10v4m4-7v10m4-13v16m4-13v10m4-7v4" />;

/** Two frames, one behind the other. */
export const Replica = ({ from }: { from: string }) => <Mark label={`Replica from the stage ${from}`} path="M4 16V5h12M8 9h12v10H8z" />;

/** Four bars; none are filled while nothing is known. */
export function Bars({ filled, label }: { filled: number; label: string }) {
  return (
    <svg class="mark bars" viewBox="0 0 24 24" role="img" aria-label={label} data-filled={filled}>
      <title>{label}</title>
      {[0, 1, 2, 3].map((at) => (
        <rect key={at} x={3 + at * 5} y={16 - at * 4} width="3.5" height={5 + at * 4} class={at < filled ? 'filled' : undefined} />
      ))}
    </svg>
  );
}
