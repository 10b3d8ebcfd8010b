/**
 * The own player: one motion step per command tick without gaps, the history that the server's
 * results are compared with, replay after a correction, and the drawn position in which
 * corrections are blended.
 */
import { add, length, mul, sub, ZERO, type Vec3 } from "../codec/planet.ts";
import { sameState, type Command, type LongitudeRange, type MotionLimits, type MotionState } from "../motion.ts";

// Below 10 cm smooth, to 1 m blend over 200 ms, beyond snap.
const SMOOTH_BELOW_M = 0.1, SNAP_ABOVE_M = 1;
const SMOOTH_MS = 100, BLEND_MS = 200;

interface Entry {
  tick: number;
  command: Command;
  /** After the tick. */
  state: MotionState;
  /** The estimate of the server's clock when it was simulated. */
  clock: number;
}

export class OwnPlayer {
  newestTick: number;
  confirmedTick: number;
  private readonly history: (Entry | undefined)[];
  private readonly dt: number;
  private first: number;
  private blendOffset: Vec3 = ZERO;
  private blendStart = 0;
  private blendMs = 0;

  constructor(
    tick: number,
    state: MotionState,
    private readonly limits: MotionLimits,
    hz: number,
    private readonly range: LongitudeRange,
  ) {
    this.history = new Array<Entry | undefined>(2 * hz).fill(undefined);
    this.dt = 1 / hz;
    this.first = this.newestTick = this.confirmedTick = tick;
    this.put({ tick, command: { east: 0, north: 0, yaw: state.yaw, buttons: 0 }, state, clock: tick });
  }

  get newest(): MotionState {
    return this.at(this.newestTick)!.state;
  }

  /** The last ones; a tick before the first is the first's command. */
  commandAt(tick: number): Command {
    const oldest = Math.max(this.first, this.newestTick - this.history.length + 1);
    return this.at(Math.max(oldest, Math.min(tick, this.newestTick)))!.command;
  }

  stateAt(tick: number): MotionState | null {
    return this.at(tick)?.state ?? null;
  }

  /** The server clock's estimate when `tick` was simulated; null when forgotten. */
  clockAt(tick: number): number | null {
    return this.at(tick)?.clock ?? null;
  }

  /**
   * Simulates up to `target`: ticks that were passed over repeat the previous command, as the
   * server does with ticks for which nothing arrives; `target` itself gets `command`.
   */
  stepTo(target: number, command: Command, clock: number): void {
    // After a pause longer than the history nobody remembers the ticks between.
    if (target > this.newestTick + this.history.length - 1) {
      const entry = this.at(this.newestTick)!;
      this.first = this.newestTick = target - 1;
      this.put({ ...entry, tick: target - 1 });
    }
    while (this.newestTick < target) {
      const last = this.at(this.newestTick)!;
      const tick = this.newestTick + 1;
      const input = tick === target ? command : last.command;
      this.put({ tick, command: input, state: this.step(last.state, input), clock });
      this.newestTick = tick;
    }
  }

  /** The server's exact state of `tick`. Returns how far the prediction was off, metres; 0: it was right. */
  onExact(tick: number, state: MotionState, now: number): number {
    if (tick < this.confirmedTick) return 0;
    this.confirmedTick = tick;
    const before = this.newest.position;
    let error: number;
    if (tick > this.newestTick) {
      // The server is ahead of our commands: nothing was predicted for this tick.
      error = length(sub(state.position, before));
      const { command } = this.at(this.newestTick)!;
      this.first = this.newestTick = tick;
      this.put({ tick, command, state, clock: tick });
    } else {
      const mine = this.at(tick);
      if (mine === undefined || sameState(mine.state, state)) return 0;
      error = length(sub(state.position, mine.state.position));
      mine.state = state;
      for (let later = tick + 1; later <= this.newestTick; ++later) {
        const entry = this.at(later)!;
        entry.state = this.step(this.at(later - 1)!.state, entry.command);
      }
    }
    this.blend(sub(add(before, this.blendAt(now)), this.newest.position), now);
    return error;
  }

  /** The prediction of `tick` was right. */
  onConfirmed(tick: number): void {
    if (tick > this.confirmedTick && this.at(tick) !== undefined) this.confirmedTick = tick;
  }

  /** Between the last two steps at `commandClock` (server clock and lead), plus what is left of corrections. */
  drawnAt(commandClock: number, now: number): Vec3 {
    const previous = this.stateAt(this.newestTick - 1);
    let position = this.newest.position;
    if (previous !== null) {
      const share = Math.max(0, Math.min(commandClock - this.newestTick, 1));
      position = add(previous.position, mul(sub(position, previous.position), share));
    }
    return add(position, this.blendAt(now));
  }

  private step(state: MotionState, command: Command): MotionState {
    return this.range.step(state, command, this.limits, this.dt);
  }

  private at(tick: number): Entry | undefined {
    if (tick < this.first || tick > this.newestTick) return undefined;
    const entry = this.history[tick % this.history.length];
    return entry?.tick === tick ? entry : undefined;
  }

  private put(entry: Entry): void {
    this.history[entry.tick % this.history.length] = entry;
  }

  private blendAt(now: number): Vec3 {
    const passed = now - this.blendStart;
    return passed >= this.blendMs ? ZERO : mul(this.blendOffset, 1 - Math.max(passed, 0) / this.blendMs);
  }

  private blend(offset: Vec3, now: number): void {
    const size = length(offset);
    this.blendOffset = offset;
    this.blendStart = now;
    this.blendMs = size > SNAP_ABOVE_M ? 0 : size < SMOOTH_BELOW_M ? SMOOTH_MS : BLEND_MS;
  }
}
