/**
 * Orientations of bodies: the smallest three components in thousandths, and the fixed-point
 * arithmetic in which one is expected from two earlier ones (proto/WIRE.md "Orientation").
 */

/** Components x, y, z, w in 1/16,384. */
export type Wide = [number, number, number, number];

/** The number of the largest component, and the other three in their order, in thousandths. */
export interface Rotation {
  readonly largest: number;
  readonly parts: readonly [number, number, number];
}

const UNIT = 1 << 14;
const SQUARE = UNIT * UNIT;
const ONE = 65536;

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
/** Division by a power of two towards minus infinity, for sums beyond 32 bits. */
const scaled = (sum: number, by: number): number => Math.floor(sum / by);

/** Exact: squares here are at most 2^28, whose roots a double holds to the last bit. */
const root = (square: number): number => (square > 0 ? Math.floor(Math.sqrt(square)) : 0);

export function widen(rotation: Rotation): Wide {
  const wide: Wide = [0, 0, 0, 0];
  let rest = SQUARE;
  let part = 0;
  for (let axis = 0; axis < 4; ++axis) {
    if (axis === rotation.largest) continue;
    const value = (rotation.parts[part++]! * 16777 + 512) >> 10;
    wide[axis] = value;
    rest -= value * value;
  }
  wide[rotation.largest] = root(rest);
  return wide;
}

function product(a: Wide, b: Wide): Wide {
  return [
    scaled(a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1], UNIT),
    scaled(a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0], UNIT),
    scaled(a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3], UNIT),
    scaled(a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2], UNIT),
  ];
}

/** Where a body turns to in `age` ticks more when it went from `older` to `newest` in `step`. */
export function extrapolate(newest: Rotation, older: Rotation, age: number, step: number): Wide {
  const to = widen(newest);
  const from = widen(older);
  let turn = product(to, [-from[0], -from[1], -from[2], from[3]]);
  if (turn[3] < 0) turn = [-turn[0], -turn[1], -turn[2], -turn[3]];
  const pace = Math.floor((age * ONE) / step);
  const pace2 = scaled(pace * pace, ONE);
  const sine = (turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]) / 4096;
  let factor = ONE;
  for (const [odd, divisor] of [[25, 42], [9, 20], [1, 6]] as const) {
    const term = Math.trunc((odd * ONE - pace2) / divisor);
    const next = scaled(scaled(term * Math.floor(sine), ONE) * factor, ONE);
    factor = clamp(ONE + next, -64 * ONE, 64 * ONE);
  }
  factor = scaled(pace * factor, ONE);
  let rest = SQUARE;
  for (let axis = 0; axis < 3; ++axis) {
    const value = clamp(scaled(turn[axis]! * factor, ONE), -UNIT, UNIT);
    turn[axis] = value;
    rest -= value * value;
  }
  turn[3] = root(rest);
  return product(turn, to);
}

/** The component that is expected to be the largest. */
export function largestOf(wide: Wide): number {
  let largest = 3;
  for (let axis = 0; axis < 3; ++axis) if (Math.abs(wide[axis]!) > Math.abs(wide[largest]!)) largest = axis;
  return largest;
}

/** A component in thousandths; `flip`: with its sign changed. */
export const narrow = (component: number, flip: boolean): number =>
  ((flip ? -component : component) * 1000 + UNIT / 2) >> 14;

/** As numbers for drawing: a unit quaternion x, y, z, w. */
export function quaternion(rotation: Rotation): [number, number, number, number] {
  const axes = [0, 0, 0, 0];
  let rest = 1;
  let part = 0;
  for (let axis = 0; axis < 4; ++axis) {
    if (axis === rotation.largest) continue;
    const value = rotation.parts[part++]! / 1000;
    axes[axis] = value;
    rest -= value * value;
  }
  axes[rotation.largest] = Math.sqrt(Math.max(rest, 0));
  return axes as [number, number, number, number];
}
