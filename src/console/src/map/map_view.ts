// The map's canvases and what a hand does to them: drag, wheel, pinch, keys, clicks. Draws at most once a frame, and only when
// something moves or has changed.

import type {Blocks} from '../data/blocks';
import type {Bounds} from '../data/feed';
import type {World} from '../data/world';
import {h} from '../ui/dom';
import {onTheme} from '../ui/theme';
import {EntityLayer, type Hit} from './entities';
import {DEGREE, EQUATOR_M, wrap} from './geodesy';
import {Ground} from './ground';
import {Lands} from './land';
import {MapOverlays} from './overlays';
import {type Mode, type Point, View} from './view';

/** While nobody touches the map: as often as its entities' ways look smooth. */
const CALM_FRAME_MS = 30;
const GLIDE_MS = 420;

export interface MapHooks {
  /** The view changed. */
  moved(): void;
  /** A hand took the map away from what it followed. */
  released(): void;
  picked(hit: Hit | null): void;
  /** Where the pointer is, in degrees. */
  pointed(place: {lon: number; lat: number} | null): void;
}

/** What a browser test may count on. */
export interface MapFigures {
  frames: number;
  frameMs: number;
  singles: number;
  clusters: number;
}

export class MapView {
  readonly element: HTMLElement;
  readonly view = new View();
  readonly overlays = new MapOverlays();
  readonly entities: EntityLayer;
  readonly figures: MapFigures = {frames: 0, frameMs: 0, singles: 0, clusters: 0};
  /** Slot that stays in the middle; -1: none. */
  following = -1;

  private readonly ground: Ground;
  private readonly groundCanvas = h('canvas', {class: 'map-canvas', 'aria-hidden': 'true'});
  private readonly canvas = h('canvas', {
    class: 'map-canvas',
    tabIndex: 0,
    role: 'application',
    'aria-label': 'Map of the world. Arrow keys move it, plus and minus zoom, question mark shows all keys.',
  });
  private readonly pointers = new Map<number, Point>();
  private ratio = 1;
  private dirty = true;
  private groundDirty = true;
  private running = false;
  private touched = 0;
  private lastFrame = 0;
  private drawnCells = -1;
  private dragged = 0;
  private pinch = 0;
  private glide: {from: View; to: {lon: number; lat: number; scale: number}; began: number} | null = null;

  constructor(
    private readonly world: World,
    private readonly blocks: Blocks,
    private readonly hooks: MapHooks,
  ) {
    this.entities = new EntityLayer(world, () => blocks.cells);
    this.ground = new Ground(this.groundCanvas, new Lands(() => this.redraw(true)));
    this.element = h('div', {class: 'map'}, this.groundCanvas, this.canvas);
    new ResizeObserver(() => this.resize()).observe(this.element);
    onTheme(() => this.redraw(true));
    this.listen();
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.resize();
    requestAnimationFrame(this.frame);
  }

  stop(): void {
    this.running = false;
  }

  redraw(ground = false): void {
    this.dirty = true;
    this.groundDirty ||= ground;
  }

  setMode(mode: Mode): void {
    this.view.mode = mode;
    this.view.look(this.view.lon, this.view.lat);
    this.changed();
  }

