// The still part of the map: sea, coasts, borders, a grid of degrees. Drawn when the view changes; while a near map is dragged
// or zoomed, the last picture is moved along and drawn anew when the hand rests.

import {geoGraticule10, geoMercator, geoOrthographic, geoPath, geoProjection, type GeoProjection, type GeoRawProjection} from 'd3-geo';
import {color} from '../ui/theme';
import {DEGREE} from './geodesy';
import type {Lands} from './land';
import {mercator, nice, type Point, View} from './view';

const REST_MS = 90;
/** Nearer than this (pixels in a radian) one picture takes long enough to be worth keeping. */
const KEEP_FROM = 1400;
/** Nearer than this few coasts are left, and their paths are kept: as sharp as ever when they are moved. */
const PATHS_FROM = 12000;
/** Kept paths reach so many views around the one that they were made for. */
const PATHS_REACH = 3;

export class Ground {
  private readonly kept = document.createElement('canvas');
  private readonly keptView = new View();
  private readonly pathView = new View();
  private landPath = new Path2D();
  private borderPath = new Path2D();
  private drawnAt = '';
  private later = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly lands: Lands,
  ) {}

  /** Draws `view`, at `ratio` device pixels a pixel. `force`: something but the view has changed. */
  draw(view: View, ratio: number, force: boolean): void {
    if (view.scale > PATHS_FROM) {
      this.drawnAt = '';
      this.drawNear(view, ratio, force);
      return;
    }
    const key = `${view.mode} ${view.lon} ${view.lat} ${view.scale} ${view.width} ${view.height} ${ratio}`;
    if (key === this.drawnAt && !force) return;
    this.drawnAt = key;
    const near = view.scale > KEEP_FROM;
    if (near && !force && this.move(view, ratio)) {
      clearTimeout(this.later);
      this.later = window.setTimeout(() => this.render(view, ratio), REST_MS);
      return;
    }
    clearTimeout(this.later);
    this.render(view, ratio);
  }

  private drawNear(view: View, ratio: number, force: boolean): void {
    clearTimeout(this.later);
    let at = this.nearPlace(view);
    if (force || !at) {
      this.makePaths(view);
      at = this.nearPlace(view)!;
    }
    const context = this.canvas.getContext('2d')!;
    const {factor, x, y} = at;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = color('sea');
    context.fillRect(0, 0, view.width, view.height);
    context.setTransform(factor * ratio, 0, 0, factor * ratio, x * ratio, y * ratio);
    context.fillStyle = color('land');
    context.fill(this.landPath);
    context.lineWidth = 0.8 / factor;
    context.strokeStyle = color('coast');
    context.stroke(this.landPath);
    context.lineWidth = 0.6 / factor;
    context.strokeStyle = color('country');
    context.stroke(this.borderPath);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineWidth = 0.5;
    context.strokeStyle = color('graticule');
    context.beginPath();
    this.nearGrid(context, view);
    context.stroke();
  }

  /** How the kept paths have to be moved; null when they do not reach. */
  private nearPlace(view: View): {factor: number; x: number; y: number} | null {
    const from = this.pathView;
    if (from.mode !== view.mode || from.width !== view.width || from.height !== view.height) return null;
    const factor = view.scale / from.scale;
    const at: Point = {x: 0, y: 0};
    if (factor > 8 || factor < 0.7 || !view.project(from.lon, from.lat, at)) return null;
    const reach = (PATHS_REACH - 1.2) / 2;
    if (Math.abs(at.x / view.width - 0.5) > reach * factor || Math.abs(at.y / view.height - 0.5) > reach * factor) return null;
    return {factor, x: at.x - (view.width / 2) * factor, y: at.y - (view.height / 2) * factor};
  }

  private makePaths(view: View): void {
    copyView(view, this.pathView);
    this.landPath = new Path2D();
    this.borderPath = new Path2D();
    const land = this.lands.at(view.scale);
    if (!land) return;
    const projection = projectionOf(view, PATHS_REACH);
    geoPath(projection, this.landPath as never)(land.land);
    geoPath(projection, this.borderPath as never)(land.borders);
  }

  /** Moves the kept picture; false when it does not fit any more. */
  private move(view: View, ratio: number): boolean {
    const from = this.keptView;
    if (from.mode !== view.mode || from.width !== view.width || from.height !== view.height) return false;
    const factor = view.scale / from.scale;
    if (factor > 3 || factor < 0.7) return false;
    const at: Point = {x: 0, y: 0};
    if (!view.project(from.lon, from.lat, at)) return false;
    const dx = at.x - view.width / 2;
    const dy = at.y - view.height / 2;
    if (Math.abs(dx) > view.width * 0.6 || Math.abs(dy) > view.height * 0.6) return false;
    const context = this.canvas.getContext('2d')!;
    const {width, height} = this.canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = color('sea');
    context.fillRect(0, 0, width, height);
    context.setTransform(factor, 0, 0, factor, (at.x - (view.width / 2) * factor) * ratio, (at.y - (view.height / 2) * factor) * ratio);
    context.drawImage(this.kept, 0, 0);
    return true;
  }

  private render(view: View, ratio: number): void {
    const {canvas} = this;
    const context = canvas.getContext('2d')!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const projection = projectionOf(view);
    const path = geoPath(projection, context);
    this.sea(context, view);
    const land = this.lands.at(view.scale);
    if (land) {
      context.beginPath();
      path(land.land);
      context.fillStyle = color('land');
      context.fill();
      context.lineWidth = 0.8;
      context.strokeStyle = color('coast');
      context.stroke();
      context.beginPath();
      path(land.borders);
      context.lineWidth = 0.6;
      context.strokeStyle = color('country');
      context.stroke();
    }
    this.grid(context, view, path);
    if (view.scale > KEEP_FROM) {
      this.kept.width = canvas.width;
      this.kept.height = canvas.height;
      this.kept.getContext('2d')!.drawImage(canvas, 0, 0);
      copyView(view, this.keptView);
    }
  }

  private sea(context: CanvasRenderingContext2D, view: View): void {
    if (view.mode === 'flat' || view.radius < Math.PI / 2) {
      context.fillStyle = color('sea');
      context.fillRect(0, 0, view.width, view.height);
      return;
    }
    const x = view.width / 2;
    const y = view.height / 2;
    const r = view.scale;
    const air = context.createRadialGradient(x, y, r * 0.98, x, y, r * 1.12);
    air.addColorStop(0, color('air'));
    air.addColorStop(1, color('air-end'));
    context.fillStyle = air;
    context.fillRect(0, 0, view.width, view.height);
    const sea = context.createRadialGradient(x - r * 0.35, y - r * 0.4, r * 0.1, x, y, r);
    sea.addColorStop(0, color('sea-lit'));
    sea.addColorStop(1, color('sea'));
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fillStyle = sea;
    context.fill();
  }

  private grid(context: CanvasRenderingContext2D, view: View, path: ReturnType<typeof geoPath>): void {
    context.lineWidth = 0.5;
    context.strokeStyle = color('graticule');
    context.beginPath();
    if (view.radius > 0.6) path(geoGraticule10());
    else this.nearGrid(context, view);
    context.stroke();
  }

  /** Meridians and parallels some 120 pixels apart, at round degrees. */
  private nearGrid(context: CanvasRenderingContext2D, view: View): void {
    const step = nice((160 / view.scale / DEGREE) * 1.2) * DEGREE;
    const lonStep = nice((160 / view.scale / Math.max(0.05, Math.cos(view.lat)) / DEGREE) * 1.2) * DEGREE;
    const reach = (Math.hypot(view.width, view.height) / 2 / view.scale) * 1.2;
    const lonReach = reach / Math.max(0.05, Math.cos(Math.min(1.5, Math.abs(view.lat) + reach)));
    const at: Point = {x: 0, y: 0};
    const line = (points: Array<[number, number]>) => {
      let drawing = false;
      for (const [lon, lat] of points) {
        if (!view.project(lon, lat, at)) drawing = false;
        else if (drawing) context.lineTo(at.x, at.y);
        else {
          context.moveTo(at.x, at.y);
          drawing = true;
        }
      }
    };
    const between = (from: number, to: number) => Array.from({length: 9}, (_, i) => from + ((to - from) * i) / 8);
    for (let lon = Math.ceil((view.lon - lonReach) / lonStep) * lonStep; lon <= view.lon + lonReach; lon += lonStep) {
      line(between(view.lat - reach, view.lat + reach).map((lat) => [lon, lat]));
    }
    for (let lat = Math.ceil((view.lat - reach) / step) * step; lat <= view.lat + reach; lat += step) {
      line(between(view.lon - lonReach, view.lon + lonReach).map((lon) => [lon, lat]));
    }
  }
}

