// The picture: a lane for each thing, bars for how long, marks for what happened.

import { useEffect, useRef, useState } from 'preact/hooks';

import { lasting } from '../parts/time';
import type { Mark, Span } from './lanes';
import { pan, placeOf, ticks, watch, zoom, type Range } from './scale';

export type BarKind = 'connected' | 'published' | 'subscribed' | 'replicated';

export interface Lane {
  readonly key: string;
  readonly label: string;
  readonly bars: readonly { readonly kind: BarKind; readonly spans: readonly Span[] }[];
  readonly marks: readonly Mark[];
}

const KINDS: Readonly<Record<BarKind, string>> = { connected: 'Connected', published: 'Published', subscribed: 'Subscribed', replicated: 'Replicated' };

const LABEL_WIDTH = 148;
const LABEL_CHARS = 17;
/** Below this width labels stand above their lanes. */
const WIDE = 560;
const BAR_HEIGHT = 9;
const BAR_GAP = 3;
const LANE_PADDING = 8;
const AXIS_HEIGHT = 24;
const TICK_DISTANCE = 84;
/** A bar that lasts no time is still seen. */
const BAR_WIDTH_MIN = 2;

interface TimelineProps {
  readonly label: string;
  readonly lanes: readonly Lane[];
  /** From the begin of the session to its end, or to the present. */
  readonly whole: Range;
}

export function Timeline({ label, lanes, whole }: TimelineProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [look, setLook] = useState<Range | undefined>(undefined);
  const [detail, setDetail] = useState('');
  const range = look ?? whole;
  const isWhole = look === undefined;
  const change = (next: Range) => setLook(next.to - next.from >= whole.to - whole.from ? undefined : next);
  const kinds = [...new Set(lanes.flatMap(({ bars }) => bars.map(({ kind }) => kind)))];
  return (
    <div class="timeline">
      <div class="timeline-head">
        <ul class="legend" aria-label="Legend">
          {kinds.map((kind) => (
            <li key={kind} data-kind={kind}>
              {KINDS[kind]}
            </li>
          ))}
          {lanes.some(hasReplica) && <li data-kind="replica">Of a replica</li>}
          <li data-kind="bad">Error</li>
        </ul>
        <div class="actions" role="group" aria-label="Part of the session that is shown">
          <button type="button" class="small" aria-label="Earlier" disabled={isWhole} onClick={() => change(pan(range, whole, -0.5))}>
            ←
          </button>
          <button type="button" class="small" aria-label="Later" disabled={isWhole} onClick={() => change(pan(range, whole, 0.5))}>
            →
          </button>
          <button type="button" class="small" aria-label="Closer" onClick={() => change(zoom(range, whole, 0.5))}>
            +
          </button>
          <button type="button" class="small" aria-label="Further away" disabled={isWhole} onClick={() => change(zoom(range, whole, 2))}>
            −
          </button>
          <button type="button" class="small" disabled={isWhole} onClick={() => setLook(undefined)}>
            Whole session
          </button>
        </div>
      </div>
      <div ref={frame} class="timeline-frame">
        {width > 0 && <Picture label={label} lanes={lanes} range={range} origin={whole.from} width={width} tell={setDetail} />}
      </div>
      <p class="timeline-detail" role="status">
        {detail === '' ? 'Point at a bar or a mark, or go there by the Tab key, to read what it is.' : detail}
      </p>
    </div>
  );
}

function hasReplica({ bars }: Lane): boolean {
  return bars.some(({ spans }) => spans.some(({ isReplica }) => isReplica));
}

function useWidth(frame: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return width;
}

interface PictureProps {
  readonly label: string;
  readonly lanes: readonly Lane[];
  readonly range: Range;
  readonly origin: number;
  readonly width: number;
  readonly tell: (detail: string) => void;
}