  /** Looks there by and by; at once for those who want no motion. */
  goTo(lon: number, lat: number, scale = this.view.scale): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.view.look(lon, lat, scale);
      this.changed();
      return;
    }
    const from = new View();
    Object.assign(from, {lon: this.view.lon, lat: this.view.lat, scale: this.view.scale});
    this.glide = {from, to: {lon, lat, scale}, began: performance.now()};
    this.touched = performance.now();
  }

  zoomBy(factor: number, x?: number, y?: number): void {
    this.glide = null;
    this.view.zoom(factor, x, y);
    this.changed();
  }

  panBy(dx: number, dy: number): void {
    this.glide = null;
    if (this.following >= 0) {
      this.following = -1;
      this.hooks.released();
    }
    this.view.pan(dx, dy);
    this.changed();
  }

  showAll(): void {
    this.following = -1;
    this.goTo(this.view.lon, this.view.mode === 'globe' ? 0.35 : 0.3, this.view.whole);
  }

  /** The rectangle that is seen, in degrees, with a margin; the whole Earth from afar. */
  bounds(margin: number): Bounds {
    const {view} = this;
    if (view.radius > 1 || (view.mode === 'flat' && view.width / view.mercatorScale > 5)) return [-180, -90, 180, 90];
    let west = Infinity;
    let east = -Infinity;
    let south = Infinity;
    let north = -Infinity;
    for (let i = 0; i <= 8; ++i) {
      for (let j = 0; j <= 8; ++j) {
        const at = view.unproject(
          view.width * ((i / 8) * (1 + 2 * margin) - margin),
          view.height * ((j / 8) * (1 + 2 * margin) - margin),
        );
        if (!at) return [-180, -90, 180, 90];
        const lon = view.lon + wrap(at.lon - view.lon);
        west = Math.min(west, lon);
        east = Math.max(east, lon);
        south = Math.min(south, at.lat);
        north = Math.max(north, at.lat);
      }
    }
    // Around a pole every meridian is in the view.
    const toPole = Math.PI / 2 - Math.abs(view.lat);
    if (toPole < view.radius * (1 + margin)) {
      return view.lat > 0 ? [-180, south / DEGREE, 180, 90] : [-180, -90, 180, north / DEGREE];
    }
    const degrees = (lon: number) => Math.round((wrap(lon) / DEGREE) * 1e6) / 1e6;
    return [degrees(west), Math.round((south / DEGREE) * 1e6) / 1e6, degrees(east), Math.round((north / DEGREE) * 1e6) / 1e6];
  }

  /** Metres from the left edge to the right. */
  get across(): number {
    return (this.view.width / this.view.scale) * EQUATOR_M;
  }

  focus(): void {
    this.canvas.focus({preventScroll: true});
  }

  get focused(): boolean {
    return document.activeElement === this.canvas || document.activeElement === document.body;
  }

  /** What is drawn nearest to the middle. */
  central(): Hit | null {
    return this.entities.hit(this.view.width / 2, this.view.height / 2, Infinity);
  }

  private changed(): void {
    this.touched = performance.now();
    this.redraw();
    this.hooks.moved();
  }

  private resize(): void {
    const {clientWidth, clientHeight} = this.element;
    if (clientWidth === 0 || clientHeight === 0) return;
    // Twice is enough for any eye, and four times the pixels are not.
    this.ratio = Math.min(2, devicePixelRatio || 1);
    const first = this.view.width === 1;
    for (const canvas of [this.groundCanvas, this.canvas]) {
      canvas.width = Math.round(clientWidth * this.ratio);
      canvas.height = Math.round(clientHeight * this.ratio);
    }
    this.view.width = clientWidth;
    this.view.height = clientHeight;
    this.view.look(this.view.lon, this.view.lat, first ? this.view.whole : this.view.scale);
    this.redraw(true);
    this.hooks.moved();
  }

  private readonly frame = (now: number): void => {
    if (!this.running) return;
    requestAnimationFrame(this.frame);
    if (this.blocks.cellsVersion !== this.drawnCells) {
      this.drawnCells = this.blocks.cellsVersion;
      this.dirty = true;
    }
    const moving = this.world.count > 0 || this.blocks.cells.length > 0;
    const handling = now - this.touched < 400 || this.glide !== null;
    if (!this.dirty && !moving && !handling) return;
    if (!handling && !this.dirty && now - this.lastFrame < CALM_FRAME_MS) return;
    this.lastFrame = now;
    const began = performance.now();
    this.advance(now);
    this.blocks.sweep(now);
    this.ground.draw(this.view, this.ratio, this.groundDirty);
    this.groundDirty = this.dirty = false;
    const context = this.canvas.getContext('2d')!;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.view.width, this.view.height);
    const watched = this.overlays.interest && this.world.slotOf(this.overlays.interest.entity);
    this.overlays.draw(context, this.view, typeof watched === 'number' ? this.world.place(watched, now) : null);
    this.entities.draw(context, this.view, now);
    ++this.figures.frames;
    this.figures.frameMs = performance.now() - began;
    this.figures.singles = this.entities.drawnSingles;
    this.figures.clusters = this.entities.drawnClusters;
  };

  private advance(now: number): void {
    if (this.glide) {
      const {from, to, began} = this.glide;
      const part = Math.min(1, (now - began) / GLIDE_MS);
      const eased = 1 - (1 - part) ** 3;
      this.view.look(
        from.lon + wrap(to.lon - from.lon) * eased,
        from.lat + (to.lat - from.lat) * eased,
        from.scale * (to.scale / from.scale) ** eased,
      );
      if (part === 1) this.glide = null;
      this.hooks.moved();
    } else if (this.following >= 0) {
      if (!this.world.has(this.following)) return;
      const place = this.world.place(this.following, now);
      this.view.look(place.lon, place.lat);
      this.hooks.moved();
    } else {
      this.view.prepare();
    }
  }

  private listen(): void {
    const {canvas} = this;
    const at = (event: MouseEvent): Point => {
      const box = canvas.getBoundingClientRect();
      return {x: event.clientX - box.left, y: event.clientY - box.top};
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, at(event));
      this.dragged = 0;
      this.pinch = 0;
      this.touched = performance.now();
    });
    canvas.addEventListener('pointermove', (event) => {
      const now = at(event);
      const before = this.pointers.get(event.pointerId);
      if (!before) {
        this.hooks.pointed(this.view.unproject(now.x, now.y));
        canvas.classList.toggle('over', this.entities.hit(now.x, now.y) !== null);
        return;
      }
      this.pointers.set(event.pointerId, now);
      if (this.pointers.size === 2) {
        this.pinchTo();
        return;
      }
      this.dragged += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (this.dragged > 4) this.panBy(now.x - before.x, now.y - before.y);
    });
    const release = (event: PointerEvent) => {
      const was = this.pointers.delete(event.pointerId);
      this.pinch = 0;
      if (!was || event.type !== 'pointerup' || this.dragged > 4) return;
      const point = at(event);
      this.hooks.picked(this.entities.hit(point.x, point.y));
    };
    canvas.addEventListener('pointerup', release);
    canvas.addEventListener('pointercancel', release);
    canvas.addEventListener('pointerleave', () => this.hooks.pointed(null));
    canvas.addEventListener('dblclick', (event) => {
      const point = at(event);
      this.zoomBy(2, point.x, point.y);
    });
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const point = at(event);
        const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
        const step = Math.max(-120, Math.min(120, event.deltaY * lines));
        if (this.following >= 0) this.zoomBy(2 ** (-step / 160));
        else this.zoomBy(2 ** (-step / 160), point.x, point.y);
      },
      {passive: false},
    );
  }

  private pinchTo(): void {
    const [a, b] = [...this.pointers.values()] as [Point, Point];
    const distance = Math.hypot(a.x - b.x, a.y - b.y);
    if (this.pinch > 0) this.zoomBy(distance / this.pinch, (a.x + b.x) / 2, (a.y + b.y) / 2);
    this.pinch = distance;
    this.dragged = 100;
  }
}
