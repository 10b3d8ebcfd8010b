"""A zone beside two other servers in the same scenes, each server pinned to one core and its players to the others: a Colyseus
room with its own interest filter, and the ENet server that most teams write first (naive_enet.cc).

    peers.py --bin DIR [--seconds S] [--seed K] [--servers bluemarble,colyseus,naive_enet] [--scenes spread,crowd]
             [--steps 100,200,...] [--colyseus DIR]

Players are stepped up until the server no longer holds 30 Hz; then the gap between the last two numbers is halved twice. Held:
all in play and none lost, at least 99 % of the ticks finished before the next one was due, the 99th percentile of the time
between two updates of a player below 150 ms, and no relief: a zone that updates everybody seldomer than it would, which the others
cannot, does not hold. Prints one JSON object, and each step on standard error. --colyseus: where scripts/bench had npm put it.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "support"), str(HERE.parent)]

import relief  # noqa: E402
from zone_under_test import ROOT, SEALED, Bots, Failure, Zone, end, spawn, wait_until  # noqa: E402

HZ = 30
HELD_PCT = 99
# A zone sends ten datagrams a second, by design, to a player with nobody within 50 m: 100 ms, and some for the way.
GAP_LIMIT_MS = 150
STEPS = [100, 200, 400, 800, 1600, 3000, 4000]  # ENet has 4,095 peers
HALVINGS, ROUND_TO = 2, 50
WARMUP_S, MARGIN_S, JOIN_LIMIT_S = 3, 1, 90
# What a zone takes of relief while all come in at once, it takes back at a step in 4 s (src/app/relief.cc); there are four.
ZONE_WARMUP_S = 20
CLIENTS_FULL = 0.95  # of their cores: then the figure may be theirs, not the server's
SCENES = {"spread": ["--scenario", "spread"], "crowd": ["--scenario", "crowd", "--radius", 25]}
SERVER_CORE = 0
# Others have no thread that goes before the rest of the machine.
ZONE = (*SEALED, "tick.nice=0", "tick.realtime=false")


@contextlib.contextmanager
def pinned(cores):
    """Children that start meanwhile run on these cores only, with all of their threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def clients_cores():
    return (os.sched_getaffinity(0) - {SERVER_CORE}) or {SERVER_CORE}


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_s(pid):
    """Of all its threads. By the scheduler's own count: the other one is sampled, and ticks are in step with the samples."""
    return sum(int(stat.read_text().split()[0]) for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


class Bluemarble:
    """As config/zoned.toml has it, sealed, but with the priority of any process; with one core it takes one worker by itself."""

    warmup_s = ZONE_WARMUP_S

    def __init__(self, options, scene, players):
        self._options, self._arguments = options, [*SCENES[scene], "--players", players, "--accounts"]

    def __enter__(self):
        with pinned({SERVER_CORE}):
            self._zone = Zone(self._options.bin, ZONE)
        self.pid = self._zone.process.pid
        return self

    def __exit__(self, *_):
        self._zone.stop()

    def sample(self):
        try:
            stats = self._zone.stats()
        except OSError as error:
            raise Failure(f"zoned does not answer: {error}") from None
        return {"t_s": stats["uptime_s"], "ticks": stats["ticks"], "late": stats["missed_ticks"], "players": stats["players"]}

    @contextlib.contextmanager
    def clients(self):
        with pinned(clients_cores()):
            bots = Bots(self._options.bin, self._zone, "bots", *self._arguments, "--seed", self._options.seed, "--warmup",
                        self.warmup_s, "--seconds", self._options.seconds)
        with bots:
            yield bots.process, lambda: self._row(bots.report(JOIN_LIMIT_S + self.warmup_s + self._options.seconds))

    def _row(self, report):
        step = relief.of(self._zone.log.read_text(errors="replace"), report["told"])["step_most"]
        if step is None:
            raise Failure("no snapshot came in the window")
        down, players = report["down"], report["players"]
        per_update = report["bytes_per_entity_update"]
        return {"connected": players["connected"], "disconnected": players["disconnected"],
                "down_bytes_per_player_s": down["bytes_per_player_s"],
                "down_packets_per_player_s": down["packets_per_player_s"],
                "up_packets_per_player_s": report["up"]["packets_per_player_s"],
                "updates_per_player_s": report["snapshots"]["per_player_s"],
                "entity_updates_per_player_s": round(down["bytes_per_player_s"] / per_update, 1) if per_update else 0,
                "gap_ms": report["snapshots"]["gap_ms"], "in_sight_p50": report["moving_others"]["p50"],
                "relief_step_most": step, "age_ms": report["view"]["age_ms"]["combat"],
                "clients_cpu_s_per_s": report["zonebot"]["cpu_s_per_s"]}


class Peer:
    """A server and clients that speak as naive_enet.cc and colyseus/ do: lines of JSON on their standard output."""

    socket_kind = None
    warmup_s = WARMUP_S

    def __init__(self, options, scene, players):
        self._options, self._players = options, players
        self._port = free_port(self.socket_kind)
        self._scene = [scene, players, self.warmup_s, options.seconds, options.seed]

    def __enter__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="peers_"))
        with pinned({SERVER_CORE}):
            self._server = spawn([*self.server_command(), self._port], self._folder / "server.log")
        self.pid = self._server.pid
        try:
            wait_until("the server says something", 20, lambda: self._lines("server.log"))
        except Failure:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end(self._server, signal.SIGTERM, 5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lines(self, name):
        found = []
        for line in (self._folder / name).read_text(errors="replace").splitlines():
            if line.startswith("{"):
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line))
        if not found and self._server.poll() is not None:
            raise Failure(f"{self._server.args[-2]} ended: {(self._folder / name).read_text()[-500:]}")
        return found

    def sample(self):
        return self._lines("server.log")[-1]

    @contextlib.contextmanager
    def clients(self):
        with pinned(clients_cores()):
            process = spawn([*self.clients_command(), self._port, *self._scene], self._folder / "clients.log")
        try:
            yield process, lambda: self._row(process)
        finally:
            end(process, signal.SIGTERM, 5)

    def _row(self, process):
        try:
            process.wait(JOIN_LIMIT_S + self._options.seconds)
        except subprocess.TimeoutExpired:
            raise Failure("the clients did not end") from None
        rows = self._lines("clients.log")
        if not rows:
            raise Failure(f"the clients said nothing: {(self._folder / 'clients.log').read_text()[-500:]}")
        return {name: value for name, value in rows[-1].items() if name not in ("wanted", "seconds")}


