import assert from 'node:assert/strict';
import {test} from 'node:test';
import {cubeCorners, DEGREE, distance, fromEcef, leafCube, leafOutline, offset, sliceCube, toEcef, wrap} from '../src/map/geodesy.ts';

test('places come back from ECEF to a millimetre, at the poles and the date line too', () => {
  for (const lat of [-90, -89.9999, -33.3, 0, 1e-7, 48.137, 89.5, 90]) {
    for (const lon of [-180, -71.2, 0, 11.575, 179.9999]) {
      for (const alt of [-100, 0, 520, 9000]) {
        const [x, y, z] = toEcef(lon * DEGREE, lat * DEGREE, alt);
        const back = fromEcef(x, y, z);
        assert.ok(Math.abs(back.lat - lat * DEGREE) < 1e-10, `latitude ${lat}`);
        assert.ok(Math.abs(back.alt - alt) < 1e-3, `height ${alt} at ${lat}: ${back.alt}`);
        if (Math.abs(lat) < 89.99) assert.ok(Math.abs(wrap(back.lon - lon * DEGREE)) < 1e-10, `longitude ${lon}`);
      }
    }
  }
});

/** The key of the node of this level around a place, by descending as proto/WIRE.md says. */
function keyAt(point: [number, number, number], level: number): bigint {
  let key = 1n;
  let width = 2 ** 31 / 100;
  const corner = [-(2 ** 30) / 100, -(2 ** 30) / 100, -(2 ** 30) / 100];
  for (let depth = 0; depth < level; ++depth) {
    width /= 2;
    let octant = 0;
    for (let axis = 0; axis < 3; ++axis) {
      if (point[axis]! < corner[axis]! + width) continue;
      octant |= 1 << axis;
      corner[axis]! += width;
    }
    key = key * 8n + BigInt(octant);
  }
  return key;
}

test('a leaf key names the cube around the place that it was made of', () => {
  const point = toEcef(11.575 * DEGREE, 48.137 * DEGREE, 520);
  for (const level of [12, 16, 19, 21]) {
    const cube = leafCube(keyAt(point, level));
    assert.equal(cube.level, level);
    assert.ok(Math.abs(cube.width - 2 ** (31 - level) / 100) < 1e-6);
    for (let axis = 0; axis < 3; ++axis) {
      assert.ok(cube.corner[axis]! <= point[axis]! && point[axis]! < cube.corner[axis]! + cube.width);
    }
  }
});

test('the ground cuts a leaf in a polygon around what stands in it, and misses the ones above', () => {
  const lon = 139.7 * DEGREE;
  const lat = 35.69 * DEGREE;
  const cube = leafCube(keyAt(toEcef(lon, lat, 40), 19));
  const cut = sliceCube(cube, 40);
  assert.ok(cut.length >= 3 && cut.length <= 6);
  // Counter-clockwise around the place: it is to the left of every side.
  for (let i = 0; i < cut.length; ++i) {
    const a = cut[i]!;
    const b = cut[(i + 1) % cut.length]!;
    assert.ok((b.lon - a.lon) * (lat - a.lat) - (b.lat - a.lat) * (lon - a.lon) > 0);
  }
  assert.deepEqual(sliceCube(cube, 40 + 3 * cube.width), []);
});

test('the corners of a cube lie as far apart as it is wide', () => {
  const cube = leafCube(keyAt(toEcef(0.2, 0.8, 0), 18));
  const corners = cubeCorners(cube);
  assert.equal(corners.length, 8);
  const far = Math.max(...corners.map((c) => distance(corners[0]!.lon, corners[0]!.lat, c.lon, c.lat)));
  assert.ok(far > cube.width && far < 1.8 * cube.width);
});

test('an offset in metres is as far as it says, to half a percent', () => {
  for (const lat of [0, 35, -60, 80]) {
    const to = offset(1, lat * DEGREE, 600, -800);
    const metres = distance(1, lat * DEGREE, to.lon, to.lat);
    assert.ok(Math.abs(metres - 1000) < 6, `${metres} at ${lat}`);
  }
});

test('a leaf that the ground does not cut is shown by its corners', () => {
  const outline = leafOutline(String(keyAt(toEcef(0.2, 0.8, 5000), 20)), 0);
  assert.equal(outline.length, 4);
});
