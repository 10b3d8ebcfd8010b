#!/usr/bin/env python3
"""Strangers on a sealed zone: what they get back (T-3), what tokens they get in with (T-6), what their floods do (T-14).

    strangers.py --bin DIR --attack FILE [--players N] [--seconds S] [--seed K] [--only T-3,...] [--ci] [--correctness-only]

Prints one JSON line per test: id, seed, sizes, measured values, limits, what was omitted and why, pass. Exit code 1 when
a limit does not hold. The datagrams are those of stranger_attack, whose sources are beside this one.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import signal
import struct
import sys
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import tests_by_id  # noqa: E402
from arms import ONE_WORKER, Arms, Decoys  # noqa: E402
from books import check_books_of  # noqa: E402
from result import Result  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Spans, Zone, end, spawn, total, wait_until  # noqa: E402

CROWD = ("--scenario", "crowd", "--anchor", "2.3522,48.8566", "--radius", 200, "--accounts")
JOIN_LIMIT_S = 60
END_LIMIT_S = 30
TOKEN_PLAYERS = 100
TOKEN_RATE_HZ = 10_000
TOKEN_US = 20
JUNK_RATES_HZ = {"at_20000": 20_000, "at_full_rate": 0}
WATCHERS = 20  # of the players: they decode, and their window is the flood
RAMP = ("--ramp", 200)
VICTIM_S = 1.5  # to join, and to be captured
PAUSE_S, EDGE_S = 0.4, 0.1  # between phases, and what is left out at both ends of each
CPU_TO_IDLE = 1.25
KERNEL_COUNT_S = 0.5  # zoned asks for the kernel's count four times a second
REFUSALS = ("token_unknown_key", "token_forged", "token_expired", "token_wrong_host", "token_unproven", "token_used")


# ---- tokens, as players get them

def post(zone, path, body, bearer=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    until = time.monotonic() + JOIN_LIMIT_S
    while True:
        request = urllib.request.Request(zone.http + path, data=json.dumps(body).encode(), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in (429, 503) or time.monotonic() > until:
                raise Failure(f"{path} was answered {error.code}") from None
            time.sleep(0.2)


def port_of(token):
    return struct.unpack_from("<H", base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), 6)[0]


def tokens(zone, name, each):
    """So many tokens for each host of the zone, of an account each: one account is given few."""
    found = {port: [] for port in zone.ports}
    for number in range(20 * each * len(found)):
        account = {"name": f"{name} {number}", "password": "password of " + name}
        token = post(zone, "/v1/join", {}, post(zone, "/v1/login", account)["access_token"])["token"]
        found[port_of(token)].append(token)
        if all(len(its) >= each for its in found.values()):
            return [token for its in found.values() for token in its[:each]]
    raise Failure("the zone gives tokens for some of its hosts only")


class Attack:
    """A running stranger_attack and, when it is through, what it says."""

    count = 0

    def __init__(self, options, zone, kind, offers, *arguments):
        Attack.count += 1
        self.kind = kind
        self.log = zone.folder / f"attack.{Attack.count}.log"
        file = zone.folder / f"tokens.{Attack.count}"
        file.write_text("".join(f"{what} {token}\n" for what, its in offers.items() for token in its))
        self.process = spawn([options.attack, kind, "--tokens", file, "--ports", ",".join(map(str, zone.ports)),
                              "--seed", options.seed, *arguments], self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGKILL, 5)

    def said(self, seconds):
        wait_until(f"stranger_attack {self.kind}", seconds, lambda: self.process.poll() is not None)
        if self.process.returncode != 0:
            raise Failure(f"stranger_attack {self.kind} ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
        return json.loads(self.log.read_text().splitlines()[-1])


def attack(options, zone, kind, offers, *arguments, seconds=60):
    with Attack(options, zone, kind, offers, *arguments) as running:
        return running.said(seconds)


# ---- what the zone says

def events(before, after, *reasons):
    return int(sum(total(after, "net_seal_events_total", reason=reason) - total(before, "net_seal_events_total", reason=reason)
                   for reason in reasons))


def grown(before, after, name, **labels):
    return int(total(after, name, **labels) - total(before, name, **labels))


def refused(before, after):
    """{event: how often} of everything that was refused in between."""
    names = sorted({dict(labels)["reason"] for name, labels in after if name == "net_seal_events_total"})
    return {name: count for name in names if (count := events(before, after, name))}


def net_threads_cpu_s(zone):
    """Of those threads alone; the kernel counts them in nanoseconds."""
    spent = 0
    for task in pathlib.Path(f"/proc/{zone.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (task / "comm").read_text().strip() == "net":
                spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def socket_drops(ports):
    rows = (row.split() for row in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:])
    wanted = set(ports)
    return sum(int(row[-1]) for row in rows if int(row[1].split(":")[1], 16) in wanted)


def wait_for_players(zone, count, *fleets):
    def all_in():
        for bots in fleets:
            if not bots.running():
                raise Failure(f"zonebot ended while its players joined:\n{bots.log.read_text()[-2000:]}")
        return zone.stats()["players"] >= count

    wait_until(f"{count} players in the zone", JOIN_LIMIT_S, all_in)


def stop(result, zone):
    code = zone.end()
    result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
    check_books_of(result, zone)


# ---- the tests

def amplification(options):
    """T-3, and what a stranger on a player's path can do with what he captures: nothing may be opened twice, or changed,
    or elsewhere."""
    window_ms, silence_s = (120, 1) if options.ci else (1000, 120)
    result = Result("T-3", options, window_ms=window_ms, silence_s=silence_s)
    with Zone(options.bin, SEALED) as zone, Zone(options.bin, SEALED) as other:
        before, elsewhere = zone.metrics(), other.metrics()
        captured = attack(options, zone, "captured", {"good": tokens(zone, "victim", 1)}, "--seconds", 0.5 if options.ci else 5,
                          "--other-port", other.ports[0])
        after, elsewhere_after = zone.metrics(), other.metrics()
        result.note(captured={"up": captured["captured_up"], "down": captured["captured_down"]},
                    captured_sent={name: its["sent"] for name, its in captured["sets"].items()},
                    captured_refused=refused(before, after))
        sent = sum(its["sent"] for its in captured["sets"].values())
        result.limit("captured_seen", sum(grown(was, now, "net_received_datagrams_total") for was, now in
                                          ((before, after), (elsewhere, elsewhere_after))) / max(1, sent), ">=", 1)
        # What the player sent himself is opened once; everything else would be on top.
        result.limit("captured_opened", grown(before, after, "net_seal_opened_total") - captured["victim"]["sealed_up"],
                     "==", 0)
        result.limit("captured_opened_elsewhere", grown(elsewhere, elsewhere_after, "net_seal_opened_total"), "==", 0)
        result.limit("captured_sessions", events(before, after, "accepted") - 1 + events(elsewhere, elsewhere_after,
                                                                                        "accepted"), "==", 0)
        result.limit("captured_paths", events(before, after, "path_challenged", "path_moved"), "==", 0)
        result.limit("victim_ended", 0 if captured["victim"]["playing"] else 1, "==", 0)

        before = after
        amplified = attack(options, zone, "amplify", {"good": tokens(zone, "stranger", 8)}, "--window-ms", window_ms,
                           "--silence", silence_s, seconds=silence_s + 120)
        after = zone.metrics()
        result.note(windows=amplified["windows"], most_bytes_ratio=amplified["most_bytes_ratio"],
                    most_packets_ratio=amplified["most_packets_ratio"], total=amplified["total"],
                    answered={name: [its["in_packets"], its["out_packets"], its["in_bytes"], its["out_bytes"]]
                              for name, its in amplified["kinds"].items() if its["out_packets"]},
                    refused=refused(before, after))
        result.limit("windows_over", amplified["windows_over"], "==", 0)
        result.limit("bytes_ratio", amplified["total"]["out_bytes"] / amplified["total"]["in_bytes"], "<=", 1)
        result.limit("packets_ratio", amplified["total"]["out_packets"] / amplified["total"]["in_packets"], "<=", 1)
        result.limit("spontaneous", amplified["spontaneous"], "==", 0)
        # Else nothing was answered, and nothing tested.
        result.limit("answers", amplified["total"]["out_packets"], ">=", 100)
        result.limit("path_challenges", events(before, after, "path_challenged"), ">=", 1)
        stop(result, zone)
    return result


def connect_tokens(options):
    """T-6."""
    players = min(options.players, TOKEN_PLAYERS)
    life_s = max(8, int(options.seconds) + 4)
    flood_s = min(options.seconds, 20)
    result = Result("T-6", options, players=players, seconds=flood_s, rate_hz=TOKEN_RATE_HZ)
    result.omit("early", "no shard mints a token of its own future; tests/unit/net/sealed_strangers_test.cc turns the clock back")
    with contextlib.ExitStack() as stack:
        zone = stack.enter_context(Zone(options.bin, (*SEALED, f"net.token_life_s={life_s}")))
        bad = {"before_restart": tokens(zone, "stranger", 1)}
        zone.end()
        zone.start()
        other = stack.enter_context(Zone(options.bin, SEALED))
        bad["other_shard"] = tokens(other, "stranger", 1)
        other.end()
        bad["expired"] = tokens(zone, "stranger", 1)
        expired = time.monotonic() + life_s
        bots = stack.enter_context(Bots(options.bin, zone, "bots", *CROWD, *RAMP, "--players", players, "--seed",
                                        options.seed, "--observers", 0, "--seconds", 0))
        wait_for_players(zone, players, bots)
        time.sleep(max(0.5, expired - time.monotonic()))

        before = zone.metrics()
        shown = attack(options, zone, "tokens", {"good": tokens(zone, "stranger", 3), **bad})
        after = zone.metrics()
        result.note(refused=refused(before, after))
        twice = shown.pop("twice")
        shown.update({name: its for name, its in twice.items() if name != "repeat_is_the_same"})
        for name, its in shown.items():
            result.note(**{name + "_sent": its["sent"]})
            result.limit(name + "_accepts", its["accepts"], "==", 0)
        # The one good token, which opens its session once.
        result.limit("accepted", events(before, after, "accepted"), "==", 1)
        result.limit("repeat_is_the_same", int(twice["repeat_is_the_same"]), "==", 1)
        for event in ("token_forged", "token_unproven", "token_unknown_key", "token_expired", "token_wrong_host",
                      "token_used", "token_stolen", "bad_cookie", "bad_request"):
            result.limit("seen_" + event, events(before, after, event), ">=", 1)

        idle_s = flood_s / 2
        spent, start = net_threads_cpu_s(zone), time.monotonic()
        time.sleep(idle_s)
        idle_share = (net_threads_cpu_s(zone) - spent) / (time.monotonic() - start)
        good = tokens(zone, "stranger", 3)
        before, stats, spent, start = zone.metrics(), zone.stats(), net_threads_cpu_s(zone), time.monotonic()
        flood = attack(options, zone, "token_flood", {"good": good, **bad}, "--rate", TOKEN_RATE_HZ, "--seconds", flood_s)
        spent, seconds = net_threads_cpu_s(zone) - spent, time.monotonic() - start
        after, span = zone.metrics(), Spans()
        span.add(stats, zone.stats())
        count = events(before, after, *REFUSALS)
        result.note(flood_sent=flood["sent"], flood_per_s=flood["per_s"], flood_refused=refused(before, after),
                    net_cpu_share_idle=idle_share, net_cpu_share=spent / seconds, steal_pct=span.steal_pct(os.cpu_count()))
        result.limit("flood_accepts", flood["accepts"] + events(before, after, "accepted"), "==", 0)
        result.limit("flood_refused_share", count / flood["sent"], ">=", 0.99)
        result.limit("flood_rate_hz", flood["per_s"], ">=", 0.9 * TOKEN_RATE_HZ, of_time=True)
        result.limit("us_each", 1e6 * (spent - idle_share * seconds) / max(1, count), "<=", TOKEN_US, of_time=True)
        result.limit("disconnects", players - zone.stats()["players"], "==", 0)
        stop(result, zone)
    return result


class Floods:
    """T-14's phases. Each flood has its own watchers, who come before the idle time and whose window is the flood; between
    the two the same flood goes to sockets that nobody reads."""

    def __init__(self, options, result, zone, bots):
        self.options, self.result, self.zone, self.bots = options, result, zone, bots
        self.arms = {name: Arms() for name in JUNK_RATES_HZ}
        self.idle = Spans()
        for arms in self.arms.values():
            arms.spans["idle"] = self.idle  # one, of all idle time
        self.beside_s = options.seconds / 2  # of idle time and of decoys, each
        self.number = 0

    def watch(self, warmup_s, seconds):
        self.number += 1
        return Bots(self.options.bin, self.zone, f"watchers_{self.number}", *CROWD, "--players", WATCHERS, "--observers",
                    WATCHERS, "--seed", self.options.seed + 1000 * self.number, *RAMP, "--warmup", warmup_s, "--seconds",
                    seconds)

    def junk(self, name, begin, seconds, *arguments):
        """A stranger_attack that floods from `begin` on."""
        offers = {"good": tokens(self.zone, f"victim {int(begin * 1000)}", 1)}
        return Attack(self.options, self.zone, "junk", offers, "--rate", JUNK_RATES_HZ[name], "--seconds", seconds,
                      "--begin-ns", int(begin * 1e9), *arguments)

    def decoy(self, name, begin, decoys):
        return self.junk(name, begin, self.beside_s, "--flood-ports", ",".join(map(str, decoys.ports)))

    def measure(self, span, begin, seconds):
        """The middle of what goes on from `begin` on."""
        time.sleep(max(0.0, begin + EDGE_S - time.monotonic()))
        before = self.zone.stats()
        time.sleep(max(0.1, begin + seconds - EDGE_S - time.monotonic()))
        span.add(before, self.zone.stats())

    def rest(self):
        """What the machine has become meanwhile weighs on all alike."""
        with Decoys(len(self.zone.ports)) as decoys, self.watch(0, 0) as watchers:
            wait_for_players(self.zone, self.options.players, self.bots, watchers)
            for name in reversed(JUNK_RATES_HZ):
                begin = time.monotonic() + VICTIM_S
                with self.decoy(name, begin, decoys) as running:
                    self.measure(self.arms[name]["decoy"], begin, self.beside_s)
                    running.said(END_LIMIT_S)
            time.sleep(EDGE_S)
            self.measure(self.idle, time.monotonic(), self.beside_s)

    def flood(self, name):
        seconds, beside_s = self.options.seconds, self.beside_s
        quiet_s = max(beside_s, VICTIM_S)
        with Decoys(len(self.zone.ports)) as decoys, self.watch(quiet_s + PAUSE_S + beside_s + PAUSE_S + 0.3,
                                                               seconds - 0.6) as watchers:
            wait_for_players(self.zone, self.options.players, self.bots, watchers)
            start = time.monotonic()
            decoy_begin = start + quiet_s + PAUSE_S
            begin = decoy_begin + beside_s + PAUSE_S
            first = self.zone.metrics()
            with self.decoy(name, decoy_begin, decoys) as beside, self.junk(name, begin, seconds) as running:
                self.measure(self.idle, decoy_begin - beside_s, beside_s)
                self.measure(self.arms[name]["decoy"], decoy_begin, beside_s)
                decoy = beside.said(END_LIMIT_S)
                ports = self.bots.ports() + watchers.ports()
                time.sleep(max(0.0, begin + EDGE_S - time.monotonic()))
                before, stats, drops = self.zone.metrics(), self.zone.stats(), socket_drops(ports)
                cpu_s = net_threads_cpu_s(self.zone)
                time.sleep(max(0.0, begin + seconds - EDGE_S - time.monotonic()))
                after, span = self.zone.metrics(), self.arms[name]["attack"]
                span.add(stats, self.zone.stats())
                drops, cpu_s = socket_drops(ports) - drops, net_threads_cpu_s(self.zone) - cpu_s
                said = running.said(END_LIMIT_S)
            time.sleep(KERNEL_COUNT_S)
            last = self.zone.metrics()
            report = watchers.report(END_LIMIT_S)
        self.result.note(**{f"{name}_decoy_per_s": round(decoy["per_s"])})
        # Each is counted once: refused with a reason, answered as a Request, or dropped by the kernel before it.
        counted = (grown(first, last, "net_dropped_datagrams_total") + grown(first, last, "net_kernel_dropped_datagrams_total")
                   + events(first, last, "challenged", "accept_repeated"))
        self.result.limit(f"{name}_counted_share", counted / max(1, said["sent"]), ">=", 0.999)
        self.note(name, said, span, cpu_s, report, before, after, drops)

    def note(self, name, said, span, cpu_s, report, before, after, drops):
        result = self.result
        received = grown(before, after, "net_received_datagrams_total")
        kernel = grown(before, after, "net_kernel_dropped_datagrams_total")
        dropped = grown(before, after, "net_dropped_datagrams_total")
        sent_down = grown(before, after, "net_sent_datagrams_total")
        result.note(**{name: {
            "sent_per_s": round(said["per_s"]), "mean_bytes": round(said["mean_bytes"]),
            "attacker_cpu_share": round(said["cpu_share"], 2), "received_per_s": round(received / span.sums["uptime_s"]),
            "kernel_dropped": kernel, "flood_filters": int(total(after, "net_flood_filter")), "dropped": dropped,
            "refused": refused(before, after),
            "net_cpu_share": round(cpu_s / span.sums["uptime_s"], 3), "steal_pct": round(span.steal_pct(os.cpu_count()), 2),
            "age_ms": report["view"]["age_ms"]["combat"]}})
        sequences = grown(before, after, "net_seal_sequences_total")
        result.limit(f"{name}_loss_up_pct", 100 * (1 - grown(before, after, "net_seal_opened_total") / max(1, sequences)), "<", 1,
                     of_time=True)
        result.limit(f"{name}_loss_down_pct", 100 * (drops + grown(before, after, "net_send_errors_total")) / max(1, sent_down),
                     "<", 1, of_time=True)
        result.limit(f"{name}_age_ms_p99", report["view"]["age_ms"]["combat"]["p99"], "<", 250, of_time=True)
        result.limit(f"{name}_sessions", events(before, after, "accepted", "path_moved"), "==", 0)
        result.limit(f"{name}_victim_ended", 0 if said["victim"]["playing"] else 1, "==", 0)
        result.limit(f"{name}_watchers_lost", WATCHERS - report["players"]["connected"] + report["players"]["disconnected"],
                     "==", 0)

    def compare(self):
        """When all idle time is over."""
        for name, arms in self.arms.items():
            arms.note(self.result, f"{name}_")
            for figure, ratio in zip(("p99", "mean"), arms.ratios("attack", "idle")):
                self.result.limit(f"{name}_attack_to_idle_cpu_{figure}", ratio, "<=", CPU_TO_IDLE, of_time=True)


def junk_flood(options):
    """T-14. The age that counts is that of what the bots see of others within 50 m: there is no nearer figure of theirs."""
    result = Result("T-14", options, players=options.players, watchers=WATCHERS, seconds=options.seconds,
                    **{name: rate for name, rate in JUNK_RATES_HZ.items() if rate})
    with Zone(options.bin, (*SEALED, ONE_WORKER)) as zone, Bots(
            options.bin, zone, "bots", *CROWD, *RAMP, "--players", options.players - WATCHERS, "--seed", options.seed,
            "--observers", 0, "--seconds", 0) as bots:
        wait_for_players(zone, options.players - WATCHERS, bots)
        floods = Floods(options, result, zone, bots)
        for name in JUNK_RATES_HZ:
            floods.flood(name)
        if not options.ci:
            floods.rest()
        floods.compare()
        end(bots.process, signal.SIGINT, 20)
        report = bots.report(1)
        result.limit("disconnects", report["players"]["disconnected"], "==", 0)
        stop(result, zone)
    return result


TESTS = {"T-3": amplification, "T-6": connect_tokens, "T-14": junk_flood}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned and zonebot")
    parser.add_argument("--attack", type=pathlib.Path, required=True, help="the program stranger_attack")
    parser.add_argument("--players", type=int, help="500, with --ci 60")
    parser.add_argument("--seconds", type=float, help="of each flood: 60, with --ci 1.5")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(TESTS), help="tests by id, with commas")
    parser.add_argument("--ci", action="store_true", help="a size for every run")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time do not decide")
    options = parser.parse_args(arguments)
    options.bin, options.attack = options.bin.resolve(), options.attack.resolve()
    options.players = options.players or (60 if options.ci else 500)
    options.seconds = options.seconds or (1.5 if options.ci else 60)
    tests_by_id.check_only(parser, options, TESTS)
    return options


if __name__ == "__main__":
    sys.exit(tests_by_id.run(TESTS, parse(sys.argv[1:])))
