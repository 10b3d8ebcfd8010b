import assert from "node:assert/strict";
import { test } from "node:test";

import "./web_crypto.ts";
import { Actions, ActionError } from "../src/client/actions.ts";
import { encodeAction, newActionKey, type Answer, type Item, type KeyedAction } from "../src/client/belongings.ts";
import { decodeServerControl } from "../src/client/control.ts";
import { Inventory } from "../src/client/inventory.ts";
import { fromHex, skip, vectors, type ActionVector, type ItemVector } from "./vectors.ts";

const toHex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const idsOf = (texts: readonly string[]): bigint[] => texts.map(BigInt);
const itemsOf = (told: readonly ItemVector[]): Item[] =>
  told.map(([itemId, definition, quantity]) => ({ itemId: BigInt(itemId), definition, quantity }));

function actionOf({ what, key, entity: entityId, quantity, gold, wantGold, trade, items, want }: ActionVector): KeyedAction {
  const itemIds = idsOf(items), itemId = itemIds[0]!;
  switch (what) {
    case 1: return { kind: "pickUp", key, entityId };
    case 2: return { kind: "drop", key, itemId };
    case 3: return { kind: "give", key, entityId, itemIds, gold };
    case 4: return { kind: "offer", key, entityId, itemIds, gold, wantItemIds: idsOf(want), wantGold };
    case 5: return { kind: "accept", key, tradeId: BigInt(trade) };
    case 6: return { kind: "split", key, itemId, quantity };
    default: return { kind: "merge", key, itemId, fromItemId: itemIds[1]! };
  }
}

test("Actions are the bytes that the C++ client sends", { skip }, () => {
  const all = vectors("action");
  assert.equal(new Set(all.map(({ what }) => what)).size, 7);
  for (const vector of all) assert.equal(toHex(encodeAction(actionOf(vector))), vector.bytes);
});

test("What the server tells of belongings is read as the C++ client reads it", { skip }, () => {
  for (const { bytes, key, outcome, reason, text, repeated, item } of vectors("result")) {
    const message = decodeServerControl(fromHex(bytes));
    assert.ok(message.body === "answer");
    assert.deepEqual(
      { ...message.answer, reason: "" },
      { key, outcome: ["ok", "refused", "unknown"][outcome], reason: "", text, repeated, itemId: BigInt(item) });
    assert.equal(message.answer.reason === "none", reason === 0);
  }
  for (const { bytes, whole, complete, gold, items, gone } of vectors("inventory"))
    assert.deepEqual(decodeServerControl(fromHex(bytes)),
      { body: "inventory", update: { whole, complete, gold, items: itemsOf(items), gone: idsOf(gone) } });
  for (const { bytes, trade, entity, getGold, giveGold, get, give } of vectors("offered"))
    assert.deepEqual(decodeServerControl(fromHex(bytes)), {
      body: "offered",
      offer: { tradeId: BigInt(trade), entityId: entity, get: itemsOf(get), getGold, giveItemIds: idsOf(give), giveGold },
    });
  for (const { bytes, trade, reason } of vectors("closed")) {
    const message = decodeServerControl(fromHex(bytes));
    assert.ok(message.body === "offerClosed");
    assert.equal(message.closed.tradeId, BigInt(trade));
    assert.equal(message.closed.reason === "none", reason === 0);
  }
});

const item = (itemId: bigint, quantity = 1, definition = 1): Item => ({ itemId, definition, quantity });

