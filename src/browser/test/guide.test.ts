import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

test("docs/client.md shows the examples that the compiler has checked", () => {
  for (const name of ["walker", "trader"]) {
    const example = source(`src/browser/test/example/${name}.ts`);
    assert.ok(source("docs/client.md").includes(`\`\`\`ts\n${example}\`\`\``), name);
  }
});
