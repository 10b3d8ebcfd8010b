/**
 * Part payloads: up to 32 members of a leaf at one tick, whole or against one or two earlier
 * states (proto/WIRE.md "Part payload"). Pure: what is decoded is a new state, its bases stay.
 */
import { RangeReader, Scale, WireError } from "./range_reader.ts";
import { extrapolate, largestOf, narrow, widen, type Rotation, type Wide } from "./rotation.ts";

/** How near a leaf is, which decides what is sent of its members and how often. */
export const COMBAT = 0, VISUAL = 1, EXTENDED = 2;
export type Class = 0 | 1 | 2;

/** Metres of one position unit, by class. */
export const UNIT_M = [0.01, 0.1, 0.5] as const;
/** Steps of a whole turn in `yaw`, by class; none in extended. */
export const YAW_STEPS = [1024, 256, 1] as const;

/** Kinds of entities. Others may come: show them as something. */
export const PLAYER = 1, ANIMAL = 2, RESOURCE = 3, ITEM = 4, BODY = 5;

export const SLOTS = 32;

/** One entity's state, in its class's units along east, north and up of its leaf's sector. */
export interface Member {
  /** Network id: index in the low 20 bits, generation above. */
  readonly id: number;
  readonly kind: number;
  readonly east: number;
  readonly north: number;
  readonly up: number;
  /** Clockwise from north, in 1/1,024 (combat) or 1/256 turn (visual); 0 in extended. */
  readonly yaw: number;
  /** Combat only, else 0; with `animation` the definition of an item. */
  readonly health: number;
  readonly animation: number;
  /** Of bodies, in combat and visual. */
  readonly rotation: Rotation | null;
}

/** By slot. What two states have in the same slot under the same id is the same entity. */
export type Slots = ReadonlyArray<Member | undefined>;

/** What a payload is decoded against. Ages in ticks; none: `newest` null and 0. */
export interface Bases {
  readonly newest: Slots | null;
  readonly older: Slots | null;
  readonly age: number;
  readonly step: number;
}
export const NO_BASES: Bases = { newest: null, older: null, age: 0, step: 0 };

const LIMIT = 1 << 21;
const EMPTY = 0, KEPT = 1, FULL = 3;
// By the use of the slot before: where each of the four uses starts, and 4,096.
const USE_START = new Uint16Array([
  0, 3700, 3980, 4016, 4096, 0, 160, 3976, 4016, 4096, 0, 240, 2400, 3900, 4096, 0, 400, 2200, 2400, 4096,
]);
const UNIT_CM = [1, 10, 50] as const;
const YAW_BITS = [10, 8, 0] as const;
const INDEX_MASK = 0xfffff;
const FLYING = 1, WALKING = 0;

class Scales {
  readonly flat = new Scale();
  readonly up = new Scale();
  readonly turn = new Scale();

  begin(flat: number, up: number, turn: number): void {
    this.flat.begin(flat);
    this.up.begin(up);
    this.turn.begin(turn);
  }
}

// Members are made with all fields in one order everywhere, which engines turn into faster code.
function member(
  id: number, kind: number, east: number, north: number, up: number, yaw: number, health: number, animation: number,
  rotation: Rotation | null,
): Member {
  return { id, kind, east, north, up, yaw, health, animation, rotation };
}

const FIRST_BEFORE_FULL = member((1 << 20) | 255, PLAYER, 0, 0, 0, 0, 100, 0, null);

const predict = (newest: number, older: number, bases: Bases): number => {
  const carried = newest + Math.floor((2 * (newest - older) * bases.age + bases.step) / (2 * bases.step));
  return carried < -LIMIT ? -LIMIT : carried >= LIMIT ? LIMIT - 1 : carried;
};

/** Used for one part after the other, so that a part's garbage is its result alone. */
class PartReader {
  private readonly bits = new RangeReader();
  private readonly uses = new Uint8Array(SLOTS);
  private readonly moving = new Scales();
  private readonly still = new Scales();
  private readonly once = new Scales();
  private readonly scalesOfFull = new Scales();
  private cls: Class = COMBAT;
  // The position read last, and the mean level of its residuals.
  private east = 0;
  private north = 0;
  private up = 0;
  private near = 0;

  read(payload: Uint8Array, cls: Class, bases: Bases, hz: number): Slots {
    const bits = this.bits;
    bits.begin(payload);
    this.cls = cls;
    const { newest, older, age, step } = bases;
    const { uses, moving, still, once, scalesOfFull } = this;
    let use = newest === null ? FULL : KEPT;
    for (let slot = 0; slot < SLOTS; ++slot) {
      if (newest === null) use = bits.flag(use === FULL ? 3900 : 400) ? FULL : EMPTY;
      else use = bits.symbol(USE_START, 5 * use, 4);
      uses[slot] = use;
    }
    const unit = UNIT_CM[cls];
    moving.begin(Math.floor((20 * age * (age + step)) / (hz * hz * unit)), 0, 1);
    still.begin(0, 0, 0);
    once.begin(Math.floor((200 * age) / (hz * unit)), 0, 0);
    scalesOfFull.begin(500 / unit, 500 / unit, 0);
    const calm = newest !== null && cls !== EXTENDED && bits.flag(2048);
    let usual = FIRST_BEFORE_FULL;
    let before: Member | null = null;
    const slots: (Member | undefined)[] = [];
    for (let slot = 0; slot < SLOTS; ++slot) {
      use = uses[slot]!;
      if (use === EMPTY) {
        slots.push(undefined);
        continue;
      }
      let now: Member;
      if (use === FULL) {
        now = usual = this.full(usual, before, scalesOfFull);
      } else {
        const base = newest?.[slot];
        const then = use === KEPT && older !== null ? older[slot] : undefined;
        if (base === undefined || (use === KEPT && older !== null && then?.id !== base.id))
          throw new WireError("a delta of a slot that a base has not");
        if (then === undefined) now = this.kept(base, null, bases, once, calm);
        else if (then.east === base.east && then.north === base.north && then.up === base.up)
          now = this.kept(base, then, bases, still, calm);
        else now = this.kept(base, then, bases, moving, calm);
      }
      if (now.id === 0 || outside(now.east) || outside(now.north) || outside(now.up))
        throw new WireError("no such member");
      slots.push(now);
      before = now;
    }
    bits.finish();
    return slots;
  }

