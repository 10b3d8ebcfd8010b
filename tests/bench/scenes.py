"""What the project's figures come from: scenes of zoned and zonebot together on this machine, a simulated zone, and the
programs of programs.py.

    scenes.py --bin DIR [--seconds S] [--only cities,crowd,...] [--seed K] [--out DIR] [--quiet-load L] [--strict]

Prints one JSON object each: every figure's value, limit and whether it holds, the commit, the machine, the load before; at the end,
on standard error, what was missed, what failed and what was left out. With --out results go to DIR/<scene>.json as well, zonebot's
whole report beside them, and those last words to DIR/last_words.txt instead. Exit code 1 when a figure misses its limit; with
--strict also when a scene was left out.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import programs  # noqa: E402
import relief  # noqa: E402
import seal_cost  # noqa: E402
import sweep  # noqa: E402
import view_error  # noqa: E402
from zone_under_test import ROOT, Bots, Failure, Zone, wait_until  # noqa: E402
from zone_under_test import SEALED as SEALED_ZONE  # noqa: E402

RECORDING = ROOT.parent / "shared/data/crowd_bot360/bot-360-200-200.txt"
JOIN_LIMIT_S = 120
QUIET_WAIT_S = 600
LAST_WORDS = "last_words.txt"

# (figure, where in zonebot's report, relation, limit, unit); without a limit it is only told. What the report does not have has missed
# its limit, but for MAY_BE_MISSING.
IN_PLAY = [("connected", "players/connected", "==", "players/wanted", "players"),
           ("disconnects", "players/disconnected", "==", 0, "players")]
# The zone thread's: a mean over the window, so that a single one in it is above 0.
NO_ALLOCATIONS = [("allocations per tick", "server/allocations_per_tick", "==", 0, "")]
TICK = [("tick P99", "server/tick_ms/p99", "<", 8, "ms"), ("missed ticks", "missed_pct", "<=", 0.1, "%")] + NO_ALLOCATIONS
CROWD = [("down per player", "down/bytes_per_player_s", "<=", 36_000, "B/s"),
         ("combat age P99", "view/age_ms/combat/p99", "<", 250, "ms")]
UP = [("up per player, inputs and ENet's own", "up/packets_per_player_s", None, None, "datagrams/s")]
TRACE = CROWD + [("combat error P99", "view/error_m/combat/p99", "<", 0.25, "m"),
                 ("walking at once, on average", "view/targets/mean", None, None, "players")]

# A zone that relief does not make light enough. The rate is the simulation's; how often each player hears of it, and how old that is
# then, figures.py shows beside.
TOLD = ("told the dilation that the zone has, of snapshots", "relief/told_right_pct", ">=", 99, "%")
RELIEVED = [("tick rate of the simulation (players': next table)", "server/tick_hz", ">=", 15, "Hz"), TOLD]
MAY_BE_MISSING = {("crowd_5000", TOLD[1])}  # on a machine that need not slow down time for so many


def wire(hz, most_cores):
    """The budgets of a zone on its own hertz: everything of it counts, all threads."""
    return [("server CPU", "server/cpu_s_per_s", "<=", most_cores, "cores"),
            ("to wire P99", "server/tick_to_wire_ms/p99", "<", 33, "ms"),
            ("missed ticks", "missed_pct", "<=", 0.1, "%"), ("tick rate", "server/tick_hz", ">=", 0.99 * hz, "Hz")]


SEALED_PLAYERS = (SEALED_ZONE, ("--accounts",))
# Half the time for a tick, and animals that nobody sees, which relief does not make lighter. Time may slow down to 20 Hz: at the end
# of that nobody would be let in any more.
SLOW_ZONE = (*SEALED_ZONE, "tick.hz=60", "tick.max_dilation_pct=300", "world.max_entities=110000", "game.animals=100000",
             "game.scatter_radius_m=10000")
# Animals that wander and nodes that stand, within 10 km of seven places: the players', and the six of the configuration.
OTHERS = ("game.animals=25000", "game.resource_nodes=25000", "game.scatter_radius_m=10000",
          'game.spawn_centres=["13.405,52.52", "2.3522,48.8566", "-74.0060,40.7128", "139.6503,35.6762", "-46.6333,-23.5505", '
          '"3.3792,6.5244", "151.2093,-33.8688"]')
SCENES = {
    "cities": (["--scenario", "cities", "--players", 1000, "--cities", ROOT / "build/cities.csv"],
               IN_PLAY + TICK + [("down per player", "down/bytes_per_player_s", "<=", 15_000, "B/s")]),
    "crowd": (["--scenario", "crowd", "--players", 500, "--radius", 25], IN_PLAY + CROWD),
    "trace": (["--scenario", "trace"], IN_PLAY + TRACE),
    "trace_3": (["--scenario", "trace", "--copies", 3], IN_PLAY + TRACE),
    "spread": (["--scenario", "spread", "--players", 4500], IN_PLAY + [("all in play", "connect_s", "<=", 30, "s")]),
    "spread_3000": (["--scenario", "spread", "--players", 3000],
                    IN_PLAY + UP + [("tick P99", "server/tick_ms/p99", "<", 12, "ms")] + wire(30, 0.5) + NO_ALLOCATIONS, SEALED_PLAYERS),
    "spread_5000": (["--scenario", "spread", "--players", 5000], IN_PLAY + UP + wire(30, 0.8) + NO_ALLOCATIONS, SEALED_PLAYERS),
    "crowd_1000": (["--scenario", "crowd", "--players", 1000, "--radius", 25],
                   IN_PLAY + CROWD + [("to wire P99", "server/tick_to_wire_ms/p99", "<", 33, "ms")] + NO_ALLOCATIONS,
                   SEALED_PLAYERS),
    "crowd_5000": (["--scenario", "crowd", "--players", 5000, "--radius", 25],
                   IN_PLAY + RELIEVED + NO_ALLOCATIONS, SEALED_PLAYERS),
    "crowd_slow": (["--scenario", "crowd", "--players", 3000, "--radius", 25],
                   IN_PLAY + [("longest tick's period, of the regular one", "relief/dilation_pct_most", ">", 100, "%")] + RELIEVED +
                   NO_ALLOCATIONS,
                   (SLOW_ZONE, ("--accounts",))),
    "memory": (["--scenario", "spread", "--players", 5000],
               IN_PLAY + [("RSS", "server/rss_mb", "<=", 1000, "MB"), ("RSS per session", "session_kb", "<=", 50, "kB")],
               ((*SEALED_ZONE, *OTHERS), ("--accounts",))),
}
# Printed beside the figures: what one wants to know when a figure is off.
CONTEXT = ["server/tick_ms", "server/tick_to_wire_ms", "server/tick_hz", "server/cpu_s_per_s", "server/steal_pct", "server/rss_mb",
           "session_kb", "zonebot/cpu_s_per_s", "down/bytes_per_player_s", "down/packets_per_player_s", "up/packets_per_player_s",
           "view/age_ms/combat", "view/age_ms/visual", "view/age_ms/extended", "view/targets", "bytes_per_entity_update", "login_ms",
           "connect_s", "missed_pct", "relief", "told/dilation_pct_most", "told/dilated_share"]
SEALED = "sealed"  # two zones by turns: seal_cost.py
SEALING = IN_PLAY + [("server CPU above plain", "above_plain_pct", "<", 15, "%")]
VIEW_ERROR = "view_error"  # one zone after another, by the bytes that a player may be sent: view_error.py
SWEEP = "sweep"  # one zone after another, by players and density: sweep.py
SIMULATED = "simulated"  # sim_bench: whole zone and clients on a simulated network in one process
SIMULATED_LIMIT_S = 20
ALL = [*SCENES, SEALED, VIEW_ERROR, SWEEP, SIMULATED, *programs.PROGRAMS]


def at(report, path):
    for key in path.split("/"):
        report = report[key]
    return report


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": os.cpu_count()}


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, *arguments], capture_output=True,
                              text=True).stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + ("-dirty" if git("status", "--porcelain", "src", "include") else "")


def cpu_seconds():
    """(of the whole machine, of children that have ended, taken by the hypervisor)"""
    ticks = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    busy = sum(ticks[:3]) + sum(ticks[5:7])  # user, nice, system; irq, softirq
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    hz = os.sysconf("SC_CLK_TCK")
    return busy / hz, children.ru_utime + children.ru_stime, ticks[7] / hz


class Company:
    """How many cores other programs kept busy meanwhile: figures taken in company are not the project's."""

    def __init__(self):
        self._began, self._before = time.monotonic(), cpu_seconds()

    def _since(self):
        return [(now - then) / (time.monotonic() - self._began) for now, then in zip(cpu_seconds(), self._before)]

    def cores(self):
        everything, own, _ = self._since()
        return round(max(0.0, everything - own), 2)

    def steal_pct(self):
        return 100 * self._since()[2] / os.cpu_count()


