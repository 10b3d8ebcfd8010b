// The world: the map over the whole page, with its layers on the left and an inspector on the right.

import type {App, Page} from '../app';
import type {Entity, Interest, Leaves, PlayerList, Shards} from '../data/types';
import {namesOf} from '../data/names';
import {Kind, KIND_NAMES, KINDS} from '../data/world';
import type {Hit} from '../map/entities';
import {DEGREE, EQUATOR_M} from '../map/geodesy';
import {MapView} from '../map/map_view';
import {nice} from '../map/view';
import {h, iconButton, say} from '../ui/dom';
import {integer, metres, place} from '../ui/format';
import {notify} from '../ui/overlays';
import {addShortcuts} from '../ui/shortcuts';
import {Inspector} from './inspector';

const LEAVES_MOST_M = 20_000;
const LEAVES_EVERY_MS = 2000;
const INTEREST_EVERY_MS = 1000;
const NAMES_EVERY_MS = 5000;
/** Names are fetched when the map shows less than this. */
const NAMES_FROM_M = 5000;
/** What is followed is looked at from there at first. */
const FOLLOW_ACROSS_M = 1500;

export class MapPage implements Page {
  readonly element: HTMLElement;
  private readonly map: MapView;
  private readonly inspector: Inspector;
  private shown = false;
  private selectedId: number | null = null;
  private interestOf: string | null = null;
  private jump = false;
  private readonly scaleBar = h('div', {class: 'scale-bar'});
  private readonly scaleText = h('span', {});
  private readonly pointer = h('span', {class: 'coordinates'});
  private readonly summary = h('p', {class: 'map-summary', role: 'status'});
  private readonly hint = h('p', {class: 'quiet small', hidden: true});
  private readonly kindCounts: HTMLElement[] = [];
  private readonly modeButtons: HTMLButtonElement[] = [];
  private readonly leavesBox = h('input', {type: 'checkbox', id: 'layer-leaves', onchange: () => this.leavesNow()});
  private readonly shardsBox = h('input', {type: 'checkbox', id: 'layer-shards', checked: true, onchange: () => this.applyShards()});
  private shards: Shards | null = null;
  private leavesTimer = 0;
  private interestTimer = 0;
  private namesTimer = 0;
  private lastHeight = 0;

  constructor(private readonly app: App) {
    this.map = new MapView(app.world, app.blocks, {
      moved: () => this.moved(),
      released: () => this.released(),
      picked: (hit) => this.picked(hit),
      pointed: (at) => say(this.pointer, at ? place(at.lat / DEGREE, at.lon / DEGREE, this.digits) : ''),
    });
    this.inspector = new Inspector(app, {
      closed: () => this.deselect(),
      follow: (on) => {
        this.map.following = on ? this.map.entities.selected : -1;
        this.wantFollow = on && this.map.following < 0;
      },
      interest: (player) => this.watchInterest(player),
      located: (entity) => this.located(entity),
    });
    this.element = h(
      'section',
      {class: 'page map-page', 'aria-label': 'Map'},
      this.map.element,
      this.controls(),
      h('div', {class: 'map-foot'}, h('div', {class: 'scale', 'aria-hidden': 'true'}, this.scaleBar, this.scaleText), this.pointer, this.summary),
      this.inspector.element,
    );
    app.onSample(() => this.tellCounts());
    app.onChange(() => {
      this.tellCounts();
      if (app.feedState === 'open' && !this.shards) void this.loadShards();
      this.map.redraw();
    });
    this.shortcuts();
    this.exposeFigures();
  }

  show(query: URLSearchParams): void {
    if (!this.shown) {
      this.shown = true;
      this.map.start();
      this.inspector.resume();
      this.leavesNow();
      void this.refreshNames();
      if (this.interestOf !== null) void this.refreshInterest(this.interestOf);
      if (!this.shards && this.app.api.login) void this.loadShards();
    }
    this.moved();
    for (const key of ['player', 'id', 'name']) {
      const value = query.get(key);
      if (value) this.inspect({[key]: value});
    }
  }

  hide(): void {
    this.shown = false;
    this.map.stop();
    this.inspector.pause();
    for (const timer of [this.leavesTimer, this.interestTimer, this.namesTimer]) clearTimeout(timer);
    this.app.feed.look(null, 0, null);
  }

  private inspect(query: Record<string, string>): void {
    this.selectedId = query.id ? Number(query.id) : null;
    this.jump = true;
    this.inspector.inspect(query);
    this.select();
  }

