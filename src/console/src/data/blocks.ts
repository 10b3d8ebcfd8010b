// The map's frames (proto/CONSOLE.md "Map frames"): leaf blocks into the world's columns, or cells with counts.

import {decodePayload, NO_BASES, UNIT_M, YAW_STEPS, type Class} from '../../../browser/src/codec/part.ts';
import {ancestor, Frame, SECTOR_LEVEL} from '../../../browser/src/codec/planet.ts';
import type {World} from './world';

export interface Cell {
  /** Radians. */
  lon: number;
  lat: number;
  entities: number;
  players: number;
}

/** Who changes leaves is for a moment in neither: it goes only when no other leaf has told of it by then. */
const GRACE_MS = 1300;
/** Of a leaf that has left the view nothing is said any more. */
const SILENT_MS = 3200;
const BLOCKS = 1;
const CELLS = 2;
const GONE = 3;
const FRAMES_KEPT = 256;

interface Part {
  ids: number[];
}

interface Leaf {
  parts: Map<number, Part>;
  told: number;
}

interface Owner {
  leaf: bigint;
  part: number;
  tick: number;
}

export class Blocks {
  cells: Cell[] = [];
  /** Grows when the cells change. */
  cellsVersion = 0;
  malformed = 0;
  tick = 0;

  private hz = 30;
  private readonly leaves = new Map<bigint, Leaf>();
  private readonly owners = new Map<number, Owner>();
  private readonly leaving = new Map<number, number>();
  private readonly frames = new Map<bigint, Frame>();

  constructor(private readonly world: World) {}

  /** What the map showed is void. */
  reset(hz: number): void {
    this.hz = hz;
    this.leaves.clear();
    this.owners.clear();
    this.leaving.clear();
    this.cells = [];
    ++this.cellsVersion;
    this.world.clear();
  }

  /** Another view of the same world: what is told again soon stays until then. */
  forget(now: number): void {
    this.leaves.clear();
    this.cells = [];
    ++this.cellsVersion;
    for (const id of this.owners.keys()) this.leaving.set(id, now);
    this.owners.clear();
  }

  get leafCount(): number {
    return this.leaves.size;
  }

  take(bytes: ArrayBuffer, now: number): void {
    try {
      this.read(new DataView(bytes), now);
    } catch {
      ++this.malformed;
    }
  }

  /** Takes out those who left and came nowhere, and leaves that nothing is said of any more. */
  sweep(now: number): void {
    for (const [key, leaf] of this.leaves) if (now - leaf.told > SILENT_MS) this.dropLeaf(key, now);
    for (const [id, since] of this.leaving) {
      if (this.owners.has(id)) {
        this.leaving.delete(id);
      } else if (now - since > GRACE_MS) {
        this.leaving.delete(id);
        this.world.remove(id);
      }
    }
  }

  private read(view: DataView, now: number): void {
    const type = view.getUint8(0);
    const count = view.getUint16(2, true);
    this.tick = view.getUint32(4, true);
    let at = 8;
    if (type === CELLS) {
      this.cells = [];
      for (let i = 0; i < count; ++i, at += 16) {
        this.cells.push({
          lat: (view.getFloat32(at, true) * Math.PI) / 180,
          lon: (view.getFloat32(at + 4, true) * Math.PI) / 180,
          entities: view.getUint32(at + 8, true),
          players: view.getUint32(at + 12, true),
        });
      }
      ++this.cellsVersion;
    } else if (type === GONE) {
      for (let i = 0; i < count; ++i, at += 8) this.dropLeaf(view.getBigUint64(at, true), now);
    } else if (type === BLOCKS) {
      for (let i = 0; i < count; ++i) {
        const leaf = view.getBigUint64(at, true);
        const part = view.getUint8(at + 8);
        const parts = view.getUint8(at + 9);
        const cls = view.getUint8(at + 10) as Class;
        const length = view.getUint16(at + 12, true);
        at += 14;
        this.block(leaf, part, parts, cls, new Uint8Array(view.buffer, view.byteOffset + at, length), now);
        at += length;
      }
    }
  }

  private block(leaf: bigint, number: number, parts: number, cls: Class, payload: Uint8Array, now: number): void {
    const members = decodePayload(payload, cls, NO_BASES, this.hz);
    const frame = this.frameOf(leaf);
    let held = this.leaves.get(leaf);
    if (!held) this.leaves.set(leaf, (held = {parts: new Map(), told: now}));
    held.told = now;
    const before = held.parts.get(number)?.ids ?? [];
    const ids: number[] = [];
    for (const member of members) {
      if (!member) continue;
      const owner = this.owners.get(member.id);
      if (owner && newer(owner.tick, this.tick) && owner.leaf !== leaf) continue;
      ids.push(member.id);
      const at = frame.place(member.east * UNIT_M[cls], member.north * UNIT_M[cls], member.up * UNIT_M[cls]);
      const yaw = (member.yaw / YAW_STEPS[cls]) * 2 * Math.PI;
      const slot = this.world.put(member.id, member.kind, at.x, at.y, at.z, yaw, now);
      this.world.animation[slot] = member.animation;
      if (owner) {
        owner.leaf = leaf;
        owner.part = number;
        owner.tick = this.tick;
      } else {
        this.owners.set(member.id, {leaf, part: number, tick: this.tick});
        this.leaving.delete(member.id);
      }
    }
    held.parts.set(number, {ids});
    const still = new Set(ids);
    for (const id of before) if (!still.has(id)) this.leave(id, leaf, number, now);
    for (const [other, part] of held.parts) {
      if (other < parts) continue;
      for (const id of part.ids) this.leave(id, leaf, other, now);
      held.parts.delete(other);
    }
  }

  private dropLeaf(leaf: bigint, now: number): void {
    for (const [number, part] of this.leaves.get(leaf)?.parts ?? []) for (const id of part.ids) this.leave(id, leaf, number, now);
    this.leaves.delete(leaf);
  }

  private leave(id: number, leaf: bigint, part: number, now: number): void {
    const owner = this.owners.get(id);
    if (!owner || owner.leaf !== leaf || owner.part !== part) return;
    this.owners.delete(id);
    this.leaving.set(id, now);
  }

  private frameOf(leaf: bigint): Frame {
    const sector = ancestor(leaf, SECTOR_LEVEL);
    let frame = this.frames.get(sector);
    if (!frame) {
      if (this.frames.size >= FRAMES_KEPT) this.frames.clear();
      this.frames.set(sector, (frame = new Frame(leaf)));
    }
    return frame;
  }
}

/** Is tick a later than b, in 32 bits that wrap? */
function newer(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}
