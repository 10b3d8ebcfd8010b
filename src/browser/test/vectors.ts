/** What the C++ client does, as tests/browser/vectors.cc printed it into $BLUEMARBLE_VECTORS. */
import { readFileSync } from "node:fs";

export const VECTORS = process.env["BLUEMARBLE_VECTORS"] ?? "";
/** For a test's options: why it does not run. */
export const skip = VECTORS === "" ? "BLUEMARBLE_VECTORS is not set: build and run browser_vectors FILE" : false;

export type Triple = [number, number, number];
export interface SnapshotVector {
  kind: "snapshot";
  hz: number;
  tick: number;
  bytes: string;
  sequence: number;
  depth: number;
  health: number;
  confirmed: number;
  slowed: number;
  exact: Triple | null;
  velocity?: Triple;
  ground?: number;
  yaw?: number;
  parts: ({ leaf: string; number: number; cls: number; age: number; step: number; members: number[][] } | null)[];
  drops: string[];
  entities: [number, number, Triple][];
}
export interface StateVector {
  position: Triple;
  velocity: Triple;
  groundHeight: number;
  yaw: number;
}
export interface StepVector {
  kind: "step";
  hz: number;
  speed: number;
  acceleration: number;
  west: number;
  east: number;
  before: StateVector;
  input: Triple;
  after: StateVector;
  digest: number;
}
export interface InputVector {
  kind: "input";
  ack: number;
  ackBits: string;
  tick: number;
  digest: number;
  commands: [number, number, number, number][];
  bytes: string;
}
export interface PlaceVector {
  kind: "place";
  lon: number;
  lat: number;
  height: number;
  ecef: Triple;
}
/** Number, definition, quantity. */
export type ItemVector = [string, number, number];
export interface ActionVector {
  kind: "action";
  what: number;
  key: string;
  entity: number;
  quantity: number;
  gold: number;
  wantGold: number;
  trade: string;
  items: string[];
  want: string[];
  bytes: string;
}
export interface ResultVector {
  kind: "result";
  key: string;
  outcome: number;
  reason: number;
  text: string;
  repeated: boolean;
  item: string;
  bytes: string;
}
export interface InventoryVector {
  kind: "inventory";
  whole: boolean;
  complete: boolean;
  gold: number;
  items: ItemVector[];
  gone: string[];
  bytes: string;
}
export interface OfferedVector {
  kind: "offered";
  trade: string;
  entity: number;
  getGold: number;
  giveGold: number;
  get: ItemVector[];
  give: string[];
  bytes: string;
}
export interface ClosedVector {
  kind: "closed";
  trade: string;
  reason: number;
  bytes: string;
}
type Vector =
  | SnapshotVector | StepVector | InputVector | PlaceVector | ActionVector | ResultVector | InventoryVector | OfferedVector
  | ClosedVector;

let all: Vector[] | null = null;

export function vectors<K extends Vector["kind"]>(kind: K): Extract<Vector, { kind: K }>[] {
  all ??= readFileSync(VECTORS, "utf8").trim().split("\n").map((line) => JSON.parse(line) as Vector);
  const found = all.filter((vector): vector is Extract<Vector, { kind: K }> => vector.kind === kind);
  if (found.length === 0) throw new Error(`no ${kind} in ${VECTORS}`);
  return found;
}

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
