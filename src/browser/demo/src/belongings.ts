/** What the player carries, what lies in reach, and what others offer. */
import { ITEM, type Action, type Client, type Item, type ItemKind, type OwnView, type TradeOffer } from "../../src/client/index.ts";
import type { Names } from "./names.ts";

// As the server has it unless set otherwise (game.reach_m); it decides.
const REACH_M = 3;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const gold = element("gold");
const list = element("items");
const offers = element("offers");
const takeButton = element<HTMLButtonElement>("take");

function button(text: string, label: string, pressed: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", pressed);
  return made;
}

export class Belongings {
  private kinds = new Map<number, ItemKind>();
  /** The nearest thing in reach. */
  private within: number | null = null;

  constructor(
    private readonly names: Names,
    private readonly notice: (text: string) => void,
  ) {}

  follow(client: Client): void {
    const show = (): void => this.show(client);
    client.on("inventory", show);
    client.on("offered", show);
    client.on("offerClosed", show);
    client.on("playing", show);
    takeButton.onclick = () => this.take(client);
    show();
    client.catalogue().then(
      (kinds) => {
        this.kinds = new Map(kinds.map((kind) => [kind.id, kind]));
        show();
      },
      () => this.notice("The catalogue of things could not be had; they are shown as numbers."),
    );
  }

  /** What lies near may have changed. */
  look(client: Client, own: OwnView): void {
    let nearest = REACH_M;
    this.within = null;
    let text = "";
    for (const { id, kind, position, definition } of client.others()) {
      if (kind !== ITEM) continue;
      const { x, y, z } = own.position;
      const distance = Math.hypot(position.x - x, position.y - y, position.z - z);
      if (distance >= nearest) continue;
      nearest = distance;
      this.within = id;
      text = `Pick up ${this.title(definition)} (E)`;
    }
    takeButton.hidden = this.within === null;
    if (takeButton.textContent !== text) takeButton.textContent = text;
  }

  take(client: Client | null): void {
    if (client !== null && this.within !== null) this.act(client, { kind: "pickUp", entityId: this.within });
  }

  private act(client: Client, action: Action): void {
    client.act(action).then(
      ({ outcome, text, reason }) => outcome === "refused" && this.notice(`Not done: ${text || reason.replaceAll("_", " ")}`),
      (problem: Error) => this.notice(`Not done: ${problem.message}`),
    );
  }

  private title(definition: number): string {
    return this.kinds.get(definition)?.title ?? (definition === 0 ? "a thing" : `thing ${definition}`);
  }

  private count({ definition, quantity }: Item): string {
    return quantity === 1 ? this.title(definition) : `${quantity} × ${this.title(definition)}`;
  }

  private show(client: Client): void {
    gold.textContent = client.inventoryKnown ? `${client.gold} gold` : "";
    list.replaceChildren(...client.inventory.map((item) => {
      const row = document.createElement("li");
      const name = document.createElement("span");
      name.textContent = this.count(item);
      row.append(name, button("Drop", `Drop ${this.count(item)}`, () => this.act(client, { kind: "drop", itemId: item.itemId })));
      return row;
    }));
    offers.replaceChildren(...client.offers.map((offer) => this.offerRow(client, offer)));
  }

  private offerRow(client: Client, offer: TradeOffer): HTMLLIElement {
    const row = document.createElement("li");
    const held = new Map(client.inventory.map((item) => [item.itemId, item]));
    const sides = (items: readonly Item[], sum: number): string =>
      [...items.map((item) => this.count(item)), ...(sum > 0 ? [`${sum} gold`] : [])].join(", ") || "nothing";
    const given = offer.giveItemIds.flatMap((id) => held.get(id) ?? []);
    const text = document.createElement("p");
    text.textContent = `${this.names.of(offer.entityId, 1)} offers ${sides(offer.get, offer.getGold)} for ${sides(given, offer.giveGold)}.`;
    row.append(
      text, button("Accept", `Accept: ${text.textContent}`, () => this.act(client, { kind: "accept", tradeId: offer.tradeId })),
      button("Decline", `Decline: ${text.textContent}`, () => client.decline(offer.tradeId)));
    return row;
  }
}
