// Writes proto/residuals.csv as a TypeScript module: where each token starts in 4,096, row after row.
//   node residual_table.mjs residuals.csv residual_table.ts
import { readFileSync, writeFileSync } from "node:fs";

const [from, to] = process.argv.slice(2);
if (!from || !to) {
  console.error("usage: residual_table.mjs <residuals.csv> <residual_table.ts>");
  process.exit(2);
}

const SETS = 2, ROWS = 10, COLUMNS = 10, TOKENS = 25;
const lines = readFileSync(from, "ascii").trim().split("\n").slice(1);
if (lines.length !== SETS * ROWS * COLUMNS) throw new Error(`${from} has ${lines.length} lines`);
const rows = lines.map((line, index) => {
  const numbers = line.split(",").map(Number);
  const [set, row, column] = numbers.splice(0, 3);
  if ((set * ROWS + row) * COLUMNS + column !== index) throw new Error(`${from}: line ${index + 2} is out of order`);
  const starts = [0];
  for (const frequency of numbers) starts.push(starts.at(-1) + frequency);
  if (numbers.length !== TOKENS || numbers.some((n) => !(n > 0)) || starts.at(-1) !== 4096)
    throw new Error(`${from}: line ${index + 2} does not add up to 4096`);
  return starts;
});
writeFileSync(
  to,
  `// Made by scripts/residual_table.mjs from proto/residuals.csv; not to be edited.
/** Row (set x 10 + row) x 10 + column of ${TOKENS + 1} numbers: where each token starts, and 4,096. */
export const TOKEN_START = new Uint16Array([
${rows.map((starts) => `  ${starts.join(",")},`).join("\n")}
]);
export const TOKENS = ${TOKENS};
`,
);
