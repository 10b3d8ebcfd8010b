// The moving part of the map: clusters from afar, single entities with their heading near. Everything of one kind is one path,
// and nothing outside the view is touched.

import type {Cell} from '../data/blocks';
import {Kind, KINDS, type World} from '../data/world';
import {color} from '../ui/theme';
import {short} from '../ui/format';
import {cellLevel, Clusters, SINGLES, SINGLES_NEAR} from './clusters';
import type {Point, View} from './view';

const COLORS = ['animal', 'player', 'animal', 'resource', 'item', 'body'] as const;
/** From this scale on (metres in a pixel) headings are shown. */
const HEADING_FROM_M = 60;
/** From this scale on an entity is as large as its mark. */
const NEAR_FROM_M = 1.5;

export interface Hit {
  slot: number;
  cluster: {lon: number; lat: number} | null;
}

/** Adds an arrowhead to the path; `yaw` clockwise from north. */
function arrow(context: CanvasRenderingContext2D, x: number, y: number, yaw: number, size: number): void {
  const sin = Math.sin(yaw) * size;
  const cos = Math.cos(yaw) * size;
  context.moveTo(x + sin * 1.7, y - cos * 1.7);
  context.lineTo(x - sin - cos * 0.95, y + cos - sin * 0.95);
  context.lineTo(x - sin * 0.45, y + cos * 0.45);
  context.lineTo(x - sin + cos * 0.95, y + cos + sin * 0.95);
  context.closePath();
}

interface Bubble {
  x: number;
  y: number;
  r: number;
  lon: number;
  lat: number;
  count: number;
  players: number;
}

/** More than these are drawn as they are: to compare each with each takes longer than a frame. */
const MERGED_MOST = 600;

function bubbleRadius(count: number): number {
  return Math.min(26, 9 + 2.4 * Math.log2(1 + count / 6));
}

/** Bubbles that would hide each other's numbers become one, at the place of the larger. */
function merged(bubbles: Bubble[]): Bubble[] {
  bubbles.sort((a, b) => b.count - a.count);
  if (bubbles.length > MERGED_MOST) return bubbles;
  const kept: Bubble[] = [];
  for (const bubble of bubbles) {
    const host = kept.find((other) => Math.hypot(other.x - bubble.x, other.y - bubble.y) < 0.85 * (other.r + bubble.r));
    if (!host) {
      kept.push(bubble);
      continue;
    }
    host.count += bubble.count;
    host.players += bubble.players;
    host.r = bubbleRadius(host.count);
  }
  return kept;
}

export class EntityLayer {
  readonly hidden: boolean[] = new Array<boolean>(KINDS).fill(false);
  selected = -1;
  /** Names of players by entity. */
  names: ReadonlyMap<number, string> = new Map();
  drawnSingles = 0;
  drawnClusters = 0;

  private readonly clusters = new Clusters();
  private gathered = '';
  private readonly shownX = new Float32Array(65536);
  private readonly shownY = new Float32Array(65536);
  private readonly shownSlots = new Int32Array(65536);
  private shown = 0;
  private bubbles: Bubble[] = [];

  constructor(
    private readonly world: World,
    private readonly cells: () => Cell[],
  ) {}

  draw(context: CanvasRenderingContext2D, view: View, now: number): void {
    const level = cellLevel(view.scale);
    const most = view.metresPerPixel < NEAR_FROM_M ? SINGLES_NEAR : SINGLES;
    const key = `${this.world.version} ${level} ${most} ${this.hidden.join()}`;
    if (key !== this.gathered) {
      this.gathered = key;
      this.clusters.gather(this.world, level, this.hidden, most);
    }
    this.collect(view, now);
    this.drawSingles(context, view);
    this.drawClusters(context, view);
    this.drawSelected(context, view, now);
  }

  /** Singles that are in the view, with where they are on it. */
  private collect(view: View, now: number): void {
    const {singles, singleCount} = this.clusters;
    const at: Point = {x: 0, y: 0};
    const place = {lon: 0, lat: 0};
    this.shown = 0;
    for (let i = 0; i < singleCount; ++i) {
      const slot = singles[i]!;
      this.world.place(slot, now, place);
      if (!view.project(place.lon, place.lat, at)) continue;
      if (at.x < -20 || at.y < -20 || at.x > view.width + 20 || at.y > view.height + 20) continue;
      if (this.shown === this.shownX.length) break;
      this.shownX[this.shown] = at.x;
      this.shownY[this.shown] = at.y;
      this.shownSlots[this.shown++] = slot;
    }
    this.drawnSingles = this.shown;
  }

  private drawSingles(context: CanvasRenderingContext2D, view: View): void {
    const heading = view.metresPerPixel < HEADING_FROM_M;
    const {kinds, yaw} = this.world;
    for (let kind = 0; kind < KINDS; ++kind) {
      if (this.hidden[kind]) continue;
      const size = kind === Kind.player ? 5 : kind === Kind.animal ? 3.6 : 3;
      const arrows = heading && (kind === Kind.player || kind === Kind.animal);
      context.beginPath();
      let any = false;
      for (let i = 0; i < this.shown; ++i) {
        const slot = this.shownSlots[i]!;
        if (kinds[slot] !== kind) continue;
        any = true;
        const x = this.shownX[i]!;
        const y = this.shownY[i]!;
        if (arrows) {
          arrow(context, x, y, yaw[slot]!, size);
        } else if (kind === Kind.resource || kind === Kind.item || kind === Kind.body) {
          context.rect(x - size + 0.5, y - size + 0.5, 2 * size - 1, 2 * size - 1);
        } else {
          const r = size * 0.75;
          context.moveTo(x + r, y);
          context.arc(x, y, r, 0, 2 * Math.PI);
        }
      }
      if (!any) continue;
      context.fillStyle = color(COLORS[kind]!);
      context.fill();
      if (kind === Kind.player) {
        context.lineWidth = 1;
        context.strokeStyle = color('marker-edge');
        context.stroke();
      }
    }
    this.drawNames(context);
  }

