// Where the map looks: a globe (orthographic) or a flat map (Mercator, north up) around a centre. Both have the same scale at
// the centre, so that near the ground they look the same. Angles in radians, places in CSS pixels. Pure.

import {EQUATOR_M, wrap} from './geodesy';

export type Mode = 'globe' | 'flat';

export interface Point {
  x: number;
  y: number;
}

/** Beyond it Mercator's map goes to infinity. */
export const MERCATOR_LIMIT = 85 * (Math.PI / 180);
const NEAREST = 2.5e8; // pixels in a radian: 2.5 cm a pixel

export const mercator = (lat: number) => Math.asinh(Math.tan(Math.max(-MERCATOR_LIMIT, Math.min(MERCATOR_LIMIT, lat))));
const fromMercator = (y: number) => Math.atan(Math.sinh(y));

export class View {
  mode: Mode = 'globe';
  lon = 0;
  lat = 0.35;
  /** Pixels in a radian at the centre. */
  scale = 300;
  width = 1;
  height = 1;

  // What projecting needs, computed once a frame by prepare().
  private east: [number, number, number] = [0, 1, 0];
  private north: [number, number, number] = [0, 0, 1];
  private up: [number, number, number] = [1, 0, 0];
  private flatScale = 300;
  private flatY = 0;

  get metresPerPixel(): number {
    return EQUATOR_M / this.scale;
  }

  /** The scale at which the whole planet is seen. */
  get whole(): number {
    return this.mode === 'globe' ? 0.46 * Math.min(this.width, this.height) : Math.max(40, this.width / (2 * Math.PI));
  }

  /** Angle from the centre to the farthest corner; at most a right angle. */
  get radius(): number {
    const corner = Math.hypot(this.width, this.height) / 2 / this.scale;
    return corner >= 1 ? Math.PI / 2 : Math.asin(corner);
  }

  prepare(): void {
    const sinLon = Math.sin(this.lon);
    const cosLon = Math.cos(this.lon);
    const sinLat = Math.sin(this.lat);
    const cosLat = Math.cos(this.lat);
    this.east = [-sinLon, cosLon, 0];
    this.north = [-sinLat * cosLon, -sinLat * sinLon, cosLat];
    this.up = [cosLat * cosLon, cosLat * sinLon, sinLat];
    this.flatScale = this.scale * Math.cos(Math.min(MERCATOR_LIMIT, Math.abs(this.lat)));
    this.flatY = mercator(this.lat);
  }

  get mercatorScale(): number {
    return this.flatScale;
  }

  /** False when the point is behind the globe. After prepare(). */
  project(lon: number, lat: number, out: Point): boolean {
    if (this.mode === 'flat') {
      out.x = this.width / 2 + this.flatScale * wrap(lon - this.lon);
      out.y = this.height / 2 - this.flatScale * (mercator(lat) - this.flatY);
      return true;
    }
    const cos = Math.cos(lat);
    const a = cos * Math.cos(lon);
    const b = cos * Math.sin(lon);
    const c = Math.sin(lat);
    out.x = this.width / 2 + this.scale * (this.east[0] * a + this.east[1] * b);
    out.y = this.height / 2 - this.scale * (this.north[0] * a + this.north[1] * b + this.north[2] * c);
    return this.up[0] * a + this.up[1] * b + this.up[2] * c > 0;
  }

  /** Null where there is no ground: beside the globe, or beyond the flat map's poles. */
  unproject(x: number, y: number): {lon: number; lat: number} | null {
    const dx = x - this.width / 2;
    const dy = this.height / 2 - y;
    if (this.mode === 'flat') {
      const lat = fromMercator(this.flatY + dy / this.flatScale);
      return Math.abs(lat) > MERCATOR_LIMIT ? null : {lon: wrap(this.lon + dx / this.flatScale), lat};
    }
    const e = dx / this.scale;
    const n = dy / this.scale;
    const rest = 1 - e * e - n * n;
    if (rest < 0) return null;
    const u = Math.sqrt(rest);
    const a = this.east[0] * e + this.north[0] * n + this.up[0] * u;
    const b = this.east[1] * e + this.north[1] * n + this.up[1] * u;
    const c = this.north[2] * n + this.up[2] * u;
    return {lon: Math.atan2(b, a), lat: Math.asin(Math.max(-1, Math.min(1, c)))};
  }

  /** Moves the ground by so many pixels. */
  pan(dx: number, dy: number): void {
    if (this.mode === 'flat') {
      this.lon = wrap(this.lon - dx / this.flatScale);
      this.lat = fromMercator(this.flatY + dy / this.flatScale);
    } else {
      // A full width of the globe is half a turn, whatever its size.
      const angle = Math.min(1, 1 / Math.max(0.2, Math.cos(this.lat)));
      this.lon = wrap(this.lon - (dx / this.scale) * (1 / Math.max(0.2, Math.cos(this.lat))) * (this.scale > 2000 ? 1 : angle));
      this.lat += dy / this.scale;
    }
    this.settle();
  }

  /** Zooms by a factor and keeps the ground under (x, y) where it is. */
  zoom(factor: number, x = this.width / 2, y = this.height / 2): void {
    this.prepare();
    const before = this.unproject(x, y);
    this.scale *= factor;
    this.settle();
    if (!before) return;
    // Two steps suffice: the second one takes what the planet's curve left over.
    for (let step = 0; step < 2; ++step) {
      const after = this.unproject(x, y);
      if (!after) return;
      this.lon = wrap(this.lon + wrap(before.lon - after.lon));
      this.lat += before.lat - after.lat;
      this.settle();
    }
  }

  look(lon: number, lat: number, scale = this.scale): void {
    this.lon = wrap(lon);
    this.lat = lat;
    this.scale = scale;
    this.settle();
  }

  private settle(): void {
    this.scale = Math.max(this.whole * 0.9, Math.min(NEAREST, this.scale));
    const limit = this.mode === 'flat' ? MERCATOR_LIMIT : Math.PI / 2;
    this.lat = Math.max(-limit, Math.min(limit, this.lat));
    this.prepare();
  }
}

/** The largest of 1, 2, 5 times a power of ten that is not above `value`. */
export function nice(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const ratio = value / power;
  return power * (ratio >= 5 ? 5 : ratio >= 2 ? 2 : 1);
}
