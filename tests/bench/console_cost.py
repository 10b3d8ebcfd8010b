"""What the feed of one operator's page costs a zone: CPU time of zoned and of its zone thread, with a client of the feed attached
and without, by turns, on 5,000 animals and 200 bots. It reads what a page would: all leaf blocks, cells with more entities in
view than console.max_entities, or the blocks of a street.

    console_cost.py --bin FOLDER [--rounds 6] [--seconds 8] [--mode blocks,cells,focus] [--animals N] [--bots N]

Prints one JSON object; exit 1 when a mode costs more than its limit.
"""

import argparse
import json
import pathlib
import select
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from web_socket import TEXT, WebSocket  # noqa: E402
from zone_under_test import Bots, Failure, Zone, total, wait_until  # noqa: E402

MOST_PCT = 3  # of a core
VIEWS = {"cells": ([-180, -90, 180, 90], 2), "blocks": ([-180, -90, 180, 90], 2), "focus": ([2.33, 48.84, 2.38, 48.87], 14)}


def watch(zone, secret, mode, seconds):
    """Reads what a page would; the bytes that came."""
    console = WebSocket(zone.http, "/v1/console/live")
    view, zoom = VIEWS[mode]
    messages = [{"token": secret}, {"view": view, "zoom": zoom}]
    if mode == "focus":
        messages.append({"focus": view})
    for message in messages:
        console.send(json.dumps(message).encode(), TEXT)
    received, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        select.select([console], [], [], left)
        received += sum(len(payload) for _, payload in console.poll())
    if console.code is not None:
        raise Failure(f"the zone ended the console's connection: {console.code}")
    console.close(1000)
    return received


def turn(zone, secret, mode, seconds):
    """(of zoned, of its zone thread, in percent of a core; bytes a second); without a mode nobody watches."""
    before, received = zone.stats(), 0
    if mode:
        received = watch(zone, secret, mode, seconds)
    else:
        time.sleep(seconds)
    after = zone.stats()
    span = after["uptime_s"] - before["uptime_s"]
    return (100 * (after["cpu_s"] - before["cpu_s"]) / span, 100 * (after["zone_cpu_s"] - before["zone_cpu_s"]) / span,
            received / span)


def measure(options, mode):
    limit = 100 if mode == "cells" else 100_000
    with Zone(options.bin, (f"game.animals={options.animals}", f"console.max_entities={limit}")) as zone:
        secret = (zone.data / "admin.secret").read_text().strip()
        seconds = options.rounds * 2 * (options.seconds + 1) + 20
        with Bots(options.bin, zone, "bots", "--players", options.bots, "--seconds", int(seconds), "--warmup", 0):
            wait_until("the bots play", 60, lambda: total(zone.metrics(), "session_players") == options.bots)
            time.sleep(3)
            rows = {True: [], False: []}
            for number in range(options.rounds * 2):
                attached = (number + number // 2) % 2 == 0
                rows[attached].append(turn(zone, secret, mode if attached else None, options.seconds))
    without, watched = ([statistics.median(row[i] for row in rows[kind]) for i in range(3)] for kind in (False, True))
    return {"without_pct": without[0], "with_pct": watched[0], "pct": watched[0] - without[0],
            "zone_thread_pct": watched[1] - without[1], "bytes_per_s": watched[2]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--mode", default=",".join(VIEWS), help="with commas")
    parser.add_argument("--animals", type=int, default=5000)
    parser.add_argument("--bots", type=int, default=200)
    options = parser.parse_args()
    if unknown := set(options.mode.split(",")) - set(VIEWS):
        parser.error(f"no such mode: {', '.join(sorted(unknown))}")
    modes = {mode: measure(options, mode) for mode in options.mode.split(",")}
    print(json.dumps({"animals": options.animals, "bots": options.bots, "limits": {"pct": MOST_PCT}, "modes": modes}))
    return int(any(each["pct"] >= MOST_PCT for each in modes.values()))


if __name__ == "__main__":
    sys.exit(main())
