/**
 * Two players of the browser client, in Node, who talk, carry and trade: node zone_players.mjs LIBRARY ZONE_URL.
 * Ends with 0 when all went as it has to.
 */
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { NodeSocket } from "./node_socket.mjs";

const [library, url] = process.argv.slice(2);
const { Client, ITEM } = await import(pathToFileURL(library).href);
// Node before 19 has none.
globalThis.crypto ??= webcrypto;

const PARIS = { lat: 48.8566, lon: 2.3522 };

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(what, condition, ms = 10_000) {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(5)) {
    const value = condition();
    if (value) return value;
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

async function join(name) {
  const sockets = [];
  const client = await Client.join({
    url, name, password: "a long password", register: true, spawn: PARIS,
    environment: {
      open: (address) => {
        const socket = new NodeSocket(address);
        sockets.push(socket);
        return socket;
      },
      every: (ms, call) => {
        const timer = setInterval(call, ms);
        return () => clearInterval(timer);
      },
    },
  });
  const player = { name, client, sockets, lines: [], changes: [] };
  client.on("chat", (line) => player.lines.push(`${line.scope} ${line.name}: ${line.text}`));
  client.on("inventory", (change) => player.changes.push(change));
  await until(`${name} knows what is owned`, () => client.inventoryKnown);
  return player;
}

async function talk(ada, ben) {
  ada.client.say("grüß Gott");
  await until("both hear Ada", () => [ada, ben].every(({ lines }) => lines.includes("zone Ada: grüß Gott")));
  ben.client.say("here", "local");
  await until("Ada hears who is near", () => ada.lines.includes("local Ben: here"));
  const refused = new Promise((resolve) => ben.client.on("chatRefused", resolve));
  const number = ben.client.say("two\nlines");
  const { reason, ...rest } = await refused;
  assert.deepEqual([reason, rest.number], ["bad_text", number]);
}

const itemsInView = (client) => [...client.others()].filter(({ kind }) => kind === ITEM);

/** Returns what was picked up. */
async function pickUp(ada) {
  const { client } = ada;
  const before = client.inventory;
  const lying = await until("things lie around", () => itemsInView(client)[0]);
  const answer = await client.act({ kind: "pickUp", entityId: lying.id });
  assert.deepEqual([answer.outcome, answer.reason, answer.repeated], ["ok", "none", false]);
  // The inventory is told before the answer.
  assert.equal(client.inventory.length, before.length + 1);
  const [item] = ada.changes.at(-1).changed;
  assert.deepEqual(client.inventory, [item, ...before].sort((a, b) => (a.itemId < b.itemId ? -1 : 1)));
  const known = (await client.catalogue()).find(({ id }) => id === item.definition);
  assert.ok(known.title.length > 0 && known.max_stack >= item.quantity);
  const far = await client.act({ kind: "pickUp", entityId: lying.id });
  assert.deepEqual([far.outcome, far.reason], ["refused", "no_such_item"]);
  return item;
}

const has = ({ client }, item) => client.inventory.some((each) => isDeepStrictEqual(each, item));

async function dropAndTake(ada, ben, item) {
  const before = new Set(itemsInView(ben.client).map(({ id }) => id));
  assert.equal((await ada.client.act({ kind: "drop", itemId: item.itemId })).outcome, "ok");
  assert.deepEqual(ada.changes.at(-1).gone, [item.itemId]);
  const dropped = await until("Ben sees what Ada dropped", () => itemsInView(ben.client).find(({ id }) => !before.has(id)));
  assert.equal((await ben.client.act({ kind: "pickUp", entityId: dropped.id })).outcome, "ok");
  assert.ok(has(ben, item) && !has(ada, item), "not the same item, with its number");
}

async function trade(ada, ben, item) {
  const offered = () => until("Ada is told of the offer", () => ada.client.offers[0]);
  const offer = { kind: "offer", entityId: ada.client.own.id, itemIds: [item.itemId], wantGold: 30 };
  const first = ben.client.act(offer);
  ada.client.decline((await offered()).tradeId);
  assert.deepEqual(await first.then(({ outcome, reason }) => [outcome, reason]), ["refused", "declined"]);
  await until("the offer is gone", () => ada.client.offers.length === 0);

  const second = ben.client.act(offer);
  await offered();
  ben.client.withdraw(ben.client.unanswered[0].key);
  assert.equal((await second).reason, "declined");

  await until("the offer is gone", () => ada.client.offers.length === 0);
  const third = ben.client.act(offer);
  const { tradeId, entityId, get, giveGold } = await offered();
  assert.deepEqual([entityId, get, giveGold], [ben.client.own.id, [item], 30]);
  assert.equal((await ada.client.act({ kind: "accept", tradeId })).outcome, "ok");
  assert.equal((await third).outcome, "ok");
  assert.deepEqual([has(ada, item), ada.client.gold, has(ben, item), ben.client.gold], [true, 70, false, 130]);
}

/** The connection breaks behind an action: it happens once, and its answer comes over the next one. */
async function breakOff(ada, ben) {
  const gold = ada.client.gold;
  const gift = ada.client.act({ kind: "give", entityId: ben.client.own.id, gold: 7 });
  ada.sockets.at(-1).socket.end(() => ada.sockets.at(-1).socket.destroy());
  const answer = await gift;
  assert.equal(answer.outcome, "ok");
  assert.ok(ada.client.stats.reconnects === 1 && ada.client.welcome.resumed, "not the same body over another connection");
  await until("the inventory is told again", () => ada.client.inventoryKnown);
  assert.deepEqual([ada.client.gold, ben.client.gold, ada.client.unanswered], [gold - 7, 137, []]);
  const again = await ada.client.act({ kind: "give", entityId: ben.client.own.id, gold: 7, key: answer.key });
  assert.deepEqual([again.outcome, again.repeated, ada.client.gold], ["ok", true, gold - 7]);
  return answer.repeated;
}

const began = performance.now();
const [ada, ben] = await Promise.all([join("Ada"), join("Ben")]);
await until("they see each other", () => [...ada.client.others()].some(({ id }) => id === ben.client.own.id));
await talk(ada, ben);
const item = await pickUp(ada);
await dropAndTake(ada, ben, item);
await trade(ada, ben, item);
const repeated = await breakOff(ada, ben);
for (const { client } of [ada, ben]) {
  const left = new Promise((resolve) => client.on("ended", resolve));
  client.leave();
  assert.equal((await left).reason, "client_quit");
  assert.equal(client.stats.malformed, 0);
}
console.log(`${new URL(url).protocol} all done in ${Math.round(performance.now() - began)} ms; the gift over a broken connection was ${repeated ? "found by its key" : "done by the second try"}`);
process.exit(0);
