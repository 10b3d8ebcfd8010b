/** bluemarble-client: a player in the world from a browser. */
export { Account, RequestError, type ItemKind, type Ticket } from "./account.ts";
export { ActionError } from "./actions.ts";
export { newActionKey, type Action, type ActionReason, type Answer, type Item, type KeyedAction, type TradeClosed, type TradeOffer } from "./belongings.ts";
export {
  Client, SessionError, type ClientEvents, type ClientState, type ClientStats, type Environment, type JoinOptions,
} from "./client.ts";
export type { ChatHeard, ChatRefused, Ended, Reason, Spawn, Welcome } from "./control.ts";
export type { InventoryChange } from "./inventory.ts";
export type { EntityView } from "./remote_view.ts";
export type { OwnView, SessionStats, Wish } from "./session.ts";
export { ANIMAL, BODY, ITEM, PLAYER, RESOURCE, toEcef, toGeographic, type Geographic, type Vec3 } from "../codec/index.ts";
