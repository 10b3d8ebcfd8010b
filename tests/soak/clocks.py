#!/usr/bin/env python3
"""T-19, the wall clock: it jumps by 20 s, 60 s and an hour either way and runs 10 % fast under a zone with players;
monotonic time is left alone (wall_clock_shift.cc).

    clocks.py --bin DIR --shift FILE [--players N] [--seconds S] [--seed K] [--ci] [--correctness-only]

Prints one JSON line. Exit code 0: every limit held.
"""

import base64
import json
import pathlib
import struct
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import one_test  # noqa: E402
from result import Result  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Zone, wait_until  # noqa: E402

# Seconds to add, and how much too fast the clock runs, in parts per million.
SHIFTS = ((20, 0), (-20, 0), (60, 0), (-60, 0), (3600, 0), (-3600, 0), (0, 100_000), (0, -100_000), (0, 0))
TICKS_OFF_PCT = 1


def post(zone, path, body, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(zone.http + path, data=json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def join_now(zone):
    """A player logs in and joins; how far zoned's wall clock is ahead, by the token that it signed."""
    token = post(zone, "/v1/login", {"name": "clock watcher", "password": "a good password"})["access_token"]
    claims = token.split(".")[1]
    issued = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["iat"]
    ahead = issued - time.time()
    if not post(zone, "/v1/join", {}, token)["token"]:
        raise Failure("a join brought no token")
    return round(ahead)


def shift_to(file, shift):
    seconds, ppm = shift
    with open(file, "r+b") as out:
        out.write(struct.pack("<qq", seconds * 1_000_000_000, ppm))


def clocks(options):
    result = Result("T-19", options, players=options.players, seconds=options.seconds)
    for part in ("32-bit ms wrap", "16-bit sequence wrap", "4 GB byte counter wrap"):
        result.omit(part, "needs days of traffic or a clock of the kernel's own; not in this run")
    result.omit("leases", "there are none before handoff")
    with Zone(options.bin, SEALED) as zone:
        shift = zone.folder / "shift"
        shift.write_bytes(bytes(16))
        zone.end()  # it had to be there once for its folder to be known
        zone.start({"LD_PRELOAD": str(options.shift.resolve()), "WALL_CLOCK_SHIFT": str(shift)})
        with Bots(options.bin, zone, "clocks", "--accounts", "--scenario", "spread", "--players", options.players, "--seed",
                  options.seed, "--observers", 0, "--warmup", 1, "--seconds", options.seconds) as bots:
            wait_until("everybody plays", 60, lambda: zone.stats()["players"] == options.players, pause=0.2)
            began, before = time.monotonic(), zone.stats()
            each_s = options.seconds * 0.9 / len(SHIFTS)
            seen = []
            for each in SHIFTS:
                shift_to(shift, each)
                time.sleep(each_s)
                seen.append(join_now(zone))
            lasted, after = time.monotonic() - began, zone.stats()
            report = bots.report(60)
        result.note(wall_clock_ahead_s=seen)
        jumped = all(abs(ahead - seconds) <= 2 for ahead, (seconds, ppm) in zip(seen, SHIFTS) if ppm == 0)
        result.limit("clock_jumped", int(jumped and seen[6] > 0 > seen[7]), "==", 1)
        result.limit("disconnected", report["players"]["disconnected"], "==", 0)
        result.limit("connected", report["players"]["connected"], "==", options.players)
        off_pct = abs((after["tick"] - before["tick"]) / (lasted * after["tick_hz"]) - 1) * 100
        result.limit("ticks_off_pct", off_pct, "<=", TICKS_OFF_PCT, of_time=True)
    return result


if __name__ == "__main__":
    sys.exit(one_test.main(clocks, __doc__, paths={"shift": "the built wall_clock_shift"}, players=(50, 500),
                           seconds=(24, 120)))
