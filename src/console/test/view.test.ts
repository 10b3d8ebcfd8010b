import assert from 'node:assert/strict';
import {test} from 'node:test';
import {DEGREE, wrap} from '../src/map/geodesy.ts';
import {nice, type Point, View} from '../src/map/view.ts';

function viewAt(mode: 'globe' | 'flat', lon: number, lat: number, scale: number): View {
  const view = new View();
  Object.assign(view, {mode, width: 1290, height: 720});
  view.look(lon * DEGREE, lat * DEGREE, scale);
  return view;
}

test('what is projected comes back, on both maps and at every scale', () => {
  for (const mode of ['globe', 'flat'] as const) {
    for (const scale of [400, 5000, 1e6, 1e8]) {
      const view = viewAt(mode, 179.9, 51, scale);
      for (const [x, y] of [[645, 360], [700, 300], [500, 500]] as const) {
        const place = view.unproject(x, y)!;
        const back: Point = {x: 0, y: 0};
        assert.ok(view.project(place.lon, place.lat, back));
        assert.ok(Math.abs(back.x - x) < 0.01 && Math.abs(back.y - y) < 0.01, `${mode} ${scale}: ${back.x}, ${back.y}`);
      }
    }
  }
});

test('both maps have the same scale near the centre', () => {
  const globe = viewAt('globe', 10, 60, 1e6);
  const flat = viewAt('flat', 10, 60, 1e6);
  const a: Point = {x: 0, y: 0};
  const b: Point = {x: 0, y: 0};
  globe.project(10.01 * DEGREE, 60.005 * DEGREE, a);
  flat.project(10.01 * DEGREE, 60.005 * DEGREE, b);
  assert.ok(Math.hypot(a.x - b.x, a.y - b.y) < 0.2);
});

test('the far side of the globe is not shown', () => {
  const view = viewAt('globe', 0, 0, 300);
  const at: Point = {x: 0, y: 0};
  assert.ok(view.project(80 * DEGREE, 0, at));
  assert.ok(!view.project(100 * DEGREE, 0, at));
});

test('zooming keeps the ground under the pointer', () => {
  for (const mode of ['globe', 'flat'] as const) {
    const view = viewAt(mode, -70, 40, 20000);
    const before = view.unproject(300, 200)!;
    for (let i = 0; i < 5; ++i) view.zoom(1.5, 300, 200);
    const after = view.unproject(300, 200)!;
    assert.ok(Math.abs(wrap(after.lon - before.lon)) * view.scale < 3 && Math.abs(after.lat - before.lat) * view.scale < 3, mode);
  }
});

test('dragging the near ground moves it by as much', () => {
  for (const mode of ['globe', 'flat'] as const) {
    const view = viewAt(mode, 5, 45, 1e6);
    const place = view.unproject(600, 300)!;
    view.pan(80, -50);
    const at: Point = {x: 0, y: 0};
    view.project(place.lon, place.lat, at);
    assert.ok(Math.abs(at.x - 680) < 1 && Math.abs(at.y - 250) < 1, `${mode}: ${at.x}, ${at.y}`);
  }
});

test('no hand takes the map beyond a pole or out of its scales', () => {
  for (const mode of ['globe', 'flat'] as const) {
    const view = viewAt(mode, 0, 80, 400);
    for (let i = 0; i < 50; ++i) view.pan(0, 500);
    assert.ok(Math.abs(view.lat) <= Math.PI / 2);
    view.zoom(1e-9);
    assert.ok(view.scale >= 0.8 * view.whole);
    view.zoom(1e20);
    assert.ok(view.scale <= 2.5e8);
  }
});

test('steps are round', () => {
  assert.deepEqual([0.0031, 0.9, 1, 4.9, 77].map(nice).map((n) => Number(n.toPrecision(3))), [0.002, 0.5, 1, 2, 50]);
});
