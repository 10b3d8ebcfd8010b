import assert from "node:assert/strict";
import { test } from "node:test";

import "./web_crypto.ts";
import { Client, RequestError, type Ended, type JoinOptions } from "../src/client/index.ts";
import { vec } from "../src/codec/planet.ts";
import { FakeZone } from "./fake_zone.ts";
import { fromHex } from "./vectors.ts";

const KEYFRAME = [...fromHex("e939377399259ee6a840e88a4206b3963cfc0d67c35575cda4")];
// A leaf of level 16 in the sector of the player; any will do.
const LEAF = [0, 0, 0, 0, 0, 0, 1, 0];

async function enter(zone: FakeZone, options: Partial<JoinOptions> = {}): Promise<Client> {
  let client: Client | undefined;
  let failed: unknown;
  Client.join({ url: "http://zone:8080/", name: "Ada", environment: zone.environment, ...options })
    .then((joined) => (client = joined), (error: unknown) => (failed = error));
  await zone.run(400);
  if (failed) throw failed;
  assert.ok(client, "not in the world after 400 ms");
  return client;
}

const distance = (client: Client, zone: FakeZone): number => {
  const a = client.own!.predicted, b = zone.state.position;
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
};

test("A player is in the world by a name alone where the server is plain", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  assert.equal(client.state, "playing");
  assert.deepEqual(zone.requests, [{ path: "/v1/join", body: { name: "Ada", transport: "websocket" }, bearer: "" }]);
  assert.equal(zone.socket!.url, "ws://zone:8080/v1/play");
  assert.equal(new TextDecoder().decode(zone.socket!.sent[0]), "ticket 1");
  // Behind the channel: Login with version 2 and the token.
  assert.deepEqual([...zone.socket!.sent[1]!.subarray(0, 15)], [0, 0x0a, zone.socket!.sent[1]!.length - 3, 8, 2, 0x12, 8, ...Buffer.from("ticket 1")]);
  assert.equal(client.own!.id, 4242);
  assert.equal(client.own!.health, 93);
  assert.ok(Math.abs(client.own!.place.lat - 50) < 1e-9 && Math.abs(client.own!.place.lon - 10) < 1e-9);
});

test("With a password it logs in, and Login's token stays empty", async () => {
  const zone = new FakeZone();
  await enter(zone, { url: "https://zone", password: "secret" });
  assert.deepEqual(zone.requests.map(({ path, body, bearer }) => [path, body, bearer]), [
    ["/v1/login", { name: "Ada", password: "secret" }, ""],
    ["/v1/join", { name: "Ada", transport: "websocket" }, "access 1"],
  ]);
  assert.equal(zone.socket!.url, "wss://zone/v1/play");
  assert.deepEqual([...zone.socket!.sent[1]!.subarray(5, 7)], [0x12, 0]);
});

test("Who registers logs in where the account is there already, and learns of a wrong password as such", async () => {
  const paths = (zone: FakeZone) => zone.requests.map(({ path }) => path);
  const known = new FakeZone();
  await enter(known, { password: "secret", register: true });
  assert.deepEqual(paths(known), ["/v1/login", "/v1/join"]);
  const wrong = { status: 401, body: { error: { code: "denied", message: "wrong name or password" } } };
  const unknown = new FakeZone();
  unknown.answers = [(path) => (path === "/v1/login" ? wrong : null)];
  await enter(unknown, { password: "secret", register: true });
  assert.deepEqual(paths(unknown), ["/v1/login", "/v1/accounts", "/v1/join"]);
  const taken = new FakeZone();
  taken.answers = [(path) => (path === "/v1/login" ? wrong : path === "/v1/accounts" ? { status: 409, body: { error: { code: "conflict", message: "taken" } } } : null)];
  await assert.rejects(enter(taken, { password: "x", register: true }), /wrong name or password/);
  const short = new FakeZone();
  short.answers = [(path) => (path === "/v1/login" ? wrong : path === "/v1/accounts" ? { status: 400, body: { error: { code: "invalid", message: "too short" } } } : null)];
  await assert.rejects(enter(short, { password: "x", register: true }), /too short/);
});

test("What the player does is there at once and never has to be corrected", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  client.move({ east: 1, heading: 0.25 });
  await zone.run(60);
  // Not even at the server yet, but seen.
  assert.ok(Math.hypot(...Object.values(client.own!.predicted).map((v, i) => v - Object.values(zone.state.position)[i]!)) > 0);
  for (const [east, north] of [[0, 1], [-1, -1], [0.3, 0], [0, 0]] as const) {
    client.move({ east, north });
    await zone.run(500);
  }
  assert.equal(client.stats.corrections, 0);
  assert.ok(client.stats.exactStates < 15, `${client.stats.exactStates} exact states: the server does not believe the digests`);
  assert.ok(distance(client, zone) < 1e-9);
  assert.ok(client.stats.inputDepth >= 1 && client.stats.inputDepth <= 4, `depth ${client.stats.inputDepth}`);
  assert.ok(Math.abs(client.stats.roundTripMs - 100) < 60, `${client.stats.roundTripMs} ms`);
  assert.ok(zone.inputs.some((input) => input.ack > 10));
});