def wait_for_quiet(load):
    until = time.monotonic() + QUIET_WAIT_S
    while os.getloadavg()[0] > load and time.monotonic() < until:
        time.sleep(5)
    return round(os.getloadavg()[0], 2)


def holds(value, relation, limit):
    return {"<": value < limit, "<=": value <= limit, "==": value == limit, ">=": value >= limit,
            ">": value > limit}[relation]


def figure(report, name, path, relation, limit, unit):
    if isinstance(limit, str):
        limit = at(report, limit)
    value = at(report, path)
    return {"name": name, "value": value, "relation": relation, "limit": limit, "unit": unit,
            "pass": limit is None or value is not None and holds(value, relation, limit)}


def figures_of(name, report, rows):
    return [figure(report, *row) for row in rows if (name, row[1]) not in MAY_BE_MISSING or at(report, row[1]) is not None]


def result_of(name, options, load, measured, **more):
    return {"scene": name, "seed": options.seed, "figures": measured, "pass": all(row["pass"] for row in measured), **more,
            "commit": commit(), "machine": machine(), "load_before": load,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def keep(name, options, report):
    """A program's whole report, for who wants to know more than the figures."""
    if options.out:
        (options.out / f"{name}_report.json").write_text(json.dumps(report, indent=2) + "\n")


def run_scene(name, options, trace, load):
    arguments, figures, *sealed = SCENES[name]
    settings, more = sealed[0] if sealed else ((), ())
    if "trace" in arguments:
        arguments = arguments + ["--trace", trace]
    company = Company()
    with Zone(options.bin, settings) as zone:
        wait_until("the zone ticks", 10, lambda: zone.stats()["ticks"] > 0)
        empty = zone.stats()
        with Bots(options.bin, zone, "bots", *arguments, *more, "--seed", options.seed, "--seconds", options.seconds) as bots:
            report = bots.report(JOIN_LIMIT_S + options.seconds)
        exit_code = zone.end()
        log = zone.log.read_text(errors="replace")
    server = report["server"]
    if server is None:
        raise Failure("zoned did not answer at the end of the run")
    report["missed_pct"] = 100 * server["missed_ticks"] / max(1, server["ticks"])
    report["others"] = empty["entities"]
    report["relief"] = relief.of(log, report["told"])
    report["session_kb"] = 1000 * (server["rss_mb"] - empty["rss_mb"]) / report["players"]["wanted"]
    keep(name, options, report)
    measured = figures_of(name, report, figures)
    measured.append({"name": "exit code of zoned", "value": -1 if exit_code is None else exit_code, "relation": "==",
                     "limit": 0, "unit": "", "pass": exit_code == 0})
    return result_of(name, options, load, measured, others_cpu_cores=company.cores(), players=report["players"]["wanted"],
                     seconds=options.seconds, command=f"scripts/bench --only {name} --seconds {options.seconds:g}",
                     context={path: at(report, path) for path in CONTEXT})


def run_windows(name, options, load, measure, figures, seconds, more=""):
    """A scene of several zones, one after another."""
    company = Company()
    report = measure()
    keep(name, options, report)
    return result_of(name, options, load, [figure(report, *row) for row in figures], others_cpu_cores=company.cores(),
                     players=report["players"]["wanted"], seconds=seconds, command=f"scripts/bench --only {name}{more}",
                     context=report)


def run_sealed(options, load):
    return run_windows(SEALED, options, load, lambda: seal_cost.measure(options), SEALING, options.seconds / 2,
                       f" --seconds {options.seconds:g}")


def run_view_error(options, trace, load):
    within = [(f"down per player at {budget / 1000:g} kB/s", f"budgets/{budget}/down_bytes_per_player_s", "<=", budget, "B/s")
              for budget in view_error.BUDGETS]
    return run_windows(VIEW_ERROR, options, load, lambda: view_error.measure(options, trace), IN_PLAY + within,
                       view_error.SECONDS)


def run_sweep(options, load):
    in_play = [("not connected", "players/not_connected", "==", 0, "players"),
               ("disconnects", "players/disconnected", "==", 0, "players")]
    return run_windows(SWEEP, options, load, lambda: sweep.measure(options), in_play, sweep.SECONDS)


def run_simulated(options, load):
    program = options.bin.parent / "bench/sim_bench"
    if not program.exists():
        return {"scene": SIMULATED, "omitted": "sim_bench is not built"}
    company = Company()
    answer = subprocess.run([program], capture_output=True, text=True)
    try:
        measured = json.loads(answer.stdout)
    except ValueError:
        raise Failure(f"sim_bench ended with code {answer.returncode}: {answer.stderr[-500:]}") from None
    cpu_s = measured["cpu_s"] * 10_000 / measured["ticks"]
    return result_of(SIMULATED, options, load, [
        {"name": "CPU of 10,000 ticks", "value": cpu_s, "relation": "<", "limit": SIMULATED_LIMIT_S, "unit": "s",
         "pass": cpu_s < SIMULATED_LIMIT_S}], others_cpu_cores=company.cores(), players=measured["players"], seconds=0,
        command=f"scripts/bench --only {SIMULATED}", context=measured)


def run_program(name, options, inputs, load):
    company = Company()
    report, exit_code = programs.run(name, options.bin, inputs)
    keep(name, options, report)
    measured = [figure(report, *row) for row in programs.PROGRAMS[name][1]]
    measured.append(figure({"exit code": exit_code}, "exit code", "exit code", "==", 0, ""))
    return result_of(name, options, load, measured, others_cpu_cores=company.cores(), steal_pct=company.steal_pct(),
                     command=f"scripts/bench --only {name}", context=report)


def wants_trace(name):
    return name.startswith("trace") or name == VIEW_ERROR or name in programs.PROGRAMS and "trace" in programs.inputs_of(name)


def run(name, options, inputs):
    trace = inputs["trace"]
    if trace is None and wants_trace(name):
        return {"scene": name, "omitted": "no recording in shared/data/crowd_bot360"}
    load = wait_for_quiet(options.quiet_load)
    try:
        if name in programs.PROGRAMS:
            return run_program(name, options, inputs, load)
        if name == SEALED:
            return run_sealed(options, load)
        if name == VIEW_ERROR:
            return run_view_error(options, trace, load)
        if name == SWEEP:
            return run_sweep(options, load)
        return run_simulated(options, load) if name == SIMULATED else run_scene(name, options, trace, load)
    except programs.Omitted as missing:
        return {"scene": name, "omitted": str(missing)}
    except Failure as failure:
        return {"scene": name, "error": str(failure), "pass": False}


def make_trace(folder):
    """None where the recording is not."""
    if not RECORDING.exists():
        return None
    trace = folder / "crowd_trace.csv"
    subprocess.run([sys.executable, ROOT / "scripts/trace-from-crowd", RECORDING, trace], check=True)
    return trace


def make_bodies(bin_dir, folder):
    bodies = folder / "bodies.csv"
    with bodies.open("w") as out:
        subprocess.run([bin_dir / "bodies_scene"], stdout=out, check=True)
    return bodies


def last_words(results):
    """A line for each scene that did not hold or was left out."""
    lines = []
    for result in results:
        if "omitted" in result:
            lines.append(f"omitted: {result['scene']} ({result['omitted']})")
        elif "error" in result:
            lines.append(f"failed: {result['scene']} ({result['error']})")
        elif not result["pass"]:
            missed = ", ".join(row["name"] for row in result["figures"] if not row["pass"])
            lines.append(f"missed: {result['scene']} ({missed})")
    return lines


def exit_code_of(results, strict):
    return 0 if all(not strict if "omitted" in result else result["pass"] for result in results) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of zoned and zonebot")
    parser.add_argument("--seconds", type=float, default=60, help="measured window of each scene")
    parser.add_argument("--only", default=",".join(ALL), help="scenes, with commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--quiet-load", type=float, default=1.5,
                        help=f"wait up to {QUIET_WAIT_S} s until the load average is at most this")
    parser.add_argument("--strict", action="store_true", help="a scene that is left out, such as for want of its recording, fails")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := [name for name in wanted if name not in ALL]:
        parser.error(f"no such scene: {', '.join(unknown)}; there are {', '.join(ALL)}")
    work = options.out or ROOT / "build/bench"
    work.mkdir(parents=True, exist_ok=True)
    inputs = {"trace": make_trace(work), "console": options.bin.parent / "share/bluemarble/console"}
    if any(name in programs.PROGRAMS and "bodies" in programs.inputs_of(name) for name in wanted):
        inputs["bodies"] = make_bodies(options.bin, work)
    all_results = []
    for name in wanted:
        result = run(name, options, inputs)
        all_results.append(result)
        print(json.dumps(result), flush=True)
        if options.out and "omitted" not in result:
            (options.out / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    words = "".join(f"{line}\n" for line in last_words(all_results))
    if options.out:
        (options.out / LAST_WORDS).write_text(words)
    else:
        print(words, file=sys.stderr, end="")
    return exit_code_of(all_results, options.strict)


if __name__ == "__main__":
    sys.exit(main())
