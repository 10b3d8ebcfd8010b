// The last ten minutes: tick, phases, players, bytes, age, commits, caches. One plot each, their cursors together.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type {App, Page} from '../app';
import type {Sample} from '../data/types';
import {fill, h, say} from '../ui/dom';
import {bytes, integer, millis, percent, short} from '../ui/format';
import {color, onTheme} from '../ui/theme';

interface Line {
  label: string;
  color: string;
  read(sample: Sample): number | null | undefined;
  fill?: boolean;
}

interface Panel {
  title: string;
  unit(value: number): string;
  lines: Line[];
  /** A line across at this value. */
  limit?(sample: Sample): number | null;
  atLeast?: number;
}

const PHASES = ['receive', 'simulate', 'index', 'interest', 'replicate', 'commit'];

const PANELS: Panel[] = [
  {
    title: 'Tick',
    unit: millis,
    lines: [
      {label: 'P99', color: 'series-1', read: (s) => s.tick_ms[2], fill: true},
      {label: 'P50', color: 'series-2', read: (s) => s.tick_ms[1]},
      {label: 'mean', color: 'series-5', read: (s) => s.tick_ms[0]},
    ],
    limit: (s) => s.period_ms,
  },
  {
    title: 'Phases, P99',
    unit: millis,
    lines: PHASES.map((phase, i) => ({label: phase, color: `series-${i + 1}`, read: (s: Sample) => s.phases_ms[phase]?.[2]})),
  },
  {
    title: 'Players',
    unit: integer,
    lines: [
      {label: 'in play', color: 'series-1', read: (s) => s.players, fill: true},
      {label: 'lingering', color: 'series-3', read: (s) => s.lingering},
      {label: 'logging in', color: 'series-2', read: (s) => s.pending},
    ],
    atLeast: 10,
  },
  {
    title: 'Bytes a second',
    unit: (value) => `${bytes(value)}/s`,
    lines: [
      {label: 'out', color: 'series-1', read: (s) => s.bytes_out_per_s, fill: true},
      {label: 'in', color: 'series-2', read: (s) => s.bytes_in_per_s},
    ],
    atLeast: 1000,
  },
  {
    title: 'Age on the wire',
    unit: millis,
    lines: [
      {label: 'P99', color: 'series-1', read: (s) => s.age_ms[1], fill: true},
      {label: 'P50', color: 'series-2', read: (s) => s.age_ms[0]},
    ],
  },
  {
    title: 'Commits a second',
    unit: short,
    lines: [
      {label: 'commits', color: 'series-1', read: (s) => s.commits_per_s, fill: true},
      {label: 'refused', color: 'series-4', read: (s) => s.writes_refused_per_s},
    ],
    atLeast: 5,
  },
  {
    title: 'Commit time',
    unit: millis,
    lines: [
      {label: 'P99', color: 'series-1', read: (s) => s.commit_ms[1], fill: true},
      {label: 'P50', color: 'series-2', read: (s) => s.commit_ms[0]},
    ],
  },
  {
    title: 'Cache hits',
    unit: percent,
    lines: [
      {label: 'leaf blocks', color: 'series-1', read: (s) => s.block_hits_pct},
      {label: 'Redis', color: 'series-3', read: (s) => s.cache_hits_pct},
    ],
    atLeast: 100,
  },
  {
    title: 'Processor',
    unit: percent,
    lines: [
      {label: 'all threads', color: 'series-1', read: (s) => s.cpu_pct, fill: true},
      {label: 'zone thread', color: 'series-2', read: (s) => s.zone_cpu_pct},
      {label: 'stolen', color: 'series-4', read: (s) => s.steal_pct},
    ],
    atLeast: 100,
  },
];

const SPANS: Array<[string, number]> = [['1 min', 60], ['3 min', 180], ['10 min', 600]];
const HEIGHT = 150;

interface Drawn {
  panel: Panel;
  box: HTMLElement;
  now: HTMLElement;
  columns: Array<Array<number | null>>;
  limits: Array<number | null> | null;
  plot: uPlot | null;
}

export class PlotsPage implements Page {
  readonly element: HTMLElement;
  private readonly grid = h('div', {class: 'plots'});
  private readonly drawn: Drawn[];
  private readonly spanButtons: HTMLButtonElement[] = [];
  private span = 180;
  private end = 0;
  private shown = false;
  private paused = false;
  private readonly pauseButton = h('button', {type: 'button', class: 'button small toggle', 'aria-pressed': 'false', onclick: () => this.pause()}, 'Hold');

