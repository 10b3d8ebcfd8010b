// check.mjs <node_modules> <file>: is the file OpenAPI 3.1, and does it keep the rules below? One line per problem.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, file] = process.argv.slice(2);
const at = (name) => import(pathToFileURL(createRequire(`${modules}/`).resolve(name)));
const { Validator } = await at('@seriousme/openapi-schema-validator');
const { parse } = await at('yaml');

const problems = [];
const text = readFileSync(file, 'utf8');
const checked = await new Validator().validate(text);
if (!checked.valid) problems.push(`not OpenAPI: ${JSON.stringify(checked.errors)}`);

const document = parse(text, { maxAliasCount: 1000 });
if (!String(document.openapi).startsWith('3.1')) problems.push(`openapi is ${document.openapi}`);

const used = new Set();
function walk(value, place) {
  // What a missing quote leaves behind in a one-line mapping; the schema of schemas lets it pass.
  if (value === null) problems.push(`${place}: a key without a value`);
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.$ref === 'string') {
    used.add(value.$ref);
    let target = document;
    for (const step of value.$ref.replace('#/', '').split('/')) target = target?.[step];
    if (target === undefined) problems.push(`${place}: no such thing: ${value.$ref}`);
  }
  for (const [key, inner] of Object.entries(value)) walk(inner, `${place}/${key}`);
}
walk(document, '');

const ids = new Set();
const tags = new Set(document.tags.map((tag) => tag.name));
for (const [path, methods] of Object.entries(document.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const where = `${method.toUpperCase()} ${path}`;
    if (!operation.operationId || ids.has(operation.operationId)) problems.push(`${where}: operationId is missing or there twice`);
    ids.add(operation.operationId);
    if (!operation.summary) problems.push(`${where}: no summary`);
    if (!operation.tags?.every((tag) => tags.has(tag))) problems.push(`${where}: unknown tag`);
    if (!Object.keys(operation.responses).some((status) => status.startsWith('2') || status === '101')) problems.push(`${where}: no 2XX`);
    if (path.startsWith('/v1/admin') && !operation.security?.some((one) => 'adminSecret' in one)) problems.push(`${where}: without the admin secret`);
    if (method === 'post' && !operation.requestBody) problems.push(`${where}: no body`);
  }
}
for (const [kind, things] of Object.entries(document.components)) {
  if (kind === 'securitySchemes') continue;
  for (const name of Object.keys(things)) {
    if (!used.has(`#/components/${kind}/${name}`)) problems.push(`components/${kind}/${name}: nobody uses it`);
  }
}
for (const problem of problems) console.log(`${file}: ${problem}`);
console.log(`${ids.size} operations, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