test("Unchanged wishes are sent ten times a second, a changed one in three ticks in a row", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  await zone.run(500);
  zone.inputs.length = 0;
  await zone.run(2000);
  assert.ok(zone.inputs.length >= 19 && zone.inputs.length <= 21, `${zone.inputs.length} inputs in 2 s`);
  client.move({ north: 0.5 });
  await zone.run(300);
  const first = zone.inputs.findIndex((input) => input.commands[0]!.north !== 0);
  const changed = zone.inputs.slice(first, first + 3).map((input) => input.tick);
  assert.deepEqual(changed, [changed[0], changed[0]! + 1, changed[0]! + 2]);
  assert.equal(zone.inputs[first]!.commands.length, 8);
});

test("What the server knows better is taken over, the drawn player gliding there", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  client.move({ east: 1 });
  await zone.run(500);
  const { position } = zone.state;
  zone.state = { ...zone.state, position: vec(position.x, position.y + 0.5, position.z) };
  await zone.run(400);
  assert.equal(client.stats.corrections, 1);
  assert.ok(Math.abs(client.stats.lastCorrectionM - 0.5) < 0.01);
  client.move({ east: 0 });
  await zone.run(1000);
  assert.equal(client.stats.corrections, 1);
  assert.ok(distance(client, zone) < 1e-9);
});

test("Others join and leave, and are drawn where they were a little ago", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  const told: string[] = [];
  client.on("joined", (id) => told.push(`joined ${id}`));
  client.on("left", (id) => told.push(`left ${id}`));
  zone.parts = [128, ...LEAF, KEYFRAME.length, ...KEYFRAME];
  await zone.run(500);
  assert.deepEqual(told, ["joined 1048583", "joined 2097161"]);
  const [walker, ball] = [...client.others()];
  assert.deepEqual([walker!.kind, walker!.health, walker!.heading], [1, 100, 110 / 1024]);
  assert.deepEqual([ball!.kind, ball!.heading, ball!.rotation], [5, null, { largest: 3, parts: [111, -209, 290] }]);
  zone.parts = [];
  zone.drops = LEAF;
  await zone.run(100);
  zone.drops = [];
  await zone.run(1000);
  assert.deepEqual(told.slice(2), ["left 1048583", "left 2097161"]);
  assert.deepEqual([...client.others()], []);
});

test("What is said goes out and comes back", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  const heard: string[] = [];
  client.on("chat", (line) => heard.push(`${line.name} ${line.entityId} ${line.scope}: ${line.text}`));
  client.on("chatRefused", (refused) => heard.push(`${refused.number} ${refused.reason} ${refused.retryMs}`));
  assert.equal(client.say("grüß Gott"), 1);
  await zone.run(100);
  const said = Buffer.from("grüß Gott");
  assert.deepEqual([...zone.control.at(-1)!], [0x2a, said.length + 6, 8, 1, 0x12, said.length, ...said, 0x18, 1]);
  zone.hearChat("Ben", "servus");
  zone.say(0x4a, 6, 8, 1, 16, 1, 32, 42);
  zone.say(0x7a, 0); // a body of the future
  await zone.run(100);
  assert.deepEqual(heard, ["Ben 77 zone: servus", "1 too_fast 42"]);
  assert.equal(client.state, "playing");
});

test("An action is answered once, though the connection breaks in between", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  const told: string[] = [];
  client.on("inventory", ({ gold, items }) => told.push(`${items.length} items, ${gold} gold`));
  client.on("answer", ({ outcome, reason }) => told.push(`${outcome} ${reason}`));
  zone.say(0x2a, 8, 8, 1, 16, 1, 0x1a, 0, 40, 7); // the whole inventory: a nameless thing, 7 gold
  await zone.run(100);
  assert.deepEqual([client.inventoryKnown, client.gold, told], [true, 7, ["1 items, 7 gold"]]);
  const done = client.act({ kind: "drop", itemId: 3n });
  await zone.run(100);
  const sent = zone.control.at(-1)!;
  assert.deepEqual([...sent.subarray(0, 4), ...sent.subarray(20)], [0x1a, 22, 0x0a, 16, 0x1a, 2, 8, 3]);
  const [open] = client.unanswered;
  assert.equal(open!.key, Buffer.from(sent.subarray(4, 20)).toString("hex"));
  zone.drop(1006);
  await assert.rejects(async () => {
    await zone.run(100);
    await client.act({ kind: "drop", itemId: 4n });
  }, /not in play/);
  await zone.run(3000);
  assert.equal(client.state, "playing");
  assert.deepEqual(zone.control.at(-1), sent);
  assert.equal(client.inventoryKnown, false);
  zone.say(0x22, 20, 0x0a, 16, ...sent.subarray(4, 20), 0x28, 1);
  await zone.run(100);
  const { outcome, repeated } = await done;
  assert.deepEqual([outcome, repeated, client.unanswered, told.at(-1)], ["ok", true, [], "ok none"]);
  const never = client.act({ kind: "drop", itemId: 5n });
  zone.goodbye(21);
  await zone.run(200);
  await assert.rejects(never, /kicked/);
  assert.equal(client.unanswered.length, 1);
});

