/** In a file, and so a process, of its own: what other tests did to the same functions makes them slower. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseSnapshot, World } from "../src/codec/index.ts";
import { fromHex, skip, vectors } from "./vectors.ts";

test("A second of 50,000 entities is decoded in less than 50 ms", { skip }, () => {
  const snapshots = vectors("snapshot").map((vector) => ({ tick: vector.tick, bytes: fromHex(vector.bytes) }));
  // CPU time, since other programs on the machine lengthen all other; with that of the garbage collector.
  const now = (): number => process.cpuUsage().user / 1000;
  let best = Infinity;
  for (let round = 0; round < 16; ++round) {
    const world = new World(30);
    const begun = now();
    for (const { tick, bytes } of snapshots) world.apply(parseSnapshot(bytes), tick);
    best = Math.min(best, ((now() - begun) / world.stats.updates) * 50_000);
  }
  console.log(`50,000 entities in ${best.toFixed(1)} ms`);
  assert.ok(best < 50, `${best} ms`);
});
