#!/usr/bin/env python3
"""T-15: the zone is killed and started again, and every player comes back at once, with an account, on sealed datagrams.

    storm.py --bin DIR [--players N] [--seed K] [--ci] [--correctness-only]

Prints one JSON line. --ci: a size for every run. Exit code 0: every limit held.
"""

import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import one_test  # noqa: E402
from result import Result  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Zone, end, total, wait_until  # noqa: E402

ALL_IN_SECONDS = 30
LONGEST_TICK_MS = 100
BACK_SECONDS = 90  # the test gives up


def free_ports(count):
    """The first of so many UDP ports in a row that nobody has now. The same ones after the restart: clients who speak to
    a port that nobody has are told nothing."""
    for first in range(20_000, 32_000, 7):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        try:
            for i, each in enumerate(sockets):
                each.bind(("127.0.0.1", first + i))
            return first
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()
    raise Failure("no free UDP ports")


def longest_ms(stats, name):
    return max((upper for upper, count in stats["histograms"][name] if count), default=0) / 1000


def storm(options):
    players = options.players
    result = Result("T-15", options, players=players)
    with Zone(options.bin, (*SEALED, f"net.port={free_ports(2)}")) as zone:
        bots = Bots(options.bin, zone, "storm", "--accounts", "--reconnect", "--scenario", "spread", "--players", players,
                    "--seed", options.seed, "--observers", 0, "--seconds", 0)
        with bots:
            def in_play():
                if not bots.running():
                    raise Failure(f"zonebot ended early:\n{bots.log.read_text()[-2000:]}")
                return zone.stats()["players"]

            wait_until("everybody plays", 60 + players / 20, lambda: in_play() == players, pause=0.2)
            time.sleep(2)
            zone.kill()
            restart_s = zone.start()
            up = time.monotonic()
            most_pending = 0.0

            def all_back():
                nonlocal most_pending
                most_pending = max(most_pending, total(zone.metrics(), "session_pending_players"))
                return in_play() == players

            try:
                wait_until("all are back", BACK_SECONDS, all_back)
            except Failure:
                pass
            all_in_s = time.monotonic() - up
            time.sleep(1)
            stats, metrics = zone.stats(), zone.metrics()
            end(bots.process, signal.SIGINT, 20)
            report = bots.report(1)
        back = report["players"]
        result.note(restart_s=restart_s, most_pending=most_pending, away_ms=back["away_ms"],
                    disconnected=report["disconnected_by_reason"], joins_put_off=total(metrics, "admission_put_off_total"),
                    kernel_drops=total(metrics, "net_kernel_dropped_datagrams_total"))
        result.limit("in_play", stats["players"], "==", players)
        result.limit("lost_for_good", players - back["reconnected"], "<=", 0)
        result.limit("refused_as_full", total(metrics, "session_ended_total", reason="zone_full"), "==", 0)
        result.limit("all_in_s", all_in_s, "<=", ALL_IN_SECONDS, of_time=True)
        result.limit("longest_tick_ms", longest_ms(stats, "tick_us"), "<=", LONGEST_TICK_MS, of_time=True)
        phases = ("receive", "simulate", "index", "interest", "replicate", "commit")
        # What the tick itself takes; a busy machine's neighbours still cost it caches and a core's other half.
        result.limit("longest_tick_cpu_ms", longest_ms(stats, "tick_cpu_us"), "<=", LONGEST_TICK_MS, of_time=True)
        result.note(longest_phase_ms={phase: longest_ms(stats, phase + "_us") for phase in phases})
    return result


if __name__ == "__main__":
    sys.exit(one_test.main(storm, __doc__, players=(200, 2000)))
