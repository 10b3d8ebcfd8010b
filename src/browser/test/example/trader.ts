import { Client, ITEM } from "bluemarble-client";

const client = await Client.join({ url: "http://127.0.0.1:8080", name: "ada", password: "correct horse", register: true });
client.on("inventory", ({ items, gold }) => console.log(`${items.length} things, ${gold} gold`));
client.on("offered", ({ tradeId, getGold, giveItemIds }) => {
  if (getGold >= 5 * giveItemIds.length) void client.act({ kind: "accept", tradeId });
  else client.decline(tradeId);
});
setInterval(() => {
  const { x, y, z } = client.own!.position;
  const lying = [...client.others()].find(({ kind, position: at }) => kind === ITEM && Math.hypot(at.x - x, at.y - y, at.z - z) < 3);
  if (lying && client.unanswered.length === 0) void pickUp(lying.id);
}, 1000);

async function pickUp(entityId: number): Promise<void> {
  const { outcome, reason } = await client.act({ kind: "pickUp", entityId });
  console.log(outcome === "ok" ? "got it, and no crash takes it away" : `no: ${reason}`);
}
