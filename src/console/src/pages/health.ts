// Each part of the zone and each thing that it depends on: well or not, and why.

import type {App, Page} from '../app';
import type {Health, Sample} from '../data/types';
import {fill, h} from '../ui/dom';
import {bytes, duration, integer, millis, percent} from '../ui/format';
import {empty} from '../ui/overlays';

const EVERY_MS = 3000;

const WORDS: Record<string, string> = {ready: 'well', degraded: 'degraded', not_ready: 'not ready', off: 'not used', ok: 'well'};
const NAMES: Record<string, string> = {postgresql: 'PostgreSQL', sqlite: 'SQLite', redis: 'Redis', journal: 'Journal', archivist: 'Archivist'};

interface Status {
  version: string;
  shard: string;
  uptime_s: number;
  ready: string;
  sample: Sample;
}

export class HealthPage implements Page {
  readonly element: HTMLElement;
  private readonly head = h('div', {class: 'health-head'});
  private readonly body = h('div', {});
  private timer = 0;
  private shown = false;

  constructor(private readonly app: App) {
    this.element = h('section', {class: 'page scroll', 'aria-label': 'Health'}, h('div', {class: 'page-head'}, h('h1', {}, 'Health')), this.head, this.body);
  }

  show(): void {
    this.shown = true;
    void this.refresh();
  }

  hide(): void {
    this.shown = false;
    clearTimeout(this.timer);
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const [health, status] = await Promise.all([this.app.api.get<Health>('/v1/console/health'), this.app.api.get<Status>('/v1/console/status')]);
      fill(this.head, ...this.overview(health, status));
      const card = (name: string, state: string, detail: string) =>
        h(
          'li',
          {class: `card health-card ${state}`},
          h('div', {class: 'health-title'}, h('span', {class: `dot ${state}`, 'aria-hidden': 'true'}), h('h3', {}, NAMES[name] ?? name.replaceAll('_', ' ')), h('span', {class: `badge ${state}`}, WORDS[state] ?? state)),
          detail ? h('p', {class: 'quiet'}, detail) : null,
        );
      fill(
        this.body,
        h('h2', {class: 'section'}, 'What the zone depends on'),
        h('ul', {class: 'health-cards'}, ...health.dependencies.map((d) => card(d.name, d.state, d.detail))),
        h('h2', {class: 'section'}, 'Its own parts'),
        h('ul', {class: 'health-cards'}, ...health.components.map((c) => card(c.name, c.state, c.reason))),
      );
    } catch (problem) {
      fill(this.head);
      fill(this.body, empty(problem instanceof Error ? problem.message : String(problem), () => void this.refresh()));
    }
    clearTimeout(this.timer);
    if (this.shown) this.timer = window.setTimeout(() => void this.refresh(), EVERY_MS);
  }

  private overview(health: Health, {version, shard, uptime_s, sample}: Status): Node[] {
    const fact = (name: string, value: string) => h('div', {class: 'fact'}, h('span', {}, name), h('strong', {}, value));
    return [
      h('div', {class: `verdict ${health.status}`, role: 'status'}, h('span', {class: `dot ${health.status}`, 'aria-hidden': 'true'}), `The zone is ${health.status === 'ready' ? 'ready' : (WORDS[health.status] ?? health.status)}`),
      h(
        'div',
        {class: 'facts-row'},
        fact('Version', version),
        fact('Shard', shard),
        fact('Up for', duration(uptime_s)),
        fact('Tick P99', millis(sample.tick_ms[2])),
        fact('Slow ticks', integer(sample.slow_ticks)),
        fact('Skipped ticks', integer(sample.skipped_ticks)),
        fact('Relief step', String(sample.relief_step)),
        fact('Time', percent(sample.dilation_pct)),
        fact('Memory', bytes(sample.rss_mb * 1e6)),
        fact('To the committer', bytes(sample.commit_bytes)),
        fact('Positions waiting', integer(sample.positions_waiting)),
        fact('Journal waiting', integer(sample.journal_waiting)),
        fact('Stolen time', percent(sample.steal_pct)),
        fact('Consoles', integer(sample.consoles)),
      ),
    ];
  }
}
