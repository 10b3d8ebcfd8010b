// The planet as the zone sees it: WGS84, ECEF metres, leaf keys (proto/WIRE.md "Leaf key"). Pure functions.

export const EQUATOR_M = 6378137;
const FLATTENING = 1 / 298.257223563;
const E2 = FLATTENING * (2 - FLATTENING);
const POLE_M = EQUATOR_M * (1 - FLATTENING);
export const ROOT_HALF_M = 2 ** 30 / 100;
export const DEGREE = Math.PI / 180;

/** Longitude and geodetic latitude in radians, height above the ellipsoid in metres. */
export interface Geodetic {
  lon: number;
  lat: number;
  alt: number;
}

/** Bowring's formula: below a micrometre near the ground, which is all that a map needs. */
export function fromEcef(x: number, y: number, z: number, out: Geodetic = {lon: 0, lat: 0, alt: 0}): Geodetic {
  const p = Math.hypot(x, y);
  const beta = Math.atan2(z * EQUATOR_M, p * POLE_M);
  const sinB = Math.sin(beta);
  const cosB = Math.cos(beta);
  const lat = Math.atan2(
    z + ((E2 * EQUATOR_M * EQUATOR_M) / POLE_M) * sinB * sinB * sinB,
    p - E2 * EQUATOR_M * cosB * cosB * cosB,
  );
  const sin = Math.sin(lat);
  const n = EQUATOR_M / Math.sqrt(1 - E2 * sin * sin);
  out.lon = Math.atan2(y, x);
  out.lat = lat;
  // Along the longer axis, so that the poles work as well.
  out.alt = p > Math.abs(z) ? p / Math.cos(lat) - n : z / sin - n * (1 - E2);
  return out;
}

export function toEcef(lon: number, lat: number, alt: number): [number, number, number] {
  const sin = Math.sin(lat);
  const cos = Math.cos(lat);
  const n = EQUATOR_M / Math.sqrt(1 - E2 * sin * sin);
  return [(n + alt) * cos * Math.cos(lon), (n + alt) * cos * Math.sin(lon), (n * (1 - E2) + alt) * sin];
}

/** Radians of latitude and longitude that a metre to the north and to the east are at this latitude. */
export function radiansPerMetre(lat: number): {north: number; east: number} {
  const sin = Math.sin(lat);
  const w = 1 - E2 * sin * sin;
  const meridian = (EQUATOR_M * (1 - E2)) / (w * Math.sqrt(w));
  const normal = EQUATOR_M / Math.sqrt(w);
  return {north: 1 / meridian, east: 1 / (normal * Math.max(1e-6, Math.cos(lat)))};
}

/** The point `east`, `north` metres from another; for distances small against the planet. */
export function offset(lon: number, lat: number, east: number, north: number): {lon: number; lat: number} {
  const per = radiansPerMetre(lat);
  return {lon: lon + east * per.east, lat: lat + north * per.north};
}

/** Metres between two points on a sphere of the mean radius: good to half a percent. */
export function distance(lonA: number, latA: number, lonB: number, latB: number): number {
  const dLat = Math.sin((latB - latA) / 2);
  const dLon = Math.sin((lonB - lonA) / 2);
  const h = dLat * dLat + Math.cos(latA) * Math.cos(latB) * dLon * dLon;
  return 2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** An angle brought into -pi..pi. */
export function wrap(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

export interface Cube {
  level: number;
  width: number;
  /** The corner with the smallest coordinates, ECEF metres. */
  corner: [number, number, number];
}

/** The cube of a leaf key: the root is 1, a child is eight times its parent plus its octant. */
export function leafCube(key: bigint): Cube {
  const level = Math.floor((key.toString(2).length - 1) / 3);
  const corner: [number, number, number] = [-ROOT_HALF_M, -ROOT_HALF_M, -ROOT_HALF_M];
  let width = 2 * ROOT_HALF_M;
  for (let depth = 1; depth <= level; ++depth) {
    width /= 2;
    const octant = Number((key >> BigInt(3 * (level - depth))) & 7n);
    if (octant & 1) corner[0] += width;
    if (octant & 2) corner[1] += width;
    if (octant & 4) corner[2] += width;
  }
  return {level, width, corner};
}

/** The eight corners of a cube as longitude and latitude; corner i has bit 0 set for the upper half in x, 1 in y, 2 in z. */
export function cubeCorners(cube: Cube): Array<{lon: number; lat: number}> {
  const corners = [];
  for (let i = 0; i < 8; ++i) {
    const {lon, lat} = fromEcef(
      cube.corner[0] + (i & 1 ? cube.width : 0),
      cube.corner[1] + (i & 2 ? cube.width : 0),
      cube.corner[2] + (i & 4 ? cube.width : 0),
    );
    corners.push({lon, lat});
  }
  return corners;
}

/** Pairs of cubeCorners that an edge joins. */
export const CUBE_EDGES: ReadonlyArray<readonly [number, number]> = [
  [0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7],
];

/** The convex hull of points in the plane, counter-clockwise (Andrew's monotone chain). */
export function hull(points: ReadonlyArray<readonly [number, number]>): Array<readonly [number, number]> {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (list: ReadonlyArray<readonly [number, number]>) => {
    const chain: Array<readonly [number, number]> = [];
    for (const p of list) {
      for (;;) {
        const b = chain.at(-1);
        const a = chain.at(-2);
        if (!a || !b || (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        chain.pop();
      }
      chain.push(p);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}
