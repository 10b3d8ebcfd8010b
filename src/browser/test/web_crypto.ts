/** What browsers have, and Node from 19 on. */
import { webcrypto } from "node:crypto";

if (globalThis.crypto === undefined) Object.assign(globalThis, { crypto: webcrypto });
