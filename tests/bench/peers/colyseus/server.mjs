// A room as its documentation has it: one map of players, a StateView for each client, a patch 30 times a second.
// Only for comparison (peers.py).
//
//   server.mjs PORT     on loopback; once a second a line of JSON about all so far
//
// Who is near is found with a grid, twice a second for each client, a fifteenth of them in each tick. The loop is the
// room's own, instead of two timers, so that a tick ends when its last patch is handed to the sockets.
import { Room, Server, matchMaker } from "@colyseus/core";
import { Encoder, StateView, schema, t } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";

const HZ = 30, TICK_MS = 1000 / HZ, SLICES = 15;
const SIGHT_M = 1000, MAX_MPS = 6;  // as naive_scene.h
const INPUT = 0;

Encoder.BUFFER_SIZE = 4 << 20;  // or it warns, and encodes twice, when a patch outgrows it

const Player = schema({
  x: t.float32(), y: t.float32(), z: t.float32(), yaw: t.float32(),
  vx: t.float32(), vy: t.float32(), vz: t.float32(),
}, "Player");
const Scene = schema({ players: t.map(Player).view() }, "Scene");

class SceneRoom extends Room {
  patchRate = null;
  autoDispose = false;
  ticks = 0;
  late = 0;
  wishes = new Map();

  onCreate() {
    this.state = new Scene();
    this.onMessageBytes(INPUT, (client, bytes) => {
      const input = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const wish = this.wishes.get(client.sessionId);
      wish.x = input.getFloat32(0, true);
      wish.y = input.getFloat32(4, true);
      wish.yaw = input.getFloat32(8, true);
    });
    this.due = performance.now() + TICK_MS;
    this.turn();
  }

  onJoin(client, { x, y }) {
    const player = new Player();
    Object.assign(player, { x, y, z: 0, yaw: 0, vx: 0, vy: 0, vz: 0 });
    this.state.players.set(client.sessionId, player);
    this.wishes.set(client.sessionId, { x: 0, y: 0, yaw: 0 });
    client.view = new StateView();
    client.view.add(player);
    client.userData = { player, inView: new Set([player]) };
  }

  onLeave(client) {
    const { player } = client.userData;
    for (const other of this.clients) {
      if (other.userData?.inView.delete(player)) other.view.remove(player);
    }
    this.state.players.delete(client.sessionId);
    this.wishes.delete(client.sessionId);
    client.view.dispose();
  }

  turn() {
    let now = performance.now();
    if (now >= this.due) {
      this.step();
      this.look();
      this.broadcastPatch();
      now = performance.now();
      this.ticks++;
      if (now >= this.due + TICK_MS) this.late++;
      while (this.due <= now) this.due += TICK_MS;  // a slot that went by is not made up for
    }
    setTimeout(() => this.turn(), Math.ceil(this.due - now));
  }

  step() {
    for (const [id, player] of this.state.players.entries()) {
      const wish = this.wishes.get(id);
      const scale = MAX_MPS / Math.max(1, Math.hypot(wish.x, wish.y));
      const vx = Math.fround(wish.x * scale), vy = Math.fround(wish.y * scale);
      if (player.vx !== vx) player.vx = vx;
      if (player.vy !== vy) player.vy = vy;
      if (player.yaw !== wish.yaw) player.yaw = wish.yaw;
      if (vx !== 0) player.x += vx / HZ;
      if (vy !== 0) player.y += vy / HZ;
    }
  }

  look() {
    const cells = new Map();
    for (const player of this.state.players.values()) {
      const key = cellOf(player.x, player.y);
      const cell = cells.get(key);
      if (cell) cell.push(player); else cells.set(key, [player]);
    }
    for (let i = this.ticks % SLICES; i < this.clients.length; i += SLICES) {
      const client = this.clients[i];
      if (client.userData) lookAround(client, cells);
    }
  }
}

function cellOf(x, y) {
  return (Math.floor(x / SIGHT_M) + 1000) * 4096 + Math.floor(y / SIGHT_M) + 1000;
}

function lookAround({ view, userData: { player, inView } }, cells) {
  const near = new Set();
  const { x, y } = player;
  for (let east = -1; east <= 1; east++) {
    for (let north = -1; north <= 1; north++) {
      for (const other of cells.get(cellOf(x + east * SIGHT_M, y + north * SIGHT_M)) ?? []) {
        const dx = other.x - x, dy = other.y - y;
        if (dx * dx + dy * dy <= SIGHT_M * SIGHT_M) near.add(other);
      }
    }
  }
  for (const other of near) {
    if (inView.has(other)) continue;
    inView.add(other);
    view.add(other);
  }
  for (const other of inView) {
    if (near.has(other)) continue;
    inView.delete(other);
    view.remove(other);
  }
}

const port = Number(process.argv[2]);
const server = new Server({ transport: new WebSocketTransport(), greet: false });
let room = null;
server.define("scene", class extends SceneRoom {
  onCreate() {
    room = this;
    super.onCreate();
  }
});
await server.listen(port, "127.0.0.1");
await matchMaker.createRoom("scene", {});
setInterval(() => console.log(JSON.stringify({
  t_s: performance.now() / 1000, ticks: room.ticks, late: room.late, players: room.state.players.size,
})), 1000);
