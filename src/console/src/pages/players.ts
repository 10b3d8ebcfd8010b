// Who is in play: search, sorting, pages, and what may be done to each.

import type {App, Page} from '../app';
import type {Player, PlayerList} from '../data/types';
import {askBan, askKick, askTeleport} from '../ui/actions';
import {fill, h, icon, iconButton, say} from '../ui/dom';
import {bytes, duration, integer, millis, place} from '../ui/format';
import {empty} from '../ui/overlays';

const PAGE = 50;
const EVERY_MS = 2000;
const TYPING_MS = 200;

type Sort = 'name' | 'player' | 'age' | 'ack_age' | 'ping' | 'bytes';

export class PlayersPage implements Page {
  readonly element: HTMLElement;
  private search = '';
  private sort: Sort = 'name';
  private down = false;
  private offset = 0;
  private addresses = false;
  private shown = false;
  private timer = 0;
  private asked = 0;
  private readonly body = h('tbody', {});
  /** Whom each row's buttons mean, with where he is now. */
  private readonly targets = new WeakMap<HTMLTableRowElement, Player>();
  private readonly heads = new Map<Sort, HTMLElement>();
  private readonly table: HTMLTableElement;
  private readonly addressHead = h('th', {scope: 'col', hidden: true}, 'Address');
  private readonly note = h('div', {});
  private readonly count = h('span', {class: 'quiet', role: 'status'});
  private readonly range = h('span', {class: 'quiet figures'});
  private readonly back = iconButton('left', 'Previous page', () => this.turn(-1));
  private readonly forth = iconButton('right', 'Next page', () => this.turn(1));
  readonly input = h('input', {
    type: 'search',
    placeholder: 'Name, player or entity number',
    'aria-label': 'Search players',
    autocomplete: 'off',
    spellcheck: false,
    oninput: () => this.typed(),
    onkeydown: (event: KeyboardEvent) => {
      if (event.key === 'ArrowDown' || event.key === 'Enter') {
        event.preventDefault();
        this.body.querySelector<HTMLElement>('tr')?.focus();
      }
    },
  });

