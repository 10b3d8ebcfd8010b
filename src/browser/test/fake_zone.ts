/**
 * A zone on a simulated clock and network: as much of one as the client's side of a session needs.
 * It moves the player by the commands that come, and compares digests.
 */
import { toEcef } from "../src/codec/index.ts";
import type { Environment } from "../src/client/client.ts";
import { LongitudeRange, positionDigest, type Command, type MotionState } from "../src/motion.ts";

const HZ = 30;
const LIMITS = { maxSpeed: 7, acceleration: 20 };

class BitReader {
  private at = 0;
  constructor(private readonly data: Uint8Array) {}
  get(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; ++i, ++this.at) value += ((this.data[this.at >> 3]! >> (this.at & 7)) & 1) * 2 ** i;
    return value;
  }
  signed(bits: number): number {
    const value = this.get(bits);
    return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  }
}

export interface HeardInput {
  at: number;
  ack: number;
  tick: number;
  digest: number;
  commands: Command[];
}

function readInput(data: Uint8Array, at: number): HeardInput {
  const bits = new BitReader(data);
  bits.get(8);
  const ack = bits.get(16);
  bits.get(64);
  const tick = bits.get(32), digest = bits.get(16), count = bits.get(5) + 1;
  const commands: Command[] = [];
  for (let i = 0; i < count; ++i) {
    if (i > 0 && bits.get(1) === 1) commands.push(commands[i - 1]!);
    else commands.push({ east: bits.signed(8), north: bits.signed(8), yaw: bits.get(16), buttons: bits.get(8) });
  }
  return { at, ack, tick, digest, commands };
}

const bytesOf = (type: "f64" | "u32" | "u16", value: number): number[] => {
  const view = new DataView(new ArrayBuffer(8));
  if (type === "f64") view.setFloat64(0, value, true);
  else if (type === "u32") view.setUint32(0, value >>> 0, true);
  else view.setUint16(0, value, true);
  return [...new Uint8Array(view.buffer, 0, { f64: 8, u32: 4, u16: 2 }[type])];
};
const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
const int = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const blob = (field: number, content: number[]): number[] => [...varint(field * 8 + 2), ...varint(content.length), ...content];
const f64 = (field: number, value: number): number[] => [...varint(field * 8 + 1), ...bytesOf("f64", value)];
const text = (value: string): number[] => [...new TextEncoder().encode(value)];

/** What a browser's WebSocket has, as far as the client uses it. */
export class FakeSocket {
  binaryType = "";
  readyState = 0;
  bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly sent: Uint8Array[] = [];
  closedBy = 0;

  constructor(
    readonly url: string,
    private readonly zone: FakeZone,
  ) {}
  send(data: Uint8Array): void {
    const copy = data.slice();
    this.sent.push(copy);
    this.zone.later(() => this.zone.hear(this, copy));
  }
  close(code = 1000): void {
    this.closedBy = code;
    this.readyState = 3;
  }
}

export class FakeZone {
  now = 5000;
  latencyMs = 40;
  state: MotionState;
  tick = 900;
  resumed = false;
  silent = false;
  /** Parts of the next snapshots, and drops. */
  parts: number[] = [];
  drops: number[] = [];
  socket: FakeSocket | null = null;
  joins = 0;
  readonly requests: { path: string; body: Record<string, unknown>; bearer: string }[] = [];
  readonly inputs: HeardInput[] = [];
  readonly control: Uint8Array[] = [];
  answers: ((path: string) => { status: number; body: object } | null)[] = [];
  private readonly timers: { at: number; every: number; call: () => void; live: boolean }[] = [];
  private readonly commands = new Map<number, Command>();
  private last: Command = { east: 0, north: 0, yaw: 0, buttons: 0 };
  private digests = new Map<number, number>();
  private playing = false;
  private sequence = 0;
  private confirmed = 0;
  private tickedAt = 5000;

  constructor() {
    const at = { lon: 10, lat: 50, height: 20 };
    this.state = { position: toEcef(at), velocity: { x: 0, y: 0, z: 0 }, groundHeight: 20, yaw: 0 };
  }

  readonly environment: Partial<Environment> = {
    now: () => this.now,
    random: () => 0.5,
    every: (ms, call) => this.timer(ms, ms, call),
    after: (ms, call) => this.timer(ms, 0, call),
    fetch: (url, init) => Promise.resolve(this.answer(url, init)),
    open: (url) => this.open(url) as unknown as WebSocket,
  };

  later(call: () => void): void {
    this.timer(this.latencyMs, 0, call);
  }

  private timer(ms: number, every: number, call: () => void): () => void {
    const timer = { at: this.now + ms, every, call, live: true };
    this.timers.push(timer);
    return () => (timer.live = false);
  }

