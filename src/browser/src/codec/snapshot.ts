/** The snapshot message: its head, its drops, and the parts as they lie in it (proto/WIRE.md "Snapshot"). */
import { EXTENDED, type Class } from "./part.ts";
import { MAX_LEVEL, SECTOR_LEVEL, levelOfKey, vec, type Vec3 } from "./planet.ts";
import { WireError } from "./range_reader.ts";

export const SNAPSHOT = 2;
/** Bases are at most one tick less than this many ticks old. */
export const BASE_TICKS = 32;

/** The own player at the snapshot's tick, bit for bit. */
export interface ExactState {
  readonly position: Vec3;
  readonly velocity: Vec3;
  readonly groundHeight: number;
  /** 1/65,536 turn clockwise from north. */
  readonly yaw: number;
}

export interface PartHeader {
  readonly leafKey: bigint;
  /** Number of the part in its leaf. */
  readonly number: number;
  readonly cls: Class;
  /** Ticks from the newest base to this state; 0: no base. */
  readonly age: number;
  /** Ticks from the older base to the newest; 0: no older one. */
  readonly step: number;
}

export interface RawPart extends PartHeader {
  readonly payload: Uint8Array;
}

export interface Snapshot {
  readonly sequence: number;
  /** Low 32 bits. */
  readonly tick: number;
  readonly exact: ExactState | null;
  /** The own prediction of tick - confirmedAge was right; -1: nothing said. */
  readonly confirmedAge: number;
  /** How much longer than usual a tick lasts now, percent. */
  readonly slowedPercent: number;
  readonly inputDepth: number;
  readonly health: number;
  readonly drops: readonly bigint[];
  readonly parts: readonly RawPart[];
}

const EXACT = 1, CONFIRMED = 2, SLOWED = 4;
const HAS_BASE = 4, AGES_FOLLOW = 8, NEXT_OF_LEAF = 16, LONG = 32, NUMBERED = 64, WHOLE_KEY = 128;
const MOST_DROPS = 32;
const MOST_PART_BYTES = 900;

class Bytes {
  private readonly view: DataView;
  at = 0;

  constructor(private readonly data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get left(): number {
    return this.data.length - this.at;
  }

  private advance(count: number): number {
    if (count > this.left) throw new WireError("a snapshot that ends early");
    const at = this.at;
    this.at += count;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }
  i8(): number {
    return this.view.getInt8(this.advance(1));
  }
  u16(): number {
    return this.view.getUint16(this.advance(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }
  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true);
  }
  f64(): number {
    const value = this.view.getFloat64(this.advance(8), true);
    if (!Number.isFinite(value)) throw new WireError("a number that is none");
    return value;
  }
  /** At most seven bytes, 49 bits: a number holds them. */
  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = this.u8();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new WireError("a varint without an end");
  }
  bytes(count: number): Uint8Array {
    const at = this.advance(count);
    return this.data.subarray(at, at + count);
  }
}

function leafKey(key: bigint): bigint {
  if (levelOfKey(key) < SECTOR_LEVEL) throw new WireError("not a leaf key");
  return key;
}

/** `relative` to the leaf of the part before: a level and a distance along the leaves there. */
function relativeKey(before: bigint, relative: number): bigint {
  const level = SECTOR_LEVEL + (relative & 15);
  if (before === 0n || level > MAX_LEVEL) throw new WireError("relative to no key");
  const deeper = level - levelOfKey(before);
  const near = deeper >= 0 ? before << BigInt(3 * deeper) : before >> BigInt(-3 * deeper);
  const zigzag = Math.floor(relative / 16);
  const distance = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  const key = near + BigInt(distance);
  if (key <= 0n || levelOfKey(key) !== level) throw new WireError("not a leaf key");
  return key;
}

/** Throws WireError on what is no snapshot. Payloads are views of `data`. */
export function parseSnapshot(data: Uint8Array): Snapshot {
  const bytes = new Bytes(data);
  if (bytes.u8() !== SNAPSHOT) throw new WireError("not a snapshot");
  const sequence = bytes.u16();
  const tick = bytes.u32();
  const flags = bytes.u8();
  const inputDepth = bytes.i8();
  const health = bytes.u8();
  if (sequence === 0 || (flags & ~(EXACT | CONFIRMED | SLOWED)) !== 0) throw new WireError("not a snapshot");
  let exact: ExactState | null = null;
  if (flags & EXACT) {
    const position = vec(bytes.f64(), bytes.f64(), bytes.f64());
    const velocity = vec(bytes.f64(), bytes.f64(), bytes.f64());
    exact = { position, velocity, groundHeight: bytes.f64(), yaw: bytes.u16() };
  }
  const confirmedAge = flags & CONFIRMED ? bytes.u8() : -1;
  const slowedPercent = flags & SLOWED ? bytes.u8() : 0;
  const count = bytes.u8();
  if (count > MOST_DROPS) throw new WireError("too many drops");
  const drops: bigint[] = [];
  for (let i = 0; i < count; ++i) {
    const key = bytes.u64();
    if (levelOfKey(key) < 0) throw new WireError("a drop of no leaf");
    drops.push(key);
  }
  return {
    sequence, tick, exact, confirmedAge, slowedPercent, inputDepth, health, drops,
    parts: parseParts(bytes),
  };
}

function parseParts(bytes: Bytes): RawPart[] {
  const parts: RawPart[] = [];
  let leaf = 0n;
  let number = 0;
  let ages = 0;
  while (bytes.left > 0) {
    const mode = bytes.u8();
    const cls = mode & 3;
    if (cls > EXTENDED) throw new WireError("a part of no class");
    if (mode & NEXT_OF_LEAF) {
      if (leaf === 0n || number === 255 || mode & (NUMBERED | WHOLE_KEY)) throw new WireError("the next part of no leaf");
      ++number;
    } else {
      leaf = mode & WHOLE_KEY ? leafKey(bytes.u64()) : relativeKey(leaf, bytes.varint());
      number = mode & NUMBERED ? bytes.u8() : 0;
    }
    let age = 0, step = 0;
    if (mode & HAS_BASE) {
      if (mode & AGES_FOLLOW) ages = bytes.varint();
      age = ages % 32;
      step = Math.floor(ages / 32);
      if (age === 0 || age + step >= BASE_TICKS) throw new WireError("no such base");
    } else if (mode & AGES_FOLLOW) {
      throw new WireError("ages of no base");
    }
    const size = mode & LONG ? bytes.u16() : bytes.u8();
    if (size > MOST_PART_BYTES) throw new WireError("a part that is too long");
    parts.push({ leafKey: leaf, number, cls: cls as Class, age, step, payload: bytes.bytes(size) });
  }
  return parts;
}

/** The tick nearest to `near` whose low 32 bits these are. */
export function expandTick(low: number, near: number): number {
  const half = 2 ** 31, cycle = 2 ** 32;
  let ahead = (low - (near % cycle)) % cycle;
  if (ahead < -half) ahead += cycle;
  else if (ahead >= half) ahead -= cycle;
  return near + ahead;
}