  private controls(): HTMLElement {
    const mode = (text: string, value: 'globe' | 'flat') => {
      const button = h('button', {type: 'button', 'aria-pressed': String(this.map.view.mode === value), onclick: () => this.setMode(value)}, text);
      this.modeButtons.push(button);
      button.dataset.mode = value;
      return button;
    };
    const kinds = Array.from({length: KINDS - 1}, (_, i) => i + 1).map((kind) => {
      const count = h('span', {class: 'count'}, '0');
      this.kindCounts[kind] = count;
      const name = KIND_NAMES[kind]!;
      return h(
        'label',
        {class: 'layer'},
        h('input', {
          type: 'checkbox',
          checked: true,
          onchange: (event: Event) => {
            this.map.entities.hidden[kind] = !(event.target as HTMLInputElement).checked;
            this.map.redraw();
          },
        }),
        h('span', {class: `swatch ${name}`, 'aria-hidden': 'true'}),
        kind === 5 ? 'Bodies' : `${name.charAt(0).toUpperCase()}${name.slice(1)}s`,
        count,
      );
    });
    return h(
      'div',
      {class: 'map-controls'},
      h('div', {class: 'segmented', role: 'group', 'aria-label': 'Projection'}, mode('Globe', 'globe'), mode('Flat', 'flat')),
      h(
        'div',
        {class: 'panel layers'},
        ...kinds,
        h('hr', {}),
        h('label', {class: 'layer'}, this.shardsBox, h('span', {class: 'swatch line shard', 'aria-hidden': 'true'}), 'Shard borders'),
        h('label', {class: 'layer'}, this.leavesBox, h('span', {class: 'swatch line leaf', 'aria-hidden': 'true'}), 'Octree leaves'),
        this.hint,
      ),
      h(
        'div',
        {class: 'panel zooms'},
        iconButton('plus', 'Zoom in', () => this.map.zoomBy(1.6)),
        iconButton('minus', 'Zoom out', () => this.map.zoomBy(1 / 1.6)),
        iconButton('home', 'Show the whole Earth', () => this.home()),
      ),
    );
  }

  private setMode(mode: 'globe' | 'flat'): void {
    this.map.setMode(mode);
    for (const button of this.modeButtons) button.setAttribute('aria-pressed', String(button.dataset.mode === mode));
  }

  private released(): void {
    this.wantFollow = this.jump = false;
    this.inspector.notFollowing();
  }

  private home(): void {
    this.released();
    this.map.showAll();
  }

  private get digits(): number {
    return Math.max(1, Math.min(7, Math.round(-Math.log10(this.map.view.metresPerPixel / 111_000))));
  }

  private moved(): void {
    const {view} = this.map;
    if (this.shown) {
      const across = this.map.across;
      const zoom = Math.max(0, Math.min(22, Math.log2((2 * Math.PI * view.scale) / 256)));
      this.app.feed.look(
        this.map.bounds(0.15),
        Math.round(zoom * 10) / 10,
        across < LEAVES_MOST_M * 0.9 && this.diagonal < LEAVES_MOST_M ? this.map.bounds(0) : null,
      );
    }
    const length = nice(view.metresPerPixel * 130);
    this.scaleBar.style.width = `${Math.round(length / view.metresPerPixel)}px`;
    say(this.scaleText, metres(length));
    this.hint.hidden = !this.leavesBox.checked || this.across20;
    if (!this.hint.hidden) say(this.hint, 'Zoom in to 20 km to see leaves.');
  }

  private get diagonal(): number {
    const {width, height, scale} = this.map.view;
    return (Math.hypot(width, height) / scale) * EQUATOR_M;
  }

  private get across20(): boolean {
    return this.diagonal < LEAVES_MOST_M;
  }

  private tellCounts(): void {
    const {world, mode, blocks, inView} = this.app;
    for (let kind = 1; kind < KINDS; ++kind) say(this.kindCounts[kind]!, mode === 'cells' ? '' : integer(world.counts[kind]!));
    if (!this.shown) return;
    const total = this.app.history.latest?.entities;
    const all = total === undefined ? '' : ` of ${integer(total)}`;
    say(
      this.summary,
      this.app.feedState !== 'open'
        ? ''
        : mode === 'cells'
          ? `${integer(blocks.cells.reduce((sum, cell) => sum + cell.entities, 0))}${all} entities, counted by cell`
          : `${integer(world.count || inView)}${all} entities`,
    );
  }

  // --- selecting -----------------------------------------------------------------------------------------------------

  private picked(hit: Hit | null): void {
    if (!hit) return;
    if (hit.cluster) {
      this.map.following = -1;
      this.map.goTo(hit.cluster.lon, hit.cluster.lat, this.map.view.scale * 5);
      return;
    }
    this.selectedId = this.app.world.ids[hit.slot]!;
    this.map.entities.selected = hit.slot;
    this.inspector.inspect({id: String(this.selectedId)});
    this.map.following = hit.slot;
  }