  constructor(private readonly app: App) {
    this.drawn = PANELS.map((panel) => ({
      panel,
      box: h('div', {class: 'plot'}),
      now: h('span', {class: 'plot-now'}),
      columns: panel.lines.map((line) => app.history.column(line.read)),
      limits: panel.limit ? app.history.column(panel.limit) : null,
      plot: null,
    }));
    fill(
      this.grid,
      ...this.drawn.map(({panel, box, now}) =>
        h('figure', {class: 'card', 'aria-label': panel.title}, h('figcaption', {}, h('h2', {}, panel.title), now), box),
      ),
    );
    this.element = h(
      'section',
      {class: 'page scroll', 'aria-label': 'Plots'},
      h(
        'div',
        {class: 'page-head'},
        h('h1', {}, 'Plots'),
        h(
          'div',
          {class: 'row'},
          this.pauseButton,
          h(
            'div',
            {class: 'segmented', role: 'group', 'aria-label': 'Span'},
            ...SPANS.map(([text, seconds]) => {
              const button = h('button', {type: 'button', 'aria-pressed': String(seconds === this.span), onclick: () => this.setSpan(seconds)}, text);
              button.dataset.span = String(seconds);
              this.spanButtons.push(button);
              return button;
            }),
          ),
        ),
      ),
      this.grid,
    );
    app.onSample(() => this.update());
    app.onPast(() => this.update());
    onTheme(() => this.rebuild());
    new ResizeObserver(() => this.resize()).observe(this.grid);
  }

  show(): void {
    this.shown = true;
    if (this.drawn[0]!.plot === null) this.rebuild();
    this.resize();
    this.update();
  }

  hide(): void {
    this.shown = false;
  }

  private setSpan(seconds: number): void {
    this.span = seconds;
    for (const button of this.spanButtons) button.setAttribute('aria-pressed', String(button.dataset.span === String(seconds)));
    this.update();
  }

  private pause(): void {
    this.paused = !this.paused;
    this.pauseButton.setAttribute('aria-pressed', String(this.paused));
    this.update();
  }

  private rebuild(): void {
    for (const each of this.drawn) {
      each.plot?.destroy();
      each.plot = null;
    }
    if (!this.shown) return;
    for (const each of this.drawn) each.plot = this.make(each);
    this.update();
  }

  private make({panel, box, limits}: Drawn): uPlot {
    const axis = {
      stroke: color('muted'),
      font: '11px Inter, sans-serif',
      grid: {stroke: color('plot-grid'), width: 1},
      ticks: {show: false},
    };
    const series: uPlot.Series[] = [
      {},
      ...panel.lines.map(
        (line): uPlot.Series => ({
          label: line.label,
          stroke: color(line.color),
          width: 1.6,
          fill: line.fill ? `${color(line.color)}1f` : undefined,
          points: {show: false},
          value: (_plot, value: number | null) => (value === null || value === undefined ? '–' : panel.unit(value)),
        }),
      ),
    ];
    if (limits) {
      series.push({label: 'period', stroke: color('limit'), width: 1, dash: [5, 4], points: {show: false}, value: (_p, value: number | null) => (value === null || value === undefined ? '–' : panel.unit(value))});
    }
    return new uPlot(
      {
        width: Math.max(200, box.clientWidth),
        height: HEIGHT,
        series,
        cursor: {sync: {key: 'plots'}, points: {size: 6}, drag: {x: false, y: false}},
        legend: {live: true, markers: {fill: (_plot, i) => color(i > panel.lines.length ? 'limit' : (panel.lines[i - 1]?.color ?? 'muted')), width: 0}},
        scales: {
          x: {time: true, range: () => [this.end - this.span, this.end]},
          y: {range: (_plot, _low, high) => [0, Math.max(panel.atLeast ?? 0, (high ?? 0) * 1.12) || 1]},
        },
        axes: [
          {...axis, size: 28, space: 74, values: (_plot, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString('en-GB'))},
          {...axis, size: 62, space: 28, values: (_plot, splits) => splits.map((value) => panel.unit(value).replace('.00', ''))},
        ],
      },
      [[], ...series.slice(1).map(() => [])] as unknown as uPlot.AlignedData,
      box,
    );
  }

  private resize(): void {
    for (const {plot, box} of this.drawn) {
      if (plot && box.clientWidth > 0 && plot.width !== box.clientWidth) plot.setSize({width: box.clientWidth, height: HEIGHT});
    }
  }

  private update(): void {
    const {latest, times} = this.app.history;
    if (!this.shown || !latest || this.paused) return;
    this.end = times.at(-1)!;
    for (const {panel, plot, columns, limits, now} of this.drawn) {
      if (!plot) continue;
      // Copies: a plot that is held must not change under its cursor.
      plot.setData([times.slice(), ...columns.map((column) => column.slice()), ...(limits ? [limits.slice()] : [])] as uPlot.AlignedData);
      // Without a cursor the legend tells of now.
      if ((plot.cursor.left ?? -1) < 0) plot.setLegend({idx: times.length - 1}, false);
      const value = panel.lines[0]!.read(latest);
      say(now, value === null || value === undefined ? '–' : panel.unit(value));
    }
  }
}
