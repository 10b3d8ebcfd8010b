// Entities gathered in cells of about equal size on the ground: what a map shows from afar. Cells are fixed to the planet, not
// to the screen, so that clusters do not flicker while the map moves. Pure.

import {KINDS, type World} from '../data/world';

/** Cells with at most so many members show each of them; near the ground, where each has its room, more. */
export const SINGLES = 8;
export const SINGLES_NEAR = 24;
/** Cells are at least so wide on the screen, and below twice that. */
export const CELL_PIXELS = 56;

export interface Cluster {
  lon: number;
  lat: number;
  count: number;
  /** Members by kind. */
  kinds: Uint32Array;
}

/** The level whose cells are CELL_PIXELS to twice that wide at a scale: level n has 2^n cells around the equator. */
export function cellLevel(scale: number): number {
  return Math.max(2, Math.floor(Math.log2((2 * Math.PI * scale) / CELL_PIXELS)));
}

export class Clusters {
  clusters: Cluster[] = [];
  /** Slots that are shown one by one; `singleCount` of them. */
  singles = new Int32Array(1024);
  singleCount = 0;

  private table = new Int32Array(4096);
  private keys = new Float64Array(2048);
  private members = new Uint32Array(2048);
  private cellOf = new Int32Array(1024);

  /** `hidden[kind]`: kinds to leave out. `most`: members of a cell that are shown one by one. */
  gather(world: World, level: number, hidden: ReadonlyArray<boolean>, most = SINGLES): void {
    const cells = this.assign(world, level, hidden);
    this.collect(world, cells, hidden, most);
  }

  /** A cell's number for each slot, by open addressing; returns how many cells there are. */
  private assign(world: World, level: number, hidden: ReadonlyArray<boolean>): number {
    if (this.cellOf.length < world.end) this.cellOf = new Int32Array(world.ids.length);
    if (this.table.length < 2 * world.end) this.table = new Int32Array(4 * world.ids.length);
    if (this.keys.length < world.end) {
      this.keys = new Float64Array(world.ids.length);
      this.members = new Uint32Array(world.ids.length);
    }
    const mask = powerOfTwoBelow(this.table.length) - 1;
    this.table.fill(0);
    const cell = (2 * Math.PI) / 2 ** level;
    let cells = 0;
    for (let slot = 0; slot < world.end; ++slot) {
      const kind = world.kinds[slot]!;
      if (kind === 0 || hidden[kind]) continue;
      const band = Math.floor(world.lat[slot]! / cell);
      // As many cells around as make them about square in this band.
      const around = Math.max(1, Math.round(2 ** level * Math.cos((band + 0.5) * cell)));
      const column = Math.floor(((world.lon[slot]! + Math.PI) / (2 * Math.PI)) * around);
      const key = (band + 2 ** level) * 2 ** 27 + column;
      let at = mix(key) & mask;
      for (;;) {
        const entry = this.table[at]!;
        if (entry === 0) {
          this.table[at] = ++cells;
          this.keys[cells - 1] = key;
          this.members[cells - 1] = 1;
          this.cellOf[slot] = cells - 1;
          break;
        }
        if (this.keys[entry - 1] === key) {
          ++this.members[entry - 1]!;
          this.cellOf[slot] = entry - 1;
          break;
        }
        at = (at + 1) & mask;
      }
    }
    return cells;
  }

  private collect(world: World, cells: number, hidden: ReadonlyArray<boolean>, most: number): void {
    const index = new Int32Array(cells).fill(-1);
    const x: number[] = [];
    const y: number[] = [];
    const z: number[] = [];
    this.clusters = [];
    this.singleCount = 0;
    if (this.singles.length < world.end) this.singles = new Int32Array(world.ids.length);
    for (let slot = 0; slot < world.end; ++slot) {
      const kind = world.kinds[slot]!;
      if (kind === 0 || hidden[kind]) continue;
      const cell = this.cellOf[slot]!;
      if (this.members[cell]! <= most) {
        this.singles[this.singleCount++] = slot;
        continue;
      }
      let at = index[cell]!;
      if (at < 0) {
        at = index[cell] = this.clusters.length;
        this.clusters.push({lon: 0, lat: 0, count: 0, kinds: new Uint32Array(KINDS)});
        x.push(0);
        y.push(0);
        z.push(0);
      }
      const cluster = this.clusters[at]!;
      const cos = Math.cos(world.lat[slot]!);
      x[at]! += cos * Math.cos(world.lon[slot]!);
      y[at]! += cos * Math.sin(world.lon[slot]!);
      z[at]! += Math.sin(world.lat[slot]!);
      ++cluster.count;
      ++cluster.kinds[kind]!;
    }
    this.clusters.forEach((cluster, i) => {
      cluster.lon = Math.atan2(y[i]!, x[i]!);
      cluster.lat = Math.atan2(z[i]!, Math.hypot(x[i]!, y[i]!));
    });
  }
}

function powerOfTwoBelow(n: number): number {
  return 2 ** Math.floor(Math.log2(n));
}

function mix(key: number): number {
  const low = key | 0;
  const high = (key / 2 ** 32) | 0;
  let h = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
