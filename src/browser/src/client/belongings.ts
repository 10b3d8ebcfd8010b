/**
 * What a player owns, as messages of proto/control.proto (proto/WIRE.md section 10): actions and their answers, the
 * inventory, offers to trade.
 */
import { WireError } from "../codec/range_reader.ts";
import { bytes, int64, int64s, number, type Fields } from "./protobuf.ts";

/** Why an action was refused; the numbers of proto/WIRE.md section 10. */
export const ACTION_REASONS = [
  "none", "version", "not_owner", "not_found", "key_reused", "unavailable", "invalid", "not_holder", "insufficient",
  "too_far", "inventory_full", "busy", "offline", "declined", "bad_amount", "no_such_item",
] as const;
export type ActionReason = (typeof ACTION_REASONS)[number] | "unknown";

/** Item and trade numbers have 64 bits. */
export type What =
  /** An item on the ground, within reach. */
  | { readonly kind: "pickUp"; readonly entityId: number }
  | { readonly kind: "drop"; readonly itemId: bigint }
  /** To a player nearby, who is not asked. */
  | { readonly kind: "give"; readonly entityId: number; readonly itemIds?: readonly bigint[]; readonly gold?: number }
  /** To a player nearby, who accepts or declines; answered when it is over. */
  | {
      readonly kind: "offer"; readonly entityId: number; readonly itemIds?: readonly bigint[]; readonly gold?: number;
      readonly wantItemIds?: readonly bigint[]; readonly wantGold?: number;
    }
  | { readonly kind: "accept"; readonly tradeId: bigint }
  /** Makes a new item of so many of a stack. */
  | { readonly kind: "split"; readonly itemId: bigint; readonly quantity: number }
  /** Adds the second stack to the first. */
  | { readonly kind: "merge"; readonly itemId: bigint; readonly fromItemId: bigint };
/** `key`: 32 hexadecimal digits; sent again with it, the action happens once. A new one is drawn where it is left out. */
export type Action = What & { readonly key?: string };
export type KeyedAction = What & { readonly key: string };

export interface Answer {
  readonly key: string;
  /** "unknown": it may or may not have happened; the client asks again by itself. */
  readonly outcome: "ok" | "refused" | "unknown";
  readonly reason: ActionReason;
  /** For people. */
  readonly text: string;
  /** It had been decided before, and was found by its key. */
  readonly repeated: boolean;
  /** Of the item that a split made; else 0. */
  readonly itemId: bigint;
}
export interface Item {
  readonly itemId: bigint;
  /** Its number in the catalogue. */
  readonly definition: number;
  readonly quantity: number;
}
export interface InventoryUpdate {
  readonly whole: boolean;
  readonly complete: boolean;
  readonly items: readonly Item[];
  readonly gone: readonly bigint[];
  readonly gold: number;
}
/** What another player offers to this one. */
export interface TradeOffer {
  readonly tradeId: bigint;
  /** Who offers. */
  readonly entityId: number;
  readonly get: readonly Item[];
  readonly getGold: number;
  readonly giveItemIds: readonly bigint[];
  readonly giveGold: number;
}
export interface TradeClosed {
  readonly tradeId: bigint;
  /** "none": the trade was done. */
  readonly reason: ActionReason;
}

const MOST_ITEMS = 8;
const KEY_BYTES = 16;
const ZERO_KEY = "0".repeat(2 * KEY_BYTES);

/** A random key for an action that is to be kept before it is sent. */
export function newActionKey(): string {
  const drawn = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return hex(drawn);
}

/** What is wrong with an action's form, which the server would end the session for; empty when nothing is. */
export function formProblem(action: Action): string {
  if (action.key !== undefined && (!/^[0-9a-f]{32}$/.test(action.key) || action.key === ZERO_KEY))
    return "a key has 32 hexadecimal digits, not all of them zero";
  if ("entityId" in action && !isU32(action.entityId)) return "entityId is no entity's number";
  if (action.kind === "split" && !isU32(action.quantity)) return "quantity is no number of things";
  if (action.kind !== "give" && action.kind !== "offer") return "";
  const sums = action.kind === "offer" ? [action.gold, action.wantGold] : [action.gold];
  if (sums.some((sum) => sum !== undefined && !Number.isSafeInteger(sum))) return "gold is a whole number";
  const lists = action.kind === "offer" ? [action.itemIds, action.wantItemIds] : [action.itemIds];
  return lists.some((list) => (list?.length ?? 0) > MOST_ITEMS) ? `more than ${MOST_ITEMS} items on one side of a trade` : "";
}
const isU32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffffffff;

/** `action` is well-formed. */
export const encodeAction = (action: KeyedAction): Uint8Array =>
  new Uint8Array(bytes(3, [...bytes(1, fromHex(action.key)), ...whatOf(action)]));

function whatOf(action: What): number[] {
  const gold = (field: number, sum = 0): number[] => int64(field, BigInt(sum));
  switch (action.kind) {
    case "pickUp":
      return bytes(2, number(1, action.entityId));
    case "drop":
      return bytes(3, int64(1, action.itemId));
    case "give":
      return bytes(4, [...number(1, action.entityId), ...int64s(2, action.itemIds ?? []), ...gold(3, action.gold)]);
    case "offer":
      return bytes(5, [
        ...number(1, action.entityId), ...int64s(2, action.itemIds ?? []), ...gold(3, action.gold),
        ...int64s(4, action.wantItemIds ?? []), ...gold(5, action.wantGold),
      ]);
    case "accept":
      return bytes(6, int64(1, action.tradeId));
    case "split":
      return bytes(7, [...int64(1, action.itemId), ...number(2, action.quantity)]);
    case "merge":
      return bytes(8, [...int64(1, action.itemId), ...int64(2, action.fromItemId)]);
  }
}

/** Turns down another player's offer. */
export const encodeDecline = (tradeId: bigint): Uint8Array => new Uint8Array(bytes(4, int64(1, tradeId)));
/** Takes back an own offer, by the key of its action. */
export const encodeWithdraw = (key: string): Uint8Array => new Uint8Array(bytes(4, bytes(2, fromHex(key))));

export function readActionResult(body: Fields): Answer {
  const key = body.data(1);
  if (key.length !== KEY_BYTES) throw new WireError("an answer without a key");
  return {
    key: hex(key), outcome: (["ok", "refused"] as const)[body.number(2)] ?? "unknown", reason: reasonOf(body.number(3)),
    text: body.text(4), repeated: body.number(5) !== 0, itemId: body.signed(6),
  };
}

export const readInventoryUpdate = (body: Fields): InventoryUpdate => ({
  whole: body.number(1) !== 0, complete: body.number(2) !== 0, items: body.messages(3).map(readItem),
  gone: body.ints(4).map((id) => BigInt.asIntN(64, id)), gold: Number(body.signed(5)),
});

export const readTradeOffered = (body: Fields): TradeOffer => ({
  tradeId: body.int(1), entityId: body.number(2), get: body.messages(3).map(readItem), getGold: Number(body.signed(4)),
  giveItemIds: body.ints(5).map((id) => BigInt.asIntN(64, id)), giveGold: Number(body.signed(6)),
});

export const readTradeClosed = (body: Fields): TradeClosed => ({ tradeId: body.int(1), reason: reasonOf(body.number(2)) });

const readItem = (item: Fields): Item => ({ itemId: item.signed(1), definition: item.number(2), quantity: item.number(3) });
const reasonOf = (reason: number): ActionReason => ACTION_REASONS[reason] ?? "unknown";
const hex = (data: Uint8Array): string => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
