"""The figures of the durable world, by programs that start their own PostgreSQL and Redis, of the spatial index, the codec
and a tick, by such as need nothing, of what scrapers, the web console and the slow-tick recorder cost, and of other servers
beside a zone. They
measure and print JSON.

scenes.py runs them beside the scenes. Whatever else a program holds against a limit is in its exit code.
"""

import json
import subprocess
import sys

from zone_under_test import ROOT, Failure

PATIENCE_S = 3600
SKIPPED = 77  # what a program ends with that lacks something
CONSOLE_SCENES = ("globe", "country", "city", "street", "herd", "in the herd")


class Omitted(Exception):
    """The program says what it lacks."""


def codec(whose, base, unit, path):
    return [(f"{unit} of {whose} update, base {base} old", path, "<=", f"limits/{path}", unit),
            (f"encoding {whose} update, base {base} old", "encode_ns_per_update", "<=", "limits/encode_ns_per_update", "ns")]


def bodies(base_age, base):
    return (["wire_bench", "--bodies", "{bodies}", "--hz", "30", "--base-age", str(base_age), "--most-bytes", "3", "--most-ns", "100"],
            codec("a body's", base, "bytes", "bytes_per_update"))


def tick(scene, players, others=None):
    who = f"{scene} of {players:,}" + (f" and {others:,} others" if others else "")
    sizes = ["--scene", scene, "--players", str(players)] + (["--entities", str(others)] if others else [])
    rows = [(f"assembling a datagram, {who}", "measured/assembly/ns_per_datagram", "<=", "limits/assembly_ns_per_datagram", "ns"),
            (f"RSS per session, {who}", "measured/memory/rss_kb_per_session", "<=", "limits/rss_kb_per_session", "kB")]
    if others:
        rows.append((f"RSS, {who}", "measured/memory/rss_mb", "<=", "limits/rss_mb", "MB"))
    return ["tick_bench", *sizes], rows


