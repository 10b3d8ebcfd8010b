/**
 * An example of the browser client, in Node: node run_example.mjs EXAMPLE LINE...
 * Ends with 0 when each LINE (a regular expression) was printed.
 */
import { webcrypto } from "node:crypto";
import { pathToFileURL } from "node:url";

import { NodeSocket } from "./node_socket.mjs";

const PATIENCE_MS = 15_000;

// What a browser has and Node has not, or not in each version.
globalThis.crypto ??= webcrypto;
globalThis.WebSocket = NodeSocket;
globalThis.Worker = class {
  postMessage(ms) {
    this.timer = setInterval(() => this.onmessage?.(), ms);
  }
  terminate() {
    clearInterval(this.timer);
  }
};

const [example, ...wanted] = process.argv.slice(2);
const missing = new Set(wanted);
const print = console.log;
console.log = (line) => {
  print(line);
  for (const pattern of missing) if (new RegExp(pattern).test(line)) missing.delete(pattern);
  if (missing.size === 0) process.exit(0);
};
setTimeout(() => {
  print(`not within ${PATIENCE_MS} ms: ${[...missing].join(", ")}`);
  process.exit(1);
}, PATIENCE_MS);
await import(pathToFileURL(example).href);
