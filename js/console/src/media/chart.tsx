// One measurement over the last minute, as lines. What it shows now also stands beside it as text.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { theme } from '../theme';
import { columns, latest, type History, WINDOW_S } from './history';

export interface Series {
  /** Of the sample's value. */
  readonly name: string;
  readonly label: string;
}

interface ChartProps {
  readonly title: string;
  readonly history: History;
  readonly series: readonly Series[];
  /** The axis reaches so high at least. */
  readonly least: number;
  readonly text: (value: number | undefined) => string;
}

const HEIGHT = 110;
const AXIS_WIDTH = 62;
const FONT = '11px system-ui, sans-serif';

export function Chart({ title, history, series, least, text }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const names = series.map(({ name }) => name);
  const key = names.join(' ');
  const look = useLook();
  const data = columns(history, names) as uPlot.AlignedData;
  const newest = useRef(data);
  newest.current = data;

  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    const made = new uPlot(optionsOf(parent, series, least, text), newest.current, parent);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height: HEIGHT }));
    observer.observe(parent);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // A plot is made anew for other lines or colours only; its values come below.
  }, [key, look]);
  useEffect(() => plot.current?.setData(newest.current), [history]);

  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <span class="legend">
          {series.map(({ name, label }) => (
            <span key={name} data-series={seriesOf(name)}>
              {label === '' ? '' : `${label} `}
              <span class="legend-value">{text(latest(history, name))}</span>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={`${title} over the last minute`} />
    </figure>
  );
}

/** Which colour: layers have their own. */
export function seriesOf(name: string): string {
  const layer = name.split(':')[1] ?? '';
  return ['hi', 'mid', 'low'].includes(layer) ? layer : 'single';
}

function optionsOf(parent: HTMLElement, series: readonly Series[], least: number, text: ChartProps['text']): uPlot.Options {
  const colour = (name: string) => colourOf(parent, name);
  const grid = { stroke: colour('--chart-grid'), width: 1 };
  const axis = { stroke: colour('--chart-text'), font: FONT, grid, ticks: { show: false } };
  return {
    width: Math.max(parent.clientWidth, 1),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 16, 0, 0],
    scales: { x: { time: false, range: [-WINDOW_S, 0] }, y: { range: (_plot, _min, max) => [0, Math.max(least, (max ?? 0) * 1.1)] } },
    axes: [
      { ...axis, size: 22, splits: [-60, -40, -20, 0], values: (_plot, splits) => splits.map((at) => (at === 0 ? 'now' : `${at} s`)) },
      { ...axis, size: AXIS_WIDTH, space: 34, values: (_plot, splits) => splits.map((value) => text(value)) },
    ],
    series: [{}, ...series.map(({ name }) => ({ stroke: colour(`--series-${seriesOf(name)}`), width: 2, points: { show: false } }))],
  };
}

/** A custom property as canvases understand it: resolved for the look in force. */
function colourOf(parent: HTMLElement, name: string): string {
  const before = parent.style.color;
  parent.style.color = `var(${name})`;
  const { color } = getComputedStyle(parent);
  parent.style.color = before;
  return color;
}

/** Another value for each look of the page: colours are read when a plot is made. */
function useLook(): string {
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const look = () => setDark(query.matches);
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  return `${theme.value} ${isDark}`;
}

export function Charts({ children }: { children: ComponentChildren }) {
  return <div class="charts">{children}</div>;
}
