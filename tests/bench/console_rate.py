"""The web console's map in Chromium, drawn by software, on a zone with 5,000 animals and 200 bots: frames a second from afar
and near, at rest and dragged; the time until the page is ready; and what one page costs the server.

    console_rate.py --bin FOLDER --console FOLDER [--puppeteer FOLDER] [--animals N] [--bots N] [--set SETTING=VALUE]...
                    [--only scenes|cost] [--pictures FOLDER]

Prints one JSON object; exit 1 when a limit does not hold or the page reports an error, 77 when Chromium or puppeteer-core is
missing. With --pictures it takes pictures of the pages instead. A quiet machine, please: the zone, the bots and Chromium share it.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
sys.path.insert(0, str(HERE.parent / "integration"))

from console_pages_test import SKIPPED, environment, find_chromium, make_accounts, parser  # noqa: E402
from zone_under_test import ROOT, SEALED, Bots, Failure, Zone, wait_until  # noqa: E402

# Frames a second at least; the others are to stay below.
LIMITS = {"fps": 20, "ready_ms": 2000, "page_pct": 3}
SPAN_S, ROUNDS = 10, 3
CROWD = "2.3522,48.8566"  # one of game.spawn_centres
# What pages look at whose cost is measured: counts of all, and the blocks of animals near.
WATCHED = {"globe": (), "herd": (*CROWD.split(","), 700)}


@contextlib.contextmanager
def orphans_adopted():
    """Chromium's processes outlive the one that started them. Waited for here, or their CPU time counts as other programs'."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    yield
    end = time.monotonic() + 3
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)


def cpu_pct(zone, seconds):
    before = zone.stats()
    time.sleep(seconds)
    after = zone.stats()
    return 100 * (after["cpu_s"] - before["cpu_s"]) / (after["uptime_s"] - before["uptime_s"])


def run(zone, options, chromium, *arguments):
    return subprocess.run(["node", HERE.parent / "integration/console_pages/rate.mjs", *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, env=environment(zone, options, chromium), timeout=600, check=False)


def watched_pct(zone, options, chromium, where):
    page = subprocess.Popen(["node", HERE.parent / "integration/console_pages/watch.mjs", *map(str, where)],
                            env=environment(zone, options, chromium), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if page.stdout.readline().strip() != "watching":
        raise Failure("the page did not get to watch")
    pct = cpu_pct(zone, SPAN_S)
    page.communicate("\n", timeout=30)
    return pct


def page_cost(zone, options, chromium):
    """Percent of a core that a page adds to the server: more than in the turns without one before and after it."""
    without, added = [cpu_pct(zone, SPAN_S)], {name: [] for name in WATCHED}
    for _ in range(ROUNDS):
        for name, where in WATCHED.items():
            watched = watched_pct(zone, options, chromium, where)
            without.append(cpu_pct(zone, SPAN_S))
            added[name].append(watched - (without[-2] + without[-1]) / 2)
    return {"without_pct": without, "added_pct": added,
            "page_pct": {name: statistics.median(turns) for name, turns in added.items()}}


def broken_limits(result):
    failed = [f"{name}: least_fps {scene['least_fps']}" for name, scene in result.get("scenes", {}).items()
              if scene["least_fps"] < LIMITS["fps"]]
    if result.get("ready_ms", 0) >= LIMITS["ready_ms"]:
        failed.append(f"ready_ms {result['ready_ms']}")
    failed += [f"page_pct of {name}: {pct:.2f}" for name, pct in result.get("cost", {"page_pct": {}})["page_pct"].items()
               if pct >= LIMITS["page_pct"]]
    return failed


def main():
    arguments = parser()
    arguments.add_argument("--animals", type=int, default=5000)
    arguments.add_argument("--bots", type=int, default=200)
    arguments.add_argument("--set", action="append", default=[], help="a setting of the zone")
    arguments.add_argument("--only", choices=("scenes", "cost"), help="half of it, where a quiet machine is not to be had for long")
    arguments.add_argument("--pictures", type=pathlib.Path)
    options = arguments.parse_args()
    chromium = find_chromium(options)
    if chromium is None:
        return SKIPPED
    settings = [*SEALED, f"console.folder={options.console}", f"game.animals={options.animals}", *options.set]
    if options.pictures:
        settings.append("game.scatter_radius_m=600")
    with Zone(options.bin, settings) as zone:
        make_accounts(zone)
        with Bots(options.bin, zone, "bots", "--players", str(options.bots), "--accounts", "--cities", ROOT / "build/cities.csv",
                  "--observers", "8", "--chat-per-s", "0.002"):
            wait_until("the bots play", 120, lambda: zone.stats()["players"] == options.bots)
            if options.pictures:
                with Bots(options.bin, zone, "crowd", "--players", "60", "--accounts", "--scenario", "crowd", "--radius", "260",
                          "--anchor", CROWD, "--seed", "2"):
                    wait_until("the crowd plays", 60, lambda: zone.stats()["players"] == options.bots + 60)
                    return run(zone, options, chromium, options.pictures.resolve()).returncode
            result = {"animals": options.animals, "bots": options.bots, "limits": LIMITS}
            if options.only != "cost":
                ended = run(zone, options, chromium)
                if ended.returncode != 0:
                    raise Failure(f"the page could not be measured: {ended.stdout}")
                result |= json.loads(ended.stdout)
                for scene in result["scenes"].values():
                    scene["least_fps"] = min(scene["at_rest_fps"], scene["dragged_fps"])
            if options.only != "scenes":
                result["cost"] = page_cost(zone, options, chromium)
            result["missed_ticks"] = zone.stats()["missed_ticks"]
    failed = broken_limits(result)
    print(json.dumps({**result, "failed": failed}, indent=1))
    return 1 if failed or result.get("problems") else 0


if __name__ == "__main__":
    with orphans_adopted():
        exit_code = main()
    sys.exit(exit_code)