  private deselect(): void {
    this.selectedId = null;
    this.map.entities.selected = -1;
    this.map.following = -1;
    this.map.redraw();
    this.map.focus();
  }

  /** The selected entity's slot, which changes when it goes and comes back. */
  private select(): void {
    const slot = this.selectedId === null ? undefined : this.app.world.slotOf(this.selectedId);
    const following = this.map.following >= 0 && this.map.following === this.map.entities.selected;
    this.map.entities.selected = slot ?? -1;
    if (following && slot !== undefined) this.map.following = slot;
  }

  private located(entity: Entity): void {
    this.selectedId = Number(entity.entity);
    this.lastHeight = entity.height;
    this.select();
    if (this.jump) {
      this.jump = false;
      const scale = Math.max(this.map.view.scale, (this.map.view.width / FOLLOW_ACROSS_M) * EQUATOR_M);
      this.map.goTo(entity.lon * DEGREE, entity.lat * DEGREE, scale);
      this.wantFollow = true;
    }
    if (this.wantFollow && this.map.entities.selected >= 0) {
      this.wantFollow = false;
      this.map.following = this.map.entities.selected;
    }
  }

  private wantFollow = false;

  // --- on demand -----------------------------------------------------------------------------------------------------

  private async loadShards(): Promise<void> {
    try {
      this.shards = await this.app.api.get<Shards>('/v1/console/shards');
      this.applyShards();
    } catch {
      // Without borders the map is a map all the same; the next connection asks again.
    }
  }

  private applyShards(): void {
    this.map.overlays.shards = this.shardsBox.checked ? this.shards : null;
    this.map.redraw();
  }

  private leavesNow(): void {
    clearTimeout(this.leavesTimer);
    this.moved();
    void this.refreshLeaves();
  }

  private async refreshLeaves(): Promise<void> {
    if (!this.shown) return;
    if (!this.leavesBox.checked || !this.across20) {
      this.map.overlays.setLeaves(null, 0);
      this.map.redraw();
    } else {
      try {
        const [west, south, east, north] = this.map.bounds(0);
        const leaves = await this.app.api.get<Leaves>('/v1/console/leaves', {west, south, east, north});
        this.map.overlays.setLeaves(leaves, this.groundHeight);
        this.hint.hidden = !leaves.truncated;
        if (leaves.truncated) say(this.hint, 'Only some leaves are shown: zoom in.');
        this.map.redraw();
      } catch (problem) {
        this.hint.hidden = false;
        say(this.hint, problem instanceof Error ? problem.message : String(problem));
      }
    }
    clearTimeout(this.leavesTimer);
    if (this.shown && this.leavesBox.checked) this.leavesTimer = window.setTimeout(() => void this.refreshLeaves(), this.across20 ? LEAVES_EVERY_MS : 500);
  }

  /** At which height leaves are cut: that of what is near. */
  private get groundHeight(): number {
    if (this.inspector.current) return this.lastHeight;
    const {world} = this.app;
    const {view} = this.map;
    const reach = view.radius;
    let sum = 0;
    let count = 0;
    for (let slot = 0; slot < world.end && count < 200; ++slot) {
      if (world.kinds[slot] === 0 || Math.abs(world.lat[slot]! - view.lat) > reach || Math.abs(world.lon[slot]! - view.lon) > reach * 2) continue;
      sum += world.alt[slot]!;
      ++count;
    }
    return count > 0 ? sum / count : 0;
  }

  private watchInterest(player: string | null): void {
    clearTimeout(this.interestTimer);
    this.interestOf = player;
    if (player === null) {
      this.map.overlays.setInterest(null, 0);
      this.map.redraw();
    } else {
      void this.refreshInterest(player);
    }
  }

  private async refreshInterest(player: string): Promise<void> {
    if (this.interestOf !== player || !this.shown) return;
    try {
      const interest = await this.app.api.get<Interest>('/v1/console/interest', {player});
      if (this.interestOf !== player || !this.shown) return;
      this.map.overlays.setInterest(interest, this.lastHeight);
      this.map.redraw();
    } catch (problem) {
      if (this.interestOf !== player || !this.shown) return;
      notify(problem instanceof Error ? problem.message : String(problem), 'bad');
      this.inspector.notWatching();
      this.watchInterest(null);
      return;
    }
    clearTimeout(this.interestTimer);
    this.interestTimer = window.setTimeout(() => void this.refreshInterest(player), INTEREST_EVERY_MS);
  }