  /** Lets so much time pass; promises get their turn in between. */
  async run(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) {
      ++this.now;
      for (const timer of this.timers.filter((each) => each.live && each.at <= this.now)) {
        timer.at += timer.every;
        timer.live = timer.every > 0 && timer.live;
        timer.call();
      }
      while (this.now - this.tickedAt >= 1000 / HZ) {
        this.tickedAt += 1000 / HZ;
        this.step();
      }
      if (this.now % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private answer(url: string, init: RequestInit): Response {
    const path = new URL(url).pathname;
    const headers = init.headers as Record<string, string>;
    this.requests.push({
      path, body: JSON.parse(String(init.body)) as Record<string, unknown>,
      bearer: (headers["Authorization"] ?? "").replace("Bearer ", ""),
    });
    const told = this.answers.map((each) => each(path)).find((each) => each !== null);
    if (told) return new Response(JSON.stringify(told.body), { status: told.status });
    const tokens = { access_token: `access ${this.requests.length}`, refresh_token: "refresh", expires_in: 900, name: "Ada" };
    if (path !== "/v1/join") return new Response(JSON.stringify(tokens));
    ++this.joins;
    const sealed = headers["Authorization"] !== undefined;
    return new Response(JSON.stringify({
      transport: "websocket", path: "/v1/play", token: `ticket ${this.joins}`, security: sealed ? "sealed" : "plain", expires_s: 60,
    }));
  }

  private open(url: string): FakeSocket {
    const socket = new FakeSocket(url, this);
    this.later(() => {
      this.socket = socket;
      this.playing = false;
      socket.readyState = 1;
      socket.onopen?.();
    });
    return socket;
  }

  hear(socket: FakeSocket, data: Uint8Array): void {
    if (socket !== this.socket || this.silent || socket.sent[0] === undefined || data === socket.sent[0]) return;
    if (data[0] === 1) return this.hearInput(readInput(data.subarray(1), this.now));
    this.control.push(data.subarray(1));
    if (data[1] === 0x0a && !this.playing) this.welcome();
    if (data[1] === 0x12) this.goodbye(1);
  }

  say(...body: number[]): void {
    this.tell(0, body);
  }

  goodbye(reason: number): void {
    this.say(...blob(3, int(1, reason)));
    this.drop(4000 + reason);
  }

  drop(code: number): void {
    const socket = this.socket!;
    this.socket = null;
    this.playing = false;
    this.later(() => socket.onclose?.({ code, reason: "" }));
  }

  hearChat(name: string, line: string): void {
    this.say(...blob(8, [...int(1, 1), ...int(2, 77), ...int(3, 5), ...blob(4, text(name)), ...blob(5, text(line)), ...int(6, this.tick)]));
  }

  private tell(channel: number, message: number[]): void {
    const socket = this.socket;
    const data = new Uint8Array([channel, ...message]).buffer;
    this.later(() => socket?.onmessage?.({ data }));
  }

  private welcome(): void {
    const { position, groundHeight, yaw } = this.state;
    this.playing = true;
    this.sequence = 0;
    this.confirmed = 0;
    this.state = { ...this.state, velocity: { x: 0, y: 0, z: 0 } };
    this.say(...blob(1, [
      ...int(1, 2), ...int(2, 4242), ...int(3, this.tick), ...int(4, HZ), ...f64(5, position.x), ...f64(6, position.y),
      ...f64(7, position.z), ...f64(8, groundHeight), ...f64(9, LIMITS.maxSpeed), ...f64(10, LIMITS.acceleration),
      ...blob(11, [50, 300, 1000].flatMap((radius) => bytesOf("f64", radius))), ...blob(12, [1, 3, 15]), ...int(14, 9),
      ...int(15, yaw), ...f64(16, -180), ...f64(17, 180), ...int(18, this.resumed ? 1 : 0),
    ]));
  }

  private hearInput(input: HeardInput): void {
    this.inputs.push(input);
    this.digests.set(input.tick, input.digest);
    input.commands.forEach((command, back) => {
      const tick = input.tick - back;
      if (tick > this.tick && tick <= this.tick + 8 && !this.commands.has(tick)) this.commands.set(tick, command);
    });
  }

  private step(): void {
    ++this.tick;
    if (!this.playing || this.silent) return;
    this.last = this.commands.get(this.tick) ?? this.last;
    this.commands.delete(this.tick);
    this.state = new LongitudeRange().step(this.state, this.last, LIMITS, 1 / HZ);
    const digest = this.digests.get(this.tick);
    const right = digest === positionDigest(this.state.position);
    if (right) this.confirmed = this.tick;
    const exact = (digest !== undefined && !right) || this.confirmed === 0;
    const age = this.tick - this.confirmed;
    const newest = this.inputs.at(-1)?.tick;
    const { position: p, velocity: v, groundHeight, yaw } = this.state;
    this.tell(1, [
      2, ...bytesOf("u16", ++this.sequence), ...bytesOf("u32", this.tick), (exact ? 1 : 0) | (age < 256 ? 2 : 0),
      (newest === undefined ? -127 : Math.max(-127, newest - this.tick)) & 255, 93,
      ...(exact ? [p.x, p.y, p.z, v.x, v.y, v.z, groundHeight].flatMap((value) => bytesOf("f64", value)) : []),
      ...(exact ? bytesOf("u16", yaw) : []), ...(age < 256 ? [age] : []), this.drops.length / 8, ...this.drops, ...this.parts,
    ].flat());
  }
}