class NaiveEnet(Peer):
    socket_kind = socket.SOCK_DGRAM

    def server_command(self):
        return [self._options.bin.parent / "bench/naive_enet"]

    def clients_command(self):
        return [self._options.bin.parent / "bench/naive_enet_clients"]


class Colyseus(Peer):
    socket_kind = socket.SOCK_STREAM

    def _script(self, name):
        folder = self._options.colyseus
        node = next(folder.glob("node_modules/node-linux-*/bin/node"), None)
        if node is None:
            raise Failure(f"no Node in {folder}: scripts/bench --only peers has npm fetch it")
        shutil.copy(HERE / "colyseus" / name, folder / name)  # a module finds its packages from where it lies
        return [node, folder / name]

    def server_command(self):
        return self._script("server.mjs")

    def clients_command(self):
        return self._script("clients.mjs")


SERVERS = {"bluemarble": Bluemarble, "colyseus": Colyseus, "naive_enet": NaiveEnet}


def watch(server, process, players, seconds):
    """Samples of the server at two moments inside of the clients' window, and the cores that it used between them."""
    def all_in_play():
        if process.poll() is not None:
            raise Failure("the clients ended before all were in play")
        return server.sample()["players"] >= players

    wait_until("all in play", JOIN_LIMIT_S, all_in_play, pause=0.2)
    time.sleep(server.warmup_s + MARGIN_S)
    before, cpu_before, began = server.sample(), cpu_s(server.pid), time.monotonic()
    time.sleep(seconds - 2 * MARGIN_S)
    after, cpu_after, ended = server.sample(), cpu_s(server.pid), time.monotonic()
    return before, after, (cpu_after - cpu_before) / (ended - began)


