/**
 * The client's estimate of the server's tick, as seen from here: the tick whose snapshot the
 * fastest path would be delivering now. Snapshots only ever arrive late, so the least lateness of
 * the last half second is the clock and the rest is jitter; the estimate is slewed towards it and
 * never goes back. Times in milliseconds of any monotonic clock.
 */

const WINDOW_MS = 250; // eight snapshots: one of them is hardly delayed
const SLEW_MS = 250;
const MAX_SLOWDOWN = 0.9; // below 1, so that the estimate never goes back
const JUMP_MS = 2000; // a server that stood still this long is not slewed to
const JITTER_DECAY = 0.98;
// Lateness that grows faster than jitter explains: the server is slowed down.
const SLOPE_NOISE = 0.1;
const MAX_SLOPE = 0.9;

interface Least {
  lateness: number;
  at: number;
}
const none = (): Least => ({ lateness: Infinity, at: 0 });
const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

export class ServerClock {
  readonly tickMs: number;
  /** How late snapshots arrive compared with the fastest, ticks: decaying maximum. */
  jitterTicks = 0;
  private offset = 0;
  private window: Least;
  private previous = none();
  private slope = 0;
  private windowStart: number;
  private advancedAt: number;

  /** The state of `baseTick` arrived at `baseMs`. */
  constructor(
    private readonly baseTick: number,
    private readonly baseMs: number,
    hz: number,
  ) {
    this.tickMs = 1000 / hz;
    this.windowStart = this.advancedAt = baseMs;
    this.window = { lateness: 0, at: baseMs };
  }

  onSnapshot(tick: number, now: number): void {
    const lateness = now - this.baseMs - (tick - this.baseTick) * this.tickMs;
    if (now - this.windowStart > WINDOW_MS) this.nextWindow(now);
    if (lateness < this.window.lateness) this.window = { lateness, at: now };
    const least = Math.min(this.window.lateness, this.previous.lateness);
    this.jitterTicks = Math.max(this.jitterTicks * JITTER_DECAY, (lateness - least) / this.tickMs);
  }

  /** Slews the estimate; to be called at each turn. */
  advance(now: number): void {
    const elapsed = now - this.advancedAt;
    if (elapsed <= 0) return;
    this.advancedAt = now;
    const error = this.wantedOffset(now) - this.offset;
    if (Math.abs(error) > JUMP_MS) this.offset += error;
    else this.offset += Math.min(error * Math.min(1, elapsed / SLEW_MS), elapsed * MAX_SLOWDOWN);
  }

  /** With fraction. */
  tickAt(now: number): number {
    return this.baseTick + (now - this.baseMs - this.offset) / this.tickMs;
  }

  private nextWindow(now: number): void {
    const apart = this.window.at - this.previous.at;
    const both = this.previous.lateness !== Infinity && apart > 0;
    const slope = both ? (this.window.lateness - this.previous.lateness) / apart : 0;
    this.slope = Math.abs(slope) > SLOPE_NOISE ? clamp(slope, -MAX_SLOPE, MAX_SLOPE) : 0;
    this.previous = this.window;
    this.window = none();
    this.windowStart = now;
  }

  private wantedOffset(now: number): number {
    // Not further ahead than two windows: after that the slope is old.
    if (this.slope !== 0)
      return this.previous.lateness + this.slope * Math.min(now - this.previous.at, 2 * WINDOW_MS);
    return Math.min(this.window.lateness, this.previous.lateness);
  }
}
