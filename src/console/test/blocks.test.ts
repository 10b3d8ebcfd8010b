import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Blocks} from '../src/data/blocks.ts';
import {Kind, World} from '../src/data/world.ts';
import {leafCube} from '../src/map/geodesy.ts';

// The example of proto/WIRE.md, "Part payload": combat, slots 0 and 2: index 7, generation 1, kind 1, and index 9, generation 2, kind 5.
const PAYLOAD = Uint8Array.from('e939377399259ee6a840e88a4206b3963cfc0d67c35575cda4'.match(/../g)!, (byte) => parseInt(byte, 16));
const PLAYER = (1 << 20) | 7;
const BODY = (2 << 20) | 9;
const LEAF = (1n << 54n) | 0o123456701234567012n;

function blocks(tick: number, ...parts: Array<{leaf: bigint; part?: number; parts?: number; payload?: Uint8Array}>): ArrayBuffer {
  const size = 8 + parts.reduce((sum, each) => sum + 14 + (each.payload ?? PAYLOAD).length, 0);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint8(0, 1);
  view.setUint16(2, parts.length, true);
  view.setUint32(4, tick, true);
  let at = 8;
  for (const {leaf, part = 0, parts: count = 1, payload = PAYLOAD} of parts) {
    view.setBigUint64(at, leaf, true);
    view.setUint8(at + 8, part);
    view.setUint8(at + 9, count);
    view.setUint16(at + 12, payload.length, true);
    new Uint8Array(view.buffer, at + 14).set(payload);
    at += 14 + payload.length;
  }
  return view.buffer;
}

function gone(...leaves: bigint[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(8 + 8 * leaves.length));
  view.setUint8(0, 3);
  view.setUint16(2, leaves.length, true);
  leaves.forEach((leaf, i) => view.setBigUint64(8 + 8 * i, leaf, true));
  return view.buffer;
}

function made(): {world: World; blocks: Blocks} {
  const world = new World();
  const all = new Blocks(world);
  all.reset(30);
  return {world, blocks: all};
}

test('a block puts its members where the leaf’s sector says', () => {
  const {world, blocks: all} = made();
  all.take(blocks(100, {leaf: LEAF}), 0);
  assert.equal(all.malformed, 0);
  assert.equal(world.count, 2);
  assert.equal(world.kinds[world.slotOf(PLAYER)!], Kind.player);
  assert.equal(world.kinds[world.slotOf(BODY)!], Kind.body);
  const yaw = world.yaw[world.slotOf(PLAYER)!]!;
  assert.ok(Math.abs(yaw - (110 / 1024) * 2 * Math.PI) < 1e-6);
  // Some 20 m from the sector's centre, and so 20 m between the two, as the page's numbers say.
  assert.ok(leafCube(LEAF >> 18n).level === 12);
});

test('who is in another leaf at a newer tick stays; who is nowhere goes after a moment', () => {
  const {world, blocks: all} = made();
  const other = LEAF ^ 1n;
  all.take(blocks(100, {leaf: LEAF}), 0);
  all.take(blocks(130, {leaf: other}), 1000);
  all.take(gone(LEAF), 1001);
  all.sweep(3000);
  assert.equal(world.count, 2);
  all.take(gone(other), 3000);
  all.sweep(3500);
  assert.equal(world.count, 2, 'it may be told of in another leaf at once');
  all.sweep(5000);
  assert.equal(world.count, 0);
});

test('a leaf that nothing is said of for three seconds is forgotten, one that is told of stays', () => {
  const {world, blocks: all} = made();
  for (let second = 0; second <= 10; ++second) {
    all.take(blocks(100 + 30 * second, {leaf: LEAF}), 1000 * second);
    all.sweep(1000 * second + 500);
  }
  assert.equal(world.count, 2);
  all.sweep(13_000);
  assert.equal(all.leafCount, 1);
  all.sweep(13_500);
  assert.equal(all.leafCount, 0);
  all.sweep(15_000);
  assert.equal(world.count, 0);
});

test('an older frame does not take an entity back', () => {
  const {world, blocks: all} = made();
  const other = LEAF ^ 1n;
  all.take(blocks(130, {leaf: LEAF}), 0);
  all.take(blocks(100, {leaf: other}), 1);
  all.take(gone(other), 2);
  all.sweep(3000);
  assert.equal(world.count, 2);
});

test('parts beyond what the leaf has now are void', () => {
  const {world, blocks: all} = made();
  const other = LEAF ^ 1n;
  all.take(blocks(100, {leaf: LEAF, part: 1, parts: 2}), 0);
  // An empty part is a payload of zeros: no slot is in use.
  all.take(blocks(101, {leaf: LEAF, part: 0, parts: 1, payload: PAYLOAD}, {leaf: other, payload: PAYLOAD}), 10);
  all.sweep(3000);
  assert.equal(world.count, 2);
  assert.equal(all.leafCount, 2);
});

test('cells replace cells, and a frame that is cut short is counted and harms nothing', () => {
  const {blocks: all, world} = made();
  const view = new DataView(new ArrayBuffer(8 + 16));
  view.setUint8(0, 2);
  view.setUint16(2, 1, true);
  view.setFloat32(8, 45, true);
  view.setFloat32(12, -90, true);
  view.setUint32(16, 700, true);
  view.setUint32(20, 30, true);
  all.take(view.buffer, 0);
  assert.deepEqual(all.cells, [{lat: Math.PI / 4, lon: -Math.PI / 2, entities: 700, players: 30}]);
  all.take(blocks(1, {leaf: LEAF}).slice(0, 20), 0);
  assert.equal(all.malformed, 1);
  all.take(blocks(1, {leaf: LEAF, payload: PAYLOAD.slice(0, 9)}), 0);
  assert.equal(all.malformed, 2);
  assert.equal(world.count, 0);
  all.forget(0);
  assert.equal(all.cells.length, 0);
});