def why_not(row):
    """What keeps the server from holding so many players; nothing when it does."""
    reasons = []
    if row["connected"] < row["players"] or row["disconnected"]:
        reasons.append(f"{row['connected']} came in, {row['disconnected']} were lost")
    if row["held_pct"] < HELD_PCT:
        reasons.append(f"{row['held_pct']} % of the ticks in time")
    if row["gap_ms"]["p99"] >= GAP_LIMIT_MS:
        reasons.append(f"P99 between updates {row['gap_ms']['p99']} ms")
    if row.get("relief_step_most", 0) > 0:
        reasons.append(f"relief step {row['relief_step_most']}")
    return reasons


def measure(name, options, scene, players):
    """One row; with "why_not" when the server does not hold so many."""
    row = {"players": players}
    try:
        with SERVERS[name](options, scene, players) as server, server.clients() as (process, report):
            before, after, cores = watch(server, process, players, options.seconds)
            row |= report()
    except Failure as failure:
        return row | {"why_not": str(failure)[-300:]}
    ticks, late, lasted_s = (after[key] - before[key] for key in ("ticks", "late", "t_s"))
    row |= {"held_pct": round(min(100, 100 * (ticks - late) / (HZ * lasted_s)), 2), "server_cpu_s_per_s": round(cores, 3),
            "cpu_us_per_player_tick": round(1e6 * cores / (players * max(1, ticks) / lasted_s), 2),
            "load_1min": round(os.getloadavg()[0], 2)}
    row["clients_full"] = row["clients_cpu_s_per_s"] > CLIENTS_FULL * len(clients_cores())
    reasons = why_not(row)
    return row | ({"why_not": "; ".join(reasons)} if reasons else {})


def tried_twice(name, options, scene, players):
    """What else runs on the machine can spoil a window, so that only a second failure counts."""
    for _ in range(2):
        row = measure(name, options, scene, players)
        print(f"{name} {scene} {players}: {row.get('why_not', 'held')}", file=sys.stderr, flush=True)
        if "why_not" not in row:
            break
    return row


def step_up(name, options, scene):
    """{players: row}, the most players held (0: none), and what ended it: the server, its clients' cores or the last step."""
    rows, held, failed = {}, 0, None

    def step(players):
        nonlocal held, failed
        rows[players] = tried_twice(name, options, scene, players)
        if "why_not" in rows[players]:
            failed = players
        else:
            held = players

    for players in options.steps:
        step(players)
        if failed:
            break
    for _ in range(HALVINGS if held and failed else 0):
        between = round((held + failed) / 2 / ROUND_TO) * ROUND_TO
        if held < between < failed:
            step(between)
    ended_by = "steps" if failed is None else "clients" if rows[failed].get("clients_full") else "server"
    return rows, held, ended_by


def compare(options):
    out = {"held": {}, "ended_by": {}, "at_held": {}, "common": {}, "rows": {}, "seconds": options.seconds, "seed": options.seed}
    for scene in options.scenes:
        rows = {}
        for name in options.servers:
            rows[name], held, ended_by = step_up(name, options, scene)
            out["ended_by"].setdefault(scene, {})[name] = ended_by
            out["held"].setdefault(scene, {})[name] = held
            out["at_held"].setdefault(scene, {})[name] = rows[name].get(held)
        out["rows"][scene] = {name: list(each.values()) for name, each in rows.items()}
        # The largest number that all of them held, for the cost of the same work.
        shared = set.intersection(*({players for players, row in each.items() if "why_not" not in row}
                                    for each in rows.values()))
        if not shared:
            raise Failure(f"{scene}: no number of players that all hold: {json.dumps(out['rows'][scene])}")
        players = max(shared)
        out["common"][scene] = {"players": players, **{name: each[players] for name, each in rows.items()}}
    return out


def comma(kind):
    return lambda text: [kind(each) for each in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of zoned and zonebot")
    parser.add_argument("--seconds", type=float, default=10, help="measured window of each number of players")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=comma(str), default=list(SERVERS))
    parser.add_argument("--scenes", type=comma(str), default=list(SCENES))
    parser.add_argument("--steps", type=comma(int), default=STEPS)
    parser.add_argument("--colyseus", type=pathlib.Path, default=ROOT / "build/npm_colyseus")
    options = parser.parse_args()
    if unknown := {*options.servers} - {*SERVERS} | {*options.scenes} - {*SCENES}:
        parser.error(f"no such server or scene: {', '.join(unknown)}")
    try:
        print(json.dumps(compare(options)))
    except Failure as failure:
        sys.exit(f"peers.py: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
