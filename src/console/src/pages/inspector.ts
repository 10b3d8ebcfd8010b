// One entity: its live fields, what may be done to it, and its event history. Lies beside the map.

import type {App} from '../app';
import {ApiError} from '../data/api';
import type {Entity, Player} from '../data/types';
import {actionButtons} from '../ui/actions';
import {fill, h, iconButton, say} from '../ui/dom';
import {eventList} from '../ui/events';
import {bytes, duration, heading, integer, millis, place} from '../ui/format';

const EVERY_MS = 1000;
const EVENTS = 50;
const HISTORY_EVERY_MS = 10_000;

interface Newest {
  event?: {version?: number};
  holds?: {gold: number; items: Array<{quantity: number}>};
}

export interface InspectorHooks {
  closed(): void;
  follow(on: boolean): void;
  /** A player's number, or null for none. */
  interest(player: string | null): void;
  /** Where it is now, degrees. */
  located(entity: Entity): void;
}

export class Inspector {
  readonly element = h('aside', {class: 'inspector', 'aria-label': 'Inspector', hidden: true});
  private query: Record<string, string> | null = null;
  private entity: Entity | null = null;
  private timer = 0;
  private readonly title = h('h2', {tabIndex: -1});
  private readonly subtitle = h('p', {class: 'quiet'});
  private readonly fields = h('dl', {class: 'facts'});
  private readonly actions = h('div', {});
  private readonly history = h('div', {class: 'history'});
  private readonly problem = h('p', {class: 'error', role: 'status', hidden: true});
  private readonly followButton = h('button', {type: 'button', class: 'button small toggle', 'aria-pressed': 'true', onclick: () => this.toggle(this.followButton, (on) => this.hooks.follow(on))}, 'Follow');
  private readonly interestButton = h('button', {type: 'button', class: 'button small toggle', 'aria-pressed': 'false', onclick: () => this.toggle(this.interestButton, (on) => this.hooks.interest(on ? (this.entity?.player?.player ?? null) : null))}, 'Interest');
  private readonly rows = new Map<string, HTMLElement>();
  private historyOf = '';
  private historyAt = 0;
  private target: Player | null = null;
  private paused = false;

