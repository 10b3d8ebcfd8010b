/**
 * One connection's whole logic without socket and clock: login, acknowledgements, server clock,
 * input and its lead, prediction, reconciliation, view. Times are milliseconds of any monotonic
 * clock. client.ts puts it on a WebSocket, tests on something simulated.
 */
import { AckWindow, expandTick, parseSnapshot, WireError, World, type Snapshot, type Vec3 } from "../codec/index.ts";
import { LongitudeRange, positionDigest, sameCommand, type Command } from "../motion.ts";
import type { Actions } from "./actions.ts";
import { encodeAction, encodeDecline, encodeWithdraw, type Action, type Answer, type TradeClosed, type TradeOffer } from "./belongings.ts";
import {
  decodeServerControl, encodeChat, encodeGoodbye, encodeLogin, REASONS, type ChatHeard, type ChatRefused, type Ended,
  type Reason, type Spawn, type Welcome,
} from "./control.ts";
import { InputLead } from "./input_lead.ts";
import { encodeInput } from "./input_message.ts";
import { Inventory, type InventoryChange } from "./inventory.ts";
import { OwnPlayer } from "./own_player.ts";
import { RemoteView, type EntityView } from "./remote_view.ts";
import { ServerClock } from "./server_clock.ts";

export const RELIABLE = 0, UNRELIABLE = 1;
const MOST_OVERTAKEN_TICKS = 64;
export type Channel = 0 | 1;

/** What a session sends by. */
export interface Link {
  send(channel: Channel, message: Uint8Array): void;
  /** Ends the connection; `reason`: a number of proto/WIRE.md section 7. */
  close(reason: number): void;
}

/** Whom a session tells. */
export interface SessionEvents {
  playing(welcome: Welcome): void;
  ended(ended: Ended): void;
  joined(id: number): void;
  left(id: number): void;
  chat(line: ChatHeard): void;
  chatRefused(refused: ChatRefused): void;
  inventory(change: InventoryChange): void;
  offered(offer: TradeOffer): void;
  offerClosed(closed: TradeClosed): void;
}

export interface SessionOptions {
  /** Of the Login: empty where the connect token says who it is. */
  token: string;
  clientVersion: string;
  /** Where the player wants to appear; servers accept it in development only. */
  spawn: Spawn | null;
  /** In play, nothing heard for so long ends the connection. */
  silenceMs: number;
}

/** What the player wants now; for every tick until changed. */
export interface Wish {
  /** -1 to 1 of the maximum speed, in the local frame at the player. */
  east: number;
  north: number;
  /** Turns clockwise from north. */
  heading: number;
  buttons: number;
}

export interface OwnView {
  readonly id: number;
  /** ECEF metres. Drawn: predicted, with corrections blended. */
  readonly position: Vec3;
  /** Of the newest simulated tick, without blending. */
  readonly predicted: Vec3;
  readonly heading: number;
  readonly health: number;
}

export interface SessionStats {
  snapshots: number;
  malformed: number;
  /** Snapshots with the exact own state: few, unless predictions are wrong. */
  exactStates: number;
  corrections: number;
  lastCorrectionM: number;
  /** Commands the server still holds ahead, in ticks. */
  inputDepth: number;
  /** From stamping a command to knowing that the server has it, milliseconds. */
  roundTripMs: number;
  /** How much longer than usual a tick of the server lasts now. */
  slowedPercent: number;
}

const LOGIN_TIMEOUT_MS = 30_000;
// No command heard of for so long: the lead is far off, in a direction that cannot be told.
const LEAD_SEARCH_MS = 500;
const FIRST_PATH_TICKS = 2, MAX_FIRST_PATH_TICKS = 8, MAX_SEARCH_TICKS = 30;
const CHANGED_SENDS = 3;
const KEEP_ALIVE_HZ = 10;
// The server buffers 8 commands; what is older than that is late anyway.
const REPEATED_COMMANDS = 8;
// Turns further apart than this were not for want of work: the page slept, and what came waits unread.
const SLEPT_MS = 1000;

const axis = (value: number): number => Math.round(Math.max(-1, Math.min(value || 0, 1)) * 127);
const yawOf = (turns: number): number => (Number.isFinite(turns) ? Math.round((turns - Math.floor(turns)) * 65536) & 0xffff : 0);
const numberOf = (reason: Reason): number => REASONS.indexOf(reason);

interface Play {
  readonly welcome: Welcome;
  readonly clock: ServerClock;
  readonly player: OwnPlayer;
  readonly view: RemoteView;
  readonly world: World;
}

export class Session {
  readonly stats: SessionStats = {
    snapshots: 0, malformed: 0, exactStates: 0, corrections: 0, lastCorrectionM: 0, inputDepth: 0, roundTripMs: 0, slowedPercent: 0,
  };
  private play: Play | null = null;
  private lead = new InputLead(FIRST_PATH_TICKS, 30);
  private readonly acks = new AckWindow();
  private over = false;
  private wanted: Command = { east: 0, north: 0, yaw: 0, buttons: 0 };
  private wished = false;
  private changedSendsLeft = 0;
  private sentTick = 0;
  private snapshotTick = 0;
  private heldByServer = 0;
  private pathSampleAt = 0;
  private startedAt = 0;
  private heardAt = 0;
  private tickedAt = 0;
  private health = 100;
  private said = 0;
  readonly inventory = new Inventory();

