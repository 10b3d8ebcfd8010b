/**
 * The control messages of proto/control.proto, as far as a client without belongings needs them.
 * Protobuf by hand: five messages do not pay for a library.
 */
import { vec, type Vec3 } from "../codec/planet.ts";
import { WireError } from "../codec/range_reader.ts";

export const PROTOCOL_VERSION = 2;

/** Why a session ended; the numbers of proto/WIRE.md section 7. */
export const REASONS = [
  "none", "client_quit", "server_stopping", "wrong_version", "bad_token", "wrong_shard", "zone_full", "malformed",
  "oversized", "unknown_message", "out_of_state", "wrong_channel", "rate_limited", "timeout", "replaced",
  "queue_overflow", "store_unavailable", "spawn_refused", "internal", "quarantined", "session_unknown", "kicked",
  "banned",
] as const;
export type Reason = (typeof REASONS)[number];
export const reasonOf = (number: number): Reason => REASONS[number] ?? "internal";

export const CHAT_REASONS = [
  "none", "too_fast", "muted", "bad_text", "too_long", "bad_scope", "busy", "unavailable",
] as const;

export interface Welcome {
  readonly entityId: number;
  readonly playerId: bigint;
  readonly tick: number;
  readonly tickHz: number;
  readonly position: Vec3;
  readonly groundHeight: number;
  readonly yaw: number;
  readonly maxSpeed: number;
  readonly acceleration: number;
  readonly classRadius: readonly number[];
  readonly classPeriodTicks: readonly number[];
  readonly shardId: string;
  readonly lonMin: number;
  readonly lonMax: number;
  /** The same entity as over the connection before. */
  readonly resumed: boolean;
}
export interface Ended {
  readonly reason: Reason;
  readonly text: string;
  /** wrong_shard: the HTTP address of the right one. */
  readonly redirect: string;
}
export interface ChatHeard {
  readonly scope: "zone" | "local";
  readonly entityId: number;
  readonly playerId: bigint;
  readonly name: string;
  readonly text: string;
  readonly tick: number;
}
export interface ChatRefused {
  readonly number: number;
  readonly reason: string;
  readonly text: string;
  readonly retryMs: number;
}

export type ServerControl =
  | { readonly body: "welcome"; readonly welcome: Welcome }
  | { readonly body: "refused" | "goodbye"; readonly ended: Ended }
  | { readonly body: "heard"; readonly heard: ChatHeard }
  | { readonly body: "chatRefused"; readonly refused: ChatRefused }
  | { readonly body: "other" };

export interface Spawn {
  readonly lon: number;
  readonly lat: number;
}

// ---- writing ----

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return bytes;
}
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: Iterable<number>): number[] => {
  const content = [...value];
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
};
const double = (field: number, value: number): number[] => [
  ...varint(field * 8 + 1), ...new Uint8Array(new Float64Array([value]).buffer),
];
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export function encodeLogin(token: string, version: string, spawn: Spawn | null): Uint8Array {
  const place = spawn === null ? [] : bytes(4, [...double(1, spawn.lon), ...double(2, spawn.lat), ...double(3, 0)]);
  const login = [...number(1, PROTOCOL_VERSION), ...bytes(2, utf8(token)), ...bytes(3, utf8(version)), ...place];
  return new Uint8Array(bytes(1, login));
}
export const encodeGoodbye = (): Uint8Array => new Uint8Array(bytes(2, []));
export const encodeChat = (scope: "zone" | "local", text: string, line: number): Uint8Array =>
  new Uint8Array(bytes(5, [...number(1, scope === "zone" ? 1 : 2), ...bytes(2, utf8(text)), ...number(3, line)]));

// ---- reading ----

type Value = bigint | Uint8Array;

class Fields {
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
  int(field: number): bigint {
    const value = this.last(field);
    return typeof value === "bigint" ? value : 0n;
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
  double(field: number): number {
    const value = this.data(field);
    return value.length === 8 ? doubles(value)[0]! : 0;
  }
  doubles(field: number): number[] {
    return (this.values.get(field) ?? []).flatMap((value) => (value instanceof Uint8Array ? doubles(value) : []));
  }
  numbers(field: number): number[] {
    return (this.values.get(field) ?? []).flatMap((value) => (typeof value === "bigint" ? Number(value) : packed(value)));
  }
}

function doubles(data: Uint8Array): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values: number[] = [];
  for (let at = 0; at + 8 <= data.length; at += 8) values.push(view.getFloat64(at, true));
  return values;
}

function packed(data: Uint8Array): number[] {
  const values: number[] = [];
  let value = 0, factor = 1;
  for (const byte of data) {
    value += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128) {
      values.push(value);
      value = 0;
      factor = 1;
    }
  }
  return values;
}

/** Throws WireError on what is no message; bodies that are not known are "other". */
export function decodeServerControl(data: Uint8Array): ServerControl {
  const message = new Fields(data);
  const body = new Fields(message.data(message.first));
  switch (message.first) {
    case 1:
      return { body: "welcome", welcome: readWelcome(body) };
    case 2:
    case 3:
      return {
        body: message.first === 2 ? "refused" : "goodbye",
        ended: {
          reason: reasonOf(body.number(1)), text: body.text(2), redirect: message.first === 2 ? body.text(3) : "",
        },
      };
    case 8:
      return {
        body: "heard",
        heard: {
          scope: body.number(1) === 1 ? "zone" : "local", entityId: body.number(2),
          playerId: BigInt.asIntN(64, body.int(3)), name: body.text(4), text: body.text(5), tick: body.number(6),
        },
      };
    case 9:
      return {
        body: "chatRefused",
        refused: {
          number: body.number(1), reason: CHAT_REASONS[body.number(2)] ?? "unknown", text: body.text(3),
          retryMs: body.number(4),
        },
      };
    default:
      return { body: "other" };
  }
}

function readWelcome(body: Fields): Welcome {
  const welcome: Welcome = {
    entityId: body.number(2),
    playerId: BigInt.asIntN(64, body.int(14)),
    tick: body.number(3),
    tickHz: body.number(4),
    position: vec(body.double(5), body.double(6), body.double(7)),
    groundHeight: body.double(8),
    yaw: body.number(15),
    maxSpeed: body.double(9),
    acceleration: body.double(10),
    classRadius: body.doubles(11),
    classPeriodTicks: body.numbers(12),
    shardId: body.text(13),
    lonMin: body.double(16),
    lonMax: body.double(17),
    resumed: body.number(18) !== 0,
  };
  const { x, y, z } = welcome.position;
  const whole = [x, y, z, welcome.groundHeight, welcome.maxSpeed, welcome.acceleration].every(Number.isFinite);
  if (!whole || welcome.tickHz < 1 || welcome.tickHz > 1000) throw new WireError("a Welcome that makes no sense");
  return welcome;
}
