/** Which of the newest 65 snapshots came, as inputs tell the server (proto/WIRE.md "Input"). */

const WINDOW = 64;
const CYCLE = 65535;

/** Steps from `older` to `newer` in the cycle of 1..65,535. */
const steps = (older: number, newer: number): number => (newer - older + CYCLE) % CYCLE;

export class AckWindow {
  /** The newest sequence that was noted; 0: none. */
  newest = 0;
  /** Bit i: the one i + 1 steps before `newest` was noted. */
  bits = 0n;

  has(sequence: number): boolean {
    if (this.newest === 0) return false;
    const back = steps(sequence, this.newest);
    return back === 0 || (back <= WINDOW && ((this.bits >> BigInt(back - 1)) & 1n) === 1n);
  }

  note(sequence: number): void {
    if (this.newest === 0) {
      this.newest = sequence;
      return;
    }
    const ahead = steps(this.newest, sequence);
    if (ahead === 0) return;
    if (ahead <= (CYCLE - 1) / 2) {
      const older = ahead < WINDOW ? this.bits << BigInt(ahead) : 0n;
      this.bits = ahead <= WINDOW ? BigInt.asUintN(WINDOW, older | (1n << BigInt(ahead - 1))) : 0n;
      this.newest = sequence;
      return;
    }
    const back = steps(sequence, this.newest);
    if (back <= WINDOW) this.bits |= 1n << BigInt(back - 1);
  }
}
