// Slow ticks: incidents on the left; of the chosen one its ticks as stacked phases, and their figures in a table.

import type {App, Page} from '../app';
import type {SlowTicks} from '../data/types';
import {fill, h, svg} from '../ui/dom';
import {integer, moment, short} from '../ui/format';
import {empty, loading} from '../ui/overlays';

const PHASES = ['receive', 'simulate', 'index', 'interest', 'replicate', 'commit', 'handoff'];
const MOST_BARS = 240;

const many = (count: number, what: string) => `${integer(count)} ${what}${count === 1 ? '' : 's'}`;

export class SlowPage implements Page {
  readonly element: HTMLElement;
  private readonly body = h('div', {class: 'slow'});
  private chosen = -1;

  constructor(private readonly app: App) {
    this.element = h(
      'section',
      {class: 'page scroll', 'aria-label': 'Slow ticks'},
      h('div', {class: 'page-head'}, h('h1', {}, 'Slow ticks'), h('div', {class: 'grow'}), h('button', {type: 'button', class: 'button', onclick: () => this.refresh()}, 'Refresh')),
      this.body,
    );
  }

  show(): void {
    this.refresh();
  }

  hide(): void {}

  private refresh(): void {
    void loading(this.body, async () => this.draw(await this.app.api.get<SlowTicks>('/v1/slow')));
  }

  private draw(slow: SlowTicks): Node[] {
    if (slow.history_ticks === 0) return [empty('The zone keeps no history of its ticks: tick.slow_history_s is 0.')];
    if (slow.incidents.length === 0) return [empty('No tick has overrun since the start.')];
    if (this.chosen < 0 || this.chosen >= slow.incidents.length) this.chosen = slow.incidents.length - 1;
    const list = h(
      'ul',
      {class: 'incidents card', 'aria-label': 'Incidents'},
      ...slow.incidents
        .map((incident, i) => {
          const late = this.endMs(slow, incident.worst);
          return h(
            'li',
            {},
            h(
              'button',
              {
                type: 'button',
                'aria-current': String(i === this.chosen),
                onclick: () => {
                  this.chosen = i;
                  fill(this.body, ...this.draw(slow));
                  this.body.querySelector<HTMLElement>('[aria-current=true]')?.focus();
                },
              },
              h('strong', {}, moment(incident.time)),
              h('small', {}, `${many(incident.slow_ticks, 'slow tick')}, worst ${late.toFixed(1)} ms`),
            ),
          );
        })
        .reverse(),
    );
    const incident = slow.incidents[this.chosen]!;
    return [
      h('p', {class: 'quiet'}, `${many(slow.slow_ticks, 'slow tick')} in ${many(slow.slow_incidents, 'incident')} since the start; a tick has ${(1000 / slow.tick_hz).toFixed(1)} ms.`),
      h('div', {class: 'slow-columns'}, list, h('div', {class: 'slow-detail'}, this.chart(slow, incident.ticks, incident.worst), this.table(slow, incident.ticks))),
    ];
  }

  private column(slow: SlowTicks, ...names: string[]): number {
    return slow.columns.findIndex((column) => names.includes(column));
  }

  /** From the scheduled start to the end of the last phase. */
  private endMs(slow: SlowTicks, tick: number[]): number {
    const at = this.column(slow, 'late_us');
    let sum = at < 0 ? 0 : tick[at]!;
    for (const phase of PHASES) {
      const i = this.column(slow, `${phase}_us`);
      if (i >= 0) sum += tick[i]!;
    }
    return sum / 1000;
  }

  private chart(slow: SlowTicks, all: number[][], worst: number[]): HTMLElement {
    const tickColumn = Math.max(0, this.column(slow, 'tick'));
    const worstAt = all.findIndex((tick) => tick[tickColumn] === worst[tickColumn]);
    const from = Math.max(0, Math.min(all.length - MOST_BARS, worstAt - MOST_BARS / 2));
    const ticks = all.slice(from, from + MOST_BARS);
    const width = 900;
    const height = 220;
    const top = Math.max(1000 / slow.tick_hz, ...ticks.map((tick) => this.endMs(slow, tick))) * 1.05;
    const y = (ms: number) => height - (ms / top) * height;
    const step = width / ticks.length;
    const parts = ['late', ...PHASES];
    const bars = ticks.flatMap((tick, i) => {
      let base = 0;
      return parts.flatMap((part, p) => {
        const column = this.column(slow, `${part}_us`);
        const ms = column < 0 ? 0 : tick[column]! / 1000;
        if (ms <= 0) return [];
        base += ms;
        return [svg('rect', {x: (i * step).toFixed(2), y: y(base).toFixed(2), width: Math.max(0.8, step - 0.6).toFixed(2), height: ((ms / top) * height).toFixed(2), class: p === 0 ? 'late' : `series-${p}`})];
      });
    });
    const period = 1000 / slow.tick_hz;
    bars.push(svg('line', {x1: 0, x2: width, y1: y(period).toFixed(2), y2: y(period).toFixed(2), class: 'period'}));
    return h(
      'figure',
      {class: 'card slow-chart'},
      h('figcaption', {}, h('h2', {}, 'Ticks around it'), h('span', {class: 'quiet'}, `0 to ${top.toFixed(0)} ms; the line is a tick’s period`)),
      svg('svg', {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': 'Phases of the ticks around the incident, stacked'}, ...bars) as unknown as Node,
      h('ul', {class: 'legend'}, ...parts.map((part, p) => h('li', {}, h('span', {class: `swatch ${p === 0 ? 'late' : `series-${p}`}`, 'aria-hidden': 'true'}), part))),
    );
  }

  private table(slow: SlowTicks, ticks: number[][]): HTMLElement {
    const rows = [...ticks].sort((a, b) => this.endMs(slow, b) - this.endMs(slow, a)).slice(0, 25);
    const name = (column: string) => column.replace(/_us$/, ' ms').replace(/_bytes$/, ', bytes').replaceAll('_', ' ');
    const value = (column: string, number: number) => (column.endsWith('_us') ? (number / 1000).toFixed(2) : column === 'tick' ? String(number) : short(number));
    return h(
      'div',
      {class: 'card table-card'},
      h(
        'table',
        {class: 'table dense'},
        h('caption', {}, `The ${rows.length} longest of ${ticks.length} ticks`),
        h('thead', {}, h('tr', {}, ...slow.columns.map((column) => h('th', {scope: 'col', class: 'number'}, name(column))))),
        h('tbody', {}, ...rows.map((tick) => h('tr', {}, ...tick.map((number, i) => h('td', {class: 'number'}, value(slow.columns[i]!, number)))))),
      ),
    );
  }
}
