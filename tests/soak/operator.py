#!/usr/bin/env python3
"""T-47: the operator's hand; T-48: stop and signals; T-49: metrics while players come and go.

    operator.py --bin DIR [--players N] [--comings N] [--seed K] [--only T-47,T-48,T-49] [--ci] [--correctness-only]

T-48's rolling upgrade and stop in mid-handoff want a handoff, which is not built. Prints one JSON line for each. Exit code 0:
every limit held.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import tests_by_id  # noqa: E402
from arms import ONE_WORKER, Arms  # noqa: E402
from books import check_books_of, zonectl  # noqa: E402
from result import Result  # noqa: E402
from services import Postgres, account, free_port  # noqa: E402
from zone_under_test import ROOT, SEALED, STOP_SECONDS, Bots, Failure, Zone, end, total, wait_until  # noqa: E402

STOP_LIMIT_S = 5
SHARDS = ('shards=[{{id="earth",lon_min=-180.0,lon_max={0},http="http://127.0.0.1:1"}},'
          '{{id="{2}",lon_min={1},lon_max=180.0,http="http://127.0.0.1:2"}}]')


# --- T-47 -----------------------------------------------------------------------------------------

# (what the hand does, arguments, exit code, what the answer names: setting, value and remedy)
HANDS = (
    ("unknown key", ["--set", "net.prot=1"], 78, ["net.prot", "did you mean net.port"]),
    ("wrong unit", ["--set", "tick.hz=33ms"], 78, ["tick.hz", "33ms", "10..60 per second"]),
    ("number out of range", ["--set", "http.timeout_ms=5"], 78, ["http.timeout_ms", "5", "100..600000"]),
    ("overlapping longitudes", ["--set", SHARDS.format("10.0", "0.0", "west")], 78, ["shards", "overlap", "west"]),
    ("duplicate shard id", ["--set", SHARDS.format("0.0", "0.0", "earth")], 78, ["shards[1].id", "earth"]),
    ("weak secret", ["--set", "admin.secret=letmein"], 78, ["admin.secret", "16 characters"]),
    ("plain mode on a public address", ["--set", "net.security=plain", "--set", "net.bind=192.0.2.1"], 78,
     ["net.bind", "loopback", "net.security"]),
    ("HTTP without TLS on a public address", ["--set", "http.bind=192.0.2.1"], 78,
     ["http.bind", "loopback", "http.tls_certificate_file", "http.allow_plaintext"]),
    ("development accounts on a public address", ["--set", "auth.mode=development", "--set", "net.bind=192.0.2.1"], 78,
     ["auth.mode", "loopback"]),
)


# The lock of the folder and the key of its resets: of no world.
MADE_BY_ANY_START = ("zoned.lock", "reset.key")


def snapshot(folder):
    """Names, sizes and times below a folder: what a refused start must leave as it was."""
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*")) if not path.is_dir() and path.name not in MADE_BY_ANY_START}


class Starts:
    """Starts of zoned that must be refused, with ports that are watched."""

    def __init__(self, options):
        self.options = options
        self.http, self.net = free_port(), free_port()
        self.wrong = []
        self.count = 0

    def refused(self, what, arguments, code, names, data, as_nobody=False, secrets=()):
        self.count += 1
        before = snapshot(data) if data.exists() else {}
        command = [self.options.bin / "zoned", "serve", "--set", f"http.port={self.http}", "--set",
                   f"net.port={self.net}", "--set", f"persistence.data_dir={data}", "--set", "database.start_patience_ms=500",
                   *arguments]
        if as_nobody:
            nobody = account("nobody")
            drop = [] if nobody is None else [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
            command = ["setpriv", *drop, *command]
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            bound = answered = False
            while process.poll() is None and time.monotonic() - began < 20:
                bound = bound or code in (65, 78) and self._listens()
                answered = answered or self._answers()
                time.sleep(0.005)
            if process.poll() is None:
                process.kill()
                process.wait()
            said.seek(0)
            text = said.read()
        found = []
        if process.returncode != code:
            found.append(f"exit code {process.returncode}, not {code}")
        found += [f"does not name {name!r}" for name in names if name.lower() not in text.lower()]
        found += ["shows a secret" for secret in secrets if secret in text]
        if bound:
            found.append("had bound a port")
        if answered:
            found.append("answered a request")
        after = snapshot(data) if data.exists() else {}
        if after != before:
            found.append(f"changed the data folder: {sorted(set(after) ^ set(before))[:5]}")
        if found:
            self.wrong.append(f"{what}: {'; '.join(found)}: {text[-400:]}")

    def _listens(self):
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.http)) == 0

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.http), timeout=0.1) as link:
            link.settimeout(0.1)
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: zone\r\n\r\n")
            return bool(link.recv(1))
        return False


def of_tomorrow(options, data):
    """A data folder that a newer release has written."""
    with Zone(options.bin, [f"persistence.data_dir={data}"]) as zone:
        zone.end()
    with contextlib.closing(sqlite3.connect(data / "zone.sqlite3")) as database:
        database.execute("INSERT INTO schema_migration VALUES (9999, '9999_of_tomorrow', ?, 0)", ("0" * 64,))
        database.commit()
    return data


def operators_hand(options):
    result = Result("T-47", options)
    result.omit("old backup restored", "tests/integration/restored_test.py")
    starts = Starts(options)
    with tempfile.TemporaryDirectory(prefix="operator_") as name:
        folder = pathlib.Path(name)
        os.chmod(folder, 0o755)
        for what, arguments, code, names in HANDS:
            starts.refused(what, arguments, code, names, folder / "none", secrets=["letmein"])
        locked = folder / "locked"
        locked.mkdir(mode=0o555)
        starts.refused("read-only folder", [], 73, [f"{locked}/data", "persistence.data_dir", "denied"], locked / "data",
                       as_nobody=True)
        starts.refused("newer schema of the embedded store", [], 65, ["newer", "9999_of_tomorrow", "zoned version"],
                       of_tomorrow(options, folder / "embedded"))
        with Postgres() as postgres:
            url = f"database.url={postgres.url()}"
            secret = re.search(r":([^:@]+)@", postgres.url())[1]
            starts.refused("missing schema", ["--set", url], 65, ["zoned migrate up"], folder / "pg", secrets=[secret])
            subprocess.run([options.bin / "zoned", "migrate", "up", "--set", url], check=True, capture_output=True, timeout=60)
            count = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'i')"
            tables = postgres.sql(count)
            postgres.sql("INSERT INTO schema_migration VALUES (9999, 'of_tomorrow', repeat('0', 64), 0)")
            starts.refused("newer schema", ["--set", url], 65, ["newer", "of_tomorrow"], folder / "pg", secrets=[secret])
            result.limit("tables_changed", tables != postgres.sql(count), "==", False)
    result.note(starts=starts.count, wrong=starts.wrong[:4])
    result.limit("started_or_badly_told", len(starts.wrong), "==", 0)
    return result


# --- T-48 -----------------------------------------------------------------------------------------

def ended_in_time(process, began):
    try:
        code = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None, time.monotonic() - began
    return code, time.monotonic() - began


def stops_at_start(options, result):
    """SIGTERM so many milliseconds after the start of the process: before, while and after it opens its world."""
    codes, longest_s = {}, 0.0
    with Zone(options.bin, SEALED) as zone:
        zone.end()
        for after_ms in options.start_steps_ms:
            zone.spawn()
            time.sleep(after_ms / 1000)
            began = time.monotonic()
            zone.process.send_signal(signal.SIGTERM)
            code, took_s = ended_in_time(zone.process, began)
            codes[after_ms] = code
            longest_s = max(longest_s, took_s)
        zone.start()  # whatever was half done, it serves again
        zone.end()
    result.note(start_codes={str(after): code for after, code in codes.items()})
    # Before main() has installed its handlers the signal itself ends the process.
    result.limit("starts_that_ended_badly", sum(code not in (0, -signal.SIGTERM) for code in codes.values()), "==", 0)
    result.limit("longest_stop_at_start_s", longest_s, "<=", STOP_LIMIT_S)


def stops_under_load(options, result, name, ready, signals):
    """Bots trade or log in; the signals come when `ready(stats)`; then the books are compared with what bots were told."""
    with Zone(options.bin, SEALED) as zone:
        history = zone.folder / "history"
        with Bots(options.bin, zone, "bots", "--accounts", "--scenario", "trade", "--players", options.players, "--seed",
                  options.seed, "--ramp", max(50, options.players // 2), "--history", history, "--seconds", 0) as bots:
            wait_until(f"{name}: the moment has come", 60, lambda: ready(zone), pause=0.005)
            result.note(**{f"{name}_players": zone.stats()["players"]})
            began = time.monotonic()
            for number in range(signals):
                zone.process.send_signal(signal.SIGTERM)
                if number + 1 < signals:
                    time.sleep(0.01)
            code, took_s = ended_in_time(zone.process, began)
            end(bots.process, signal.SIGINT, 20)
        result.limit(f"{name}_exit_code", -99 if code is None else code, "==" if signals == 1 else "<=", 0 if signals == 1 else 130)
        result.limit(f"{name}_stop_s", took_s, "<=", STOP_LIMIT_S)
        if signals > 1:
            # It wrote nothing more; the next start goes on from the journal and the keys.
            zone.start()
            zone.end()
        where = ("--data-dir", zone.data)
        code, out, errors = zonectl(options.bin, where, "check-history", "--json", history)
        if code != 0:
            result.record.setdefault("findings", {})[name] = (out + errors)[-2000:]
        result.limit(f"{name}_history_code", code, "==", 0)
        with contextlib.suppress(ValueError):
            result.note(**{f"{name}_history": json.loads(out)})
        check_books_of(result, zone)


def trading(zone):
    return total(zone.metrics(), "items_answers_total", outcome="ok") >= 50


def stop_and_signals(options):
    result = Result("T-48", options, players=options.players)
    result.omit("rolling upgrade, drain, mid-handoff", "there is no handoff yet")
    stops_at_start(options, result)
    stops_under_load(options, result, "mid_login", lambda zone: options.players // 5 < zone.stats()["players"] < options.players, 1)
    if not options.ci:
        stops_under_load(options, result, "in_trade", trading, 1)
    stops_under_load(options, result, "twice", trading, 2)
    return result


# --- T-49 -----------------------------------------------------------------------------------------

def scrape(port):
    """Seconds that it took, and the names of the series."""
    began = time.monotonic()
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("GET", "/metrics")
    text = link.getresponse().read().decode()
    link.close()
    took_s = time.monotonic() - began
    return took_s, {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}


class Scrapers:
    """One that asks every 100 ms, and some that ask and never read."""

    def __init__(self, port, deaf):
        self._port = port
        self.took_s, self.series = [], []
        self._stop = threading.Event()
        self._deaf = [self._ask_and_never_read() for _ in range(deaf)]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _ask_and_never_read(self):
        link = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        link.sendall(b"GET /metrics HTTP/1.1\r\nHost: zone\r\n\r\n" * 8)
        return link

    def _run(self):
        while not self._stop.wait(0.1):
            with contextlib.suppress(OSError):
                took_s, series = scrape(self._port)
                self.took_s.append(took_s)
                self.series.append(frozenset(series))

    def stop(self):
        self._stop.set()
        self._thread.join()
        for link in self._deaf:
            link.close()


def comings_and_goings(options, zone, number):
    """Players that log in, stay for a moment and leave, until so many have come."""
    done, wave = 0, 0
    while done < number:
        wave += 1
        players = min(options.wave, number - done)
        bots = Bots(options.bin, zone, f"wave{wave}", "--accounts", "--scenario", "spread", "--players", players, "--seed",
                    1000 + wave, "--ramp", 500, "--observers", 1, "--seconds", 1)
        bots.report(90)
        done += players
    return done


def metrics_under_comings(options):
    result = Result("T-49", options, players=options.players, comings=options.comings)
    # Metrics are on the HTTP port, which is the machine's own unless TLS or http.allow_plaintext says otherwise (T-47).
    settings = (ROOT / "config/zoned.toml").read_text()
    result.limit("metrics_on_loopback_by_default", bool(re.search(r'(?s)\[http\].*?\nbind = "127\.0\.0\.1"\n', settings)), "==", True)
    arms = Arms("idle", "attack")
    with Zone(options.bin, [*SEALED, ONE_WORKER]) as zone, \
            Bots(options.bin, zone, "bots", "--accounts", "--scenario", "spread", "--players", options.players, "--seed", options.seed,
                 "--ramp", 200, "--observers", 1, "--seconds", 0):
        wait_until("everybody plays", 60, lambda: zone.stats()["players"] == options.players, pause=0.2)
        port = int(zone.http.rsplit(":", 1)[1])
        _, first = scrape(port)
        took_s = []
        for _ in range(options.spans):
            before = zone.stats()
            time.sleep(options.span_s)
            arms["idle"].add(before, zone.stats())
            scrapers = Scrapers(port, deaf=4)
            before = zone.stats()
            time.sleep(options.span_s)
            wanted = int(options.span_s * 4)
            with contextlib.suppress(Failure):  # the limit below says it
                wait_until("as many scrapes as the span should have", 20, lambda: len(scrapers.took_s) >= wanted)
            arms["attack"].add(before, zone.stats())
            scrapers.stop()
            result.limit("scrapes", len(scrapers.took_s), ">=", wanted)
            took_s += scrapers.took_s
        took_s.sort()
        came = comings_and_goings(options, zone, options.comings)
        _, last = scrape(port)
        result.note(came=came, series=len(last), changed=sorted(first ^ last)[:5])
        result.limit("series_changed", len(first ^ last), "==", 0)
        result.limit("series", len(last), "<=", 2000)
        result.limit("scrape_p99_s", took_s[int(len(took_s) * 0.99) - 1], "<", 0.05, of_time=True)
        # Of CPU, as everywhere (decision 0019): scrapers and bots share two cores with the zone here.
        arms.note(result)
        p99, mean = arms.ratios("attack", "idle")
        result.limit("zone_cpu_per_tick_ratio", mean, "<=", 1.1, of_time=True)
        result.limit("zone_cpu_p99_ratio", p99, "<=", 1.1, of_time=True)
        result.limit("zoned_exit_code", zone.end(), "==", 0)
    return result


TESTS = {"T-47": operators_hand, "T-48": stop_and_signals, "T-49": metrics_under_comings}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=lambda text: pathlib.Path(text).resolve(), required=True, help="of zoned, zonebot and zonectl")
    parser.add_argument("--players", type=int, help="500, with --ci 60")
    parser.add_argument("--comings", type=int, help="players that come and go in T-49: 10,000, with --ci 300")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(TESTS), help="tests by id, with commas")
    parser.add_argument("--ci", action="store_true", help="a size for every run")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time are noted, not enforced")
    options = parser.parse_args(arguments)
    for size, small, full in (("players", 40, 500), ("comings", 200, 10_000), ("wave", 200, 500), ("span_s", 1.5, 10), ("spans", 1, 3),
                              ("start_steps_ms", (0, 5, 20, 60, 150), (*range(0, 200, 5), 300, 500, 1000))):
        if getattr(options, size, None) is None:
            setattr(options, size, small if options.ci else full)
    tests_by_id.check_only(parser, options, TESTS)
    return options


if __name__ == "__main__":
    sys.exit(tests_by_id.run(TESTS, parse(sys.argv[1:])))
