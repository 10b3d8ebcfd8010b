/** The map around the player, north up: a grid on the ground, rings of what is seen how well, and everybody. */
import { axesAt, type Axes } from "../../src/codec/index.ts";
import {
  ANIMAL, BODY, ITEM, PLAYER, RESOURCE, type Client, type EntityView, type Geographic, type Vec3,
} from "../../src/client/index.ts";
import type { Names } from "./names.ts";

const DEGREE_M = 111_320;
const LEAST_M_PER_PX = 0.02, MOST_M_PER_PX = 4;
const MOST_LABELS = 40;
const LABEL_M_PER_PX = 0.35;
const MOST_NEARBY = 6;
// Of the way to the wanted zoom, a frame.
const ZOOM_SHARE = 0.2;

export interface Neighbour {
  readonly view: EntityView;
  /** Metres from the player. */
  readonly east: number;
  readonly north: number;
  readonly distance: number;
}

export class WorldMap {
  private readonly context: CanvasRenderingContext2D;
  private metresPerPixel = 0.15;
  private wanted = 0.15;
  private width = 0;
  private height = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly names: Names,
    private readonly color: (name: string) => string,
  ) {
    this.context = canvas.getContext("2d")!;
  }

  get scale(): number {
    return this.metresPerPixel;
  }

  zoom(factor: number): void {
    this.wanted = Math.max(LEAST_M_PER_PX, Math.min(this.wanted * factor, MOST_M_PER_PX));
  }

  /** Draws a frame and returns the nearest players. */
  draw(client: Client): Neighbour[] {
    this.fit();
    this.metresPerPixel += (this.wanted - this.metresPerPixel) * ZOOM_SHARE;
    const c = this.context;
    c.fillStyle = this.color("--ground");
    c.fillRect(0, 0, this.width, this.height);
    const own = client.own;
    const welcome = client.welcome;
    if (own === null || welcome === null) return [];
    this.drawGrid(own.place);
    this.drawRings(welcome.classRadius);
    const around = this.around(client, own.position);
    for (const neighbour of around) this.drawEntity(neighbour);
    this.drawLabels(around);
    this.drawOwn(own.heading);
    return around.filter(({ view }) => view.kind === PLAYER).sort((a, b) => a.distance - b.distance).slice(0, MOST_NEARBY);
  }

  /** Nothing to show yet. */
  clear(): void {
    this.fit();
    this.context.fillStyle = this.color("--ground");
    this.context.fillRect(0, 0, this.width, this.height);
    this.drawGrid({ lat: 0, lon: 0, height: 0 });
  }

  private fit(): void {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    this.width = clientWidth;
    this.height = clientHeight;
    const [w, h] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  private x(east: number): number {
    return this.width / 2 + east / this.metresPerPixel;
  }
  private y(north: number): number {
    return this.height / 2 - north / this.metresPerPixel;
  }

  private around(client: Client, here: Vec3): Neighbour[] {
    const { east: e, north: n }: Axes = axesAt(here);
    const found: Neighbour[] = [];
    for (const view of client.others()) {
      const x = view.position.x - here.x, y = view.position.y - here.y, z = view.position.z - here.z;
      const east = x * e.x + y * e.y + z * e.z;
      const north = x * n.x + y * n.y + z * n.z;
      found.push({ view, east, north, distance: Math.hypot(east, north) });
    }
    return found;
  }

  /** Lines that lie still on the ground: multiples of a length in degrees. */
  private drawGrid(here: Geographic): void {
    const c = this.context;
    const least = 60 * this.metresPerPixel;
    const power = 10 ** Math.floor(Math.log10(least));
    const spacing = [1, 2, 5, 10].map((digit) => digit * power).find((length) => length >= least)!;
    // Of a whole degree, so that meridians do not move when the player walks north.
    const shrink = Math.max(0.01, Math.cos((Math.round(here.lat) * Math.PI) / 180));
    this.drawLines(here.lat * DEGREE_M, spacing, this.height / 2, (at, strong) => this.rule(0, this.y(at), this.width, this.y(at), strong));
    this.drawLines(here.lon * DEGREE_M * shrink, spacing, this.width / 2, (at, strong) => this.rule(this.x(at), 0, this.x(at), this.height, strong));
    c.setLineDash([]);
  }

  private drawLines(here: number, spacing: number, halfPx: number, line: (offset: number, strong: boolean) => void): void {
    const half = halfPx * this.metresPerPixel;
    for (let k = Math.ceil((here - half) / spacing); k * spacing <= here + half; ++k) line(k * spacing - here, k % 5 === 0);
  }

  private rule(x0: number, y0: number, x1: number, y1: number, strong: boolean): void {
    const c = this.context;
    c.beginPath();
    c.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
    c.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    c.strokeStyle = this.color(strong ? "--grid-strong" : "--grid");
    c.lineWidth = 1;
    c.stroke();
  }

  private drawRings(radii: readonly number[]): void {
    const c = this.context;
    c.strokeStyle = this.color("--grid-strong");
    c.lineWidth = 1;
    c.setLineDash([4, 6]);
    for (const radius of radii) {
      c.beginPath();
      c.arc(this.width / 2, this.height / 2, radius / this.metresPerPixel, 0, 2 * Math.PI);
      c.stroke();
    }
    c.setLineDash([]);
  }

  private drawEntity({ view, east, north }: Neighbour): void {
    const x = this.x(east), y = this.y(north);
    if (x < -20 || y < -20 || x > this.width + 20 || y > this.height + 20) return;
    const c = this.context;
    c.fillStyle = this.color(COLORS[view.kind] ?? "--body");
    c.strokeStyle = this.color("--edge");
    c.lineWidth = 1.5;
    c.globalAlpha = view.cls === 2 ? 0.7 : 1;
    c.beginPath();
    const size = view.kind === PLAYER ? 8 : view.kind === ANIMAL ? 6 : 5;
    if (view.kind === ITEM) diamond(c, x, y, size);
    else if (view.kind === RESOURCE) c.rect(x - size, y - size, 2 * size, 2 * size);
    else if (view.heading === null || view.kind === BODY) c.arc(x, y, size - 1, 0, 2 * Math.PI);
    else arrow(c, x, y, size, view.heading);
    c.fill();
    c.stroke();
    c.globalAlpha = 1;
  }

  private drawLabels(around: readonly Neighbour[]): void {
    const shown = around
      .filter(({ view }) => view.kind === PLAYER && (this.metresPerPixel < LABEL_M_PER_PX || this.names.has(view.id)))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, MOST_LABELS);
    const c = this.context;
    c.font = "600 12px system-ui, sans-serif";
    c.textAlign = "center";
    const taken: { x: number; y: number; half: number }[] = [];
    for (const { view, east, north } of shown) {
      const text = this.names.of(view.id, view.kind);
      const at = { x: this.x(east), y: this.y(north) - 13, half: c.measureText(text).width / 2 + 2 };
      // The nearer one's name is shown, not both on each other.
      if (taken.some((other) => Math.abs(at.y - other.y) < 14 && Math.abs(at.x - other.x) < at.half + other.half)) continue;
      taken.push(at);
      this.label(text, at.x, at.y);
    }
  }

  private label(text: string, x: number, y: number): void {
    const c = this.context;
    c.lineJoin = "round";
    c.lineWidth = 3;
    c.strokeStyle = this.color("--ground");
    c.strokeText(text, x, y);
    c.fillStyle = this.color("--text");
    c.fillText(text, x, y);
  }

  private drawOwn(heading: number): void {
    const c = this.context;
    const x = this.width / 2, y = this.height / 2;
    c.beginPath();
    c.arc(x, y, 17, 0, 2 * Math.PI);
    c.globalAlpha = 0.16;
    c.fillStyle = this.color("--accent");
    c.fill();
    c.globalAlpha = 1;
    c.beginPath();
    arrow(c, x, y, 11, heading);
    c.strokeStyle = this.color("--edge");
    c.lineWidth = 2;
    c.fill();
    c.stroke();
  }
}

const COLORS: Record<number, string> = {
  [PLAYER]: "--player", [ANIMAL]: "--animal", [RESOURCE]: "--resource", [ITEM]: "--item", [BODY]: "--body",
};

/** `heading`: turns clockwise from north, which is up. */
function arrow(c: CanvasRenderingContext2D, x: number, y: number, size: number, heading: number): void {
  const angle = heading * 2 * Math.PI;
  const point = (turn: number, radius: number): [number, number] => [
    x + radius * Math.sin(angle + turn), y - radius * Math.cos(angle + turn),
  ];
  c.moveTo(...point(0, size * 1.25));
  c.lineTo(...point(2.5, size));
  c.lineTo(...point(Math.PI, size * 0.45));
  c.lineTo(...point(-2.5, size));
  c.closePath();
}

function diamond(c: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  c.moveTo(x, y - size);
  c.lineTo(x + size, y);
  c.lineTo(x, y + size);
  c.lineTo(x - size, y);
  c.closePath();
}
