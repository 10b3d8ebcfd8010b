"""What the slow-tick recorder costs, measured twice. In one process, where ticks with it and without take turns in the same zone:
that is what the limit is for, since it comes out the same within half a percent. And of real zones: two at a time, one that
keeps tick.slow_history_s as it is set and one that keeps nothing, each with 1,000 bots of `spread`, their zone threads' CPU per
tick over the same seconds; two zones that are set alike differ by some percent.

    slow_cost.py --bin FOLDER [--rounds 5] [--seconds 6]

Prints one JSON object: in each round both zones are new, and the other one starts first; the median of the rounds' ratios
is told. Exit code 0: the limit held.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from zone_under_test import Bots, Failure, Spans, Zone, wait_until  # noqa: E402

PLAYERS = 1000
TICKS = 3600
JOIN_LIMIT_S, WARMUP_S = 60, 3
# One tick worker: no part of a tick is on another thread.
KINDS = {"recorded": ("tick.workers=1",), "unrecorded": ("tick.workers=1", "tick.slow_history_s=0")}


def history_ticks(zone):
    """What the zone itself says that it keeps."""
    request = urllib.request.Request(zone.http + "/v1/slow", headers={
        "Authorization": "Bearer " + (zone.data / "admin.secret").read_text().strip()})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())["history_ticks"]


def round_of(options, kinds):
    """{kind: µs of the zone thread per tick}"""
    with contextlib.ExitStack() as stack:
        zones = {kind: stack.enter_context(Zone(options.bin, KINDS[kind])) for kind in kinds}
        for zone in zones.values():
            stack.enter_context(Bots(options.bin, zone, "bots", "--scenario", "spread", "--players", PLAYERS, "--seed", 1,
                                     "--observers", 0, "--seconds", int(JOIN_LIMIT_S + WARMUP_S + options.seconds + 60)))
        for zone in zones.values():
            wait_until("all are in play", JOIN_LIMIT_S, lambda zone=zone: zone.stats()["players"] >= PLAYERS, pause=0.2)
        kept = {kind: history_ticks(zone) for kind, zone in zones.items()}
        if not kept["recorded"] > kept["unrecorded"] == 0:
            raise Failure(f"the zones keep {kept} ticks")
        time.sleep(WARMUP_S)
        before = {kind: zone.stats() for kind, zone in zones.items()}
        time.sleep(options.seconds)
        spans = {kind: Spans() for kind in zones}
        for kind, zone in zones.items():
            spans[kind].add(before[kind], zone.stats())
    return {kind: each.cpu_us_per_tick() for kind, each in spans.items()}


def in_one_process(options):
    answer = subprocess.run([options.bin.parent / "bench/tick_bench", "--scene", "spread", "--players", str(PLAYERS), "--ticks",
                             str(TICKS), "--recorder", "1"], capture_output=True, text=True, check=False)
    try:
        return json.loads(answer.stdout)
    except ValueError:
        raise Failure(f"tick_bench ended with code {answer.returncode}: {answer.stderr[-500:]}") from None


def measure(options):
    one = in_one_process(options)
    rounds = []
    for number in range(options.rounds):
        print(f"slow_cost: round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        rounds.append(round_of(options, list(KINDS) if number % 2 == 0 else list(reversed(KINDS))))
    above = [100 * (each["recorded"] / each["unrecorded"] - 1) for each in rounds]
    return {"players": PLAYERS, "in_one_process": one["measured"], "limits": one["limits"],
            "zones": {"above_pct": round(statistics.median(above), 3), "above_pct_of_each": [round(each, 2) for each in above],
                      "zone_cpu_us_per_tick": {kind: round(statistics.median(each[kind] for each in rounds), 1) for kind in KINDS}},
            "cores": os.cpu_count()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of one round's window")
    report = measure(parser.parse_args())
    print(json.dumps(report))
    return int(report["in_one_process"]["above_pct"] >= report["limits"]["above_pct"])


if __name__ == "__main__":
    sys.exit(main())