  /** `actions` outlives the session: what one leaves unanswered the next one asks for. */
  constructor(
    private readonly link: Link,
    private readonly options: SessionOptions,
    private readonly events: SessionEvents,
    private readonly actions: Actions,
  ) {}

  /** The link is open. */
  start(now: number): void {
    this.startedAt = this.heardAt = this.tickedAt = now;
    this.link.send(RELIABLE, encodeLogin(this.options.token, this.options.clientVersion, this.options.spawn));
  }

  get welcome(): Welcome | null {
    return this.play?.welcome ?? null;
  }
  get world(): World | null {
    return this.play?.world ?? null;
  }
  get leadTicks(): number {
    return this.lead.ticks;
  }
  /** The server's tick as seen from here, with fraction; 0 before Welcome. */
  serverTick(now: number): number {
    return this.play?.clock.tickAt(now) ?? 0;
  }

  setWish(wish: Wish): void {
    this.wanted = { east: axis(wish.east), north: axis(wish.north), yaw: yawOf(wish.heading), buttons: wish.buttons & 255 };
    this.wished = true;
  }

  /** Returns the line's number; 0 when not in play. */
  say(scope: "zone" | "local", text: string): number {
    if (this.play === null || this.over) return 0;
    this.said = (this.said % 0xffffffff) + 1;
    this.link.send(RELIABLE, encodeChat(scope, text, this.said));
    return this.said;
  }

  /** As Actions.take; null when not in play. */
  act(action: Action): Promise<Answer> | null {
    if (this.play === null || this.over) return null;
    const taken = this.actions.take(action);
    this.link.send(RELIABLE, encodeAction(taken.action));
    return taken.done;
  }

  /** Says no to another player's offer. */
  decline(tradeId: bigint): void {
    if (this.play !== null && !this.over) this.link.send(RELIABLE, encodeDecline(tradeId));
  }

  /** Takes back an own offer, named by the key of its action. */
  withdraw(key: string): void {
    if (this.play !== null && !this.over) this.link.send(RELIABLE, encodeWithdraw(key));
  }

  /** Takes the player out of the world. */
  quit(): void {
    if (this.over) return;
    this.link.send(RELIABLE, encodeGoodbye());
    this.end({ reason: "client_quit", text: "", redirect: "" });
  }

  onMessage(channel: number, data: Uint8Array, now: number): void {
    if (this.over) return;
    this.heardAt = now;
    try {
      if (channel === RELIABLE) this.onControl(data, now);
      else if (this.play !== null) this.onSnapshot(this.play, parseSnapshot(data), now);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (channel === RELIABLE) this.end({ reason: "malformed", text: error.message, redirect: "" });
      else ++this.stats.malformed;
    }
  }

  /** The connection ended by itself. */
  onClosed(reason: Reason, text: string): void {
    this.end({ reason, text, redirect: "" });
  }

  /** Advances clocks, simulates the ticks that are due and sends what is due; at least once a server tick. */
  tick(now: number): void {
    if (this.over) return;
    if (now - this.tickedAt > SLEPT_MS) this.heardAt = now;
    this.tickedAt = now;
    if (this.play === null) {
      if (now - this.startedAt > LOGIN_TIMEOUT_MS)
        this.end({ reason: "timeout", text: "the server did not answer the login", redirect: "" });
      return;
    }
    if (now - this.heardAt > this.options.silenceMs) {
      this.end({ reason: "timeout", text: "nothing heard from the server for too long", redirect: "" });
      return;
    }
    for (let again = this.actions.nextResend(now); again !== null; again = this.actions.nextResend(now))
      this.link.send(RELIABLE, encodeAction(again));
    this.stepAndSend(this.play, now);
  }

  own(now: number): OwnView | null {
    if (this.play === null) return null;
    const { welcome, clock, player } = this.play;
    return {
      id: welcome.entityId,
      position: player.drawnAt(clock.tickAt(now) + this.lead.ticks, now),
      predicted: player.newest.position,
      heading: player.newest.yaw / 65536,
      health: this.health,
    };
  }

  /** Everybody else in view, as drawn now. */
  *others(now: number): IterableIterator<EntityView> {
    if (this.play !== null) yield* this.play.view.entities(this.play.clock.tickAt(now), this.play.welcome.entityId);
  }

  private end(ended: Ended): void {
    if (this.over) return;
    this.over = true;
    this.link.close(numberOf(ended.reason));
    this.events.ended(ended);
  }

