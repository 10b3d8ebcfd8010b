/**
 * The movement step that server and client share (proto/WIRE.md "Movement, for prediction"), the
 * shard's border as a wall, and the digest by which a prediction is compared. Operation by
 * operation as there: the server compares to the centimetre.
 */
import { A, add, axesAt, cross, dot, mul, same, sub, vec, withHeight, ZERO, type Vec3 } from "./codec/planet.ts";

/** What the player wants during one tick. */
export interface Command {
  /** Wanted velocity in 1/127 of the maximum speed, -127 to 127. */
  readonly east: number;
  readonly north: number;
  /** 1/65,536 turn clockwise from north. */
  readonly yaw: number;
  readonly buttons: number;
}

export const sameCommand = (a: Command, b: Command): boolean =>
  a.east === b.east && a.north === b.north && a.yaw === b.yaw && a.buttons === b.buttons;

export interface MotionState {
  readonly position: Vec3;
  readonly velocity: Vec3;
  readonly groundHeight: number;
  readonly yaw: number;
}

export const sameState = (a: MotionState, b: MotionState): boolean =>
  same(a.position, b.position) && same(a.velocity, b.velocity) && a.groundHeight === b.groundHeight && a.yaw === b.yaw;

export interface MotionLimits {
  readonly maxSpeed: number;
  readonly acceleration: number;
}

/** `dt` seconds further. */
export function step(state: MotionState, command: Command, limits: MotionLimits, dt: number): MotionState {
  const { position: p, velocity: v, groundHeight } = state;
  const { east: e, north: n, yaw } = command;
  if (e === 0 && n === 0 && same(v, ZERO)) return { ...state, yaw };
  const axes = axesAt(p);
  const l2 = e * e + n * n;
  const scale = l2 > 127 * 127 ? limits.maxSpeed / Math.sqrt(l2) : limits.maxSpeed / 127;
  const wanted = add(mul(axes.east, e * scale), mul(axes.north, n * scale));
  const current = sub(v, mul(axes.up, dot(v, axes.up)));
  const change = sub(wanted, current);
  const change2 = dot(change, change);
  const limit = limits.acceleration * dt;
  const velocity = change2 > limit * limit ? add(current, mul(change, limit / Math.sqrt(change2))) : wanted;
  if (same(velocity, ZERO)) return { position: p, velocity, groundHeight, yaw };
  return { position: withHeight(add(p, mul(velocity, dt)), groundHeight), velocity, groundHeight, yaw };
}

const WALL_DEPTH_M = 0.05;

/** The shard's part of the Earth, from a western meridian to an eastern one; its border is a wall. */
export class LongitudeRange {
  private readonly whole: boolean;
  private readonly west: Vec3;
  private readonly east: Vec3;
  private readonly fromWest: Vec3;
  private readonly fromEast: Vec3;
  private readonly middle: Vec3;
  private readonly middleSine: number;
  private readonly width: number;

  /** Degrees; -180 and 180: the whole Earth. */
  constructor(west = -180, east = 180) {
    this.whole = west === -180 && east === 180;
    const axis = vec(0, 0, 1);
    const across = east - west;
    this.width = across < 0 ? across + 360 : across;
    this.west = meridian(west);
    this.east = meridian(east);
    this.fromWest = cross(axis, this.west);
    this.fromEast = mul(cross(axis, this.east), -1);
    this.middle = meridian(west + this.width / 2);
    this.middleSine = this.width >= 180 ? 1 : dot(this.middle, this.fromWest);
  }

  /** A step that ends at the wall. */
  step(state: MotionState, command: Command, limits: MotionLimits, dt: number): MotionState {
    const next = step(state, command, limits, dt);
    if (this.whole || (same(next.position, state.position) && same(next.velocity, state.velocity))) return next;
    if (this.depth(next.position) >= WALL_DEPTH_M) return next;
    return { ...next, position: this.clamp(next.position), velocity: ZERO };
  }

  private contains(p: Vec3): boolean {
    const west = dot(p, this.fromWest), east = dot(p, this.fromEast);
    if (this.width < 180) return west >= 0 && east > 0;
    if (this.width > 180) return west >= 0 || east > 0;
    return west > 0 || (west === 0 && dot(p, this.west) > 0);
  }

  private depth(p: Vec3): number {
    const radius = Math.sqrt(p.x * p.x + p.y * p.y);
    const from = (along: Vec3, inward: Vec3): number => (dot(p, along) >= 0 ? Math.abs(dot(p, inward)) : radius);
    const distance = Math.min(from(this.west, this.fromWest), from(this.east, this.fromEast));
    return this.contains(p) ? distance : -distance;
  }

  private clamp(p: Vec3): Vec3 {
    const depth = WALL_DEPTH_M + 1e-6;
    const radius = Math.sqrt(p.x * p.x + p.y * p.y);
    if (radius <= depth / this.middleSine) {
      // Beside a pole the server puts the body on the middle meridian; its exact state corrects the rest.
      const at = mul(this.middle, depth / this.middleSine);
      return vec(at.x, at.y, p.z);
    }
    const nearWest = dot(p, this.west) >= dot(p, this.east);
    const along = nearWest ? this.west : this.east;
    const inward = nearWest ? this.fromWest : this.fromEast;
    const at = add(mul(along, Math.sqrt(radius * radius - depth * depth)), mul(inward, depth));
    return vec(at.x, at.y, p.z);
  }
}

/** Unit vector towards a meridian on the equator; exact at multiples of 90 degrees. */
function meridian(lon: number): Vec3 {
  const quarters = Math.round(lon / 90);
  const rest = (lon - 90 * quarters) * (Math.PI / 180);
  let sin = Math.sin(rest), cos = Math.cos(rest);
  for (let i = ((quarters % 4) + 4) % 4; i > 0; --i) [sin, cos] = [cos, -sin];
  const along = vec(A * cos, A * sin, 0);
  return mul(along, 1 / Math.sqrt(dot(along, along)));
}

const MASK = (1n << 64n) - 1n;

function mix(v: bigint): bigint {
  v = (v + 0x9e3779b97f4a7c15n) & MASK;
  v = ((v ^ (v >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  v = ((v ^ (v >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return v ^ (v >> 31n);
}

/** Centimetres, ties to even, as 32 unsigned bits. */
function gridOf(metres: number): bigint {
  const centimetres = metres * 100;
  let rounded = Math.round(centimetres);
  if (Math.abs(centimetres - Math.trunc(centimetres)) === 0.5 && rounded % 2 !== 0) --rounded;
  return BigInt(rounded >>> 0);
}

export function positionDigest(p: Vec3): number {
  const combine = (s: bigint, v: bigint): bigint => mix(s ^ mix(v));
  return Number(combine(combine(gridOf(p.x), gridOf(p.y)), gridOf(p.z)) & 0xffffn);
}
