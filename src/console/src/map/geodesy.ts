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

/** Where the ground at `height` cuts a cube: three to six corners in order. Empty when it does not. */
export function sliceCube(cube: Cube, height: number): Array<{lon: number; lat: number}> {
  const at = (i: number): [number, number, number] => [
    cube.corner[0] + (i & 1 ? cube.width : 0),
    cube.corner[1] + (i & 2 ? cube.width : 0),
    cube.corner[2] + (i & 4 ? cube.width : 0),
  ];
  const heights = Array.from({length: 8}, (_, i) => fromEcef(...at(i)).alt - height);
  const points: Array<{lon: number; lat: number}> = [];
  for (const [a, b] of CUBE_EDGES) {
    const from = heights[a]!;
    const to = heights[b]!;
    if (from < 0 === to < 0) continue;
    const part = from / (from - to);
    const p = at(a);
    const q = at(b);
    const {lon, lat} = fromEcef(p[0] + (q[0] - p[0]) * part, p[1] + (q[1] - p[1]) * part, p[2] + (q[2] - p[2]) * part);
    points.push({lon, lat});
  }
  if (points.length < 3) return [];
  const first = points[0]!;
  // Longitudes near the first one, so that their mean is between them at the date line as well.
  const near = points.map(({lon, lat}) => ({lon: first.lon + Math.atan2(Math.sin(lon - first.lon), Math.cos(lon - first.lon)), lat}));
  const lon = near.reduce((sum, p) => sum + p.lon, 0) / near.length;
  const lat = near.reduce((sum, p) => sum + p.lat, 0) / near.length;
  const stretch = Math.cos(lat);
  return near.sort((a, b) => Math.atan2(a.lat - lat, (a.lon - lon) * stretch) - Math.atan2(b.lat - lat, (b.lon - lon) * stretch));
}

/** A leaf on the ground: its cut, or the corners of its cube when it floats above or lies below. */
export function leafOutline(key: string, height: number): Array<{lon: number; lat: number}> {
  const cube = leafCube(BigInt(key));
  const cut = sliceCube(cube, height);
  return cut.length > 0 ? cut : cubeCorners(cube).slice(0, 4);
}