  constructor(
    private readonly app: App,
    private readonly hooks: InspectorHooks,
  ) {
    this.element.append(
      h('header', {}, h('div', {}, this.title, this.subtitle), iconButton('close', 'Close the inspector', () => this.close())),
      this.problem,
      h('div', {class: 'row'}, this.followButton, this.interestButton),
      this.fields,
      this.actions,
      h('h3', {}, 'History'),
      this.history,
    );
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  get current(): Entity | null {
    return this.entity;
  }

  /** By entity, player or name. */
  inspect(query: Record<string, string>): void {
    this.query = query;
    this.entity = null;
    this.historyOf = '';
    this.element.hidden = false;
    this.rows.clear();
    fill(this.fields);
    fill(this.actions);
    fill(this.history);
    this.problem.hidden = true;
    say(this.title, query.name ?? (query.player ? `Player ${query.player}` : `Entity ${query.id}`));
    say(this.subtitle, 'Asking the zone…');
    this.followButton.setAttribute('aria-pressed', 'true');
    this.interestButton.setAttribute('aria-pressed', 'false');
    this.hooks.interest(null);
    clearTimeout(this.timer);
    void this.refresh();
  }

  close(): void {
    clearTimeout(this.timer);
    this.query = null;
    this.entity = null;
    this.element.hidden = true;
    this.hooks.interest(null);
    this.hooks.closed();
  }

  /** Asks again from now on, after a while in which nobody looked. */
  resume(): void {
    this.paused = false;
    if (this.query) void this.refresh();
  }

  pause(): void {
    this.paused = true;
    clearTimeout(this.timer);
  }

  toggleFollow(): void {
    if (this.open) this.followButton.click();
  }

  toggleInterest(): void {
    if (this.open && !this.interestButton.hidden) this.interestButton.click();
  }

  notFollowing(): void {
    this.followButton.setAttribute('aria-pressed', 'false');
  }

  notWatching(): void {
    this.interestButton.setAttribute('aria-pressed', 'false');
  }

  private toggle(button: HTMLElement, run: (on: boolean) => void): void {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(on));
    run(on);
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    const query = this.query;
    if (!query) return;
    try {
      const entity = await this.app.api.get<Entity>('/v1/console/entity', query);
      if (query !== this.query || this.paused) return;
      const first = this.entity === null;
      this.entity = entity;
      this.problem.hidden = true;
      this.show(entity, first);
      this.hooks.located(entity);
    } catch (problem) {
      if (query !== this.query || this.paused) return;
      const gone = problem instanceof ApiError && problem.status === 404;
      this.problem.textContent = gone ? 'Not in this zone any more.' : problem instanceof Error ? problem.message : String(problem);
      this.problem.hidden = false;
      if (!this.entity) say(this.subtitle, '');
    }
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.refresh(), EVERY_MS);
  }

  private show(entity: Entity, first: boolean): void {
    const {player, item} = entity;
    say(this.title, player?.name ?? `${entity.kind.charAt(0).toUpperCase()}${entity.kind.slice(1)}`);
    say(this.subtitle, player ? `Player ${player.player} · ${player.state}` : `Entity ${entity.entity}`);
    this.interestButton.hidden = !player;
    this.row('Place', place(entity.lat, entity.lon));
    this.row('Height', `${entity.height.toFixed(1)} m`);
    this.row('Heading', heading(entity.heading));
    this.row('Speed', `${entity.speed.toFixed(2)} m/s${Math.abs(entity.vertical_speed) > 0.05 ? `, ${entity.vertical_speed.toFixed(2)} m/s up` : ''}`);
    this.row('Health', `${entity.health} %`);
    if (player) {
      this.row('In play for', duration(player.session_s));
      this.row('Ping', player.ping_ms === null ? '–' : millis(player.ping_ms));
      this.row('Acknowledged', player.ack_age_ms === null ? '–' : `${millis(player.ack_age_ms)} ago`);
      this.row('Snapshots', `${bytes(player.bytes_per_s)}/s`);
    }
    if (item) {
      this.row('Item', item.item);
      this.row('Definition', `${item.definition}${item.title ? ` (${item.title})` : ''}`);
      this.row('Quantity', integer(item.quantity));
    }
    this.row('Entity', entity.entity);
    this.row('Leaf', `level ${entity.leaf_level}, part ${entity.part}, slot ${entity.slot}`);
    this.row('Tick', String(entity.tick));
    if (first) {
      this.target = player;
      fill(this.actions, player ? actionButtons(this.app, player, () => void this.refresh()) : null);
      this.title.focus({preventScroll: true});
    }
    // The buttons mean the player where he is now.
    if (this.target && player) Object.assign(this.target, player);
    const about = player ? `player:${player.player}` : item ? `item:${item.item}` : '';
    const now = performance.now();
    if (about !== this.historyOf || first || now - this.historyAt > HISTORY_EVERY_MS) {
      this.historyOf = about;
      this.historyAt = now;
      void this.loadHistory(about);
    }
  }

  private row(name: string, value: string): void {
    let cell = this.rows.get(name);
    if (!cell) {
      cell = h('dd', {});
      this.rows.set(name, cell);
      this.fields.append(h('dt', {}, name), cell);
    }
    say(cell, value);
  }

  private async loadHistory(about: string): Promise<void> {
    if (!about) {
      fill(this.history, h('p', {class: 'quiet'}, 'Only players, items and accounts have one.'));
      return;
    }
    try {
      const newest = await this.app.api.get<Newest>('/v1/admin/state', {aggregate: about});
      if (about !== this.historyOf) return;
      if (newest.holds) {
        this.row('Gold', integer(newest.holds.gold));
        this.row('Items', integer(newest.holds.items.reduce((sum, item) => sum + item.quantity, 0)));
      }
      const from = Math.max(0, Number(newest.event?.version ?? 0) - EVENTS + 1);
      const answer = await this.app.api.get('/v1/admin/history', {aggregate: about, from, limit: EVENTS});
      if (about === this.historyOf) fill(this.history, eventList(answer));
    } catch (problem) {
      if (about !== this.historyOf) return;
      const none = problem instanceof ApiError && problem.status === 404;
      fill(this.history, h('p', {class: 'quiet'}, none ? 'No events yet.' : problem instanceof Error ? problem.message : String(problem)));
    }
  }
}
