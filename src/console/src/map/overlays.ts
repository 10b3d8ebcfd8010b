// What the map shows on demand: shards, octree leaves, one player's classes of interest. Geometry is computed when it comes
// and only projected when it is drawn.

import type {Interest, InterestClass, Leaves, Shards} from '../data/types';
import {color} from '../ui/theme';
import {DEGREE, leafOutline, offset} from './geodesy';
import type {Point, View} from './view';

export interface Outline {
  points: Array<{lon: number; lat: number}>;
  members: number;
  cls: InterestClass | null;
}

export const CLASS_COLORS: Record<InterestClass, string> = {combat: 'combat', visual: 'visual', extended: 'extended'};

export class MapOverlays {
  shards: Shards | null = null;
  leaves: Outline[] = [];
  interest: {outlines: Outline[]; radii: number[]; entity: number; lon: number; lat: number} | null = null;

  setLeaves(leaves: Leaves | null, height: number): void {
    this.leaves = (leaves?.leaves ?? []).map((leaf) => ({
      points: leafOutline(leaf.leaf, height),
      members: leaf.members,
      cls: null,
    }));
  }

  setInterest(interest: Interest | null, height: number): void {
    this.interest = interest && {
      outlines: interest.leaves.map((leaf) => ({points: leafOutline(leaf.leaf, height), members: 0, cls: leaf.class})),
      radii: interest.radius_m,
      entity: Number(interest.entity),
      lon: interest.lon * DEGREE,
      lat: interest.lat * DEGREE,
    };
  }

  draw(context: CanvasRenderingContext2D, view: View, centre: {lon: number; lat: number} | null): void {
    this.drawShards(context, view);
    if (this.leaves.length > 0) this.drawLeaves(context, view);
    if (this.interest) this.drawInterest(context, view, centre ?? this.interest);
  }

  private drawShards(context: CanvasRenderingContext2D, view: View): void {
    if (!this.shards) return;
    const at: Point = {x: 0, y: 0};
    context.lineWidth = 1.4;
    context.strokeStyle = color('shard');
    context.setLineDash([6, 4]);
    const meridians = new Set<number>();
    for (const {lon_min, lon_max} of this.shards.shards) {
      if (lon_max - lon_min >= 360) continue;
      meridians.add(lon_min).add(lon_max);
    }
    context.beginPath();
    for (const meridian of meridians) {
      // Only what is near the view, in enough steps to bend with the globe.
      const reach = Math.min(Math.PI, view.radius * 2.2);
      const from = Math.max(-Math.PI / 2, view.lat - reach);
      const to = Math.min(Math.PI / 2, view.lat + reach);
      let drawing = false;
      for (let i = 0; i <= 96; ++i) {
        const shown = view.project(meridian * DEGREE, from + ((to - from) * i) / 96, at);
        if (shown && drawing) context.lineTo(at.x, at.y);
        else if (shown) context.moveTo(at.x, at.y);
        drawing = shown;
      }
    }
    context.stroke();
    context.setLineDash([]);
    if (view.radius < 0.15) return;
    context.font = '500 11px Inter, sans-serif';
    context.textAlign = 'center';
    context.fillStyle = color('shard');
    for (const {id, lon_min, lon_max, own} of this.shards.shards) {
      const middle = ((lon_min + lon_max) / 2) * DEGREE;
      if (lon_max - lon_min < 360 && Math.cos(middle - view.lon) < 0.4) continue;
      const label = view.project(lon_max - lon_min >= 360 ? view.lon : middle, Math.max(-1.2, view.lat - Math.min(0.7, view.radius * 0.55)), at);
      if (label && this.shards.shards.length > 1) context.fillText(own ? `${id} (this one)` : id, at.x, at.y);
    }
  }

  private trace(context: CanvasRenderingContext2D, view: View, outline: Outline, at: Point): void {
    let first = true;
    for (const {lon, lat} of outline.points) {
      if (!view.project(lon, lat, at)) return;
      if (first) context.moveTo(at.x, at.y);
      else context.lineTo(at.x, at.y);
      first = false;
    }
    context.closePath();
  }

  private drawLeaves(context: CanvasRenderingContext2D, view: View): void {
    const at: Point = {x: 0, y: 0};
    context.beginPath();
    for (const outline of this.leaves) this.trace(context, view, outline, at);
    context.lineWidth = 1;
    context.strokeStyle = color('leaf');
    context.stroke();
    context.font = '500 10px Inter, sans-serif';
    context.textAlign = 'center';
    context.fillStyle = color('leaf-text');
    for (const {points, members} of this.leaves) {
      const across = extent(points) * view.scale;
      if (across < 46 || members === 0) continue;
      const lon = points.reduce((sum, p) => sum + p.lon, 0) / points.length;
      const lat = points.reduce((sum, p) => sum + p.lat, 0) / points.length;
      if (view.project(lon, lat, at)) context.fillText(String(members), at.x, at.y + 3);
    }
  }

  private drawInterest(context: CanvasRenderingContext2D, view: View, centre: {lon: number; lat: number}): void {
    const {outlines, radii} = this.interest!;
    const at: Point = {x: 0, y: 0};
    for (const cls of ['extended', 'visual', 'combat'] as const) {
      context.beginPath();
      for (const outline of outlines) if (outline.cls === cls) this.trace(context, view, outline, at);
      context.globalAlpha = 0.13;
      context.fillStyle = color(CLASS_COLORS[cls]);
      context.fill();
      context.globalAlpha = 0.7;
      context.lineWidth = 1;
      context.strokeStyle = color(CLASS_COLORS[cls]);
      context.stroke();
      context.globalAlpha = 1;
    }
    (['combat', 'visual', 'extended'] as const).forEach((cls, i) => {
      const radius = radii[i];
      if (radius === undefined) return;
      context.beginPath();
      for (let step = 0; step <= 72; ++step) {
        const angle = (step / 72) * 2 * Math.PI;
        const {lon, lat} = offset(centre.lon, centre.lat, radius * Math.sin(angle), radius * Math.cos(angle));
        if (!view.project(lon, lat, at)) return;
        if (step === 0) context.moveTo(at.x, at.y);
        else context.lineTo(at.x, at.y);
      }
      context.lineWidth = 1.8;
      context.strokeStyle = color(CLASS_COLORS[cls]);
      context.stroke();
      const edge = offset(centre.lon, centre.lat, 0, radius);
      if (radius / view.metresPerPixel > 30 && view.project(edge.lon, edge.lat, at)) {
        context.font = '600 11px Inter, sans-serif';
        context.textAlign = 'center';
        context.lineWidth = 3;
        context.strokeStyle = color('halo');
        context.strokeText(`${radius} m`, at.x, at.y - 5);
        context.fillStyle = color(CLASS_COLORS[cls]);
        context.fillText(`${radius} m`, at.x, at.y - 5);
      }
    });
  }
}

function extent(points: Array<{lon: number; lat: number}>): number {
  let low = Infinity;
  let high = -Infinity;
  for (const {lat} of points) {
    low = Math.min(low, lat);
    high = Math.max(high, lat);
  }
  return high - low;
}
