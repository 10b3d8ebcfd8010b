/**
 * A player in the world from a browser: joins over HTTP, plays over a WebSocket, and comes back by
 * itself when the connection is lost (proto/SESSION.md "Over WebSocket").
 */
import { toGeographic, type Geographic, type World } from "../codec/index.ts";
import { Account, RequestError, type Fetch, type ItemKind } from "./account.ts";
import { ActionError, Actions } from "./actions.ts";
import type { Action, Answer, Item, KeyedAction, TradeClosed, TradeOffer } from "./belongings.ts";
import { reasonOf, type ChatHeard, type ChatRefused, type Ended, type Reason, type Spawn, type Welcome } from "./control.ts";
import type { InventoryChange } from "./inventory.ts";
import type { EntityView } from "./remote_view.ts";
import { Session, UNRELIABLE, type Channel, type Link, type OwnView, type SessionStats, type Wish } from "./session.ts";

export interface JoinOptions {
  /** Of the zone's HTTP interface; that of the page unless given. */
  url?: string;
  name?: string;
  /** Logs in with it; it is not kept. */
  password?: string;
  /** With `password`: makes the account when there is none. */
  register?: boolean;
  /** An access token in place of name and password. */
  token?: string;
  /** What `resumeToken` of an earlier client was, in place of name and password. */
  resumeToken?: string;
  /** Where to appear; servers accept it in development only. */
  spawn?: Spawn;
  /** Comes back by itself when the connection is lost; true unless said otherwise. */
  reconnect?: boolean;
  clientVersion?: string;
  /** In play, nothing heard for so long is a lost connection. 5,000 unless given. */
  silenceMs?: number;
  /** For tests. */
  environment?: Partial<Environment>;
}

/** What a client has of the outside. */
export interface Environment {
  fetch: Fetch;
  open: (url: string) => WebSocket;
  /** Milliseconds, monotonic. */
  now: () => number;
  /** Calls back every so many milliseconds until the result is called. */
  every: (ms: number, call: () => void) => () => void;
  after: (ms: number, call: () => void) => () => void;
  random: () => number;
}

export type ClientState = "connecting" | "playing" | "reconnecting" | "ended";

export interface ClientEvents {
  /** In the world: at first, and again after each reconnect. */
  playing: Welcome;
  /** The connection is lost; tries again in `retryMs`. */
  reconnecting: Ended & { retryMs: number };
  /** For good. */
  ended: Ended;
  /** An entity came into view. */
  joined: number;
  /** An entity has left the view. */
  left: number;
  chat: ChatHeard;
  chatRefused: ChatRefused;
  /** What the player owns was told, or has changed. */
  inventory: InventoryChange;
  /** Of every action, those of an earlier page included; "unknown" at most once an `act`. */
  answer: Answer;
  /** Another player offers a trade. */
  offered: TradeOffer;
  /** An offer of another player does not stand any more. */
  offerClosed: TradeClosed;
}

export interface ClientStats extends SessionStats {
  bytesDown: number;
  bytesUp: number;
  reconnects: number;
}

// A quarter of a tick: who looks later stamps his commands that much too near.
const BEAT_MS = 8;
const OPEN_TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 2000, MOST_WAIT_MS = 10_000;
// Who was in play for less than this had no working connection: the waits go on growing.
const SETTLED_MS = 5000;
// Goodbye is told, and the server's own wanted, for at most so long.
const LEAVE_MS = 1000;
const QUIT: Ended = { reason: "client_quit", text: "", redirect: "" };

/** May the same player come back by itself? */
const PASSING: ReadonlySet<Reason> = new Set([
  "none", "server_stopping", "bad_token", "zone_full", "timeout", "queue_overflow", "store_unavailable", "internal",
  "session_unknown",
]);

function reasonOfClose(code: number): Reason {
  if (code >= 4000 && code < 4100) return reasonOf(code - 4000);
  if (code >= 4101 && code <= 4103) return "bad_token";
  switch (code) {
    case 1001: return "server_stopping";
    case 1005: case 1006: return "timeout";
    case 1011: return "internal";
    case 1013: return "queue_overflow";
    case 4105: return "zone_full";
    default: return "malformed";
  }
}

