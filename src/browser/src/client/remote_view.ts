/**
 * The others as they are drawn: the last received states of each entity, and between them the
 * interpolation at a moment far enough in the past that the next state is usually there already.
 * How far follows from the update spacing and the jitter seen, per class. Time comes in as server
 * ticks.
 */
import { add, mul, sub, type Vec3 } from "../codec/planet.ts";
import type { Rotation } from "../codec/rotation.ts";
import { ITEM, COMBAT, type Class, type Entity, type WorldListener } from "../codec/index.ts";

// First, least and greatest delay by class, seconds.
const DELAY_BOUNDS = [
  { start: 0.12, low: 0.06, high: 0.4 },
  { start: 0.225, low: 0.15, high: 0.6 },
  { start: 1, low: 0.6, high: 1.5 },
] as const;
const EXTRAPOLATE_S = 0.25;
const ADAPT_S = 0.5;
const MAX_JITTER_S = 0.1;
const GAP_MARGIN_TICKS = 0.5;
const GAP_QUANTILE = 0.95;
const GAPS_NEEDED = 40;
const GAP_BUCKETS = 64;
// Of its class's delay when an entity changes class: drawn time runs this much faster or slower.
const DELAY_SLEW = 0.25;
const SAMPLES = 8;

/** One entity as it should be drawn now. */
export interface EntityView {
  readonly id: number;
  readonly kind: number;
  readonly cls: Class;
  /** ECEF metres. */
  readonly position: Vec3;
  /** Turns clockwise from north; null where it is not told. */
  readonly heading: number | null;
  readonly rotation: Rotation | null;
  readonly health: number;
  readonly animation: number;
  /** Of an item: what it is (GET /v1/items); 0 until it has been near once. */
  readonly definition: number;
  readonly newestTick: number;
  /** The server's tick that `position` stands for. */
  readonly drawnTick: number;
}

interface Sample {
  readonly tick: number;
  readonly position: Vec3;
  readonly heading: number | null;
}
interface Track {
  readonly id: number;
  kind: number;
  cls: Class;
  health: number;
  animation: number;
  definition: number;
  rotation: Rotation | null;
  /** Oldest first. */
  readonly samples: Sample[];
  delay: number;
  /** 0: in view. */
  removedTick: number;
}

class Delay {
  ticks: number;
  private readonly low: number;
  private readonly high: number;
  private readonly gaps = new Uint32Array(GAP_BUCKETS);
  private seen = 0;

  constructor(
    cls: number,
    private readonly hz: number,
    periodTicks: number,
  ) {
    const bounds = DELAY_BOUNDS[cls]!;
    this.low = Math.max(bounds.low * hz, periodTicks + GAP_MARGIN_TICKS);
    this.high = Math.max(bounds.high * hz, this.low);
    this.ticks = Math.max(this.low, Math.min(bounds.start * hz, this.high));
  }

  note(gap: number): void {
    ++this.gaps[Math.min(gap, GAP_BUCKETS - 1)]!;
    ++this.seen;
  }

  adapt(jitterTicks: number): void {
    if (this.seen < GAPS_NEEDED) return;
    let rank = Math.floor(GAP_QUANTILE * this.seen);
    let gap = 0;
    while (gap < GAP_BUCKETS - 1 && (rank -= this.gaps[gap]!) >= 0) ++gap;
    const jitter = Math.min(jitterTicks, MAX_JITTER_S * this.hz);
    const wanted = Math.max(this.low, Math.min(gap + jitter + GAP_MARGIN_TICKS, this.high));
    // Longer at once, since starving shows; shorter slowly.
    this.ticks += wanted > this.ticks ? wanted - this.ticks : Math.max(wanted - this.ticks, -0.5);
    this.seen = 0;
    for (let i = 0; i < GAP_BUCKETS; ++i) this.seen += this.gaps[i] = this.gaps[i]! >> 1;
  }
}

export class RemoteView implements WorldListener {
  private readonly tracks = new Map<number, Track>();
  private readonly delays: Delay[];
  private adaptedTick = 0;

  /** `appeared`, `vanished`: told when an entity comes into what is drawn, and when it leaves it. */
  constructor(
    private readonly hz: number,
    periodTicks: readonly number[],
    private readonly appeared: (id: number) => void = () => {},
    private readonly vanished: (id: number) => void = () => {},
  ) {
    this.delays = DELAY_BOUNDS.map((_, cls) => new Delay(cls, hz, periodTicks[cls] ?? 1));
  }

