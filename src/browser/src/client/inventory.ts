/**
 * What the server told of the own inventory and of the trades that others offer. A message that is not `complete` is
 * one of several that count together: what is seen changes with the last of them.
 */
import type { InventoryUpdate, Item, TradeOffer } from "./belongings.ts";

export interface InventoryChange {
  /** All of it, ascending by number. */
  readonly items: readonly Item[];
  readonly gold: number;
  /** New, or another quantity than before; all of it when it was told for the first time. */
  readonly changed: readonly Item[];
  readonly gone: readonly bigint[];
}

export class Inventory {
  /** Null until it was told whole: before, nothing else counts. */
  private told: ReadonlyMap<bigint, Item> | null = null;
  /** Becomes `told` with the message that is complete. */
  private next: Map<bigint, Item> | null = null;
  /** Ascending by number. */
  items: readonly Item[] = [];
  gold = 0;
  /** Oldest first. */
  offers: readonly TradeOffer[] = [];

  get known(): boolean {
    return this.told !== null;
  }

  /** Null: nothing to show yet. */
  onUpdate(update: InventoryUpdate): InventoryChange | null {
    if (update.whole) this.next = new Map();
    else if (this.next === null) {
      if (this.told === null) return null;
      this.next = new Map(this.told);
    }
    for (const id of update.gone) this.next.delete(id);
    for (const item of update.items) this.next.set(item.itemId, item);
    if (!update.complete) return null;
    const before = this.told ?? new Map<bigint, Item>();
    const held = this.items;
    const now = (this.told = this.next);
    this.next = null;
    this.items = [...now.values()].sort((a, b) => (a.itemId < b.itemId ? -1 : 1));
    this.gold = update.gold;
    return {
      items: this.items, gold: this.gold,
      changed: this.items.filter((item) => {
        const old = before.get(item.itemId);
        return old?.quantity !== item.quantity || old.definition !== item.definition;
      }),
      gone: held.map(({ itemId }) => itemId).filter((id) => !now.has(id)),
    };
  }

  onOffered(offer: TradeOffer): void {
    this.offers = [...this.offers.filter(({ tradeId }) => tradeId !== offer.tradeId), offer];
  }

  /** False: no such offer stands. */
  onClosed(tradeId: bigint): boolean {
    const left = this.offers.filter((offer) => offer.tradeId !== tradeId);
    const stood = left.length < this.offers.length;
    this.offers = left;
    return stood;
  }
}
