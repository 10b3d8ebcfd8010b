/** The control messages of proto/control.proto: how a session begins and ends, and chat. What one owns is in belongings.ts. */
import { vec, type Vec3 } from "../codec/planet.ts";
import { WireError } from "../codec/range_reader.ts";
import {
  readActionResult, readInventoryUpdate, readTradeClosed, readTradeOffered, type Answer, type InventoryUpdate, type TradeClosed,
  type TradeOffer,
} from "./belongings.ts";
import { bytes, double, Fields, number, utf8 } from "./protobuf.ts";

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
  | { readonly body: "answer"; readonly answer: Answer }
  | { readonly body: "inventory"; readonly update: InventoryUpdate }
  | { readonly body: "offered"; readonly offer: TradeOffer }
  | { readonly body: "offerClosed"; readonly closed: TradeClosed }
  | { readonly body: "heard"; readonly heard: ChatHeard }
  | { readonly body: "chatRefused"; readonly refused: ChatRefused }
  | { readonly body: "other" };

export interface Spawn {
  readonly lon: number;
  readonly lat: number;
}

export function encodeLogin(token: string, version: string, spawn: Spawn | null): Uint8Array {
  const place = spawn === null ? [] : bytes(4, [...double(1, spawn.lon), ...double(2, spawn.lat), ...double(3, 0)]);
  const login = [...number(1, PROTOCOL_VERSION), ...bytes(2, utf8(token)), ...bytes(3, utf8(version)), ...place];
  return new Uint8Array(bytes(1, login));
}
export const encodeGoodbye = (): Uint8Array => new Uint8Array(bytes(2, []));
export const encodeChat = (scope: "zone" | "local", text: string, line: number): Uint8Array =>
  new Uint8Array(bytes(5, [...number(1, scope === "zone" ? 1 : 2), ...bytes(2, utf8(text)), ...number(3, line)]));

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
    case 4:
      return { body: "answer", answer: readActionResult(body) };
    case 5:
      return { body: "inventory", update: readInventoryUpdate(body) };
    case 6:
      return { body: "offered", offer: readTradeOffered(body) };
    case 7:
      return { body: "offerClosed", closed: readTradeClosed(body) };
    case 8:
      return {
        body: "heard",
        heard: {
          scope: body.number(1) === 1 ? "zone" : "local", entityId: body.number(2),
          playerId: body.signed(3), name: body.text(4), text: body.text(5), tick: body.number(6),
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
    playerId: body.signed(14),
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
