"""A zone at several sizes and densities, one after another: players against tick P99, CPU, bytes and age.

scenes.py runs it as the scene "sweep", figures.py draws it.
"""

import sys
import time

from zone_under_test import SEALED, Bots, Failure, Zone, total, wait_until

SECONDS = 10  # of each cell's window
JOIN_LIMIT_S = 120
WARMUP_S = 5

# label: (options of zonebot, numbers of players)
DENSITIES = {
    "150 per disc of 1,000 m": (["--scenario", "spread", "--density", 150], [500, 1000, 2000, 3000]),
    "600 per disc of 1,000 m": (["--scenario", "spread", "--density", 600], [500, 1000, 2000, 3000]),
    "crowd, radius 25 m": (["--scenario", "crowd", "--radius", 25], [250, 500, 1000]),
}


def cell(options, density, arguments, players):
    relief = []
    with Zone(options.bin, SEALED) as zone, Bots(
            options.bin, zone, "bots", *arguments, "--players", players, "--accounts", "--seed", options.seed, "--warmup",
            WARMUP_S, "--seconds", SECONDS) as bots:
        wait_until(f"{players} are in play", JOIN_LIMIT_S, lambda: zone.stats()["players"] >= players, pause=0.2)
        time.sleep(WARMUP_S)
        for _ in range(SECONDS):
            relief.append(total(zone.metrics(), "zone_relief_step"))
            time.sleep(1)
        report = bots.report(JOIN_LIMIT_S)
        exit_code = zone.stop()
    server, down = report["server"], report["down"]
    if server is None or exit_code != 0:
        raise Failure(f"{players} players, {density}: exit code of zoned {exit_code}, statistics {server}")
    return {"density": density, "players": players, "connected": report["players"]["connected"],
            "disconnected": report["players"]["disconnected"], "tick_ms": server["tick_ms"],
            "tick_to_wire_ms": server["tick_to_wire_ms"], "tick_hz": server["tick_hz"],
            "missed_pct": 100 * server["missed_ticks"] / max(1, server["ticks"]), "relief_step_most": max(relief),
            "cpu_s_per_s": server["cpu_s_per_s"],
            "cpu_us_per_player_tick": 1e6 * server["cpu_s_per_s"] / server["tick_hz"] / players,
            "down_bytes_per_player_s": down["bytes_per_player_s"], "down_packets_per_player_s": down["packets_per_player_s"],
            "age_ms": report["view"]["age_ms"], "rss_mb": server["rss_mb"], "steal_pct": server["steal_pct"],
            "zonebot_cpu_s_per_s": report["zonebot"]["cpu_s_per_s"]}


def measure(options):
    cells = []
    for density, (arguments, sizes) in DENSITIES.items():
        for players in sizes:
            print(f"sweep: {players} players, {density}", file=sys.stderr, flush=True)
            cells.append(cell(options, density, arguments, players))
    return {"players": {"wanted": max(each["players"] for each in cells),
                        "not_connected": sum(each["players"] - each["connected"] for each in cells),
                        "disconnected": sum(each["disconnected"] for each in cells)},
            "server/steal_pct": max(each["steal_pct"] for each in cells), "cells": cells}
