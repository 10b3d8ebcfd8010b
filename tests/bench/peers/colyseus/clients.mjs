// Players for server.mjs over real WebSockets: they walk as zonebot's do, send their input 15 times a second and count
// what arrives. Only for comparison (peers.py).
//
//   clients.mjs PORT spread|crowd PLAYERS WARMUP_S SECONDS SEED
//
// Prints "playing" when all are, and a report as JSON at the end. A few are whole clients of the SDK that decode what they
// see; the others only take the patches, since they run beside the server.
import { Client } from "@colyseus/sdk";
import WebSocket from "ws";

const INPUTS_PER_S = 15, SLICES = 8, DECODING = 4, JOINS_AT_ONCE = 8, PATIENCE_S = 60;
const PER_DISC = 150, DISC_M = 1000, SPREAD_WALK_M = 50, CROWD_RADIUS_M = 25;  // as zonebot places them
const WALK_MPS = 1.4, MAX_MPS = 6;
const JOIN_ROOM = 10, ROOM_STATE_PATCH = 15, ROOM_DATA_BYTES = 17, INPUT = 0;
const STEP_MS = 0.5;  // of the histogram of gaps

const [port, scene, wanted, warmupS, seconds, seed] = process.argv.slice(2).map((each, i) => (i === 1 ? each : Number(each)));

function randomOf(state) {  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function inDisc(x, y, radius, random) {
  const r = radius * Math.sqrt(random()), angle = 2 * Math.PI * random();
  return [x + r * Math.cos(angle), y + r * Math.sin(angle)];
}

// From waypoint to waypoint, standing still at some, as src/tools/zonebot/steering.cc.
class Walker {
  constructor(index) {
    this.random = randomOf(seed * 1_000_003 + index);
    const disc = scene === "crowd" ? CROWD_RADIUS_M : DISC_M * Math.sqrt(wanted / PER_DISC);
    [this.x, this.y] = inDisc(0, 0, disc, this.random);
    [this.homeX, this.homeY] = scene === "crowd" ? [0, 0] : [this.x, this.y];
    this.radius = scene === "crowd" ? CROWD_RADIUS_M : SPREAD_WALK_M;
    this.spawn = { x: this.x, y: this.y };
    this.pauseUntil = 0;
    this.yaw = 0;
    this.choose();
    this.heard = 0;
    this.seen = 0;
    this.bytes = Buffer.alloc(14);
    this.bytes[0] = ROOM_DATA_BYTES;
    this.bytes[1] = INPUT;
  }

  choose() {
    [this.toX, this.toY] = inDisc(this.homeX, this.homeY, this.radius, this.random);
  }

  // The bytes of its next input; the walk needs no answer, the server will have it at the same place.
  steer(now) {
    let moveX = 0, moveY = 0;
    if (now >= this.pauseUntil) {
      const wayX = this.toX - this.x, wayY = this.toY - this.y, way = Math.hypot(wayX, wayY);
      if (way < 1) {
        this.choose();
        if (this.random() < 0.3) this.pauseUntil = now + 3000 * this.random();
      } else {
        moveX = wayX / way * WALK_MPS / MAX_MPS;
        moveY = wayY / way * WALK_MPS / MAX_MPS;
        this.yaw = Math.atan2(wayX, wayY);
        this.x += moveX * MAX_MPS / INPUTS_PER_S;
        this.y += moveY * MAX_MPS / INPUTS_PER_S;
      }
    }
    this.bytes.writeFloatLE(moveX, 2);
    this.bytes.writeFloatLE(moveY, 6);
    this.bytes.writeFloatLE(this.yaw, 10);
    return this.bytes;
  }
}

const walkers = Array.from({ length: wanted }, (_, index) => new Walker(index));
const gaps = new Uint32Array(20_000);
let connected = 0, disconnected = 0, bytes = 0, messages = 0, updates = 0, sent = 0, measuring = false, longest = 0;

function hear(walker, length, isPatch) {
  messages++;
  bytes += length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);  // and the frame's head
  if (!isPatch) return;
  const now = performance.now();
  if (measuring && walker.heard) {
    const gap = now - walker.heard;
    gaps[Math.min(gaps.length - 1, Math.floor(gap / STEP_MS))]++;
    longest = Math.max(longest, gap);
    updates++;
  }
  walker.heard = now;
}

