"""What one operator's page costs a zone: CPU time of zoned and of its zone thread, with a console attached and without, by
turns, on 5,000 animals and 200 bots.

    console_cost.py --bin FOLDER [--rounds 6] [--seconds 8] [--mode blocks|cells|focus] [--animals N] [--bots N]
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
from zone_under_test import Bots, Zone, total, wait_until  # noqa: E402

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
    assert console.code is None, console.code
    console.close(1000)
    return received


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--mode", choices=VIEWS, default="blocks")
    parser.add_argument("--animals", type=int, default=5000)
    parser.add_argument("--bots", type=int, default=200)
    options = parser.parse_args()
    limit = 100 if options.mode == "cells" else 100000
    with Zone(options.bin, (f"game.animals={options.animals}", f"console.max_entities={limit}")) as zone:
        secret = (zone.data / "admin.secret").read_text().strip()
        seconds = options.rounds * 2 * (options.seconds + 1) + 20
        with Bots(options.bin, zone, "bots", "--players", options.bots, "--seconds", int(seconds), "--warmup", 0):
            wait_until("the bots play", 60, lambda: total(zone.metrics(), "session_players") == options.bots)
            time.sleep(3)
            rows = {True: [], False: []}
            for turn in range(options.rounds * 2):
                attached = (turn + turn // 2) % 2 == 0
                before = zone.stats()
                received = 0
                if attached:
                    received = watch(zone, secret, options.mode, options.seconds)
                else:
                    time.sleep(options.seconds)
                after = zone.stats()
                span = after["uptime_s"] - before["uptime_s"]
                rows[attached].append((100 * (after["cpu_s"] - before["cpu_s"]) / span,
                                       100 * (after["zone_cpu_s"] - before["zone_cpu_s"]) / span, received / span))
            for attached, name in ((False, "without"), (True, "with")):
                process, zone_thread, received = (statistics.median(row[i] for row in rows[attached]) for i in range(3))
                print(f"{name:8} process {process:6.2f} %  zone thread {zone_thread:6.2f} %  {received / 1000:7.1f} kB/s")
            cost = [statistics.median(row[i] for row in rows[True]) - statistics.median(row[i] for row in rows[False])
                    for i in range(2)]
            print(f"one console ({options.mode}): {cost[0]:.2f} % of a core, {cost[1]:.2f} % of it on the zone thread")


if __name__ == "__main__":
    main()