test("An inventory in several messages is seen when the last has come, and changes are told as such", () => {
  const inventory = new Inventory();
  const update = (whole: boolean, complete: boolean, items: Item[], gone: bigint[] = [], gold = 0) =>
    inventory.onUpdate({ whole, complete, items, gone, gold });
  assert.equal(update(false, true, [item(9n)]), null, "a change before the whole counts");
  assert.equal(update(true, false, [item(5n), item(3n)], [], 1), null);
  assert.deepEqual([inventory.items, inventory.gold, inventory.known], [[], 0, false]);
  assert.deepEqual(update(false, true, [item(4n)], [], 7)?.items.map(({ itemId }) => itemId), [3n, 4n, 5n]);
  assert.deepEqual([inventory.gold, inventory.known], [7, true]);
  const change = update(false, true, [item(4n, 2), item(5n), item(6n)], [3n, 99n], 8)!;
  assert.deepEqual(change.changed, [item(4n, 2), item(6n)]);
  assert.deepEqual(change.gone, [3n]);
  assert.deepEqual(inventory.items, [item(4n, 2), item(5n), item(6n)]);
  assert.deepEqual(update(true, true, [item(6n)])?.gone, [4n, 5n]);
  assert.deepEqual(inventory.items, [item(6n)]);
});

const answer = (key: string, rest: Partial<Answer> = {}): Answer =>
  ({ key, outcome: "ok", reason: "none", text: "", repeated: false, itemId: 0n, ...rest });
const drain = (actions: Actions, now: number): KeyedAction[] => {
  const sent: KeyedAction[] = [];
  for (let next = actions.nextResend(now); next !== null; next = actions.nextResend(now)) sent.push(next);
  return sent;
};

test("An unknown outcome is asked for again with its key until it is known, and told once", async () => {
  const told: string[] = [];
  const actions = new Actions(({ outcome }) => told.push(outcome));
  const { action, done } = actions.take({ kind: "drop", itemId: 5n });
  assert.match(action.key, /^[0-9a-f]{32}$/);
  assert.deepEqual(drain(actions, 1e9), [], "sent twice over a living connection");
  actions.onAnswer(answer(action.key, { outcome: "unknown" }), 1000);
  assert.deepEqual(drain(actions, 1999), []);
  assert.deepEqual(drain(actions, 2000), [action]);
  actions.onAnswer(answer(action.key, { outcome: "unknown" }), 2100);
  assert.deepEqual(drain(actions, 3100), [action]);
  // It could not be looked up: nobody knows of the first one.
  actions.onAnswer(answer(action.key, { outcome: "refused", reason: "unavailable" }), 3200);
  assert.deepEqual([told, actions.unanswered], [["unknown"], [action]]);
  actions.onAnswer(answer(action.key, { repeated: true }), 4000);
  assert.equal((await done).outcome, "ok");
  actions.onAnswer(answer(action.key), 4001);
  assert.deepEqual([told, actions.unanswered], [["unknown", "ok"], []]);
});

test("What a lost connection leaves open goes over the next one, a few at a time", () => {
  const actions = new Actions(() => {});
  for (let i = 0; i < 20; ++i) actions.take({ kind: "pickUp", entityId: 7 });
  const keys = actions.unanswered.map(({ key }) => key);
  actions.reconnected(true, 1000);
  assert.equal(drain(actions, 1000).length, 17);
  assert.equal(drain(actions, 1249).length, 0);
  assert.deepEqual(drain(actions, 1250), [{ kind: "pickUp", entityId: 7, key: keys[17] }]);
  // After a restart the numbers are others.
  actions.reconnected(false, 9000);
  assert.deepEqual(drain(actions, 9000)[0], { kind: "pickUp", entityId: 0, key: keys[0] });
});

test("What the server would end the session for is not sent", () => {
  const actions = new Actions(() => {});
  const many = Array.from({ length: 9 }, (_, i) => BigInt(i + 1));
  for (const bad of [
    { kind: "give", entityId: 1, itemIds: many }, { kind: "offer", entityId: 1, wantItemIds: many }, { kind: "drop", itemId: 1n, key: "0".repeat(32) },
    { kind: "drop", itemId: 1n, key: "AB" }, { kind: "pickUp", entityId: 1.5 }, { kind: "split", itemId: 1n, quantity: -1 },
    { kind: "give", entityId: 1, gold: 0.5 },
  ] as const) assert.throws(() => actions.take(bad), ActionError);
  for (let i = 0; i < 64; ++i) actions.take({ kind: "drop", itemId: 1n, key: newActionKey() });
  assert.throws(() => actions.take({ kind: "drop", itemId: 1n }), /64 actions/);
});
