// Every entity that the feed tells of, in columns, so that tens of thousands stay cheap. Slots are reused.

import {fromEcef, wrap, type Geodetic} from '../map/geodesy';

export const Kind = {player: 1, animal: 2, resource: 3, item: 4, body: 5} as const;
export const KIND_NAMES = ['unknown', 'player', 'animal', 'resource', 'item', 'body'] as const;
export const KINDS = KIND_NAMES.length;

const FIRST_CAPACITY = 1024;
const scratch: Geodetic = {lon: 0, lat: 0, alt: 0};

export class World {
  /** Slots below it may be in use; those whose kind is 0 are not. */
  end = 0;
  count = 0;
  /** Grows with every change, so that whoever derives something knows when to do so again. */
  version = 0;
  /** Of each kind. */
  readonly counts = new Uint32Array(KINDS);

  ids = new Float64Array(FIRST_CAPACITY);
  kinds = new Uint8Array(FIRST_CAPACITY);
  lon = new Float64Array(FIRST_CAPACITY);
  lat = new Float64Array(FIRST_CAPACITY);
  alt = new Float32Array(FIRST_CAPACITY);
  /** Where it was when it was last told of, and when that was and this is, in milliseconds. */
  fromLon = new Float64Array(FIRST_CAPACITY);
  fromLat = new Float64Array(FIRST_CAPACITY);
  since = new Float64Array(FIRST_CAPACITY);
  lasts = new Float32Array(FIRST_CAPACITY);
  /** Radians clockwise from north. */
  yaw = new Float32Array(FIRST_CAPACITY);
  health = new Uint8Array(FIRST_CAPACITY);
  animation = new Uint8Array(FIRST_CAPACITY);

  private readonly slots = new Map<number, number>();
  private readonly free: number[] = [];

  slotOf(id: number): number | undefined {
    return this.slots.get(id);
  }

  has(slot: number): boolean {
    return slot < this.end && this.kinds[slot] !== 0;
  }

  /** Adds or moves one. `now` in milliseconds; yaw in radians. */
  put(id: number, kind: number, x: number, y: number, z: number, yaw: number, now: number): number {
    let slot = this.slots.get(id);
    fromEcef(x, y, z, scratch);
    if (slot === undefined) {
      slot = this.free.pop() ?? this.end++;
      if (slot >= this.ids.length) this.grow();
      this.slots.set(id, slot);
      this.ids[slot] = id;
      this.fromLon[slot] = scratch.lon;
      this.fromLat[slot] = scratch.lat;
      this.lasts[slot] = 0;
      this.health[slot] = 100;
      this.animation[slot] = 0;
      ++this.count;
    } else {
      --this.counts[this.kinds[slot]!]!;
      // From where it is seen now, so that it never jumps back.
      const place = this.place(slot, now);
      this.fromLon[slot] = place.lon;
      this.fromLat[slot] = place.lat;
      this.lasts[slot] = Math.min(1500, Math.max(16, now - this.since[slot]!));
    }
    this.kinds[slot] = kind > 0 && kind < KINDS ? kind : Kind.body;
    ++this.counts[this.kinds[slot]!]!;
    this.lon[slot] = scratch.lon;
    this.lat[slot] = scratch.lat;
    this.alt[slot] = scratch.alt;
    this.yaw[slot] = yaw;
    this.since[slot] = now;
    ++this.version;
    return slot;
  }

  remove(id: number): void {
    const slot = this.slots.get(id);
    if (slot === undefined) return;
    this.slots.delete(id);
    --this.counts[this.kinds[slot]!]!;
    this.kinds[slot] = 0;
    this.free.push(slot);
    --this.count;
    ++this.version;
  }

  clear(): void {
    this.slots.clear();
    this.free.length = 0;
    this.kinds.fill(0);
    this.counts.fill(0);
    this.end = this.count = 0;
    ++this.version;
  }

  /** Where it is seen at `now`: on its way from the place told before to the newest one, as long as that took to come. */
  place(slot: number, now: number, out: {lon: number; lat: number} = {lon: 0, lat: 0}): {lon: number; lat: number} {
    const lasts = this.lasts[slot]!;
    const part = lasts > 0 ? Math.min(1, (now - this.since[slot]!) / lasts) : 1;
    const lon = this.fromLon[slot]!;
    const lat = this.fromLat[slot]!;
    out.lon = lon + wrap(this.lon[slot]! - lon) * part;
    out.lat = lat + (this.lat[slot]! - lat) * part;
    return out;
  }

  idsInUse(): IterableIterator<number> {
    return this.slots.keys();
  }

  private grow(): void {
    const size = this.ids.length * 2;
    const wider = <T extends Float64Array | Float32Array | Uint8Array>(old: T): T => {
      const next = new (old.constructor as new (n: number) => T)(size);
      next.set(old as never);
      return next;
    };
    this.ids = wider(this.ids);
    this.kinds = wider(this.kinds);
    this.lon = wider(this.lon);
    this.lat = wider(this.lat);
    this.alt = wider(this.alt);
    this.fromLon = wider(this.fromLon);
    this.fromLat = wider(this.fromLat);
    this.since = wider(this.since);
    this.lasts = wider(this.lasts);
    this.yaw = wider(this.yaw);
    this.health = wider(this.health);
    this.animation = wider(this.animation);
  }
}
