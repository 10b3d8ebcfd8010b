"""What sealing costs a zone: the same players on a plain one and on a sealed one, which take turns in one run.

scenes.py runs it as the scene "sealed".
"""

import collections
import os
import pathlib
import statistics
import time

from zone_under_test import ROOT, SEALED, Bots, Failure, Zone, wait_until

PLAYERS = 1000
PAIRS = 2
SCENARIO = ["--scenario", "cities", "--cities", ROOT / "build/cities.csv", "--players", PLAYERS]
KINDS = {"plain": ((), ()), "sealed": (SEALED, ("--accounts",))}  # settings of zoned, options of zonebot
JOIN_LIMIT_S = 120
WARMUP_S = 5
MARGIN_S = 2  # at either end of zonebot's window, which begins when it likes


def thread_cpu_s(pid):
    """{name: CPU seconds} of a process's threads; those of one name together."""
    cpu = collections.Counter()
    for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            head, tail = stat.read_text().rsplit(")", 1)
        except FileNotFoundError:
            continue  # it has ended
        user, system = tail.split()[11:13]
        cpu[head.split("(", 1)[1]] += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return cpu


def window(kind, options, seconds):
    """What a zone of this kind needs for the players."""
    settings, more = KINDS[kind]
    with Zone(options.bin, settings) as zone, Bots(
            options.bin, zone, "bots", *SCENARIO, *more, "--seed", options.seed, "--warmup", WARMUP_S, "--seconds",
            seconds) as bots:
        wait_until("all are in play", JOIN_LIMIT_S, lambda: zone.stats()["players"] >= PLAYERS, pause=0.2)
        time.sleep(WARMUP_S + MARGIN_S)
        began, before = time.monotonic(), thread_cpu_s(zone.process.pid)
        time.sleep(seconds - 2 * MARGIN_S)
        lasted, after = time.monotonic() - began, thread_cpu_s(zone.process.pid)
        report = bots.report(seconds + JOIN_LIMIT_S)
        exit_code = zone.stop()
    server, players = report["server"], report["players"]
    if server is None or exit_code != 0:
        raise Failure(f"the {kind} zone: exit code {exit_code}, statistics {server}")
    net_cpu_s_per_s = (after["net"] - before["net"]) / lasted
    # By tick, so that one that a busy machine missed does not count as saved.
    return {"kind": kind, "connected": players["connected"], "disconnected": players["disconnected"],
            "cpu_s_per_s": server["cpu_s_per_s"], "net_cpu_s_per_s": net_cpu_s_per_s, "tick_hz": server["tick_hz"],
            "cpu_ms_per_tick": 1000 * server["cpu_s_per_s"] / server["tick_hz"],
            "net_cpu_ms_per_tick": 1000 * net_cpu_s_per_s / server["tick_hz"], "steal_pct": server["steal_pct"], "tick_ms": server["tick_ms"],
            "down_packets_per_player_s": report["down"]["packets_per_player_s"],
            "up_packets_per_player_s": report["up"]["packets_per_player_s"],
            "zonebot_cpu_s_per_s": report["zonebot"]["cpu_s_per_s"]}


def above_pct(pair, figure):
    return 100 * (pair["sealed"][figure] / pair["plain"][figure] - 1)


def measure(options):
    """Windows of half of options.seconds each."""
    pairs = [{kind: window(kind, options, options.seconds / 2) for kind in KINDS} for _ in range(PAIRS)]
    windows = [each for pair in pairs for each in pair.values()]
    return {
        "players": {"wanted": PLAYERS, "connected": min(each["connected"] for each in windows),
                    "disconnected": sum(each["disconnected"] for each in windows)},
        "above_plain_pct": statistics.median(above_pct(pair, "cpu_ms_per_tick") for pair in pairs),
        "above_plain_pct_of_each_pair": [round(above_pct(pair, "cpu_ms_per_tick"), 2) for pair in pairs],
        "net_threads_above_plain_pct": statistics.median(above_pct(pair, "net_cpu_ms_per_tick") for pair in pairs),
        "cpu_s_per_s": {kind: [pair[kind]["cpu_s_per_s"] for pair in pairs] for kind in KINDS},
        "net_threads_share_pct": {kind: [round(100 * pair[kind]["net_cpu_s_per_s"] / pair[kind]["cpu_s_per_s"], 1)
                                         for pair in pairs] for kind in KINDS},
        "server/steal_pct": max(each["steal_pct"] for each in windows), "windows": windows}