function Picture({ label, lanes, range, origin, width, tell }: PictureProps) {
  const isWide = width >= WIDE;
  const left = isWide ? LABEL_WIDTH : 0;
  const plot = width - left - 1;
  const heightOf = (lane: Lane) => LANE_PADDING * 2 + lane.bars.length * (BAR_HEIGHT + BAR_GAP) - BAR_GAP + (isWide ? 0 : 18);
  let height = AXIS_HEIGHT;
  const tops = lanes.map((lane) => {
    const top = height;
    height += Math.max(heightOf(lane), isWide ? 30 : 0);
    return top;
  });
  const times = ticks(range, origin, Math.max(2, Math.floor(plot / TICK_DISTANCE)));
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label={label}>
      <g class="axis" aria-hidden="true">
        {times.map((at) => {
          const x = left + placeOf(at, range, plot);
          return (
            <g key={at}>
              <line x1={x} x2={x} y1={AXIS_HEIGHT - 4} y2={height} />
              {/* A label at either edge stays inside. */}
              <text x={x} y={14} text-anchor={x - left < 24 ? 'start' : x > width - 24 ? 'end' : 'middle'}>
                {watch(at - origin)}
              </text>
            </g>
          );
        })}
      </g>
      {lanes.map((lane, at) => (
        <LaneRow key={lane.key} lane={lane} top={tops[at] ?? 0} height={(tops[at + 1] ?? height) - (tops[at] ?? 0)} {...{ range, origin, left, plot, width, isWide, tell }} />
      ))}
    </svg>
  );
}

interface LaneProps extends Omit<PictureProps, 'lanes' | 'label'> {
  readonly lane: Lane;
  readonly top: number;
  readonly height: number;
  readonly left: number;
  readonly plot: number;
  readonly isWide: boolean;
}

function LaneRow({ lane, top, height, range, origin, left, plot, width, isWide, tell }: LaneProps) {
  const first = top + LANE_PADDING + (isWide ? 0 : 18);
  const isSeen = (from: number, to: number) => to >= range.from && from <= range.to;
  const shown = shorten(lane.label, isWide ? LABEL_CHARS : Math.floor(width / 8));
  return (
    <g>
      <line class="rule" x1={0} x2={width} y1={top} y2={top} />
      <text class="lane" x={0} y={isWide ? top + height / 2 : top + 18} dominant-baseline={isWide ? 'middle' : undefined}>
        {shown}
      </text>
      {lane.bars.map(({ kind, spans }, row) =>
        spans
          .filter(({ from, to }) => isSeen(from, to))
          .map((span) => {
            const x = Math.max(0, placeOf(span.from, range, plot));
            const end = Math.min(plot, placeOf(span.to, range, plot));
            const words = barWords(lane.label, kind, span, origin);
            return (
              <rect
                key={`${kind} ${span.from}`}
                class="bar-span"
                data-kind={kind}
                data-open={span.isOpen}
                data-replica={span.isReplica}
                x={left + Math.min(x, plot - BAR_WIDTH_MIN)}
                y={first + row * (BAR_HEIGHT + BAR_GAP)}
                width={Math.max(end - x, BAR_WIDTH_MIN)}
                height={BAR_HEIGHT}
                rx={2}
                {...readable(words, tell)}
              />
            );
          }),
      )}
      {lane.marks
        .filter(({ at }) => isSeen(at, at))
        .map((mark) => {
          const x = left + placeOf(mark.at, range, plot);
          const y = first + (lane.bars.length * (BAR_HEIGHT + BAR_GAP) - BAR_GAP) / 2;
          return (
            <path
              key={`${mark.at} ${mark.words}`}
              class="mark"
              data-tone={mark.tone}
              d={`M${x - 6.5} ${y} L${x} ${y - 6.5} L${x + 6.5} ${y} L${x} ${y + 6.5} Z`}
              {...readable(`${watch(mark.at - origin)} ${mark.words}`, tell)}
            />
          );
        })}
    </g>
  );
}

/** Reached by pointer and keyboard, and read by both. */
function readable(words: string, tell: (detail: string) => void) {
  return {
    tabIndex: 0,
    role: 'img' as const,
    'aria-label': words,
    onFocus: () => tell(words),
    onPointerEnter: () => tell(words),
  };
}

function barWords(label: string, kind: BarKind, { from, to, isOpen, isReplica }: Span, origin: number): string {
  const plain = label === KINDS[kind] ? label : `${label}, ${KINDS[kind].toLowerCase()}`;
  const what = isReplica ? `${plain}${kind === 'subscribed' ? ' to a replica' : ' as a replica'}` : plain;
  const end = isOpen ? 'goes on' : `to ${watch(to - origin)}`;
  return `${what}: from ${watch(from - origin)} ${end} (${lasting(to - from)})`;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
