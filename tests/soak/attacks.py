"""Attacks on a running zone, each against the same bots without it in the same run: T-1, T-2, T-18.

    attacks.py --bin DIR [--players N] [--seconds S] [--seed K] [--only T-1,...] [--correctness-only]

Prints one JSON line per test: id, seed, sizes, measured values, limits, what was omitted and why, pass. Exit code 1 when
a limit does not hold. With --correctness-only (shared and slow machines) limits of time are measured and printed, but
do not decide.
"""

import argparse
import contextlib
import pathlib
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import drop_rule  # noqa: E402
import raw_datagrams  # noqa: E402
import tests_by_id  # noqa: E402
from arms import ONE_WORKER, Arms  # noqa: E402
from result import Result  # noqa: E402
from zone_under_test import Bots, Failure, Zone, total, wait_until  # noqa: E402

RATE_HZ = 100
SETTLE_S = 2.0  # between the last login and the first measurement
JOIN_LIMIT_S = 60
END_LIMIT_S = 30
DATAGRAM_LIMIT_BYTES = 1200
ENET_MTU_LIMIT = 1167  # leaves room for the seal in 1,200 B
GREEDY_MTU = 4096
GREEDY_CLIENTS = 8
MTU_TEST_PLAYERS = 100
PATH_LIMIT_BYTES = 1280
# Shorter than ENet's patience, so that the same victims stay unanswerable again and again.
DROP_ON_S, DROP_OFF_S = 1.5, 1.5
CROWD_ANCHOR = (2.3522, 48.8566)


