/**
 * What a viewer holds of the world: the states of parts that later ones are decoded against, and
 * the newest state of each entity (proto/WIRE.md "Applying a snapshot"). Snapshots may come late,
 * doubled or not at all.
 */
import { decodePayload, EXTENDED, NO_BASES, UNIT_M, YAW_STEPS, type Bases, type Class, type Member, type Slots } from "./part.ts";
import { ancestor, Frame, SECTOR_LEVEL, type Vec3 } from "./planet.ts";
import { WireError } from "./range_reader.ts";
import { type PartHeader, type RawPart, type Snapshot } from "./snapshot.ts";

/** One entity as it was last received. The same object for as long as the entity is in view: it changes. */
export class Entity {
  /** Of the state. */
  tick = 0;
  cls: Class = EXTENDED;
  /** When it left the view; -1: it is there. */
  left = -1;
  /** Number of the part that it belongs to. */
  part = 0;

  constructor(
    public leafKey: bigint,
    public frame: Frame,
    /** In the class's units, in the frame of the leaf's sector. */
    public member: Member,
  ) {}

  get id(): number {
    return this.member.id;
  }
  get kind(): number {
    return this.member.kind;
  }
  /** ECEF metres. */
  get position(): Vec3 {
    return positionOf(this.member, this.cls, this.frame);
  }
  /** Turns clockwise from north; null where it is not told. */
  get heading(): number | null {
    return headingOf(this.member, this.cls);
  }
}

export interface DecodedPart extends PartHeader {
  readonly tick: number;
  readonly members: Slots;
}

/** Told when an entity has a newer state and when it has left. */
export interface WorldListener {
  updated(entity: Entity): void;
  removed(id: number, tick: number): void;
}

export interface WorldStats {
  parts: number;
  keyframes: number;
  updates: number;
  payloadBytes: number;
  /** Parts whose base is not held. */
  missingBases: number;
  malformed: number;
}

const HELD_TICKS = 48;
// Removals and drops are remembered longer than any base lives, so that nothing overtaken undoes them.
const TOMBSTONE_TICKS = 256;

interface HeldState {
  readonly tick: number;
  readonly cls: Class;
  readonly slots: Slots;
}
interface PartRecord {
  /** Ascending ticks; the last is the newest. */
  held: HeldState[];
}
interface LeafRecord {
  readonly key: bigint;
  readonly frame: Frame;
  readonly parts: Map<number, PartRecord>;
}

export class World {
  readonly stats: WorldStats = { parts: 0, keyframes: 0, updates: 0, payloadBytes: 0, missingBases: 0, malformed: 0 };
  private readonly leaves = new Map<bigint, LeafRecord>();
  private readonly records = new Map<number, Entity>();
  private readonly dropped = new Map<bigint, number>();
  private readonly frames = new Map<bigint, Frame>();
  private sweptAt = 0;
  private alive = 0;

  /** `hz`: the server's ticks a second, which payloads are decoded with. */
  constructor(
    private readonly hz: number,
    private readonly listener: WorldListener | null = null,
  ) {}

  get size(): number {
    return this.alive;
  }

  entity(id: number): Entity | undefined {
    const entity = this.records.get(id);
    return entity !== undefined && entity.left < 0 ? entity : undefined;
  }

  *entities(): IterableIterator<Entity> {
    for (const entity of this.records.values()) if (entity.left < 0) yield entity;
  }

  /** Keys of the leaves that are held. */
  leafKeys(): IterableIterator<bigint> {
    return this.leaves.keys();
  }

  /**
   * Applies a snapshot that did not come before; `tick` is its whole tick. True: all was decoded,
   * and it may be acknowledged.
   */
  apply(snapshot: Snapshot, tick: number): boolean {
    let complete = true;
    for (const part of snapshot.parts) {
      if ((this.dropped.get(part.leafKey) ?? -1) >= tick) continue;
      const decoded = this.decode(part, tick);
      if (decoded === null) complete = false;
      else this.keep(decoded);
    }
    for (const key of snapshot.drops) this.drop(key, tick);
    if (tick > this.sweptAt + TOMBSTONE_TICKS) this.sweep(tick);
    return complete;
  }

  /** Decodes a part against the states held; null: it cannot be. Nothing else is changed. */
  decode(part: RawPart, tick: number): DecodedPart | null {
    const bases = this.basesOf(part, tick);
    if (bases === null) {
      ++this.stats.missingBases;
      return null;
    }
    try {
      const members = decodePayload(part.payload, part.cls, bases, this.hz);
      ++this.stats.parts;
      if (part.age === 0) ++this.stats.keyframes;
      this.stats.payloadBytes += part.payload.length;
      const { leafKey, number, cls, age, step } = part;
      return { leafKey, number, cls, age, step, tick, members };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      ++this.stats.malformed;
      return null;
    }
  }

