/** bluemarble-client/codec: from a server's snapshot bytes to entities on the Earth. */
export { AckWindow } from "./ack_window.ts";
export {
  ANIMAL, BODY, COMBAT, decodePayload, EXTENDED, ITEM, NO_BASES, PLAYER, RESOURCE, SLOTS, UNIT_M, VISUAL, YAW_STEPS,
  type Bases, type Class, type Member, type Slots,
} from "./part.ts";
export {
  ancestor, axesAt, cubeOf, Frame, levelOfKey, toEcef, toGeographic, type Axes, type Geographic, type Vec3,
} from "./planet.ts";
export { WireError } from "./range_reader.ts";
export { quaternion, type Rotation } from "./rotation.ts";
export {
  expandTick, parseSnapshot, type ExactState, type PartHeader, type RawPart, type Snapshot,
} from "./snapshot.ts";
export { headingOf, positionOf, World, Entity, type DecodedPart, type WorldListener, type WorldStats } from "./world.ts";
