import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeInput } from "../src/client/input_message.ts";
import { vec } from "../src/codec/planet.ts";
import { LongitudeRange, positionDigest, type Command, type MotionState } from "../src/motion.ts";
import { fromHex, skip, vectors, type StateVector } from "./vectors.ts";

const stateOf = ({ position, velocity, groundHeight, yaw }: StateVector): MotionState => ({
  position: vec(...position), velocity: vec(...velocity), groundHeight, yaw,
});

test("Each step is the C++ one, bit for bit, and at walls to a micrometre", { skip }, () => {
  let walls = 0, free = 0;
  for (const { hz, speed, acceleration, west, east, before, input, after, digest } of vectors("step")) {
    const [moveEast, moveNorth, yaw] = input;
    const command: Command = { east: moveEast, north: moveNorth, yaw, buttons: 0 };
    const next = new LongitudeRange(west, east).step(stateOf(before), command, { maxSpeed: speed, acceleration }, 1 / hz);
    const expected = stateOf(after);
    const off = Math.hypot(next.position.x - expected.position.x, next.position.y - expected.position.y, next.position.z - expected.position.z);
    const stopped = west !== -180 && after.velocity.every((v) => v === 0);
    if (stopped && off > 0) {
      ++walls;
      assert.ok(off < 1e-6, `${off} m at the wall of ${west}..${east}`);
      assert.deepEqual(next.velocity, expected.velocity);
    } else {
      ++free;
      if (stopped) ++walls;
      assert.deepEqual(next, expected);
    }
    assert.equal(positionDigest(expected.position), digest);
  }
  assert.ok(walls > 100 && free > 1000, `${walls} at walls, ${free} free`);
});

test("Inputs are the bytes that the C++ client sends", { skip }, () => {
  for (const { ack, ackBits, tick, digest, commands, bytes } of vectors("input")) {
    const list = commands.map(([east, north, yaw, buttons]) => ({ east, north, yaw, buttons }));
    assert.deepEqual(encodeInput(ack, BigInt(`0x${ackBits}`), tick, digest, list), fromHex(bytes));
  }
});
