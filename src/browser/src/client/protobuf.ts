/** Protobuf by hand, both ways: a dozen small messages do not pay for a library. */
import { WireError } from "../codec/range_reader.ts";

// ---- writing ----

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return bytes;
}
function varint64(value: bigint): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  for (; left >= 128n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  bytes.push(Number(left));
  return bytes;
}
// Zero is not written, as everywhere with proto3.
export const number = (field: number, value: number): number[] => (value === 0 ? [] : [...varint(field * 8), ...varint(value)]);
/** 64 bits, of either sign. */
export const int64 = (field: number, value: bigint): number[] => (value === 0n ? [] : [...varint(field * 8), ...varint64(value)]);
/** Packed; nothing when empty. */
export const int64s = (field: number, values: readonly bigint[]): number[] =>
  values.length === 0 ? [] : bytes(field, values.flatMap(varint64));
export const bytes = (field: number, value: Iterable<number>): number[] => {
  const content = [...value];
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
};
export const double = (field: number, value: number): number[] => [
  ...varint(field * 8 + 1), ...new Uint8Array(new Float64Array([value]).buffer),
];
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

// ---- reading ----

type Value = bigint | Uint8Array;

/** A message taken apart. Throws WireError on what is none. */
export class Fields {
  private readonly values = new Map<number, Value[]>();
  /** The first field, which in a message of bodies is the body. */
  readonly first: number = 0;

  constructor(data: Uint8Array) {
    let at = 0;
    const readVarint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = data[at++];
        if (byte === undefined) break;
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return BigInt.asUintN(64, value);
      }
      throw new WireError("a control message that ends early");
    };
    while (at < data.length) {
      const tag = Number(readVarint());
      const field = Math.floor(tag / 8);
      const wire = tag % 8;
      let value: Value;
      if (wire === 0) {
        value = readVarint();
      } else {
        const size = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? Number(readVarint()) : -1;
        if (size < 0 || at + size > data.length) throw new WireError("a control message that ends early");
        value = data.subarray(at, at + size);
        at += size;
      }
      if (this.first === 0) this.first = field;
      const known = this.values.get(field);
      if (known === undefined) this.values.set(field, [value]);
      else known.push(value);
    }
  }

  private last(field: number): Value | undefined {
    return this.values.get(field)?.at(-1);
  }
  /** As it was sent, without sign. */
  int(field: number): bigint {
    const value = this.last(field);
    return typeof value === "bigint" ? value : 0n;
  }
  signed(field: number): bigint {
    return BigInt.asIntN(64, this.int(field));
  }
  number(field: number): number {
    return Number(this.int(field));
  }
  data(field: number): Uint8Array {
    const value = this.last(field);
    return value instanceof Uint8Array ? value : new Uint8Array();
  }
  text(field: number): string {
    return new TextDecoder().decode(this.data(field));
  }
  /** Repeated messages. */
  messages(field: number): Fields[] {
    return (this.values.get(field) ?? []).flatMap((value) => (value instanceof Uint8Array ? new Fields(value) : []));
  }
  double(field: number): number {
    const value = this.data(field);
    return value.length === 8 ? doubles(value)[0]! : 0;
  }
  doubles(field: number): number[] {
    return (this.values.get(field) ?? []).flatMap((value) => (value instanceof Uint8Array ? doubles(value) : []));
  }
  ints(field: number): bigint[] {
    return (this.values.get(field) ?? []).flatMap((value) => (typeof value === "bigint" ? value : packed(value)));
  }
  numbers(field: number): number[] {
    return this.ints(field).map(Number);
  }
}

function doubles(data: Uint8Array): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values: number[] = [];
  for (let at = 0; at + 8 <= data.length; at += 8) values.push(view.getFloat64(at, true));
  return values;
}

function packed(data: Uint8Array): bigint[] {
  const values: bigint[] = [];
  let value = 0n, shift = 0n;
  for (const byte of data) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      values.push(BigInt.asUintN(64, value));
      value = shift = 0n;
    }
  }
  return values;
}
