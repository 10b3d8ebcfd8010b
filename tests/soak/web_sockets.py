#!/usr/bin/env python3
"""T-41, what is WebSocket of it: players over WebSocket who say a thousand things a second, pages of foreign origins, tokens
that are used again, while others play; all of them are told what is wrong, and nobody else notices.

    web_sockets.py --bin DIR [--players N] [--seconds S] [--seed K] [--ci] [--correctness-only]

Prints one JSON line. Exit code 0: every limit held.
"""

import pathlib
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import one_test  # noqa: E402
from arms import ONE_WORKER, Arms  # noqa: E402
from books import check_books_of  # noqa: E402
from result import Result  # noqa: E402
from web_player import WebPlayer, join, log_in  # noqa: E402
from web_socket import Refused, WebSocket, frame  # noqa: E402
from wire_client import wait  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Zone, end, total, wait_until  # noqa: E402

TALKERS = 10
PER_S = 1000
CLOSED_WITHIN_S = 5
ORIGINS = ("https://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1.evil.example:8080")
POLICY, USED = 1008, 4103
DEPTHS = (4, 6)


def talkers_of(zone):
    talkers = [WebPlayer(zone.http, f"talker {i}", bearer=log_in(zone.http, f"talker {i}"), depths=DEPTHS)
               for i in range(TALKERS)]
    if not wait(talkers, 20, lambda: all(talker.welcome for talker in talkers)):
        raise Failure("not all talkers are welcome")
    return talkers


def talk(talkers, honest, result):
    """Each says a thousand things a second, until it is closed; how long that took at most."""
    began, slowest = time.monotonic(), 0.0
    sockets = [talker.link.socket for talker in talkers]
    piece = b"".join(frame(9, b"") for _ in range(PER_S // 20))
    while any(each.code is None for each in sockets) and time.monotonic() - began < 4 * CLOSED_WITHIN_S:
        for each in sockets:
            if each.code is None:
                each.send_raw(piece, patience=0.01)
                each.poll()
                slowest = max(slowest, time.monotonic() - began)
        honest.pump()
        time.sleep(0.05)
    # 1006: the close was lost to the reset that follows it.
    result.note(codes=sorted({each.code or 0 for each in sockets}))
    result.limit("talkers_not_closed", sum(each.code not in (POLICY, 1006) for each in sockets), "==", 0)
    result.limit("closed_within_s", slowest, "<=", CLOSED_WITHIN_S, of_time=True)


def knock(zone, result):
    """Foreign pages, and a token twice."""
    statuses = []
    for origin in ORIGINS:
        try:
            WebSocket(zone.http, "/v1/play", (f"Origin: {origin}",)).close()
            statuses.append(101)
        except Refused as refused:
            statuses.append(refused.status)
    result.limit("foreign_origins_let_in", sum(status != 403 for status in statuses), "==", 0)
    token = join(zone.http, bearer=log_in(zone.http, "twice"))["token"].encode()
    first, second = (WebSocket(zone.http, "/v1/play") for _ in range(2))
    first.send(token)
    wait_until("the first is let in", 5, lambda: total(zone.metrics(), "stream_waiting") <= 1)
    second.send(token)
    result.limit("token_taken_twice", int(second.close_code() != USED), "==", 0)
    first.close()


def attack(zone, options, result):
    with Bots(options.bin, zone, "bots", "--accounts", "--scenario", "spread", "--players", options.players, "--seed",
              options.seed, "--ramp", max(50, options.players // 5), "--observers", 1, "--seconds", 0) as bots:
        wait_until("everybody plays", 60, lambda: zone.stats()["players"] == options.players, pause=0.2)
        honest = WebPlayer(zone.http, "honest", bearer=log_in(zone.http, "honest"), depths=DEPTHS)
        if not wait([honest], 10, lambda: honest.welcome):
            raise Failure("the honest player is not welcome")
        arms = Arms("idle", "attack")
        talkers = talkers_of(zone)
        for arm, work in (("idle", None), ("attack", lambda: talk(talkers, honest, result)),
                          ("attack", lambda: knock(zone, result)), ("idle", None)):
            before = zone.stats()
            if work:
                work()
            wait([honest, *talkers], options.seconds / 2)
            arms[arm].add(before, zone.stats())
        seen = len(honest.arrivals)
        wait([honest], 2, lambda: len(honest.arrivals) > seen)
        result.limit("honest_ended", int(honest.ended), "==", 0)
        honest.say_goodbye()
        wait([honest], 5, lambda: honest.ended)
        metrics = zone.metrics()
        end(bots.process, signal.SIGINT, 20)
        report = bots.report(5)
    result.note(limited=int(total(metrics, "http_websockets_ended_total", reason="limited")))
    result.limit("origins_not_counted", len(ORIGINS) - int(total(metrics, "http_origins_refused_total")), "==", 0)
    arms.note(result)
    result.limit("attack_to_idle_cpu_p99", arms.ratios("attack", "idle")[0], "<=", 1.1, of_time=True)
    result.limit("disconnects", report["players"]["disconnected"], "==", 0)
    code = zone.end()
    result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
    check_books_of(result, zone)


def run(options):
    result = Result("T-41", options, players=options.players, talkers=TALKERS, per_s=PER_S)
    result.omit("subscribe to another's private channel", "chat has no private channels")
    result.omit("newlines, direction marks, 50 m range", "chat's own tests: chat_test, zoned_test")
    result.omit("a token that expires in mid-connection", "a connect token is used up by connecting; the console's sockets have tests of their own")
    with Zone(options.bin, [*SEALED, ONE_WORKER]) as zone:
        attack(zone, options, result)
    return result


if __name__ == "__main__":
    sys.exit(one_test.main(run, __doc__, players=(60, 500), seconds=(2.0, 20.0)))