# name: (command without its folder, rows of (figure, where in the program's report, relation, limit or where, unit)). A figure
# without a limit is only told.
# {trace} and {bodies} are files that scenes.py makes, {console} is the folder of the built pages.
PROGRAMS = {
    "durable": (["durable_bench"], [
        ("transactional events, of a bare COPY's rows", "transactional_ratio", ">=", "transactional_limit", ""),
        ("progressive updates, of a bare COPY's rows", "progressive_ratio", ">=", "progressive_limit", "")]),
    "reads": (["read_bench"], [
        ("hot read P99, from Redis", "measured/hot_p99_ms", "<", "limits/hot_p99_ms", "ms"),
        ("cold read P99, from PostgreSQL", "measured/cold_p99_ms", "<", "limits/cold_p99_ms", "ms"),
        ("hit rate of active players", "measured/hit_rate_10_actions_per_s/all", ">",
         "limits/hit_rate_10_actions_per_s.all", ""),
        ("hit rate at 300 actions/s", "measured/hit_rate_300_actions_per_s/all", ">",
         "limits/hit_rate_300_actions_per_s.all", "")]),
    "zone_persistence": (["zone_persistence_bench"], [
        ("updates of 1,000 players", "measured/updates_per_s", ">=", "limits/updates_per_s", "/s"),
        ("commit P99", "measured/commit_ms_p99", "<", "limits/commit_ms_p99", "ms"),
        ("zone thread's CPU per tick, of that without", "measured/cpu_ratio_mean", "<=", "limits/cpu_ratio_mean", "")]),
    "restart": (["durability.py", "--only", "restart"], [
        ("kill -9 to first tick, PostgreSQL", "postgres/measured/first_tick_s_max", "<", 5, "s"),
        ("kill -9 to first tick, SQLite", "sqlite/measured/first_tick_s_max", "<", 5, "s")]),
    "spatial": (["spatial_bench"], [
        ("index and queries, of a k-d tree's (nanoflann)", "measured/of_nanoflann", "<=", "limits/of_nanoflann", ""),
        ("index and queries, of an R-tree's (Boost)", "measured/of_rtree", "<=", "limits/of_rtree", "")]),
    "wire_crowd": (["wire_bench", "--trace", "{trace}", "--hz", "16", "--base-age", "6", "--most-bits", "14", "--most-ns", "100"],
                   codec("a person's", "6 samples", "bits", "part_bits_per_update")),
    "wire_crowd_facing": (["wire_bench", "--trace", "{trace}", "--hz", "16", "--base-age", "6", "--facing"], [
        ("bits of a person's update who faces where it goes", "part_bits_per_update", None, None, "bits"),
        ("encoding it", "encode_ns_per_update", None, None, "ns")]),
    "wire_bodies_3": bodies(3, "3 ticks"),
    "wire_bodies_1": bodies(1, "1 tick"),
    "tick_spread": tick("spread", 3000),
    "tick_crowd": tick("crowd", 1000),
    "tick_crowd_2": (["tick_bench", "--scene", "crowd", "--players", "1000", "--workers", "2", "--against", "1"], [
        *((f"replicate phase by the wall clock, crowd of 1,000, {who}", f"measured/replicate_wall_ms/{workers}/p50", None, None, "ms")
          for workers, who in ((1, "1 worker"), (2, "2 workers"))),
        ("2 workers' wall time, of 1 worker's", "measured/replicate_wall_ratio", None, None, "")]),
    "tick_memory": tick("spread", 5000, 50_000),
    "metrics": (["metrics_cost.py"], [
        ("scrape P99, a new connection each", "new_connections/p99_ms", "<", "limits/scrape_p99_ms", "ms"),
        ("scrape P99, one connection", "one_connection/p99_ms", "<", "limits/scrape_p99_ms", "ms"),
        ("zone thread's CPU per tick with a scrape a second, of that without", "zone_cpu_ratio/1", "<=", "limits/zone_cpu_ratio", "")]),
    "console": (["console_rate.py", "--console", "{console}"], [
        *((f"frames/s of map, {scene}", f"scenes/{scene}/least_fps", ">=", "limits/fps", "/s") for scene in CONSOLE_SCENES),
        ("page ready", "ready_ms", "<", "limits/ready_ms", "ms"),
        *((f"server's CPU for a page, {view}", f"cost/page_pct/{view}", "<", "limits/page_pct", "% of a core")
          for view in ("globe", "herd"))]),
    "console_feed": (["console_cost.py"], [
        (f"server's CPU for a page's feed, {mode}", f"modes/{mode}/pct", "<", "limits/pct", "% of a core")
        for mode in ("blocks", "cells", "focus")]),
    "slow_ticks": (["slow_cost.py"], [
        ("CPU of a tick with the slow-tick recorder, above that of one without", "in_one_process/above_pct", "<", "limits/above_pct",
         "%"),
        ("zone thread's CPU per tick of a zoned with it, above that of one without", "zones/above_pct", None, None, "%")]),
    "peers": (["peers.py"], [
        (f"{what} of a zone and of {peer}, {scene}", path.format(scene, "bluemarble"), relation, path.format(scene, peer), unit)
        for scene in ("spread", "crowd") for peer in ("colyseus", "naive_enet")
        for what, path, relation, unit in (("players held", "held/{}/{}", ">", ""),
                                           ("CPU per player and tick", "common/{}/{}/cpu_us_per_player_tick", "<", "us"),
                                           ("down per player", "common/{}/{}/down_bytes_per_player_s", "<", "B/s"))]),
}
FOLDERS = {"durability.py": "soak", "peers.py": "bench/peers", "metrics_cost.py": "bench", "console_rate.py": "bench",
           "console_cost.py": "bench", "slow_cost.py": "bench"}
IN_BIN = ("wire_bench",)


def inputs_of(name):
    """The files that it wants, by name."""
    return {word.strip("{}") for word in PROGRAMS[name][0] if word.startswith("{")}


def command_of(name, bin_dir, inputs):
    first, *arguments = PROGRAMS[name][0]
    arguments = [inputs[word.strip("{}")] if word.startswith("{") else word for word in arguments]
    if first.endswith(".py"):
        return [sys.executable, ROOT / "tests" / FOLDERS[first] / first, "--bin", bin_dir, *arguments]
    return [bin_dir / first if first in IN_BIN else bin_dir.parent / "bench" / first, *arguments]


def report_of(text):
    """One report; or one a line, by the store that each used."""
    try:
        return json.loads(text)
    except ValueError:
        reports = [json.loads(line) for line in text.splitlines()]
    if errors := [each["error"] for each in reports if "error" in each]:
        raise Failure(errors[0])
    return {each["sizes"]["store"]: each for each in reports}


def run(name, bin_dir, inputs):
    """(its report, its exit code); Omitted when it cannot run here"""
    answer = subprocess.run(command_of(name, bin_dir, inputs), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if answer.returncode == SKIPPED:
        raise Omitted(answer.stdout.strip())
    try:
        return report_of(answer.stdout), answer.returncode
    except (ValueError, KeyError):
        said = (answer.stderr or answer.stdout)[-500:]
        raise Failure(f"{PROGRAMS[name][0][0]} ended with code {answer.returncode}: {said}") from None