def crowd(options, players, seed, warmup_s, seconds):
    return ["--scenario", "crowd", "--anchor", ",".join(map(str, CROWD_ANCHOR)), "--players", players, "--seed", seed,
            "--ramp", max(50, players // 5), "--warmup", warmup_s, "--seconds", seconds]


def wait_for_players(zone, count, bots):
    def all_in():
        if not bots.running():
            raise Failure(f"zonebot ended while its players joined:\n{bots.log.read_text()[-2000:]}")
        return zone.stats()["players"] >= count

    wait_until(f"{count} players in the zone", JOIN_LIMIT_S, all_in)


def measure(zone, span, seconds):
    before = zone.stats()
    time.sleep(seconds)
    span.add(before, zone.stats())


def limit_undisturbed(result, before, after, report):
    """What holds for the bots that are not the attack's target."""
    result.limit("not_connected", report["players"]["wanted"] - report["players"]["connected"], "==", 0)
    result.limit("disconnects", report["players"]["disconnected"], "==", 0)
    for name, metric in (("service_failures", "net_service_failures_total"),
                         ("receive_errors", "net_receive_errors_total"),
                         ("oversized_sends", "net_oversized_sends_total")):
        result.limit(name, int(total(after, metric) - total(before, metric)), "==", 0)
    result.note(combat_age_ms=report["view"]["age_ms"]["combat"])


def stop(result, zone):
    code = zone.stop()
    result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)


def oversize_poison(options):
    """T-1. Idle time lies before and after the attack, so that a drift of the machine weighs on both alike."""
    half_s = options.seconds / 2
    result = Result("T-1", options, players=options.players, seconds=options.seconds, rate_hz=RATE_HZ)
    with Zone(options.bin, (ONE_WORKER,)) as zone, Bots(options.bin, zone, "bots", *crowd(
            options, options.players, options.seed, SETTLE_S + half_s, options.seconds + half_s + 1)) as bots:
        wait_for_players(zone, options.players, bots)
        time.sleep(SETTLE_S)
        arms = Arms("idle", "attack")
        measure(zone, arms["idle"], half_s)
        before = zone.metrics()
        attack = raw_datagrams.oversize_sender(zone.ports, RATE_HZ, options.seconds, options.seed)
        attack.start()
        measure(zone, arms["attack"], options.seconds)
        attack.join()
        after = zone.metrics()
        measure(zone, arms["idle"], half_s)
        report = bots.report(END_LIMIT_S)
        sent = attack.sent * len(zone.ports)
        # Else nothing was tested.
        dropped = (total(after, "net_dropped_datagrams_total", reason="oversized")
                   - total(before, "net_dropped_datagrams_total", reason="oversized"))
        result.note(attack_datagrams=sent, attack_not_sent=attack.failed,
                    kernel_drops=int(total(after, "net_kernel_dropped_datagrams_total")))
        result.limit("attack_seen", dropped / max(1, sent), ">=", 0.5)
        limit_undisturbed(result, before, after, report)
        arms.note(result)
        result.limit("attack_to_idle_cpu_p99", arms.ratios("attack", "idle")[0], "<=", 1.1, of_time=True)
        stop(result, zone)
    return result


def unanswerable_sources(options):
    """T-2. A quarter of the bots cannot be answered by turns; the others and newcomers must not notice."""
    victims = options.players // 4
    others = options.players - victims
    newcomers = max(10, min(100, int(options.seconds * 5)))
    warmup_s = SETTLE_S + options.seconds / 2
    result = Result("T-2", options, players=options.players, seconds=options.seconds, rate_hz=RATE_HZ, victims=victims,
                    newcomers=newcomers)
    no_rule = drop_rule.why_not()
    with contextlib.ExitStack() as stack:
        zone = stack.enter_context(Zone(options.bin, (ONE_WORKER,)))
        run_s = options.seconds + options.seconds / 2
        their = stack.enter_context(Bots(options.bin, zone, "victims",
                                         *crowd(options, victims, options.seed + 1000, warmup_s, run_s + 5)))
        wait_for_players(zone, victims, their)
        bots = stack.enter_context(Bots(options.bin, zone, "bots",
                                        *crowd(options, others, options.seed, warmup_s, options.seconds)))
        wait_for_players(zone, options.players, bots)
        time.sleep(SETTLE_S)
        arms = Arms("idle", "attack")
        measure(zone, arms["idle"], options.seconds / 2)
        before = zone.metrics()

        attack = None
        try:
            attack = raw_datagrams.port_zero_sender(zone.ports, RATE_HZ, options.seconds, options.seed)
            attack.start()
        except PermissionError:
            result.omit("source port 0", "skipped: raw sockets need root")
        fresh = stack.enter_context(Bots(options.bin, zone, "newcomers", "--scenario", "crowd", "--players", newcomers,
                                         "--seed", options.seed + 2000, "--ramp",
                                         max(1, newcomers / (0.7 * options.seconds)), "--warmup", 0, "--seconds", 0.5,
                                         "--observers", 1))
        start = zone.stats()
        if no_rule:
            result.omit("OUTPUT drop for a quarter of the bots", no_rule)
            time.sleep(options.seconds)
        else:
            ports = their.ports()
            with drop_rule.DropRule(zone.ports, f'udp dport {{ {", ".join(map(str, ports))} }}') as rule:
                until = time.monotonic() + options.seconds
                while (left := until - time.monotonic()) > 0:
                    rule.on()
                    time.sleep(min(DROP_ON_S, left))
                    rule.off()
                    time.sleep(max(0.0, min(DROP_OFF_S, until - time.monotonic())))
                result.limit("drops_at_output", rule.dropped(), ">=", victims)
        arms["attack"].add(start, zone.stats())
        after = zone.metrics()
        if attack is not None:
            attack.join()
            refused = (total(after, "net_dropped_datagrams_total", reason="source_port")
                       - total(before, "net_dropped_datagrams_total", reason="source_port"))
            result.note(attack_datagrams=attack.sent * len(zone.ports), attack_not_sent=attack.failed)
            result.limit("attack_seen", refused / max(1, attack.sent * len(zone.ports)), ">=", 0.5)
        if not no_rule:
            result.limit("send_errors_absorbed",
                         int(total(after, "net_send_errors_total") - total(before, "net_send_errors_total")), ">=",
                         victims)
        newly = fresh.report(END_LIMIT_S)
        report = bots.report(END_LIMIT_S)
        limit_undisturbed(result, before, after, report)
        result.limit("update_gap_ms_max", report["view"]["age_ms"]["combat"]["max"], "<=", 250, of_time=True)
        result.limit("newcomers_refused", newly["players"]["wanted"] - newly["players"]["connected"], "==", 0)
        result.limit("login_ms_p99", newly["login_ms"]["p99"], "<", 1000, of_time=True)
        arms.note(result)
        stop(result, zone)
    return result


def path_mtu(options):
    """T-18. Some clients ask for more than a datagram may hold, on a path that drops what is larger than 1,280 B."""
    players = min(options.players, MTU_TEST_PLAYERS)
    result = Result("T-18", options, players=players, greedy_clients=GREEDY_CLIENTS, seconds=options.seconds,
                    asked_mtu=GREEDY_MTU)
    no_rule = drop_rule.why_not()
    with contextlib.ExitStack() as stack:
        zone = stack.enter_context(Zone(options.bin))
        path = None
        if no_rule:
            result.omit("path that drops > 1,280 B", no_rule)
        else:
            path = stack.enter_context(drop_rule.DropRule(zone.ports, f"meta length > {PATH_LIMIT_BYTES}"))
            path.on()
        before = zone.metrics()
        bots = stack.enter_context(Bots(options.bin, zone, "bots",
                                        *crowd(options, players, options.seed, 1, options.seconds)))
        wait_for_players(zone, players, bots)
        clients = [raw_datagrams.GreedyClient(zone.ports[i % len(zone.ports)], GREEDY_MTU, f"greedy {i}", CROWD_ANCHOR,
                                              options.seed + i) for i in range(GREEDY_CLIENTS)]
        raw_datagrams.play(clients, 10, lambda: all(client.in_play for client in clients))
        raw_datagrams.play(clients, options.seconds)
        report = bots.report(END_LIMIT_S)
        after = zone.metrics()
        result.limit("greedy_in_play", sum(client.in_play for client in clients), "==", GREEDY_CLIENTS)
        result.limit("greedy_ended", sum(client.ended is not None for client in clients), "==", 0)
        result.note(received_datagrams=sum(client.datagrams for client in clients))
        result.limit("granted_mtu", max(client.server_mtu for client in clients), "<=", ENET_MTU_LIMIT)
        largest = max(client.largest for client in clients)
        result.limit("largest_datagram_bytes", largest, "<=", DATAGRAM_LIMIT_BYTES)
        # Else nothing was near the limit, and nothing was tested.
        result.limit("largest_datagram_at_least", largest, ">=", DATAGRAM_LIMIT_BYTES * 3 // 4)
        if path is not None:
            result.limit("dropped_by_path", path.dropped(), "==", 0)
        limit_undisturbed(result, before, after, report)
        stop(result, zone)
    return result


TESTS = {"T-1": oversize_poison, "T-2": unanswerable_sources, "T-18": path_mtu}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned and zonebot")
    parser.add_argument("--players", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60, help="of the attack, and of idle time beside it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(TESTS), help="tests by id, with commas")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time do not decide")
    options = parser.parse_args(arguments)
    tests_by_id.check_only(parser, options, TESTS)
    return options


if __name__ == "__main__":
    sys.exit(tests_by_id.run(TESTS, parse(sys.argv[1:])))