/** d3's projection of a view. Near ones are clipped to a circle before anything is computed, so that far coasts cost nothing. */
function projectionOf(view: View, reach = 1): GeoProjection {
  const degrees = 1 / DEGREE;
  const radius = Math.max(0.6, view.radius * 1.25 * reach * degrees);
  const marginX = 40 + ((reach - 1) / 2) * view.width;
  const marginY = 40 + ((reach - 1) / 2) * view.height;
  const turned: [number, number] = [-view.lon * degrees, -view.lat * degrees];
  let projection: GeoProjection;
  if (view.mode === 'globe') {
    projection = geoOrthographic().rotate(turned).scale(view.scale).clipAngle(Math.min(90, radius));
  } else if (radius < 30) {
    projection = geoProjection(turnedMercator(view.lat)).rotate(turned).scale(view.mercatorScale).clipAngle(radius);
  } else {
    projection = geoMercator().rotate([turned[0], 0]).center([0, view.lat * degrees]).scale(view.mercatorScale);
  }
  return projection.translate([view.width / 2, view.height / 2]).clipExtent([
    [-marginX, -marginY],
    [view.width + marginX, view.height + marginY],
  ]);
}

function copyView(from: View, to: View): void {
  const {mode, lon, lat, scale, width, height} = from;
  Object.assign(to, {mode, lon, lat, scale, width, height});
}

/** Mercator of angles that were turned so that the view's centre is at 0, 0: d3 clips circles around that point only. */
function turnedMercator(centre: number): GeoRawProjection {
  const sin = Math.sin(centre);
  const cos = Math.cos(centre);
  const middle = mercator(centre);
  return (lambda, phi) => {
    const up = Math.cos(phi) * Math.cos(lambda);
    const east = Math.cos(phi) * Math.sin(lambda);
    const north = Math.sin(phi);
    return [Math.atan2(east, up * cos - north * sin), mercator(Math.asin(north * cos + up * sin)) - middle];
  };
}