function entered(walker, send) {
  walker.send = send;
  connected++;
}

function left(walker) {
  if (walker.send) disconnected++;
  walker.send = null;
}

async function joinDecoding(walker) {
  const room = await new Client(`ws://127.0.0.1:${port}`).joinOrCreate("scene", walker.spawn);
  const { serializer } = room;
  const patch = serializer.patch.bind(serializer);
  serializer.patch = (buffer, it) => {
    hear(walker, buffer.byteLength, true);
    patch(buffer, it);
    walker.seen = room.state.players.size;
  };
  room.onLeave(() => left(walker));
  entered(walker, (input) => room.sendBytes(INPUT, input.subarray(2)));
}

async function joinCounting(walker) {
  const answer = await fetch(`http://127.0.0.1:${port}/matchmake/joinOrCreate/scene`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(walker.spawn),
  });
  const seat = await answer.json();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${seat.processId}/${seat.roomId}?sessionId=${seat.sessionId}`,
    { perMessageDeflate: false });
  socket.on("message", (data) => {
    hear(walker, data.length, data[0] === ROOM_STATE_PATCH);
    if (data[0] !== JOIN_ROOM) return;
    socket.send(Buffer.from([JOIN_ROOM]));
    entered(walker, (input) => socket.send(input));
  });
  socket.on("close", () => left(walker));
  socket.on("error", () => left(walker));
  await new Promise((resolve) => { socket.once("message", resolve); socket.once("close", resolve); });
}

async function joinAll(giveUp) {
  const waiting = [...walkers.entries()].reverse();
  const one = async () => {
    while (waiting.length > 0 && performance.now() < giveUp) {
      const [index, walker] = waiting.pop();
      try {
        await (index < DECODING ? joinDecoding(walker) : joinCounting(walker));
      } catch (error) {
        console.error(`clients.mjs: ${error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: JOINS_AT_ONCE }, one));
}

let slice = 0, begun = performance.now();
function steerDue() {
  const now = performance.now();
  const due = Math.floor((now - begun) * INPUTS_PER_S * SLICES / 1000);
  if (due - slice > SLICES) slice = due - SLICES;
  for (; slice < due; slice++) {
    for (let i = slice % SLICES; i < walkers.length; i += SLICES) {
      if (!walkers[i].send) continue;
      walkers[i].send(walkers[i].steer(now));
      sent++;
    }
  }
}

function quantile(q) {
  const total = gaps.reduce((sum, each) => sum + each, 0);
  let rank = Math.min(total - 1, Math.floor(q * total));
  for (let i = 0; i < gaps.length; i++) {
    if (rank < gaps[i]) return (i + 1) * STEP_MS;
    rank -= gaps[i];
  }
  return 0;
}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const round = (value) => Math.round(value * 100) / 100;

setInterval(steerDue, 2);
await joinAll(performance.now() + PATIENCE_S * 1000);
console.log("playing");
await sleep(warmupS * 1000);
const windowBegan = performance.now(), cpu = process.cpuUsage();
bytes = messages = sent = 0;
measuring = true;
await sleep(seconds * 1000);
const lasted = (performance.now() - windowBegan) / 1000, spent = process.cpuUsage(cpu);
const per = (amount) => round(amount / lasted / Math.max(1, connected));
const seen = walkers.slice(0, DECODING).map((each) => each.seen).sort((a, b) => a - b);
console.log(JSON.stringify({
  wanted, connected, disconnected, seconds: round(lasted), down_bytes_per_player_s: per(bytes),
  down_packets_per_player_s: per(messages), up_packets_per_player_s: per(sent), updates_per_player_s: per(updates),
  gap_ms: { p50: quantile(0.5), p99: quantile(0.99), max: round(longest) }, in_sight_p50: seen[seen.length >> 1],
  clients_cpu_s_per_s: round((spent.user + spent.system) / 1e6 / lasted),
}));
process.exit(0);
