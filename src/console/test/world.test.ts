import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Kind, World} from '../src/data/world.ts';
import {cellLevel, CELL_PIXELS, Clusters, SINGLES} from '../src/map/clusters.ts';
import {DEGREE, toEcef} from '../src/map/geodesy.ts';

function put(world: World, id: number, kind: number, lon: number, lat: number, now = 0): number {
  const [x, y, z] = toEcef(lon * DEGREE, lat * DEGREE, 100);
  return world.put(id, kind, x, y, z, 0, now);
}

test('slots are used again and counts stay right', () => {
  const world = new World();
  for (let id = 1; id <= 3000; ++id) put(world, id, id % 5 === 0 ? Kind.player : Kind.animal, id / 100, 10);
  assert.equal(world.count, 3000);
  assert.equal(world.counts[Kind.player], 600);
  for (let id = 1; id <= 3000; id += 2) world.remove(id);
  world.remove(1);
  assert.equal(world.count, 1500);
  const end = world.end;
  for (let id = 5001; id <= 6500; ++id) put(world, id, Kind.item, 0, 0);
  assert.equal(world.end, end);
  assert.equal(world.counts[Kind.item], 1500);
  assert.equal(world.slotOf(1), undefined);
  assert.equal(world.ids[world.slotOf(2)!], 2);
});

test('an entity is seen on its way, and never jumps back', () => {
  const world = new World();
  const slot = put(world, 7, Kind.player, 10, 50, 0);
  put(world, 7, Kind.player, 10.001, 50, 1000);
  const at = (now: number) => world.place(slot, now).lon / DEGREE;
  assert.ok(Math.abs(at(1000) - 10) < 1e-9);
  assert.ok(Math.abs(at(1500) - 10.0005) < 1e-9);
  assert.ok(Math.abs(at(5000) - 10.001) < 1e-9);
  // A newer place comes half way: it goes on from where it was seen.
  put(world, 7, Kind.player, 10.002, 50, 1500);
  assert.ok(Math.abs(at(1500) - 10.0005) < 1e-9);
});

test('its way crosses the date line by the short side', () => {
  const world = new World();
  const slot = put(world, 7, Kind.animal, 179.999, 0, 0);
  put(world, 7, Kind.animal, -179.999, 0, 1000);
  const lon = world.place(slot, 1500).lon / DEGREE;
  assert.ok(Math.abs(Math.abs(lon) - 180) < 1e-6, String(lon));
});

test('clusters and singles are everybody, once', () => {
  let seed = 42;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const world = new World();
  for (let id = 1; id <= 20000; ++id) {
    const crowd = random() < 0.5;
    put(world, id, id % 20 === 0 ? Kind.player : Kind.animal, crowd ? 11 + random() : random() * 360 - 180, crowd ? 48 + random() : random() * 170 - 85);
  }
  for (let id = 1; id <= 500; ++id) world.remove(id);
  const clusters = new Clusters();
  const none = new Array<boolean>(6).fill(false);
  for (const level of [2, 5, 9, 14, 20]) {
    clusters.gather(world, level, none);
    const inClusters = clusters.clusters.reduce((sum, cluster) => sum + cluster.count, 0);
    assert.equal(inClusters + clusters.singleCount, world.count, `level ${level}`);
    assert.ok(clusters.clusters.every((cluster) => cluster.count > SINGLES));
    assert.equal(new Set(clusters.singles.subarray(0, clusters.singleCount)).size, clusters.singleCount);
    const players = clusters.clusters.reduce((sum, cluster) => sum + cluster.kinds[Kind.player]!, 0);
    const single = [...clusters.singles.subarray(0, clusters.singleCount)].filter((slot) => world.kinds[slot] === Kind.player).length;
    assert.equal(players + single, world.counts[Kind.player]);
  }
  const hidden = [...none];
  hidden[Kind.animal] = true;
  clusters.gather(world, 9, hidden);
  assert.equal(clusters.clusters.reduce((sum, cluster) => sum + cluster.count, 0) + clusters.singleCount, world.counts[Kind.player]);
});

test('cells are as wide on the screen as they are meant to be', () => {
  for (const scale of [300, 1e4, 3e6, 2e8]) {
    const pixels = (2 * Math.PI * scale) / 2 ** cellLevel(scale);
    assert.ok(pixels >= CELL_PIXELS && pixels < 2 * CELL_PIXELS);
  }
});

test('fifty thousand are gathered within a frame', () => {
  const world = new World();
  for (let id = 1; id <= 50000; ++id) put(world, id, Kind.animal, ((id * 7919) % 36000) / 100 - 180, ((id * 104729) % 17000) / 100 - 85);
  const clusters = new Clusters();
  const none = new Array<boolean>(6).fill(false);
  clusters.gather(world, 6, none);
  const times = [];
  for (let i = 0; i < 9; ++i) {
    const began = performance.now();
    clusters.gather(world, 6, none);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  // Some 15 ms on a slow core; the bound only catches what grows with the square.
  assert.ok(times[4]! < 200, `${times[4]} ms`);
});