test("Offers stand until they are closed, and can be turned down and taken back", async () => {
  const zone = new FakeZone();
  const client = await enter(zone);
  const told: string[] = [];
  client.on("offered", ({ tradeId, entityId, getGold }) => told.push(`${tradeId} by ${entityId} for ${getGold}`));
  client.on("offerClosed", ({ tradeId, reason }) => told.push(`${tradeId} ${reason}`));
  zone.say(0x32, 6, 8, 9, 16, 77, 32, 5);
  await zone.run(100);
  assert.deepEqual(client.offers.map(({ tradeId }) => tradeId), [9n]);
  client.decline(9n);
  client.withdraw("01".repeat(16));
  await zone.run(100);
  assert.deepEqual([...zone.control.at(-2)!], [0x22, 2, 8, 9]);
  assert.deepEqual([...zone.control.at(-1)!], [0x22, 18, 0x12, 16, ...Array<number>(16).fill(1)]);
  zone.say(0x3a, 4, 8, 9, 16, 13);
  zone.say(0x3a, 4, 8, 8, 16, 13); // of another life
  await zone.run(100);
  assert.deepEqual([client.offers, told], [[], ["9 by 77 for 5", "9 declined"]]);
});

test("A lost connection comes back with a new ticket, and the wish is still the same", async () => {
  const zone = new FakeZone();
  const client = await enter(zone, { password: "secret" });
  const told: string[] = [];
  client.on("reconnecting", ({ reason, retryMs }) => told.push(`${reason} ${retryMs}`));
  client.on("playing", ({ resumed }) => told.push(`resumed ${resumed}`));
  client.move({ north: 1, heading: 0.5 });
  await zone.run(6000);
  zone.resumed = true;
  zone.drop(1006);
  await zone.run(900);
  assert.equal(client.state, "reconnecting");
  await zone.run(1000);
  assert.deepEqual(told, ["timeout 1000", "resumed true"]);
  assert.equal(zone.joins, 2);
  await zone.run(500);
  assert.ok(zone.state.velocity.z > 1);
  assert.equal(client.stats.reconnects, 1);
  // Silence is a lost connection as well.
  zone.silent = true;
  await zone.run(5200);
  assert.equal(told.length, 3);
  zone.silent = false;
  await zone.run(4000);
  assert.deepEqual([client.state, told.length, zone.joins], ["playing", 4, 3]);
});

test("A server that restarts is waited for, an expired login refreshed on the way", async () => {
  const zone = new FakeZone();
  const client = await enter(zone, { password: "secret" });
  await zone.run(6000);
  let asked = 0;
  zone.answers = [(path) => (path === "/v1/join" && ++asked <= 3 ? { status: asked < 3 ? 503 : 401, body: { error: { code: "x", message: "y" } } } : null)];
  zone.goodbye(2);
  await zone.run(12_000);
  assert.equal(client.state, "playing");
  assert.deepEqual(zone.requests.slice(2).map(({ path }) => path), ["/v1/join", "/v1/join", "/v1/join", "/v1/refresh", "/v1/join"]);
  assert.deepEqual(zone.requests.at(-2)!.body, { refresh_token: "refresh" });
});

test("Who logged in elsewhere, or left, stays away", async () => {
  for (const [reason, name] of [[14, "replaced"], [21, "kicked"], [22, "banned"]] as const) {
    const zone = new FakeZone();
    const client = await enter(zone);
    let ended: Ended | undefined;
    client.on("ended", (told) => (ended = told));
    zone.goodbye(reason);
    await zone.run(15_000);
    assert.deepEqual([client.state, ended?.reason, zone.joins], ["ended", name, 1]);
  }
  const zone = new FakeZone();
  const client = await enter(zone);
  client.leave();
  await zone.run(3000);
  assert.deepEqual([...zone.control.at(-1)!], [0x12, 0]);
  assert.deepEqual([client.state, zone.joins], ["ended", 1]);
});

test("Refusals say why", async () => {
  const denied = new FakeZone();
  denied.answers = [(path) => (path === "/v1/login" ? { status: 401, body: { error: { code: "denied", message: "wrong password" } } } : null)];
  await assert.rejects(enter(denied, { password: "x" }),
    (error) => error instanceof RequestError && error.code === "denied" && error.message === "wrong password");
  const udpOnly = new FakeZone();
  udpOnly.answers = [() => ({ status: 200, body: { address: "127.0.0.1", port: 7777, token: "Ada" } })];
  await assert.rejects(enter(udpOnly), /does not let browsers play/);
  const full = new FakeZone();
  full.environment.open = ((url: string) => {
    const socket = { url, readyState: 1, close: () => {}, send: () => {} } as unknown as WebSocket;
    full.later(() => socket.onclose?.({ code: 4105, reason: "" } as CloseEvent));
    return socket;
  }) as never;
  await assert.rejects(enter(full), /zone_full/);
});
