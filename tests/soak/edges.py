#!/usr/bin/env python3
"""T-16, as far as it exists: a second zoned on the ports or the data of a running one; and T-38: forged access tokens.

    edges.py --bin DIR --accounts-test FILE [--players N] [--rounds N] [--seed K] [--only T-16,T-38] [--ci] [--correctness-only]

Prints one JSON line for each. Exit code 0: every limit held.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import tests_by_id  # noqa: E402
from result import Result  # noqa: E402
from storm import free_ports  # noqa: E402
from zone_under_test import Bots, Failure, Zone, end, wait_until  # noqa: E402

SECOND_S = 1.0  # in which the second instance is gone
TOKEN_TESTS = "AccessToken.*:Jws.*"
FEWEST_TOKEN_TESTS = 20  # else the filter has missed the battery
TIMED_TEST = "ACheckTakesLessThanAMillisecond"


def replaced(arguments, **settings):
    """The same `--set`s but for these; a dot is written as __ ."""
    wanted = {name.replace("__", "."): value for name, value in settings.items()}
    kept = [f"{text.split('=', 1)[0]}={wanted[text.split('=', 1)[0]]}"
            if isinstance(text, str) and text.split("=", 1)[0] in wanted else text for text in arguments]
    return list(map(str, kept))


def second_instance(options):
    result = Result("T-16", options, players=options.players, rounds=options.rounds)
    result.omit("one net thread killed or restarted", "a net thread has a host and a port of its own, and none is restarted")
    result.omit("upgrade drain", "there is no drain before handoff")
    with Zone(options.bin, (f"net.port={free_ports(2)}",)) as zone, \
            Bots(options.bin, zone, "bots", "--scenario", "spread", "--players", options.players, "--seed", options.seed,
                 "--ramp", max(50, options.players // 3), "--observers", 1, "--seconds", 0) as bots:
        wait_until("everybody plays", 60, lambda: zone.stats()["players"] == options.players, pause=0.2)
        holder, longest_s, wrong = str(zone.process.pid), 0.0, []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                for name, sets in (("same ports and data", {}), ("same data", {"net__port": 0, "http__port": 0}),
                                   ("same ports", {"persistence__data_dir": folder}),
                                   ("same HTTP port", {"net__port": 0, "persistence__data_dir": folder})):
                    began = time.monotonic()
                    ended = subprocess.run([zone.bin / "zoned", "serve", *replaced(zone.arguments(), **sets)],
                                           capture_output=True, text=True, timeout=30, check=False)
                    longest_s = max(longest_s, time.monotonic() - began)
                    if ended.returncode == 0 or holder not in ended.stderr:
                        wrong.append(f"{name}: code {ended.returncode}, {ended.stderr[-300:]}")
        playing = zone.stats()["players"]
        end(bots.process, signal.SIGINT, 20)
        report = bots.report(5)
        result.note(starts=4 * options.rounds, wrong=wrong[:3])
        result.limit("started_or_holder_not_named", len(wrong), "==", 0)
        result.limit("longest_s", longest_s, "<", SECOND_S, of_time=True)
        result.limit("players", playing, "==", options.players)
        result.limit("disconnects", report["players"]["disconnected"], "==", 0)
        code = zone.end()
        result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
    return result


def token_battery(options):
    result = Result("T-38", options, filter=TOKEN_TESTS)
    with tempfile.TemporaryDirectory() as folder:
        told = pathlib.Path(folder) / "told.json"
        ended = subprocess.run([options.accounts_test, f"--gtest_filter={TOKEN_TESTS}", f"--gtest_output=json:{told}"],
                               capture_output=True, text=True, timeout=120, check=False)
        if not told.exists():
            raise Failure(f"{options.accounts_test} ended with code {ended.returncode} and told nothing")
        suites = json.loads(told.read_text())
    tests = [test for suite in suites["testsuites"] for test in suite["testsuite"] if test["status"] == "RUN"]
    failed = [test["name"] for test in tests if "failures" in test]
    took_us = [float(test["median_us"]) for test in tests if test["name"] == TIMED_TEST and "median_us" in test]
    result.note(failed_tests=failed)
    result.limit("tests", len(tests), ">=", FEWEST_TOKEN_TESTS)
    # Each test holds wrong tokens that must be refused, or right ones that must be accepted.
    result.limit("wrong_accepted_or_right_refused", len(failed), "==", 0)
    result.limit("timed_tests", len(took_us), "==", 1)
    result.limit("ms_per_token", (took_us[0] if took_us else 1e9) / 1000, "<=", 1, of_time=True)
    return result


TESTS = {"T-16": second_instance, "T-38": token_battery}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=lambda text: pathlib.Path(text).resolve(), required=True, help="of zoned and zonebot")
    parser.add_argument("--accounts-test", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--players", type=int, help="600, with --ci 100")
    parser.add_argument("--rounds", type=int, help="of second starts: 10, with --ci 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(TESTS), help="tests by id, with commas")
    parser.add_argument("--ci", action="store_true", help="a size for every run")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time are noted, not enforced")
    options = parser.parse_args(arguments)
    for size, small, full in (("players", 100, 600), ("rounds", 1, 10)):
        if getattr(options, size) is None:
            setattr(options, size, small if options.ci else full)
    tests_by_id.check_only(parser, options, TESTS)
    return options


if __name__ == "__main__":
    sys.exit(tests_by_id.run(TESTS, parse(sys.argv[1:])))