function browserEnvironment(): Environment {
  return {
    fetch: (url, init) => fetch(url, init),
    open: (url) => new WebSocket(url),
    now: () => performance.now(),
    every: (ms, call) => {
      let timer: ReturnType<typeof setInterval> | undefined;
      const worker = new Worker(new URL("./beat.js", import.meta.url));
      worker.onmessage = call;
      // A page that may not start it plays all the same, as long as it is in front.
      worker.onerror = () => (timer ??= setInterval(call, ms));
      worker.postMessage(ms);
      return () => {
        worker.terminate();
        clearInterval(timer);
      };
    },
    after: (ms, call) => {
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
  };
}

type Listeners = { [E in keyof ClientEvents]: Set<(event: ClientEvents[E]) => void> };

export class Client {
  private session: Session | null = null;
  /** The newest, which may not be in play yet. */
  private attempt: Session | null = null;
  private current: ClientState = "connecting";
  private wish: Wish = { east: 0, north: 0, heading: NaN, buttons: 0 };
  private wait = FIRST_WAIT_MS;
  private playingSince = 0;
  private bytesDown = 0;
  private bytesUp = 0;
  private reconnects = 0;
  private stopBeat: () => void = () => {};
  private stopWaiting: () => void = () => {};
  private readonly listeners: Listeners = {
    playing: new Set(), reconnecting: new Set(), ended: new Set(), joined: new Set(), left: new Set(), chat: new Set(),
    chatRefused: new Set(), inventory: new Set(), answer: new Set(), offered: new Set(), offerClosed: new Set(),
  };
  private readonly actions = new Actions((answer) => this.emit("answer", answer));

  private constructor(
    private readonly account: Account,
    private readonly options: JoinOptions,
    private readonly environment: Environment,
  ) {}

  /** Resolves in the world; rejects with a RequestError, or an Error that says why the session ended. */
  static async join(options: JoinOptions): Promise<Client> {
    const environment = { ...browserEnvironment(), ...options.environment };
    const account = new Account(options.url ?? location.origin, options.name ?? "", environment.fetch, environment.now);
    if (options.token !== undefined) account.useAccessToken(options.token);
    else if (options.resumeToken !== undefined) await account.resume(options.resumeToken);
    else if (options.password !== undefined && options.register) await account.logInOrRegister(options.password);
    else if (options.password !== undefined) await account.logIn(options.password);
    const client = new Client(account, { ...options, password: undefined as never }, environment);
    await client.connect();
    return client;
  }

  get state(): ClientState {
    return this.current;
  }
  /** Of the newest connection; null before the first Welcome. */
  get welcome(): Welcome | null {
    return this.session?.welcome ?? null;
  }
  get resumeToken(): string {
    return this.account.resumeToken;
  }
  /** All that is received, not interpolated. */
  get world(): World | null {
    return this.session?.world ?? null;
  }
  get stats(): ClientStats {
    const { bytesDown, bytesUp, reconnects } = this;
    const none: SessionStats = {
      snapshots: 0, malformed: 0, exactStates: 0, corrections: 0, lastCorrectionM: 0, inputDepth: 0, roundTripMs: 0, slowedPercent: 0,
    };
    return { ...(this.session?.stats ?? none), bytesDown, bytesUp, reconnects };
  }

  /** Returns what takes the listener away again. */
  on<E extends keyof ClientEvents>(event: E, listener: (event: ClientEvents[E]) => void): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  /** What the player wants from now on: members left out stay as they are. */
  move(wish: Partial<Wish>): void {
    this.wish = { ...this.wish, ...wish };
    if (Number.isFinite(this.wish.heading)) this.session?.setWish(this.wish);
    else this.session?.setWish({ ...this.wish, heading: this.own?.heading ?? 0 });
  }

  /** The own player, predicted; null before the first Welcome. */
  get own(): (OwnView & { readonly place: Geographic }) | null {
    const own = this.session?.own(this.environment.now()) ?? null;
    return own === null ? null : { ...own, place: toGeographic(own.position) };
  }

  /** Everybody else in view, as drawn now. */
  others(): IterableIterator<EntityView> {
    return this.session?.others(this.environment.now()) ?? [].values();
  }

  /** The line comes back as a chat event, as everybody hears it. Returns its number; 0 when not in play. */
  say(text: string, scope: "zone" | "local" = "zone"): number {
    return this.session?.say(scope, text) ?? 0;
  }

  /** Ascending by number; empty before `inventoryKnown`. */
  get inventory(): readonly Item[] {
    return this.session?.inventory.items ?? [];
  }
  get gold(): number {
    return this.session?.inventory.gold ?? 0;
  }
  /** It has been told, over this connection. */
  get inventoryKnown(): boolean {
    return this.session?.inventory.known ?? false;
  }
  /** Of other players, oldest first; those that stand. */
  get offers(): readonly TradeOffer[] {
    return this.session?.inventory.offers ?? [];
  }
  /** What items are, by `definition`. */
  catalogue(): Promise<ItemKind[]> {
    return this.account.catalogue();
  }

  /**
   * Resolves when it is done and on disk, or refused; over reconnects, too. Rejects with an ActionError when it was not
   * sent, and with a SessionError when the client ends first: then it stays in `unanswered`.
   */
  act(action: Action): Promise<Answer> {
    const answer = this.actNow(action);
    // Who does not wait for it is not told by an unhandled rejection either.
    answer.catch(() => {});
    return answer;
  }
  /**
   * Without an answer so far. Who keeps them gives each to `act` of the next client, and it is done once, if the server's
   * memory of keys (three days) has not passed.
   */
  get unanswered(): readonly KeyedAction[] {
    return this.actions.unanswered;
  }
  /** Says no to another player's offer. */
  decline(tradeId: bigint): void {
    this.session?.decline(tradeId);
  }
  /** Takes back an own offer, named by the key of its action, which is then refused as declined. */
  withdraw(key: string): void {
    this.session?.withdraw(key);
  }

  /** Takes the player out of the world. */
  leave(): void {
    this.stopWaiting();
    if (this.current === "ended") return;
    const inPlay = this.current === "playing";
    if (!inPlay) this.finish(QUIT);
    this.attempt?.quit();
  }

  private async actNow(action: Action): Promise<Answer> {
    const done = this.current === "playing" ? this.session?.act(action) : null;
    if (!done) throw new ActionError("not in play");
    return done;
  }

  private emit<E extends keyof ClientEvents>(event: E, value: ClientEvents[E]): void {
    for (const listener of [...this.listeners[event]]) listener(value);
  }

  /** One connection up to Welcome; throws why there is none. */
  private async connect(): Promise<void> {
    const ticket = await this.account.join();
    if (this.current === "ended") throw new SessionError(QUIT);
    const { environment, options } = this;
    await new Promise<void>((resolve, reject) => {
      const socket = environment.open(ticket.url);
      socket.binaryType = "arraybuffer";
      let opened = false;
      let entered = false;
      const stopOpening = environment.after(OPEN_TIMEOUT_MS, () => {
        if (!opened) {
          session.onClosed("timeout", "no answer from the server");
          socket.close();
        }
      });
      const link: Link = {
        send: (channel, message) => this.send(socket, channel, message),
        close: (reason) => closeAfter(socket, reason, environment),
      };
      const session = new Session(
        link,
        {
          token: ticket.sealed ? "" : ticket.token,
          clientVersion: options.clientVersion ?? "bluemarble-browser",
          spawn: (!this.playingSince && options.spawn) || null,
          silenceMs: options.silenceMs ?? 5000,
        },
        {
          playing: (welcome) => {
            entered = true;
            this.enter(session, welcome);
            resolve();
          },
          ended: (ended) => {
            this.stopBeat();
            stopOpening();
            if (entered) this.lose(ended);
            else reject(new SessionError(ended));
          },
          joined: (id) => this.emit("joined", id),
          left: (id) => this.emit("left", id),
          chat: (line) => this.emit("chat", line),
          chatRefused: (refused) => this.emit("chatRefused", refused),
          inventory: (change) => this.emit("inventory", change),
          offered: (offer) => this.emit("offered", offer),
          offerClosed: (closed) => this.emit("offerClosed", closed),
        },
        this.actions,
      );
      this.attempt = session;
      socket.onopen = () => {
        opened = true;
        stopOpening();
        const token = new TextEncoder().encode(ticket.token);
        this.bytesUp += token.length;
        socket.send(token);
        session.start(environment.now());
        this.stopBeat();
        this.stopBeat = environment.every(BEAT_MS, () => session.tick(environment.now()));
      };
      socket.onmessage = (event: MessageEvent<unknown>) => {
        if (!(event.data instanceof ArrayBuffer) || event.data.byteLength < 1) return;
        const bytes = new Uint8Array(event.data);
        this.bytesDown += bytes.length;
        session.onMessage(bytes[0]!, bytes.subarray(1), environment.now());
      };
      socket.onclose = (event) => session.onClosed(reasonOfClose(event.code), event.reason || "the connection was lost");
    });
  }

  private send(socket: WebSocket, channel: Channel, message: Uint8Array): void {
    if (socket.readyState !== 1) return;
    // What the network does not take is old by the time it does; the next input repeats its commands.
    if (channel === UNRELIABLE && socket.bufferedAmount > 8192) return;
    const framed = new Uint8Array(message.length + 1);
    framed[0] = channel;
    framed.set(message, 1);
    this.bytesUp += framed.length;
    socket.send(framed);
  }

  private enter(session: Session, welcome: Welcome): void {
    if (this.playingSince !== 0) ++this.reconnects;
    this.session = session;
    this.current = "playing";
    this.playingSince = this.environment.now();
    if (Number.isFinite(this.wish.heading) || this.wish.east !== 0 || this.wish.north !== 0) this.move({});
    this.emit("playing", welcome);
  }

  private lose(ended: Ended): void {
    if (this.environment.now() - this.playingSince >= SETTLED_MS) this.wait = FIRST_WAIT_MS;
    if (this.options.reconnect === false || !PASSING.has(ended.reason)) this.finish(ended);
    else this.tryLater(ended, 0);
  }

  /** `toldMs`: what the server asked to wait. Random, so that a crowd comes back one by one. */
  private tryLater(ended: Ended, toldMs: number): void {
    this.current = "reconnecting";
    const retryMs = toldMs > 0 ? toldMs + this.environment.random() * Math.min(250, toldMs) : this.environment.random() * this.wait;
    this.wait = Math.min(2 * this.wait, MOST_WAIT_MS);
    this.stopWaiting = this.environment.after(retryMs, () => void this.comeBack());
    this.emit("reconnecting", { ...ended, retryMs });
  }

  private async comeBack(): Promise<void> {
    try {
      await this.connect();
    } catch (error) {
      if (this.current === "ended") return;
      if (error instanceof SessionError) {
        if (PASSING.has(error.ended.reason)) this.tryLater(error.ended, 0);
        else this.finish(error.ended);
      } else {
        const text = error instanceof Error ? error.message : String(error);
        const passing = error instanceof RequestError && error.passing;
        const ended: Ended = { reason: passing ? "timeout" : "bad_token", text, redirect: "" };
        if (passing) this.tryLater(ended, error.retryAfterMs);
        else this.finish(ended);
      }
    }
  }

  private finish(ended: Ended): void {
    this.current = "ended";
    this.stopBeat();
    this.actions.end(new SessionError(ended));
    this.emit("ended", ended);
  }
}

/** The session ended before it had begun. */
export class SessionError extends Error {
  constructor(readonly ended: Ended) {
    super(ended.text === "" ? ended.reason : `${ended.reason}: ${ended.text}`);
  }
}

/** Lets a goodbye out and the server close; else closes after a while. */
function closeAfter(socket: WebSocket, reason: number, environment: Environment): void {
  if (socket.readyState >= 2) return;
  if (reason !== 1) {
    socket.close(4000 + reason);
    return;
  }
  environment.after(LEAVE_MS, () => socket.close(4001));
}
