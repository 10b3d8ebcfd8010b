/**
 * The range decoder of part payloads and the numbers that are made of its symbols (proto/WIRE.md
 * "Part payload"). Everything is an integer of at most 32 bits.
 */
import { TOKENS, TOKEN_START } from "./residual_table.ts";

/** Bytes or numbers that the protocol does not allow. */
export class WireError extends Error {}

/** How large one field's residuals are in a payload: a mean of levels times 16. */
export class Scale {
  mean = 0;
  seen = 0;
  /** Of the last residual that was read with this scale. */
  level = 0;

  begin(guess: number): void {
    this.mean = 16 * levelOf(guess);
    this.seen = 0;
  }

  add(level: number): void {
    const rate = this.seen < 2 ? 1 : this.seen < 6 ? 2 : this.seen < 14 ? 3 : 4;
    this.mean += (Math.min(16 * level, this.mean + 256) - this.mean) >> rate;
    ++this.seen;
    this.level = level;
  }
}

/** About eight times log2(1 + magnitude). */
export function levelOf(magnitude: number): number {
  if (magnitude < 4) return magnitude === 0 ? 0 : 4 * magnitude + 4;
  const width = 32 - Math.clz32(magnitude);
  return 4 * (2 * width - 2 + ((magnitude >> (width - 2)) & 1)) + 4;
}

const TOKEN_BITS = 12;
const TOKENS_TOTAL = 1 << TOKEN_BITS;
const TABLE_ROWS = 10;
const NONE_NEAR = 9;
const LARGE_TOKEN = TOKENS - 1;
const CODE = 0, RANGE = 1, STEP = 2;
const RESIDUAL_LIMIT = (1 << 23) - 1;
const MOST_FREE_BITS = 22;

export class RangeReader {
  private data: Uint8Array = new Uint8Array();
  private at = 0;
  // Code, range and step: 32 unsigned bits each, which an array of that type keeps without boxing.
  private readonly state = new Uint32Array(3);

  /** Begins a payload; the reader is used for one after the other. */
  begin(data: Uint8Array): void {
    this.data = data;
    this.at = 4;
    const byte = (at: number): number => (at < data.length ? data[at]! : 0);
    this.state[CODE] = (byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3);
    this.state[RANGE] = 0xffffffff;
  }

  /** Throws unless the payload has exactly the bytes that were needed. */
  finish(): void {
    if (this.at !== this.data.length + 3) throw new WireError("a part of another length than its content");
  }

  private peek(bits: number): number {
    const state = this.state;
    const step = state[RANGE]! >>> bits;
    state[STEP] = step;
    const value = (state[CODE]! / step) | 0;
    const last = (1 << bits) - 1;
    return value < last ? value : last;
  }

  private take(start: number, frequency: number): void {
    const state = this.state;
    const step = state[STEP]!;
    state[CODE] = state[CODE]! - Math.imul(start, step);
    state[RANGE] = Math.imul(frequency, step);
    while (state[RANGE]! < 0x1000000) {
      const at = this.at++;
      state[CODE] = (state[CODE]! << 8) | (at < this.data.length ? this.data[at]! : 0);
      state[RANGE] = state[RANGE]! << 8;
    }
  }

  /** `count` up to 32; each value is equally likely. */
  bits(count: number): number {
    if (count > 16) {
      const low = this.bits(16);
      return low + this.bits(count - 16) * 65536;
    }
    if (count === 0) return 0;
    const value = this.peek(count);
    this.take(value, 1);
    return value;
  }

  flag(likely: number): boolean {
    if (this.peek(TOKEN_BITS) < likely) {
      this.take(0, likely);
      return true;
    }
    this.take(likely, TOKENS_TOTAL - likely);
    return false;
  }

  /** Of `count` symbols whose starts stand in `table` from `row` on, and the total behind them. */
  symbol(table: Uint16Array, row: number, count: number): number {
    const value = this.peek(TOKEN_BITS);
    let at = row + 1;
    const last = row + count;
    while (at < last && table[at]! <= value) ++at;
    const start = table[at - 1]!;
    this.take(start, table[at]! - start);
    return at - 1 - row;
  }

  /** `near`: the mean level of the member's residuals before this one, -1 for the first. */
  residual(set: number, scale: Scale, near: number): number {
    let row = (scale.mean + 32) >> 6;
    // Above the table's largest scale the low bits are noise: they come as they are.
    const shift = row < TABLE_ROWS ? 0 : (row - 8) >> 1;
    row -= 2 * shift;
    const column = near < 0 ? NONE_NEAR : Math.min(8, (3 * Math.max(near - 8 * shift, 0) + 8) >> 4);
    const line = (set * TABLE_ROWS + row) * 10 + column;
    const token = this.symbol(TOKEN_START, line * (TOKENS + 1), TOKENS);
    if (token === 0 && shift === 0) {
      scale.add(0);
      return 0;
    }
    let free = shift;
    let top = token;
    if (token === LARGE_TOKEN) {
      free += this.bits(4) + 12;
      top = 1;
    } else if (token >= 4) {
      free += (token >> 1) - 1;
      top = 2 + (token & 1);
    }
    if (free > MOST_FREE_BITS) throw new WireError("a number of too many bits");
    const magnitude = Math.min((top << free) | this.bits(free), RESIDUAL_LIMIT);
    const negative = this.bits(1) === 1;
    scale.add(levelOf(magnitude));
    return negative ? -magnitude : magnitude;
  }

  /** A number of at most `bits` bits by its width, which is often that of `usual`. */
  width(usual: number, widthBits: number, bits: number): number {
    const width = this.flag(2048) ? 32 - Math.clz32(usual) : Math.min(this.bits(widthBits), bits);
    return width === 0 ? 0 : (1 << (width - 1)) | this.bits(width - 1);
  }
}
