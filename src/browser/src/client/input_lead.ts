/**
 * How many ticks ahead of the server's clock commands are stamped, so that each reaches the server
 * about two ticks before it is due. It follows the longest way of the last seconds.
 */

// With the half tick that a command waits on average for the server's next tick: a depth of 2.
const MARGIN_TICKS = 1.5;
const MAX_PATH_S = 1;
const WINDOW_MS = 1500;
// Up fast: a late command is lost. Down slowly: a command too early costs only delay.
const UP_MS = 200, DOWN_MS = 1500;

export class InputLead {
  ticks: number;
  private windowMax: number;
  private previousMax: number;
  private windowStart = 0;
  private advancedAt = NaN;
  private sampled = false;

  /** `pathTicks`: a first guess of the time from stamping a command to the server holding it. */
  constructor(
    pathTicks: number,
    private readonly hz: number,
  ) {
    this.windowMax = this.previousMax = this.bounded(pathTicks);
    this.ticks = this.windowMax + MARGIN_TICKS;
  }

  private bounded(pathTicks: number): number {
    return Math.max(0, Math.min(pathTicks, MAX_PATH_S * this.hz));
  }

  /** A command took so long: server clock at arrival minus estimate when it was sent. */
  onPathSample(pathTicks: number, now: number): void {
    pathTicks = this.bounded(pathTicks);
    if (!this.sampled || now - this.windowStart > WINDOW_MS) {
      // The guess counts no longer than the first sample.
      this.previousMax = this.sampled ? this.windowMax : pathTicks;
      this.windowMax = pathTicks;
      this.windowStart = now;
      this.sampled = true;
    }
    this.windowMax = Math.max(this.windowMax, pathTicks);
  }

  advance(now: number): void {
    const elapsed = now - this.advancedAt;
    this.advancedAt = now;
    if (!(elapsed > 0)) return;
    const error = Math.max(this.windowMax, this.previousMax) + MARGIN_TICKS - this.ticks;
    const step = error * Math.min(1, elapsed / (error > 0 ? UP_MS : DOWN_MS));
    // Slower than the clock itself, so that command ticks never run backwards.
    this.ticks += Math.max(step, (-0.5 * elapsed * this.hz) / 1000);
  }
}