  private drawNames(context: CanvasRenderingContext2D): void {
    if (this.names.size === 0) return;
    let players = 0;
    for (let i = 0; i < this.shown; ++i) if (this.world.kinds[this.shownSlots[i]!] === Kind.player) ++players;
    if (players > 60) return;
    const placed: Array<{x: number; y: number; width: number}> = [];
    context.font = '500 11px Inter, sans-serif';
    context.textAlign = 'left';
    context.lineWidth = 3;
    context.lineJoin = 'round';
    context.strokeStyle = color('halo');
    context.fillStyle = color('text');
    for (let i = 0; i < this.shown; ++i) {
      const slot = this.shownSlots[i]!;
      const name = this.names.get(this.world.ids[slot]!);
      if (!name || slot === this.selected) continue;
      const x = this.shownX[i]! + 10;
      const y = this.shownY[i]! + 4;
      // Of names on top of each other nobody reads any.
      if (placed.some((other) => Math.abs(other.y - y) < 13 && x < other.x + other.width && other.x < x + 6.6 * name.length)) continue;
      placed.push({x, y, width: 6.6 * name.length});
      context.strokeText(name, x, y);
      context.fillText(name, x, y);
    }
  }

  private drawClusters(context: CanvasRenderingContext2D, view: View): void {
    const found: Bubble[] = [];
    const at: Point = {x: 0, y: 0};
    const add = (lon: number, lat: number, count: number, players: number) => {
      if (!view.project(lon, lat, at)) return;
      if (at.x < -30 || at.y < -30 || at.x > view.width + 30 || at.y > view.height + 30) return;
      found.push({x: at.x, y: at.y, r: bubbleRadius(count), lon, lat, count, players});
    };
    for (const {lon, lat, count, kinds} of this.clusters.clusters) add(lon, lat, count, kinds[Kind.player]!);
    for (const {lon, lat, entities, players} of this.cells()) add(lon, lat, Math.max(1, entities), players);
    this.bubbles = merged(found);
    context.font = '600 11.5px Inter, sans-serif';
    context.textAlign = 'center';
    for (const {x, y, r, count, players} of this.bubbles) {
      context.beginPath();
      context.arc(x, y, r, 0, 2 * Math.PI);
      context.fillStyle = color('bubble');
      context.fill();
      context.lineWidth = 2.5;
      context.strokeStyle = color('animal');
      context.stroke();
      if (players > 0) {
        context.beginPath();
        context.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + (2 * Math.PI * players) / count);
        context.strokeStyle = color('player');
        context.stroke();
      }
      context.fillStyle = color('bubble-text');
      context.fillText(short(count), x, y + 4);
    }
    this.drawnClusters = this.bubbles.length;
  }

  private drawSelected(context: CanvasRenderingContext2D, view: View, now: number): void {
    if (this.selected < 0 || !this.world.has(this.selected)) return;
    const at: Point = {x: 0, y: 0};
    const place = this.world.place(this.selected, now);
    if (!view.project(place.lon, place.lat, at)) return;
    // Its own mark once more: it may be one of a cluster.
    context.beginPath();
    arrow(context, at.x, at.y, this.world.yaw[this.selected]!, 5);
    context.fillStyle = color(COLORS[this.world.kinds[this.selected]!]!);
    context.fill();
    context.beginPath();
    context.arc(at.x, at.y, 12, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = color('accent');
    context.stroke();
    const name = this.names.get(this.world.ids[this.selected]!);
    if (!name) return;
    context.font = '600 12px Inter, sans-serif';
    context.textAlign = 'left';
    context.lineWidth = 3;
    context.lineJoin = 'round';
    context.strokeStyle = color('halo');
    context.strokeText(name, at.x + 17, at.y + 4);
    context.fillStyle = color('text');
    context.fillText(name, at.x + 17, at.y + 4);
  }

  /** What lies under a point: the nearest single one, else a cluster. */
  hit(x: number, y: number, reach = 14): Hit | null {
    let best = reach * reach;
    let slot = -1;
    for (let i = 0; i < this.shown; ++i) {
      const d = (this.shownX[i]! - x) ** 2 + (this.shownY[i]! - y) ** 2;
      if (d < best) {
        best = d;
        slot = this.shownSlots[i]!;
      }
    }
    const from = ({x: bx, y: by}: {x: number; y: number}) => (bx - x) ** 2 + (by - y) ** 2;
    const nearest = reach === Infinity ? this.bubbles.toSorted((a, b) => from(a) - from(b))[0] : undefined;
    if (slot >= 0 && (nearest === undefined || from(nearest) >= best)) return {slot, cluster: null};
    const bubble = nearest ?? this.bubbles.findLast((b) => from(b) < b.r * b.r);
    return bubble ? {slot: -1, cluster: {lon: bubble.lon, lat: bubble.lat}} : null;
  }
}
