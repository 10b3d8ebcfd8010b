/** What entities are called. Snapshots tell no names: a player's is known once it has said something. */
import { ANIMAL, BODY, ITEM, PLAYER, RESOURCE } from "../../src/client/index.ts";

const KINDS: Record<number, string> = { [PLAYER]: "Player", [ANIMAL]: "Animal", [RESOURCE]: "Resource", [ITEM]: "Item", [BODY]: "Thing" };
const INDEX_MASK = 0xfffff;

export class Names {
  private readonly known = new Map<number, string>();

  learn(id: number, name: string): void {
    this.known.set(id, name);
  }

  of(id: number, kind: number): string {
    return this.known.get(id) ?? `${KINDS[kind] ?? "Something"} ${id & INDEX_MASK}`;
  }

  /** Known by name: worth a label. */
  has(id: number): boolean {
    return this.known.has(id);
  }
}
