"""What Prometheus costs a zone with 5,000 animals and 200 bots: how long a scrape of /metrics takes over a new connection and
over one that stays open, how much CPU, and the zone thread's CPU per tick with a scraper and without, by turns.

    metrics_cost.py --bin FOLDER [--scrapes 250] [--rounds 5] [--seconds 5]

Prints one JSON object. Exit code 0: every limit held. A scraper is a process of its own, as Prometheus is, and reads at its ease.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from zone_under_test import Bots, Failure, Spans, Zone, total, wait_until  # noqa: E402

ANIMALS, BOTS = 5000, 200
WARMUP_S, PAUSE_S = 5, 0.05
SCRAPE_P99_MS = 10
# The scraper's turns against those without one. Two windows of the same kind differ by some percent, as animals and bots go about.
ZONE_CPU_RATIO = 1.05
RATES = (0, 1, 10)  # scrapes a second; Prometheus' own is a fifteenth
BURST = 300


def address(zone):
    return "127.0.0.1", int(zone.http.rsplit(":", 1)[1])


def scrape(link):
    """(milliseconds, bytes)"""
    began = time.perf_counter()
    link.request("GET", "/metrics")
    answer = link.getresponse()
    body = answer.read()
    took_ms = 1000 * (time.perf_counter() - began)
    if answer.status != 200:
        raise Failure(f"/metrics answered {answer.status}")
    return took_ms, len(body)


def latencies(zone, count, keeps):
    """Of scrapes a little apart."""
    took_ms, kept = [], http.client.HTTPConnection(*address(zone), timeout=10)
    for _ in range(count):
        link = kept if keeps else http.client.HTTPConnection(*address(zone), timeout=10)
        took_ms.append(scrape(link)[0])
        if not keeps:
            link.close()
        time.sleep(PAUSE_S)
    kept.close()
    took_ms.sort()
    return {"scrapes": count, "p50_ms": took_ms[count // 2], "p99_ms": took_ms[max(0, int(count * 0.99) - 1)], "max_ms": took_ms[-1]}


def cpu_ns(zone):
    """By thread."""
    return {task.name: int((task / "schedstat").read_text().split()[0])
            for task in pathlib.Path(f"/proc/{zone.process.pid}/task").iterdir()}


def cpu_of_a_scrape(zone):
    """(milliseconds of the thread that answers, bytes): the one that does more than before when there are scrapes."""
    link = http.client.HTTPConnection(*address(zone), timeout=10)
    before, began = cpu_ns(zone), time.perf_counter()
    time.sleep(1)
    idle, lasted = cpu_ns(zone), time.perf_counter() - began
    began, bytes_each = time.perf_counter(), 0
    for _ in range(BURST):
        bytes_each = scrape(link)[1]
    after, burst = cpu_ns(zone), time.perf_counter() - began
    link.close()
    more_ns = max(after[task] - idle[task] - (idle[task] - before[task]) * burst / lasted for task in before if task in after)
    return more_ns / 1e6 / BURST, bytes_each


def scraper(where, per_s, seconds):
    link, due, end = http.client.HTTPConnection(*where, timeout=10), time.monotonic(), time.monotonic() + seconds
    while due < end:
        scrape(link)
        due += 1 / per_s
        time.sleep(max(0.0, due - time.monotonic()))


def turn(zone, per_s, seconds, spans):
    process = None
    if per_s:
        process = multiprocessing.Process(target=scraper, args=(address(zone), per_s, seconds + 1), daemon=True)
        process.start()
        time.sleep(0.5)  # its start is no scrape
    before = zone.stats()
    time.sleep(seconds)
    after = zone.stats()
    if process:
        process.join()
        if process.exitcode != 0:
            raise Failure(f"the scraper ended with {process.exitcode}")
    spans[per_s].append(Spans())
    spans[per_s][-1].add(before, after)


def merged(spans):
    """(zone thread's CPU per tick, median of the turns, µs; P99 of its ticks' CPU, of all turns; zoned's CPU in % of a core)"""
    everything = Spans()
    for each in spans:
        for name, value in each.sums.items():
            everything.sums[name] = everything.sums.get(name, 0) + value
        for name, buckets in each.buckets.items():
            mine = everything.buckets.setdefault(name, {})
            for upper, count in buckets.items():
                mine[upper] = mine.get(upper, 0) + count
    return {"zone_cpu_us_per_tick": statistics.median(each.cpu_us_per_tick() for each in spans),
            "zone_cpu_us_per_tick_of_each": [round(each.cpu_us_per_tick(), 1) for each in spans],
            "tick_cpu_us_p99": everything.quantile("tick_cpu_us", 0.99),
            "tick_us_p99_of_each": [round(each.quantile("tick_us", 0.99)) for each in spans],
            "tick_us_p99": everything.quantile("tick_us", 0.99),
            "process_cpu_pct": 100 * everything.sums["cpu_s"] / everything.sums["uptime_s"]}


def measure(options):
    with Zone(options.bin, (f"game.animals={ANIMALS}", "tick.workers=1")) as zone:
        seconds = len(RATES) * options.rounds * (options.seconds + 3) + 2 * options.scrapes * 0.1 + 60
        with Bots(options.bin, zone, "bots", "--players", BOTS, "--seconds", int(seconds), "--warmup", 0, "--observers", 1):
            wait_until("the bots play", 60, lambda: total(zone.metrics(), "session_players") == BOTS)
            time.sleep(WARMUP_S)
            fresh, kept = latencies(zone, options.scrapes, False), latencies(zone, options.scrapes, True)
            cost_ms, bytes_each = cpu_of_a_scrape(zone)
            spans = {rate: [] for rate in RATES}
            for number in range(options.rounds):
                for rate in RATES if number % 2 == 0 else reversed(RATES):
                    turn(zone, rate, options.seconds, spans)
    arms = {str(rate): merged(each) for rate, each in spans.items()}
    return {"animals": ANIMALS, "bots": BOTS, "bytes": bytes_each, "new_connections": fresh, "one_connection": kept,
            "cpu_ms_per_scrape": cost_ms, "scrapes_per_s": arms,
            "zone_cpu_ratio": {rate: arms[rate]["zone_cpu_us_per_tick"] / arms["0"]["zone_cpu_us_per_tick"]
                               for rate in arms if rate != "0"},
            "cores": os.cpu_count()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--scrapes", type=int, default=250, help="of either kind of connection")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each rate of scraping")
    parser.add_argument("--seconds", type=float, default=5, help="of one turn")
    report = measure(parser.parse_args())
    report["limits"] = {"scrape_p99_ms": SCRAPE_P99_MS, "zone_cpu_ratio": ZONE_CPU_RATIO}
    print(json.dumps(report))
    slow = max(report["new_connections"]["p99_ms"], report["one_connection"]["p99_ms"]) >= SCRAPE_P99_MS
    return int(slow or report["zone_cpu_ratio"]["1"] > ZONE_CPU_RATIO)


if __name__ == "__main__":
    sys.exit(main())
