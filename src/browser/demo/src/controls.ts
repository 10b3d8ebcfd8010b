/** Keys, dragging and touch become a direction; plus, minus, wheel and pinch a zoom. */

const DIRECTIONS: Record<string, readonly [number, number]> = {
  KeyW: [0, 1], ArrowUp: [0, 1], KeyS: [0, -1], ArrowDown: [0, -1], KeyA: [-1, 0], ArrowLeft: [-1, 0], KeyD: [1, 0],
  ArrowRight: [1, 0],
};
const STICK_PX = 56;
const DEAD_PX = 8;

export interface ControlTargets {
  walk: (east: number, north: number) => void;
  zoom: (factor: number) => void;
  chat: () => void;
  take: () => void;
}

export class Controls {
  private readonly held = new Set<string>();
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private from: { x: number; y: number } | null = null;

  constructor(
    canvas: HTMLElement,
    private readonly stick: HTMLElement,
    private readonly knob: HTMLElement,
    private readonly targets: ControlTargets,
  ) {
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("keyup", (event) => this.release(event.code));
    // Keys that are let go elsewhere are never told.
    window.addEventListener("blur", () => this.stop());
    document.addEventListener("visibilitychange", () => this.stop());
    canvas.addEventListener("pointerdown", (event) => this.onDown(canvas, event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    for (const name of ["pointerup", "pointercancel"] as const) canvas.addEventListener(name, (event) => this.onUp(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      targets.zoom(1.0015 ** event.deltaY);
    }, { passive: false });
  }

  stop(): void {
    this.held.clear();
    this.pointers.clear();
    this.from = null;
    this.stick.hidden = true;
    this.targets.walk(0, 0);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "+" || event.key === "=") return this.targets.zoom(0.8);
    if (event.key === "-") return this.targets.zoom(1.25);
    // On a button Enter presses it.
    if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      return this.targets.chat();
    }
    if (event.code === "KeyE" && !event.repeat) return this.targets.take();
    if (!(event.code in DIRECTIONS)) return;
    event.preventDefault();
    this.held.add(event.code);
    this.walkByKeys();
  }

  private release(code: string): void {
    if (this.held.delete(code)) this.walkByKeys();
  }

  private walkByKeys(): void {
    let east = 0, north = 0;
    for (const code of this.held) {
      east += DIRECTIONS[code]![0];
      north += DIRECTIONS[code]![1];
    }
    const length = Math.hypot(east, north) || 1;
    this.targets.walk(east / length, north / length);
  }

  private onDown(canvas: HTMLElement, event: PointerEvent): void {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus();
    const at = { x: event.clientX, y: event.clientY };
    this.pointers.set(event.pointerId, at);
    this.from = this.pointers.size === 1 ? at : null;
    if (this.from === null) {
      this.stick.hidden = true;
      this.targets.walk(0, 0);
    }
  }

  private onMove(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return;
    const at = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, at);
    if (other !== undefined) {
      const apart = (point: { x: number; y: number }): number => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      this.targets.zoom(apart(before) / apart(at));
    } else if (this.from !== null) {
      this.pull(at.x - this.from.x, at.y - this.from.y);
    }
  }

  private pull(x: number, y: number): void {
    const length = Math.hypot(x, y);
    if (this.from === null || length < DEAD_PX) return this.targets.walk(0, 0);
    const share = Math.min(1, length / STICK_PX);
    this.stick.hidden = false;
    this.stick.style.left = `${this.from.x}px`;
    this.stick.style.top = `${this.from.y}px`;
    this.knob.style.transform = `translate(${(x / length) * share * STICK_PX}px, ${(y / length) * share * STICK_PX}px)`;
    this.targets.walk((x / length) * share, (-y / length) * share);
  }

  private onUp(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.stop();
  }
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement || document.querySelector("dialog[open]") !== null;
