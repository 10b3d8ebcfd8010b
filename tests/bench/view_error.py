"""What a player sees against what it is sent: the recorded crowd with several budgets of bytes per player, on the wire. Seen
are those who walk: who stands beside the recording, before or after its own part of it, costs bytes but is not scored.

scenes.py runs it as the scene "view_error", figures.py draws it.
"""

import sys

from zone_under_test import SEALED, Bots, Failure, Zone

BUDGETS = (3_500, 5_000, 10_000, 20_000, 36_000)  # bytes/s of a player, all headers above UDP included
SECONDS = 20  # of each window
JOIN_LIMIT_S = 120
TICK_HZ = 30
# The setting counts snapshots. ENet's 10 and the seal's 33 bytes a datagram, pings and acknowledgements are not in it.
OVERHEAD = 45 * TICK_HZ


def window(options, trace, budget):
    settings = (*SEALED, f"replication.budget_bytes_per_s={budget - OVERHEAD}")
    with Zone(options.bin, settings) as zone, Bots(
            options.bin, zone, "bots", "--scenario", "trace", "--trace", trace, "--accounts", "--seed", options.seed,
            "--seconds", SECONDS) as bots:
        report = bots.report(JOIN_LIMIT_S + SECONDS)
        exit_code = zone.stop()
    server, view = report["server"], report["view"]
    if server is None or exit_code != 0:
        raise Failure(f"{budget} B/s: exit code of zoned {exit_code}, statistics {server}")
    return {"budget_bytes_per_s": budget, "players": report["players"], "down_bytes_per_player_s":
            report["down"]["bytes_per_player_s"], "down_packets_per_player_s": report["down"]["packets_per_player_s"],
            "error_m": view["error_m"], "age_ms": view["age_ms"], "samples": view["samples"],
            "targets": view["targets"],
            "bytes_per_entity_update": report["bytes_per_entity_update"], "tick_hz": server["tick_hz"],
            "steal_pct": server["steal_pct"]}


def measure(options, trace):
    windows = {}
    for budget in BUDGETS:
        print(f"view_error: {budget} B/s", file=sys.stderr, flush=True)
        windows[str(budget)] = window(options, trace, budget)
    players = [each["players"] for each in windows.values()]
    return {"players": {"wanted": players[0]["wanted"], "connected": min(each["connected"] for each in players),
                        "disconnected": sum(each["disconnected"] for each in players)},
            "server/steal_pct": max(each["steal_pct"] for each in windows.values()), "budgets": windows}
