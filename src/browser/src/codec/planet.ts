/**
 * WGS84, local directions, and the frames in which positions travel. ECEF metres in double
 * precision; operations in the order of proto/WIRE.md, since the server's results are compared
 * with ours bit for bit.
 */

export interface Vec3 {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}
/** Degrees and metres above the ellipsoid; longitude in [-180, 180). */
export interface Geographic {
  readonly lat: number;
  readonly lon: number;
  readonly height: number;
}
export interface Axes {
  readonly east: Vec3;
  readonly north: Vec3;
  readonly up: Vec3;
}

export const ZERO: Vec3 = { x: 0, y: 0, z: 0 };
export const vec = (x: number, y: number, z: number): Vec3 => ({ x, y, z });
export const add = (a: Vec3, b: Vec3): Vec3 => vec(a.x + b.x, a.y + b.y, a.z + b.z);
export const sub = (a: Vec3, b: Vec3): Vec3 => vec(a.x - b.x, a.y - b.y, a.z - b.z);
export const mul = (a: Vec3, k: number): Vec3 => vec(a.x * k, a.y * k, a.z * k);
export const dot = (a: Vec3, b: Vec3): number => a.x * b.x + a.y * b.y + a.z * b.z;
export const cross = (a: Vec3, b: Vec3): Vec3 =>
  vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
export const length = (a: Vec3): number => Math.sqrt(dot(a, a));
export const same = (a: Vec3, b: Vec3): boolean => a.x === b.x && a.y === b.y && a.z === b.z;

export const A = 6378137;
export const B = A * (1 - 1 / 298.257223563);
const IA2 = 1 / (A * A);
const IB2 = 1 / (B * B);
const RADIANS = Math.PI / 180;

const gradient = (p: Vec3): Vec3 => vec(p.x * IA2, p.y * IA2, p.z * IB2);

export function axesAt(p: Vec3): Axes {
  const g = gradient(p);
  let up = mul(g, 1 / length(g));
  let east: Vec3;
  const r2 = p.x * p.x + p.y * p.y;
  if (r2 < 1e-12) {
    up = vec(0, 0, p.z < 0 ? -1 : 1);
    east = vec(0, 1, 0);
  } else {
    const inverse = 1 / Math.sqrt(r2);
    east = vec(-p.y * inverse, p.x * inverse, 0);
  }
  return { east, north: cross(up, east), up };
}

/** `p` moved along its normal to `height` metres above the ellipsoid. */
export function withHeight(p: Vec3, height: number): Vec3 {
  for (let round = 0; round < 4; ++round) {
    const h = gradient(p);
    const size = length(h);
    const t = Math.sqrt(dot(p, h));
    const error = height - (t * (t - 1)) / size;
    p = add(p, mul(h, error / size));
    if (Math.abs(error) < 1) break;
  }
  return p;
}

export function toGeographic(p: Vec3): Geographic {
  const e2 = 1 - (B * B) / (A * A);
  const r = Math.hypot(p.x, p.y);
  const lon = Math.atan2(p.y, p.x) / RADIANS;
  // Bowring's formula, and once more with its result: below a nanometre near the Earth.
  let beta = Math.atan2(p.z * A, r * B);
  let lat = 0;
  for (let round = 0; round < 2; ++round) {
    lat = Math.atan2(p.z + ((e2 * A * A) / B) * Math.sin(beta) ** 3, r - e2 * A * Math.cos(beta) ** 3);
    beta = Math.atan2(B * Math.sin(lat), A * Math.cos(lat));
  }
  const sin = Math.sin(lat), cos = Math.cos(lat);
  const height = r * cos + p.z * sin - A * Math.sqrt(1 - e2 * sin * sin);
  return { lat: lat / RADIANS, lon: lon >= 180 ? -180 : lon, height };
}

export function toEcef(place: Geographic): Vec3 {
  const e2 = 1 - (B * B) / (A * A);
  const sin = Math.sin(place.lat * RADIANS), cos = Math.cos(place.lat * RADIANS);
  const n = A / Math.sqrt(1 - e2 * sin * sin);
  return vec(
    (n + place.height) * cos * Math.cos(place.lon * RADIANS),
    (n + place.height) * cos * Math.sin(place.lon * RADIANS),
    (n * (1 - e2) + place.height) * sin,
  );
}

/** Level of the nodes whose frames positions are told in. */
export const SECTOR_LEVEL = 12;
export const MAX_LEVEL = 21;

/** Of an octree node's key, which has three bits a level below a leading one; -1: no key. */
export function levelOfKey(key: bigint): number {
  const high = Number(key >> 32n), low = Number(key & 0xffffffffn);
  const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low);
  return bits % 3 === 1 && bits <= 3 * MAX_LEVEL + 1 ? (bits - 1) / 3 : -1;
}

export const ancestor = (key: bigint, level: number): bigint => key >> BigInt(3 * (levelOfKey(key) - level));

/** Lowest corner and width of a node's cube, ECEF metres. */
export function cubeOf(key: bigint): { corner: Vec3; width: number } {
  const level = levelOfKey(key);
  let x = -(2 ** 30), y = x, z = x;
  for (let depth = level - 1; depth >= 0; --depth) {
    const octant = Number((key >> BigInt(3 * depth)) & 7n);
    const width = 2 ** (30 - (level - 1 - depth));
    x += octant & 1 ? width : 0;
    y += octant & 2 ? width : 0;
    z += octant & 4 ? width : 0;
  }
  return { corner: vec(x / 100, y / 100, z / 100), width: 2 ** (31 - level) / 100 };
}

/** Origin and directions of a leaf's payloads: those of its sector. */
export class Frame {
  readonly origin: Vec3;
  readonly axes: Axes;

  constructor(leaf: bigint) {
    const sector = cubeOf(ancestor(leaf, SECTOR_LEVEL));
    const half = (sector.width * 100) / 2;
    const middle = (corner: number): number => (Math.round(corner * 100) + half) / 100;
    this.origin = vec(middle(sector.corner.x), middle(sector.corner.y), middle(sector.corner.z));
    this.axes = axesAt(this.origin);
  }

  /** ECEF metres of a position in metres along east, north and up. */
  place(east: number, north: number, up: number): Vec3 {
    const { east: e, north: n, up: u } = this.axes;
    return vec(
      this.origin.x + (e.x * east + n.x * north + u.x * up),
      this.origin.y + (e.y * east + n.y * north + u.y * up),
      this.origin.z + (e.z * east + n.z * north + u.z * up),
    );
  }

  /** A direction turned `turns` clockwise from north, ECEF. */
  heading(turns: number): Vec3 {
    const angle = turns * 2 * Math.PI;
    return add(mul(this.axes.north, Math.cos(angle)), mul(this.axes.east, Math.sin(angle)));
  }
}
