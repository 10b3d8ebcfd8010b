// Bundles the tests, since Node of Debian 12 runs no TypeScript, and runs them.

import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'console_test_'));
let status = 1;
try {
  const entryPoints = readdirSync(here).filter((name) => name.endsWith('.test.ts')).map((name) => join(here, name));
  await build({entryPoints, outdir: out, outExtension: {'.js': '.mjs'}, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning'});
  const files = readdirSync(out).map((name) => join(out, name));
  status = spawnSync(process.execPath, ['--test', ...files], {stdio: 'inherit'}).status ?? 1;
} finally {
  rmSync(out, {recursive: true, force: true});
}
process.exit(status);