  private basesOf(part: RawPart, tick: number): Bases | null {
    if (part.age === 0) return NO_BASES;
    const held = this.leaves.get(part.leafKey)?.parts.get(part.number)?.held ?? [];
    let newest: Slots | null = null, older: Slots | null = null;
    for (const state of held) {
      if (state.cls !== part.cls) continue;
      if (state.tick === tick - part.age) newest = state.slots;
      if (part.step > 0 && state.tick === tick - part.age - part.step) older = state.slots;
    }
    if (newest === null || (older === null && part.step > 0)) return null;
    return { newest, older, age: part.age, step: part.step };
  }

  private keep(part: DecodedPart): void {
    let leaf = this.leaves.get(part.leafKey);
    if (leaf === undefined) {
      leaf = { key: part.leafKey, frame: this.frameOf(part.leafKey), parts: new Map() };
      this.leaves.set(part.leafKey, leaf);
    }
    let record = leaf.parts.get(part.number);
    if (record === undefined) {
      record = { held: [] };
      leaf.parts.set(part.number, record);
    }
    const held = record.held;
    const state: HeldState = { tick: part.tick, cls: part.cls, slots: part.members };
    const newest = held.at(-1);
    if (newest !== undefined && newest.tick >= part.tick) {
      const after = held.findIndex((other) => other.tick >= part.tick);
      if (held[after]!.tick > part.tick) held.splice(after, 0, state);
      return;
    }
    this.show(leaf, part, newest?.slots ?? null);
    held.push(state);
    let expired = 0;
    while (held[expired]!.tick <= part.tick - HELD_TICKS) ++expired;
    if (expired > 0) held.splice(0, expired);
  }

  private frameOf(leafKey: bigint): Frame {
    // A view has few sectors and many leaves.
    const sector = ancestor(leafKey, SECTOR_LEVEL);
    let frame = this.frames.get(sector);
    if (frame === undefined) {
      if (this.frames.size > 64) this.frames.clear();
      frame = new Frame(leafKey);
      this.frames.set(sector, frame);
    }
    return frame;
  }

  private show(leaf: LeafRecord, part: DecodedPart, before: Slots | null): void {
    for (const member of part.members) {
      if (member === undefined) continue;
      ++this.stats.updates;
      let entity = this.records.get(member.id);
      if (entity === undefined) {
        entity = new Entity(leaf.key, leaf.frame, member);
        this.records.set(member.id, entity);
        ++this.alive;
      } else {
        // At an equal tick the living wins over its removal from another leaf.
        if (entity.left < 0 ? entity.tick >= part.tick : entity.left > part.tick) continue;
        if (entity.left >= 0) ++this.alive;
        entity.leafKey = leaf.key;
        entity.frame = leaf.frame;
        entity.member = member;
      }
      entity.tick = part.tick;
      entity.cls = part.cls;
      entity.part = part.number;
      entity.left = -1;
      this.listener?.updated(entity);
    }
    if (before === null) return;
    for (const member of before) {
      if (member !== undefined) this.removeFrom(leaf.key, part.number, member.id, part.tick - 1, part.tick);
    }
  }

  /** Removes what belongs to the part with a state not newer than `upTo`; it left at `tick`. */
  private removeFrom(leafKey: bigint, part: number, id: number, upTo: number, tick: number): void {
    const entity = this.records.get(id);
    if (entity === undefined || entity.left >= 0 || entity.part !== part) return;
    if (entity.leafKey !== leafKey || entity.tick > upTo) return;
    entity.left = tick;
    --this.alive;
    this.listener?.removed(id, tick);
  }

  private drop(key: bigint, tick: number): void {
    this.dropped.set(key, Math.max(tick, this.dropped.get(key) ?? -1));
    const leaf = this.leaves.get(key);
    if (leaf === undefined) return;
    for (const [number, record] of leaf.parts) {
      const newest = record.held.at(-1)!;
      if (newest.tick > tick) continue;
      for (const member of newest.slots) {
        if (member !== undefined) this.removeFrom(key, number, member.id, tick, tick);
      }
      leaf.parts.delete(number);
    }
    if (leaf.parts.size === 0) this.leaves.delete(key);
  }

  private sweep(tick: number): void {
    this.sweptAt = tick;
    for (const [id, entity] of this.records) {
      if (entity.left >= 0 && entity.left + TOMBSTONE_TICKS < tick) this.records.delete(id);
    }
    for (const [key, at] of this.dropped) if (at + TOMBSTONE_TICKS < tick) this.dropped.delete(key);
  }
}

/** Where a member is, ECEF metres, in the frame of its leaf. */
export function positionOf(member: Member, cls: Class, frame: Frame): Vec3 {
  const unit = UNIT_M[cls];
  return frame.place(member.east * unit, member.north * unit, member.up * unit);
}

/** Turns clockwise from north, 0 to 1; null where it is not told: in extended, and of bodies. */
export function headingOf(member: Member, cls: Class): number | null {
  return cls === EXTENDED || member.rotation !== null ? null : member.yaw / YAW_STEPS[cls];
}
