import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

test("docs/client.md shows the example that the compiler has checked", () => {
  const example = source("src/browser/test/example/walker.ts");
  assert.ok(source("docs/client.md").includes(`\`\`\`ts\n${example}\`\`\``));
});