  private onControl(data: Uint8Array, now: number): void {
    const message = decodeServerControl(data);
    switch (message.body) {
      case "welcome":
        if (this.play === null) this.onWelcome(message.welcome, now);
        break;
      case "refused":
      case "goodbye":
        this.end(message.ended);
        break;
      case "answer":
        this.actions.onAnswer(message.answer, now);
        break;
      case "inventory": {
        const change = this.inventory.onUpdate(message.update);
        if (change !== null) this.events.inventory(change);
        break;
      }
      case "offered":
        this.inventory.onOffered(message.offer);
        this.events.offered(message.offer);
        break;
      case "offerClosed":
        if (this.inventory.onClosed(message.closed.tradeId)) this.events.offerClosed(message.closed);
        break;
      case "heard":
        this.events.chat(message.heard);
        break;
      case "chatRefused":
        this.events.chatRefused(message.refused);
        break;
    }
  }

  private onWelcome(welcome: Welcome, now: number): void {
    const { tick, tickHz, position, groundHeight, yaw, maxSpeed, acceleration } = welcome;
    const clock = new ServerClock(tick, now, tickHz);
    const path = Math.max(FIRST_PATH_TICKS, Math.min((now - this.startedAt) / clock.tickMs, MAX_FIRST_PATH_TICKS));
    this.lead = new InputLead(path, tickHz);
    const state = { position, velocity: { x: 0, y: 0, z: 0 }, groundHeight, yaw };
    const player = new OwnPlayer(tick, state, { maxSpeed, acceleration }, tickHz, new LongitudeRange(welcome.lonMin, welcome.lonMax));
    const own = welcome.entityId;
    const view = new RemoteView(tickHz, welcome.classPeriodTicks,
      (id) => id !== own && this.events.joined(id), (id) => id !== own && this.events.left(id));
    this.play = { welcome, clock, player, view, world: new World(tickHz, view) };
    if (!this.wished) this.wanted = { ...this.wanted, yaw };
    this.snapshotTick = this.heldByServer = this.sentTick = tick;
    this.pathSampleAt = now;
    this.actions.reconnected(welcome.resumed, now);
    this.events.playing(welcome);
  }

  private onSnapshot(play: Play, snapshot: Snapshot, now: number): void {
    if (this.acks.has(snapshot.sequence)) return;
    const tick = expandTick(snapshot.tick, this.snapshotTick);
    // What has left since may be forgotten already, and would come back with it.
    if (this.snapshotTick - tick > MOST_OVERTAKEN_TICKS) return;
    ++this.stats.snapshots;
    play.clock.onSnapshot(tick, now);
    if (play.world.apply(snapshot, tick)) this.acks.note(snapshot.sequence);
    if (snapshot.exact !== null) {
      ++this.stats.exactStates;
      const error = play.player.onExact(tick, snapshot.exact, now);
      if (error > 0) {
        ++this.stats.corrections;
        this.stats.lastCorrectionM = error;
      }
    }
    if (snapshot.confirmedAge >= 0) play.player.onConfirmed(tick - snapshot.confirmedAge);
    if (tick < this.snapshotTick) return;
    this.snapshotTick = tick;
    this.health = snapshot.health;
    this.stats.inputDepth = snapshot.inputDepth;
    this.stats.slowedPercent = snapshot.slowedPercent;
    this.noteDepth(play, tick, tick + snapshot.inputDepth, now);
  }

  /** The server holds commands up to `held`: how long did the newest take? */
  private noteDepth(play: Play, tick: number, held: number, now: number): void {
    const sentClock = play.player.clockAt(held);
    if (held <= this.heldByServer || sentClock === null) return;
    this.heldByServer = held;
    this.pathSampleAt = now;
    this.lead.onPathSample(tick - sentClock, now);
    this.stats.roundTripMs = Math.max(0, tick - sentClock) * play.clock.tickMs;
  }

  private stepAndSend(play: Play, now: number): void {
    const { clock, player, view, welcome } = play;
    if (now - this.pathSampleAt > LEAD_SEARCH_MS) {
      this.pathSampleAt = now;
      const next = this.lead.ticks * 2;
      this.lead = new InputLead(next > MAX_SEARCH_TICKS ? FIRST_PATH_TICKS : next, welcome.tickHz);
    }
    clock.advance(now);
    this.lead.advance(now);
    const serverTick = clock.tickAt(now);
    view.advance(serverTick, clock.jitterTicks);
    const target = Math.floor(serverTick + this.lead.ticks);
    if (target <= player.newestTick) return;
    if (!sameCommand(this.wanted, player.commandAt(player.newestTick))) this.changedSendsLeft = CHANGED_SENDS;
    player.stepTo(target, this.wanted, serverTick);
    if (this.changedSendsLeft > 0) --this.changedSendsLeft;
    else if (target - this.sentTick < Math.max(1, Math.floor(welcome.tickHz / KEEP_ALIVE_HZ))) return;
    this.sentTick = target;
    const commands = Array.from({ length: REPEATED_COMMANDS }, (_, back) => player.commandAt(target - back));
    const digest = positionDigest(player.newest.position);
    this.link.send(UNRELIABLE, encodeInput(this.acks.newest, this.acks.bits, target, digest, commands));
  }
}
