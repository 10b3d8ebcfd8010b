#!/usr/bin/env python3
"""Cheating clients with good keys, and strangers who know their victims' addresses, against a sealed zone: T-8, T-9, T-11.

    insiders.py --bin DIR [--attacker FILE] [--players N] [--count N] [--seconds S] [--most-seconds S] [--seed K]
                [--only T-8,...] [--ci] [--correctness-only] [--instrumented]

Prints one JSON line per test: id, seed, sizes, measured values, limits, what was omitted and why, pass. Exit code 1 when
a limit does not hold. --ci: sizes for every run. --instrumented: the zone is of an Asan build, whose findings count and
whose memory and time mean nothing.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import tests_by_id  # noqa: E402
from arms import ONE_WORKER, Arms, Decoys  # noqa: E402
from attacks import SETTLE_S, crowd, limit_undisturbed, measure  # noqa: E402
from books import check_books_of  # noqa: E402
from result import Result  # noqa: E402
from zone_under_test import ROOT, SEALED, Bots, Failure, Zone, end, total, wait_until  # noqa: E402

JOIN_LIMIT_S = 90
ATTACK_LIMIT_S = 3600
RSS_SHARE = 0.02
WILDLIFE = 700  # entities that are no players, as config/zoned.toml has them
RSS_KB_PER_ATTACKER = 64
FINDINGS = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|Assertion .* failed")
SANITIZERS = {"UBSAN_OPTIONS": "print_stacktrace=1",
              "LSAN_OPTIONS": f"suppressions={ROOT / 'cmake/lsan.supp'}:print_suppressions=0"}
# Full, and for every run.
SIZES = {"T-8": {"players": (100, 20), "whole": (10, 0), "ids": (128, 64), "insider_ids": (4095, 256),
                 "guesses": (200, 20), "rate_hz": (20_000, 30_000)},
         "T-9": {"players": (200, 30), "count": (1_000_000, 20_000), "sessions": (160, 60), "play_every": (40, 8),
                 "rate_hz": (3500, 8000)},
         "T-11": {"players": (400, 20), "sessions": (100, 24)}}


def sizes(options, name):
    out = {key: pair[options.ci] for key, pair in SIZES[name].items()}
    out.update({key: value for key, value in (("players", options.players), ("count", options.count))
                if value and key in out})
    return out


class Attack:
    """insider_attack, running."""

    def __init__(self, options, zone, name, **arguments):
        command = [options.attacker, name, "--server", zone.http, "--seed", options.seed]
        for key, value in arguments.items():
            command += ["--" + key.replace("_", "-"), value]
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGTERM, 5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def running(self):
        return self.process.poll() is None

    def wait_for(self, line):
        said = self.process.stderr.readline()
        if said.strip() != line:
            raise Failure(f"insider_attack: {said}{self.process.stderr.read()}")

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def found(self, seconds=ATTACK_LIMIT_S):
        out, errors = self.process.communicate(timeout=seconds)
        if self.process.returncode != 0:
            raise Failure(f"insider_attack ended with code {self.process.returncode}: {errors}")
        return json.loads(out)


class Scene:
    """A sealed zone with bots that have accounts and stay until they are told to go."""

    def __init__(self, options, players, *arguments, settings=()):
        self.options = options
        self.zone = Zone(options.bin, (*SEALED, ONE_WORKER, *settings), SANITIZERS)
        self.bots = Bots(options.bots, self.zone, "bots", *crowd(options, players, options.seed, 0, 0), "--accounts",
                         *arguments)
        try:
            wait_until(f"{players} players in the zone", JOIN_LIMIT_S, lambda: self._all_in(players), pause=0.2)
        except Failure:
            self.__exit__()
            raise
        time.sleep(SETTLE_S)

    def _all_in(self, players):
        if not self.bots.running():
            raise Failure(f"zonebot ended while its players joined:\n{self.bots.log.read_text()[-2000:]}")
        return self.zone.stats()["players"] >= players

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bots.__exit__()
        self.zone.stop()

    def rss_kb(self):
        fields = pathlib.Path(f"/proc/{self.zone.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def finish(self, result, before):
        """The bots go and then the zone; what must have been true for them all the time."""
        after = self.zone.metrics()
        end(self.bots.process, signal.SIGINT, 20)
        limit_undisturbed(result, before, after, self.bots.report(1))
        code = self.zone.end()
        result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
        check_books_of(result, self.zone, self.options.bots)
        result.limit("findings_in_log", len(FINDINGS.findall(self.zone.log.read_text(errors="replace"))), "==", 0)
        return after


def beside(options, scene, arms, name, **arguments):
    """Idle time, and the same attack on a socket that nobody reads."""
    measure(scene.zone, arms["idle"], options.seconds)
    with Decoys(1) as decoys, Attack(options, scene.zone, name, decoy_port=decoys.ports[0],
                                     most_seconds=options.seconds + 0.5, **arguments) as decoy:
        decoy.wait_for("begins")
        measure(scene.zone, arms["decoy"], options.seconds)
        decoy.found()
    time.sleep(SETTLE_S)


def grown(before, after, name, **labels):
    return int(total(after, name, **labels) - total(before, name, **labels))


def links_of(bots):
    """(its port, its host's port) of every bot, as /proc shows them."""
    inodes = set()
    for entry in os.scandir(f"/proc/{bots.process.pid}/fd"):
        try:
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(entry.path)))
        except FileNotFoundError:
            pass
    rows = [row.split() for row in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sorted(tuple(int(end_of.split(":")[1], 16) for end_of in row[1:3]) for row in rows
                  if row[9] in inodes and not row[2].endswith(":0000"))


def states_of(zone, names):
    """What the operator's interface says of players, but for what passes by itself."""
    out = {}
    for name in names:
        state = zone.player_state(name)
        out[name] = json.dumps({key: state.get(key) for key in ("position", "state", "health", "gold", "items", "online")}
                               if state else None, sort_keys=True)
    return out


def blind_kick(options):
    """T-8. Bots stand still, so that whatever changes of them is the attack's doing."""
    size = sizes(options, "T-8")
    players = size.pop("players")
    result = Result("T-8", options, players=players, **size)
    if os.geteuid() != 0:
        result.omit("everything", "skipped: raw sockets need root")
        return result
    with Scene(options, players, "--style", "afk") as scene:
        zone = scene.zone
        links = links_of(scene.bots)
        result.limit("victims", len(links), "==", players)
        victims = zone.folder / "victims"
        victims.write_text("".join(f"{client} {server}\n" for client, server in links))
        names = [f"bot-{options.seed}-{i:06}" for i in range(players)]
        arms = Arms()
        decoy = {**size, "whole": 0, "insider_ids": 1}  # each victim's turn is short
        beside(options, scene, arms, "kick", victims=victims, **decoy)
        before, states, start = zone.metrics(), states_of(zone, names), zone.stats()
        with Attack(options, zone, "kick", victims=victims, **size) as attack:
            found = attack.found()
        arms["attack"].add(start, zone.stats())
        changed = [name for name, state in states_of(zone, names).items() if state != states[name]]
        metrics = zone.metrics()
        beside(options, scene, arms, "kick", victims=victims, **decoy)
        scene.finish(result, before)
        after = metrics
        result.note(**found, changed=changed[:5], kernel_drops=grown(before, after, "net_kernel_dropped_datagrams_total"))
        refused = grown(before, after, "net_dropped_datagrams_total")
        # Else nothing was tested.
        result.limit("attack_seen", refused / (found["forged_enet"] + found["forged_seals"]), ">=", 0.9)
        result.limit("sealed_for_others", found["sealed_for_others"], ">=", 1000)
        result.limit("states_changed", len(changed), "==", 0)
        ended = grown(before, after, "session_ended_total")
        result.limit("ended_but_the_insider", ended - grown(before, after, "session_ended_total", reason="client_quit"),
                     "==", sum(found["insider_ended"].values()))
        for event in ("path_moved", "path_challenged", "second_connect", "malformed_ended"):
            result.limit(event, grown(before, after, "net_seal_events_total", reason=event), "==", 0)
        result.limit("sessions_accepted", grown(before, after, "net_seal_events_total", reason="accepted"), "==",
                     found["insider_sessions"])
        arms.note(result)
    return result


def mutants(options):
    """T-9. A tenth more goes before as warm-up, with everybody in play. Places and rings are allocated at start, but are
    memory only after their first use, in turn: a zone so small has used all of them by then."""
    size = sizes(options, "T-9")
    players, count = size.pop("players"), size.pop("count")
    result = Result("T-9", options, players=players, count=count, **size)
    places = players + 2 * size["sessions"]
    small = (f"session.max_players={places}", "session.max_pending=256", f"world.max_entities={WILDLIFE + places}",
             "net.inbound_queue_bytes=1048576", "net.outbound_queue_bytes=2097152")
    with Scene(options, players, settings=small) as scene:
        zone = scene.zone
        with Attack(options, zone, "mutants", count=count // 10, **{**size, "play_every": 1}) as attack:
            attack.found()
        time.sleep(SETTLE_S)
        arms = Arms()
        beside(options, scene, arms, "mutants", count=count, **size)
        before, start, rss_kb = zone.metrics(), zone.stats(), scene.rss_kb()
        with Attack(options, zone, "mutants", count=count, most_seconds=options.most_seconds, **size) as attack:
            series = [rss_kb]
            while attack.running():
                time.sleep(1)
                series.append(scene.rss_kb())
            found = attack.found()
        arms["attack"].add(start, zone.stats())
        time.sleep(SETTLE_S)
        rss_after_kb, after = scene.rss_kb(), zone.metrics()
        beside(options, scene, arms, "mutants", count=count, **size)
        scene.finish(result, before)
        result.note(**found, rss_kb=series[::max(1, len(series) // 10)])
        result.note(after_their_end=grown(before, after, "net_seal_events_total", reason="session_ending"))
        result.limit("sent", found["raw"] + found["sealed"], ">=", count // 2 * 2)
        # Else nothing was tested: not received, never opened, or refused before ENet every one.
        result.limit("kernel_drops_share", grown(before, after, "net_kernel_dropped_datagrams_total") / count, "<=", 0.01)
        result.limit("refused_outside", grown(before, after, "net_dropped_datagrams_total", reason="seal") / count, ">=",
                     0.2)
        malformed = grown(before, after, "net_malformed_datagrams_total")
        result.limit("opened_and_malformed", malformed / count, ">=", 0.05)
        result.note(ended_malformed=grown(before, after, "net_seal_events_total", reason="malformed_ended"))
        result.limit("sessions", found["sessions"], ">=", 2 * size["sessions"])
        arms.note(result)
        if options.instrumented:
            result.omit("memory and time", "instrumented build")
        else:
            # The first half still finds places that nobody used; what leaks goes on in the second.
            result.note(rss_change=rss_after_kb / rss_kb - 1)
            result.limit("rss_change_of_second_half", abs(rss_after_kb / series[len(series) // 2] - 1), "<=", RSS_SHARE,
                         of_time=options.ci)
            result.limit("attack_to_idle_cpu_p99", arms.ratios("attack", "idle")[0], "<=", 1.1, of_time=True)
    return result


def fragment_bomb(options):
    """T-11. The attackers are in play before anything is measured: what they cost as players is not the question."""
    size = sizes(options, "T-11")
    players, sessions = size["players"], size["sessions"]
    result = Result("T-11", options, **size)
    with Scene(options, players) as scene, Attack(options, scene.zone, "fragments", sessions=sessions) as attack:
        attack.wait_for("ready")
        time.sleep(SETTLE_S)
        before, rss_kb = scene.zone.metrics(), scene.rss_kb()
        most_kb = rss_kb
        attack.go()
        while attack.running():
            most_kb = max(most_kb, scene.rss_kb())
            time.sleep(0.02)
        found = attack.found()
        after = scene.finish(result, before)
        result.note(**found, rss_kb=rss_kb)
        result.limit("playing", found["playing"], "==", sessions)
        result.limit("still_in", found["still_in"], "==", 0)
        result.limit("told_malformed", found["ended"].get("malformed", 0), "==", sessions)
        result.limit("ended_as_malformed", grown(before, after, "net_seal_events_total", reason="malformed_ended"), "==",
                     sessions)
        result.limit("bad_fragments", grown(before, after, "net_malformed_datagrams_total", reason="bad_fragment"), ">=",
                     sessions)
        result.limit("slowest_s", found["slowest_s"], "<=", 1, of_time=True)
        if options.instrumented:
            result.omit("memory", "instrumented build")
        else:
            result.limit("rss_kb_per_attacker", (most_kb - rss_kb) / sessions, "<=", RSS_KB_PER_ATTACKER)
    return result


TESTS = {"T-8": blind_kick, "T-9": mutants, "T-11": fragment_bomb}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned")
    parser.add_argument("--bots", type=pathlib.Path, help="folder of zonebot (that of zoned)")
    parser.add_argument("--attacker", type=pathlib.Path, help="insider_attack (beside the folder of the bots)")
    parser.add_argument("--players", type=int, help="bots")
    parser.add_argument("--count", type=int, help="datagrams of T-9")
    parser.add_argument("--seconds", type=float, help="of idle time beside the attack")
    parser.add_argument("--most-seconds", type=float, default=3600, help="of T-9, which fails when it would take longer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(TESTS), help="tests by id, with commas")
    parser.add_argument("--ci", action="store_true", help="sizes for every run")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time do not decide")
    parser.add_argument("--instrumented", action="store_true", help="zoned is of an Asan build")
    options = parser.parse_args(arguments)
    options.bin = options.bin.resolve()
    options.bots = (options.bots or options.bin).resolve()
    options.attacker = (options.attacker or options.bots.parent / "tests" / "insider_attack").resolve()
    options.seconds = options.seconds or (1 if options.ci else 20)
    tests_by_id.check_only(parser, options, TESTS)
    return options


if __name__ == "__main__":
    sys.exit(tests_by_id.run(TESTS, parse(sys.argv[1:])))