  get size(): number {
    return this.tracks.size;
  }

  updated(entity: Entity): void {
    const { member, cls, tick } = entity;
    const delay = this.delays[cls]!;
    let track = this.tracks.get(entity.id);
    const isNew = track === undefined;
    if (track === undefined) {
      track = {
        id: entity.id, kind: entity.kind, cls, health: 0, animation: 0, definition: 0, rotation: null, samples: [],
        delay: delay.ticks, removedTick: 0,
      };
      this.tracks.set(entity.id, track);
    }
    if (track.removedTick !== 0) {
      if (tick < track.removedTick) return; // equal: it moved to another leaf
      track.removedTick = 0;
    }
    const last = track.samples.at(-1);
    if (last !== undefined) {
      if (tick <= last.tick) return;
      const gap = tick - last.tick;
      if (cls === track.cls) delay.note(gap);
      const slew = DELAY_SLEW * gap;
      track.delay += Math.max(-slew, Math.min(delay.ticks - track.delay, slew));
    }
    track.kind = entity.kind;
    track.cls = cls;
    track.rotation = member.rotation ?? track.rotation;
    if (entity.kind === ITEM) {
      // What an item is travels in place of health and animation, near by only.
      track.health = 100;
      if (cls === COMBAT) track.definition = member.health + 256 * member.animation;
    } else {
      track.health = member.health;
      track.animation = member.animation;
    }
    track.samples.push({ tick, position: entity.position, heading: entity.heading });
    if (track.samples.length > SAMPLES) track.samples.shift();
    if (isNew) this.appeared(entity.id);
  }

  removed(id: number, tick: number): void {
    const track = this.tracks.get(id);
    if (track === undefined || track.removedTick !== 0 || tick < track.samples.at(-1)!.tick) return;
    track.removedTick = tick;
  }

  /** Once a turn: forgets what has left the view, and now and then adapts the delays. */
  advance(serverTick: number, jitterTicks: number): void {
    if (serverTick < this.adaptedTick + ADAPT_S * this.hz) return;
    this.adaptedTick = serverTick;
    for (const delay of this.delays) delay.adapt(jitterTicks);
    for (const [id, track] of this.tracks) {
      if (track.removedTick === 0 || serverTick - track.delay < track.removedTick) continue;
      this.tracks.delete(id);
      this.vanished(id);
    }
  }

  *entities(serverTick: number, skip: number): IterableIterator<EntityView> {
    for (const track of this.tracks.values()) {
      if (track.id === skip) continue;
      const view = this.draw(track, serverTick);
      if (view !== null) yield view;
    }
  }

  /** Null when it is not in view. */
  find(id: number, serverTick: number): EntityView | null {
    const track = this.tracks.get(id);
    return track === undefined ? null : this.draw(track, serverTick);
  }

  private draw(track: Track, serverTick: number): EntityView | null {
    const { samples } = track;
    let tick = serverTick - track.delay;
    if (track.removedTick !== 0 && tick >= track.removedTick) return null;
    // Just come into view: shown where it is first known, rather than not at all.
    tick = Math.max(tick, samples[0]!.tick);
    let at = samples.length - 1;
    while (at > 0 && samples[at]!.tick > tick) --at;
    return {
      id: track.id, kind: track.kind, cls: track.cls, position: this.positionAt(samples, at, tick),
      heading: samples[at]!.heading, rotation: track.rotation, health: track.health, animation: track.animation,
      definition: track.definition, newestTick: samples.at(-1)!.tick, drawnTick: tick,
    };
  }

  /** `at`: the last sample that is not after `tick`. */
  private positionAt(samples: readonly Sample[], at: number, tick: number): Vec3 {
    const from = samples[at]!;
    const to = samples[at + 1];
    if (to !== undefined) {
      return add(from.position, mul(sub(to.position, from.position), (tick - from.tick) / (to.tick - from.tick)));
    }
    const before = samples[at - 1];
    if (before === undefined) return from.position;
    const ahead = Math.min(tick - from.tick, EXTRAPOLATE_S * this.hz);
    return add(from.position, mul(sub(from.position, before.position), ahead / (from.tick - before.tick)));
  }
}