  private position(kind: number, scales: Scales, east: number, north: number, up: number): void {
    const set = kind === BODY ? FLYING : WALKING;
    this.east = east + this.bits.residual(set, scales.flat, -1);
    let levels = scales.flat.level;
    this.north = north + this.bits.residual(set, scales.flat, levels);
    levels += scales.flat.level;
    this.up = up + this.bits.residual(set, scales.up, levels >> 1);
    levels += scales.up.level;
    this.near = Math.floor(levels / 3);
  }

  private kept(base: Member, older: Member | null, bases: Bases, scales: Scales, calm: boolean): Member {
    if (older === null) this.position(base.kind, scales, base.east, base.north, base.up);
    else
      this.position(base.kind, scales, predict(base.east, older.east, bases), predict(base.north, older.north, bases),
        predict(base.up, older.up, bases));
    let { yaw, health, animation, rotation } = base;
    if (this.cls !== EXTENDED) {
      if (base.kind === BODY) {
        rotation = this.rotation(base, older, bases, scales.turn);
      } else {
        if (!calm) yaw = (yaw + this.bits.residual(WALKING, scales.turn, this.near)) & (YAW_STEPS[this.cls] - 1);
        if (this.cls === COMBAT && this.bits.flag(48)) {
          const vitals = this.bits.bits(12);
          health = vitals & 255;
          animation = vitals >> 8;
        }
      }
    }
    return member(base.id, base.kind, this.east, this.north, this.up, yaw, health, animation, rotation);
  }

  private full(usual: Member, before: Member | null, scales: Scales): Member {
    const bits = this.bits;
    const index = bits.width(usual.id & INDEX_MASK, 5, 20);
    let generation = usual.id >>> 20;
    if (!bits.flag(2800)) generation = bits.width(generation, 4, 12);
    const id = ((generation << 20) | index) >>> 0;
    const kind = bits.flag(3700) ? usual.kind : bits.bits(4);
    if (before === null) {
      this.east = (bits.bits(22) ^ LIMIT) - LIMIT;
      this.north = (bits.bits(22) ^ LIMIT) - LIMIT;
      this.up = (bits.bits(22) ^ LIMIT) - LIMIT;
    } else {
      this.position(kind, scales, before.east, before.north, before.up);
    }
    let yaw = 0, health = 0, animation = 0;
    let rotation: Rotation | null = null;
    if (this.cls !== EXTENDED) {
      if (kind === BODY) {
        const largest = bits.bits(2);
        rotation = checked(largest, bits.bits(11) - 1000, bits.bits(11) - 1000, bits.bits(11) - 1000);
      } else {
        yaw = bits.flag(1024) ? usual.yaw : bits.bits(YAW_BITS[this.cls]);
        if (this.cls === COMBAT) {
          if (bits.flag(3300)) {
            health = usual.health;
            animation = usual.animation;
          } else {
            const vitals = bits.bits(12);
            health = vitals & 255;
            animation = vitals >> 8;
          }
        }
      }
    }
    return member(id, kind, this.east, this.north, this.up, yaw, health, animation, rotation);
  }

  private rotation(base: Member, older: Member | null, bases: Bases, scale: Scale): Rotation {
    const newest = base.rotation ?? UNTURNED;
    const predicted: Wide =
      older === null ? widen(newest) : extrapolate(newest, older.rotation ?? UNTURNED, bases.age, bases.step);
    const largest = this.bits.flag(3900) ? largestOf(predicted) : this.bits.bits(2);
    const flip = predicted[largest]! < 0;
    const parts = [0, 0, 0];
    let levels = this.near;
    let part = 0;
    for (let axis = 0; axis < 4; ++axis) {
      if (axis === largest) continue;
      const near = Math.floor(levels / (part + 1));
      parts[part++] = narrow(predicted[axis]!, flip) + this.bits.residual(FLYING, scale, near);
      levels += scale.level;
    }
    return checked(largest, parts[0]!, parts[1]!, parts[2]!);
  }
}

const UNTURNED: Rotation = { largest: 3, parts: [0, 0, 0] };

const outside = (axis: number): boolean => axis < -LIMIT || axis >= LIMIT;

function checked(largest: number, a: number, b: number, c: number): Rotation {
  if (Math.abs(a) > 708 || Math.abs(b) > 708 || Math.abs(c) > 708) throw new WireError("no such orientation");
  return { largest, parts: [a, b, c] };
}

const reader = new PartReader();

/**
 * The members of a part, by slot. `hz`: the server's ticks a second. Throws WireError on a payload
 * that the protocol does not allow, or that does not fit these bases.
 */
export function decodePayload(payload: Uint8Array, cls: Class, bases: Bases, hz: number): Slots {
  return reader.read(payload, cls, bases, hz);
}