  private async refreshNames(): Promise<void> {
    if (!this.shown) return;
    if (this.map.across < NAMES_FROM_M && this.app.api.login) {
      const {world} = this.app;
      const wanted = new Set<number>();
      for (let slot = 0; slot < world.end; ++slot) if (world.kinds[slot] === Kind.player) wanted.add(world.ids[slot]!);
      try {
        const names = await namesOf(wanted, this.map.entities.names, (offset, limit) => this.app.api.get<PlayerList>('/v1/console/players', {offset, limit}));
        if (names) this.map.entities.names = names;
      } catch {
        // Names are a convenience; the list page tells of errors.
      }
    }
    clearTimeout(this.namesTimer);
    if (this.shown) this.namesTimer = window.setTimeout(() => void this.refreshNames(), NAMES_EVERY_MS);
  }

  // --- keys and tests ------------------------------------------------------------------------------------------------

  private shortcuts(): void {
    const when = () => this.shown;
    const pan = (keys: string, shown: string, text: string, dx: number, dy: number) => ({
      keys: [keys],
      shown,
      text,
      group: 'Map' as const,
      when,
      run: (event: KeyboardEvent) => {
        this.map.panBy(dx * (event.shiftKey ? 4 : 1), dy * (event.shiftKey ? 4 : 1));
      },
    });
    addShortcuts(
      pan('ArrowLeft', '← → ↑ ↓', 'Move; with Shift further', 60, 0),
      pan('ArrowRight', '', '', -60, 0),
      pan('ArrowUp', '', '', 0, 60),
      pan('ArrowDown', '', '', 0, -60),
      {keys: ['+', '='], shown: '+', text: 'Zoom in', group: 'Map', when, run: () => this.map.zoomBy(1.6)},
      {keys: ['-'], shown: '-', text: 'Zoom out', group: 'Map', when, run: () => this.map.zoomBy(1 / 1.6)},
      {keys: ['0'], shown: '0', text: 'The whole Earth', group: 'Map', when, run: () => this.home()},
      {keys: ['Enter'], shown: 'Enter', text: 'Inspect what is nearest to the middle', group: 'Map', when: () => this.shown && this.map.focused, run: () => this.picked(this.map.central())},
      {keys: ['m'], shown: 'm', text: 'Globe or flat', group: 'Map', when, run: () => this.setMode(this.map.view.mode === 'globe' ? 'flat' : 'globe')},
      {keys: ['l'], shown: 'l', text: 'Octree leaves', group: 'Map', when, run: () => this.leavesBox.click()},
      {keys: ['b'], shown: 'b', text: 'Shard borders', group: 'Map', when, run: () => this.shardsBox.click()},
      {keys: ['f'], shown: 'f', text: 'Follow what is inspected, or not', group: 'Map', when, run: () => this.inspector.toggleFollow()},
      {keys: ['i'], shown: 'i', text: 'Its classes of interest', group: 'Map', when, run: () => this.inspector.toggleInterest()},
      {keys: ['Escape'], shown: 'Esc', text: 'Close the inspector', group: 'Map', when: () => this.shown && this.inspector.open, run: () => this.inspector.close()},
    );
  }

  /** For tests in a browser, and for people at its console: figures, and where an entity is on the screen. */
  private exposeFigures(): void {
    const {app, map} = this;
    Object.defineProperty(window, 'bluemarbleMap', {
      value: {
        figures: () => ({
          ...map.figures,
          mode: app.mode,
          feed: app.feedState,
          entities: app.world.count,
          players: app.world.counts[1],
          cells: app.blocks.cells.length,
          leaves: app.blocks.leafCount,
          malformed: app.blocks.malformed,
          shownLeaves: map.overlays.leaves.length,
          interestLeaves: map.overlays.interest?.outlines.length ?? 0,
        }),
        place: (id: number) => {
          const slot = app.world.slotOf(id);
          return slot === undefined ? null : {lon: app.world.lon[slot]! / DEGREE, lat: app.world.lat[slot]! / DEGREE, kind: app.world.kinds[slot]};
        },
        ofKind: (kind: number) => [...app.world.idsInUse()].filter((id) => app.world.kinds[app.world.slotOf(id)!] === kind),
        screen: (lon: number, lat: number) => {
          const at = {x: 0, y: 0};
          return map.view.project(lon * DEGREE, lat * DEGREE, at) ? at : null;
        },
        look: (lon: number, lat: number, across: number) => {
          map.following = -1;
          map.view.look(lon * DEGREE, lat * DEGREE, (map.view.width / across) * EQUATOR_M);
          map.redraw();
          this.moved();
        },
      },
    });
  }
}