  constructor(private readonly app: App) {
    const head = (text: string, sort: Sort, numeric = false) => {
      const th = h('th', {scope: 'col', class: numeric ? 'number' : ''}, h('button', {type: 'button', class: 'sort', onclick: () => this.sortBy(sort)}, text));
      this.heads.set(sort, th);
      return th;
    };
    this.table = h(
      'table',
      {class: 'table'},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head('Name', 'name'),
          head('Player', 'player', true),
          h('th', {scope: 'col'}, 'State'),
          h('th', {scope: 'col'}, 'Place'),
          head('In play', 'age', true),
          head('Ping', 'ping', true),
          head('Acknowledged', 'ack_age', true),
          head('Snapshots', 'bytes', true),
          this.addressHead,
          h('th', {scope: 'col'}, h('span', {class: 'hidden-text'}, 'Actions')),
        ),
      ),
      this.body,
    );
    this.element = h(
      'section',
      {class: 'page scroll', 'aria-label': 'Players'},
      h(
        'div',
        {class: 'page-head'},
        h('h1', {}, 'Players'),
        this.count,
        h('div', {class: 'grow'}),
        h('label', {class: 'check'}, h('input', {type: 'checkbox', onchange: (event: Event) => this.showAddresses((event.target as HTMLInputElement).checked)}), 'Addresses'),
        h('div', {class: 'search'}, icon('search') as unknown as Node, this.input),
      ),
      h('div', {class: 'card table-card'}, this.table, this.note),
      h('div', {class: 'pager'}, this.range, this.back, this.forth),
    );
    this.markSort();
  }

  show(query: URLSearchParams): void {
    this.shown = true;
    const search = query.get('search');
    if (search !== null) {
      this.input.value = this.search = search;
      this.offset = 0;
    }
    void this.refresh();
  }

  hide(): void {
    this.shown = false;
    clearTimeout(this.timer);
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.search = this.input.value.trim();
      this.offset = 0;
      void this.refresh();
    }, TYPING_MS);
  }

  private sortBy(sort: Sort): void {
    // Figures are wanted from the largest down at first.
    this.down = sort === this.sort ? !this.down : sort !== 'name' && sort !== 'player';
    this.sort = sort;
    this.offset = 0;
    this.markSort();
    void this.refresh();
  }

  private markSort(): void {
    for (const [sort, head] of this.heads) head.setAttribute('aria-sort', sort !== this.sort ? 'none' : this.down ? 'descending' : 'ascending');
  }

  private showAddresses(on: boolean): void {
    this.addresses = on;
    this.addressHead.hidden = !on;
    void this.refresh();
  }

  private turn(by: number): void {
    this.offset = Math.max(0, this.offset + by * PAGE);
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    const asked = ++this.asked;
    try {
      const list = await this.app.api.get<PlayerList>('/v1/console/players', {
        search: this.search,
        sort: (this.down ? '-' : '') + this.sort,
        offset: this.offset,
        limit: PAGE,
        addresses: this.addresses || undefined,
      });
      if (asked !== this.asked) return;
      if (list.players.length === 0 && this.offset > 0 && list.matched > 0) {
        this.offset = Math.floor((list.matched - 1) / PAGE) * PAGE;
        void this.refresh();
        return;
      }
      this.fill(list);
    } catch (problem) {
      if (asked !== this.asked) return;
      fill(this.note, empty(problem instanceof Error ? problem.message : String(problem), () => void this.refresh()));
    }
    if (this.shown) this.timer = window.setTimeout(() => void this.refresh(), EVERY_MS);
  }

  private fill(list: PlayerList): void {
    const before = [...this.body.rows];
    const kept = new Map(before.map((row) => [row.dataset.player ?? '', row]));
    // Rows that stay are written anew in place, so that focus and pointer stay on them.
    const rows = list.players.map((player) => this.row(player, kept.get(player.player)));
    if (rows.length !== before.length || rows.some((row, i) => row !== before[i])) this.order(rows, before);
    fill(this.note, list.players.length === 0 ? empty(this.search ? `Nobody in play matches “${this.search}”.` : 'Nobody is in play.') : null);
    say(this.count, this.search ? `${integer(list.matched)} of ${integer(list.total)}` : `${integer(list.total)} in play`);
    say(this.range, list.matched === 0 ? '' : `${integer(list.offset + 1)}–${integer(list.offset + list.players.length)} of ${integer(list.matched)}`);
    this.back.disabled = list.offset === 0;
    this.forth.disabled = list.offset + list.players.length >= list.matched;
  }

  /** Whoever has the focus keeps it; when that row is gone, the one in its place gets it. */
  private order(rows: HTMLTableRowElement[], before: HTMLTableRowElement[]): void {
    const focused = document.activeElement as HTMLElement | null;
    const at = before.findIndex((row) => row.contains(focused));
    this.body.replaceChildren(...rows);
    if (at < 0 || !focused) return;
    if (focused.isConnected) focused.focus({preventScroll: true});
    else (rows[Math.min(at, rows.length - 1)] ?? this.input).focus({preventScroll: true});
  }

  private row(player: Player, old: HTMLTableRowElement | undefined): HTMLTableRowElement {
    const cells = [
      player.name,
      player.player,
      player.state,
      place(player.lat, player.lon, 4),
      duration(player.session_s),
      player.ping_ms === null ? '–' : millis(player.ping_ms),
      player.ack_age_ms === null ? '–' : millis(player.ack_age_ms),
      `${bytes(player.bytes_per_s)}/s`,
      player.address ?? '',
    ];
    if (old && old.cells.length === cells.length + 1) {
      cells.forEach((text, i) => say(i === 2 ? old.cells[i]!.firstElementChild! : old.cells[i]!, text));
      old.cells[2]!.firstElementChild!.className = `badge ${player.state}`;
      old.cells[8]!.hidden = !this.addresses;
      Object.assign(this.targets.get(old)!, player);
      return old;
    }
    const follow = () => this.app.go('map', {player: player.player});
    const target = {...player};
    const again = () => void this.refresh();
    const action = (text: string, run: () => void, danger = false) =>
      h('button', {type: 'button', class: danger ? 'button small danger-quiet' : 'button small', onclick: run, 'aria-label': `${text} ${player.name}`}, text);
    const row = h(
      'tr',
      {
        tabIndex: 0,
        class: 'clickable',
        'aria-label': `${player.name}: Enter shows it on the map`,
        onclick: (event: Event) => {
          if (!(event.target as HTMLElement).closest('button')) follow();
        },
        onkeydown: (event: KeyboardEvent) => {
          if (event.target !== event.currentTarget) return;
          if (event.key === 'Enter') follow();
          else if (event.key === 'ArrowDown') ((event.currentTarget as HTMLElement).nextElementSibling as HTMLElement | null)?.focus();
          else if (event.key === 'ArrowUp') (((event.currentTarget as HTMLElement).previousElementSibling as HTMLElement | null) ?? this.input).focus();
          else return;
          event.preventDefault();
        },
      },
      h('td', {class: 'strong'}, cells[0]!),
      h('td', {class: 'number'}, cells[1]!),
      h('td', {}, h('span', {class: `badge ${player.state}`}, player.state)),
      h('td', {class: 'figures'}, cells[3]!),
      ...cells.slice(4, 8).map((text) => h('td', {class: 'number'}, text)),
      h('td', {class: 'figures', hidden: !this.addresses}, cells[8]!),
      h(
        'td',
        {class: 'row-actions'},
        action('Teleport', () => askTeleport(this.app, target, again)),
        action('Kick', () => askKick(this.app, target, again), true),
        action('Ban', () => askBan(this.app, target, again), true),
      ),
    );
    row.dataset.player = player.player;
    this.targets.set(row, target);
    return row;
  }
}
