"""Everything that may die under a world in which players act without pause, and what must hold then: T-20, T-21,
T-26...T-34, T-36, T-37, and how soon a killed zone ticks again.

    durability.py --bin DIR [--ci] [--only T-20,...] [--seed K] [--players N] [--ops-per-s N] [--seconds S]
                  [--crash-bin DIR] [--correctness-only]

Real zoned, zonebot, PostgreSQL and Redis on loopback, in folders of their own. Prints one JSON line per test: id, seed,
sizes, measured values, limits, what was omitted and why, pass. Exit code 1 when a limit does not hold. --ci: sizes for
every run, a few seconds each. With --correctness-only limits of time are measured and printed, but do not decide.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import tests_by_id  # noqa: E402
from durable_world import (ROOT, History, Repeat, SmallDisk, Watch, World, counts_by, doubt_seconds,  # noqa: E402
                           first_ok_after, rng)
from result import Result  # noqa: E402
from services import AFTER_KILL_SECONDS  # noqa: E402
from zone_under_test import Bots, Failure, Spans, total, wait_until  # noqa: E402

SETTLE_S = 15
REPORT_S = 90
FIRST_TICK_S = 5
REFUSAL_MS = 1000
RESOLVE_S = 5
RECOVER_S = 5
PLAYERS_BACK_S = 40  # the test gives up
TICK_P99_US = 33_000
CROSSED_P99_MS = 250
# A second, and what bots cannot tell: 0.3 m of their way at 1.4 m/s, and a histogram's bucket of 6 %.
PROGRESS_MS = 1250
LONG_WALK_S = 5  # before the last kill of T-20
NOT_BUILT = {"market": "not built", "crafting": "not built", "handoff": "not built"}


def trade(options, share=1.0, seconds=None, **more):
    """Arguments of trading bots: `share` of the players, all together the wanted operations per second."""
    players = max(4, int(options.players * share))
    arguments = {"players": players, "seed": options.seed, "ops-per-s": options.ops_per_s * share / players,
                 "seconds": options.seconds if seconds is None else seconds, "settle": SETTLE_S,
                 "ramp": max(20, players // 4), **more}
    out = ["--reconnect"]
    for name, value in arguments.items():
        out += [f"--{name}", value]
    return players, out


def omit_unbuilt(result, *parts):
    for part in parts:
        result.omit(part, NOT_BUILT.get(part, "not built"))


def limit_answers(result, report):
    """What the bots themselves saw."""
    result.note(answered=report["answered"], answered_per_s=report["answered_per_s"], ops=report["ops"],
                refusals=report["refusals"], latency_ms=report["latency_ms"], asked_again=report["asked_again"],
                reconnected=report["players"]["reconnected"])
    result.limit("unanswered", report["unanswered"], "==", 0)
    result.limit("changed_answers", report["changed_answers"], "==", 0)
    done = sum(each["ok"] for each in report["ops"].values())
    result.limit("done", done, ">=", 1)  # else nothing was tested


def limit_refusals(result, report):
    if report["unavailable_ms"]["count"]:
        result.limit("refusal_ms_max", report["unavailable_ms"]["max"], "<=", REFUSAL_MS, of_time=True)


def measured_span(zone, body):
    """Ticks of the same process while `body` runs."""
    span = Spans()
    before = zone.stats()
    body()
    span.add(before, zone.stats())
    return span


def limit_ticks(result, span):
    result.limit("tick_ms_p99", span.quantile("tick_us", 0.99) / 1000, "<", TICK_P99_US / 1000, of_time=True)
    # What the ticks took of a core: not blurred by who else wants one.
    result.note(tick_cpu_ms_p99=span.quantile("tick_cpu_us", 0.99) / 1000, steal_pct=span.steal_pct(os.cpu_count()),
                tick_ms_max=span.quantile("tick_us", 1.0) / 1000, missed_ticks=span.sums["missed_ticks"])


def kill_the_shard(options, store):
    """T-20. Half of the moments at random, half just after something was sent."""
    kills = options.sized(3, 20 if not options.long else 200)
    pause = options.sized(2.0, 6.0)
    result = Result("T-20", options, players=options.players, ops_per_s=options.ops_per_s, kills=kills, store=store)
    omit_unbuilt(result, "market", "crafting")
    draw = rng(options, "T-20")
    players, arguments = trade(options, seconds=0, resend=2)
    first_ticks = []
    with World(options, store) as world, world.act("bots", *arguments) as bots:
        world.wait_for_players(players, bots)
        history = History(bots.history)
        for number in range(kills):
            time.sleep(draw.uniform(0.5, 1.5) * pause + (LONG_WALK_S if number + 1 == kills else 0))
            if number % 2:
                history.read()
                history.wait_for(5, lambda line: line["outcome"] == "sent")
            world.zone.kill()
            first_ticks.append(world.restart_zone())
        world.wait_for_players(players, bots)
        time.sleep(pause)
        bots.process.send_signal(signal.SIGINT)
        report = bots.report(REPORT_S)
        limit_answers(result, report)
        result.limit("first_tick_s_max", max(first_ticks), "<", FIRST_TICK_S, of_time=True)
        result.limit("reconnected", report["players"]["reconnected"], ">=", players)
        result.note(progress_lost_ms=report["progress_lost_ms"])
        result.limit("progress_lost_ms_max", report["progress_lost_ms"]["max"], "<=", PROGRESS_MS, of_time=True)
        # On a busy machine saves are late, but who loses all of LONG_WALK_S has had none.
        result.limit("long_walk_lost_ms_max", report["progress_lost_ms"]["max"], "<=", 3 * PROGRESS_MS)
        result.limit("progress_unmatched", report["progress_unmatched"], "<=", players // 2)
        world.check(result)
    return result


def crash_labels():
    text = (ROOT / "src/core/crash_point.cc").read_text()
    return re.findall(r'"([a-z_]+\.[a-z_]+)"', text.split("kCrashLabels", 1)[1].split("};", 1)[0])


def every_crash_point(options):
    """T-21. Each label is armed for a start; it must be met within its time, and the world be whole after."""
    labels = crash_labels()
    rounds = options.sized(1, 20)
    result = Result("T-21", options, players=options.players, labels=len(labels), rounds=rounds)
    omit_unbuilt(result, "handoff", "market")
    if options.crash_bin is None:
        result.omit("all", "needs --crash-bin: programs built with BLUEMARBLE_CRASH_POINTS")
        return result
    draw = rng(options, "T-21")
    players, arguments = trade(options, share=0.5, seconds=0, resend=2)
    met, first_ticks = set(), []
    settings = ["journal.segment_bytes=4096"]
    with World(options, settings=settings, bin_dir=options.crash_bin) as world, world.act("bots", *arguments) as bots:
        world.wait_for_players(players, bots)
        for _ in range(rounds):
            for label in labels:
                world.zone.kill()
                # Labels of the start are passed once; those of service many times.
                passes = 1 if label.startswith(("start.", "replay.", "stop.", "journal.")) else draw.randint(1, 20)
                world.zone.spawn({"BLUEMARBLE_CRASH_AT": f"{label}:{passes}"})
                if provoke(world, label):
                    met.add(label)
                first_ticks.append(world.restart_zone())
        world.wait_for_players(players, bots)
        bots.process.send_signal(signal.SIGINT)
        report = bots.report(REPORT_S)
        limit_answers(result, report)
        result.note(not_met=sorted(set(labels) - met))
        result.limit("label_coverage", len(met) / len(labels), ">=", 1.0)
        result.limit("first_tick_s_max", max(first_ticks), "<", FIRST_TICK_S, of_time=True)
        world.check(result)
    return result


def provoke(world, label):
    """Brings the armed zone to its label; True when it died of it."""
    def dead():
        return world.zone.process.poll() is not None

    def dead_or_serving(players=0):
        try:
            return dead() or (world.zone.serving() and world.zone.stats()["players"] >= players)
        except (Failure, OSError):  # in between; or it does not listen yet
            return dead()

    patience = 12
    wait_until("the armed zone serves", 20, dead_or_serving)
    if label.startswith(("commit.", "journal.")):
        wait_until("players are back", PLAYERS_BACK_S, lambda: dead_or_serving(players=1))
    if label.startswith("stop."):
        time.sleep(1)
        world.zone.process.send_signal(signal.SIGTERM)
    elif label.startswith("journal."):
        # Only what the database does not take at once is journalled.
        world.postgres.freeze()
        until = time.monotonic() + 4
        while not dead() and time.monotonic() < until:
            time.sleep(0.05)
        world.postgres.thaw()
        if label.endswith("_delete") and not dead():
            # The files of so few bots hardly fill; those whose saves are all in the database go with the stop.
            time.sleep(1)
            world.zone.process.send_signal(signal.SIGTERM)
    try:
        wait_until(f"the crash at {label}", patience, dead)
    except Failure:
        world.zone.kill()
        return False
    return world.zone.process.returncode == -signal.SIGKILL


def same_item(options):
    """T-26. Until there is a market: everybody picks up one item in the same moment, one of them fifty times."""
    players = options.sized(60, 200)
    rounds = options.sized(3, 50)
    result = Result("T-26", options, players=players, rounds=rounds, copies=50)
    omit_unbuilt(result, "market", "UDP and REST at once")
    settings = ["session.actions_per_s=100", "session.action_burst=200"]
    with World(options, settings=settings) as world, world.act(
            "bots", "--players", players, "--seed", options.seed, "--rounds", rounds, "--resend", 2, "--ramp", 50, "--settle", SETTLE_S,
            "--seconds", options.sized(40, 600), scenario="race") as bots:
        report = bots.report(REPORT_S + 600)
        limit_answers(result, report)
        race = report.get("race", {"rounds": 0, "without_one_winner": 0, "losers_with_reason": 0})
        result.limit("rounds", race["rounds"], ">=", rounds)
        result.limit("rounds_without_one_winner", race["without_one_winner"], "==", 0)
        result.limit("losers_with_reason", race["losers_with_reason"], "==", race["rounds"] * (players - 1))
        result.limit("disconnected", report["players"]["disconnected"], "==", 0)
        world.check(result)
    return result


def double_submit(options):
    """T-27. Every request one to five times, and again after reconnects to another process."""
    result = Result("T-27", options, players=options.players, ops_per_s=options.ops_per_s, seconds=options.seconds)
    omit_unbuilt(result, "across shards")
    result.omit("after 24 h", "keys are kept by the database's clock, which nothing here may move; a unit test of the "
                              "store covers the age of keys")
    players, arguments = trade(options, seconds=0, resend=5)
    settings = ["session.actions_per_s=100", "session.action_burst=400"]
    with World(options, settings=settings) as world, world.act("bots", *arguments) as bots:
        world.wait_for_players(players, bots)
        time.sleep(options.seconds / 2)
        world.zone.kill()
        world.restart_zone()
        world.wait_for_players(players, bots)
        time.sleep(options.seconds / 2)
        bots.process.send_signal(signal.SIGINT)
        report = bots.report(REPORT_S)
        limit_answers(result, report)
        result.limit("copies", report["copies"], ">=", 1)
        result.limit("asked_after_ok", report["asked_after_ok"], ">=", 1)
        world.check(result)
    return result


STATE_SQL = ("SELECT 'items', count(*), coalesce(sum(item_id * version % 1000003), 0) FROM item UNION ALL "
             "SELECT 'ledger', count(*), coalesce(sum(version), 0) FROM ledger UNION ALL "
             "SELECT 'supply', count(*), coalesce(sum(created - destroyed), 0) FROM item_supply")


def hostile_amounts(options):
    """T-28. What must be refused is refused with a reason, and no row changes."""
    players = options.sized(8, 64)
    result = Result("T-28", options, players=players)
    omit_unbuilt(result, "market")
    result.omit("NaN price", "gold is a whole number on the wire; there is no price yet")
    settings = ["session.actions_per_s=100", "session.action_burst=400"]
    base = ["--players", players, "--seed", options.seed, "--group", 4, "--settle", SETTLE_S, "--ramp", 20]
    with World(options, settings=settings) as world:
        with world.act("first", *base, "--seconds", 1, "--ops-per-s", 0.001) as bots:
            bots.report(REPORT_S)
        before = world.sql(STATE_SQL)
        with world.act("bots", *base, "--resend", 3, "--seconds", 60, scenario="hostile") as bots:
            report = bots.report(REPORT_S)
        after = world.sql(STATE_SQL)
        cases = report.get("hostile", [])
        wrong = [case for case in cases if not case["harmless"]]
        result.note(cases=len(cases), reasons=counts_by(cases, "answer"), wrong=wrong[:10])
        result.limit("cases", len(cases), ">=", 40)
        result.limit("not_refused_with_reason", len(wrong), "==", 0)
        result.limit("tables_changed", sum(a != b for a, b in zip(before, after)), "==", 0)
        result.limit("disconnected", report["players"]["disconnected"], "==", 0)
        result.limit("unanswered", report["unanswered"], "==", 0)
        world.check(result)
    return result


def lock_order(options):
    """T-29. Pairs that trade both ways at once, and rings of five."""
    wanted = options.sized(150, 10_000)
    result = Result("T-29", options, players=options.players, trades=wanted)
    settings = ["session.actions_per_s=100", "session.action_burst=400"]
    with World(options, settings=settings) as world:
        latencies, done = [], 0
        for name, group in (("pairs", 2), ("rings", 5)):
            players, arguments = trade(options, seconds=0, group=group, ops="offer,accept")
            with world.act(name, *arguments) as bots:
                world.wait_for_players(players, bots)
                history, accepted = History(bots.history), 0
                until = time.monotonic() + options.sized(15, 600)
                while accepted < wanted / 2 and time.monotonic() < until:
                    accepted += sum(line["op"] == "accept" and line["outcome"] == "ok" for line in history.read())
                    time.sleep(0.05)
                bots.process.send_signal(signal.SIGINT)
                report = bots.report(REPORT_S)
            limit_answers(result, report)
            latencies.append(report["latency_ms"]["p99"])
            done += accepted
            result.note(**{f"{name}_refusals": report["refusals"]})
        result.limit("trades", done, ">=", wanted)
        result.limit("latency_ms_p99", max(latencies), "<", CROSSED_P99_MS, of_time=True)
        world.check(result)
    return result


BAD_NAMES = ["a\0b", "\ud800", "x" * 33, "", "a\nb", "a\tb", "\x7f", "x" * 60_000]
ODD_NAMES = ["'; DROP TABLE player; --", "\\.", "\\N", "$$", "%s%n", "{\"a\":1}", "Ünïcödé", "名前"]


def post_join(zone, name):
    """The status of POST /v1/join for a name that may be no text at all."""
    import http.client
    host, port = zone.http.removeprefix("http://").split(":")
    link = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        link.request("POST", "/v1/join", json.dumps({"name": name}).encode(), {"Content-Type": "application/json"})
        return link.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        return 0  # cut off: refused as well
    finally:
        link.close()


# Rows that cannot be used, each of a player of its own: what damages them while the zone is down, what repairs them,
# and the reason that the player is told.
POISONS = [
    ("wrong_shard", "DELETE FROM ownership WHERE player_id = {id}",
     "INSERT INTO ownership (player_id, shard_id, epoch) VALUES ({id}, '{shard}', {epoch})"),
    ("quarantined", "UPDATE player SET saved_tick = saved_tick + 4611686018427387904 WHERE player_id = {id}",
     "UPDATE player SET saved_tick = saved_tick - 4611686018427387904 WHERE player_id = {id}"),
    ("quarantined", "DELETE FROM player_extended WHERE player_id = {id}",
     "INSERT INTO player_extended (player_id) VALUES ({id})"),
]
# Whose ownership row goes while he plays is found out by the next thing that he does, and a sample; whose account goes,
# by the third refusal.
POISONED_IN_PLAY_S = 20


def poison(options):
    """T-30. What is no name is refused at the edge; rows that cannot be used cost their players alone."""
    result = Result("T-30", options, players=options.players, ops_per_s=options.ops_per_s, names=len(BAD_NAMES + ODD_NAMES))
    omit_unbuilt(result, "chat", "item notes")
    players, arguments = trade(options, seconds=0)
    with World(options) as world:
        with world.act("bots", *arguments) as bots:
            world.wait_for_players(players, bots)
            accepted = [name for name in BAD_NAMES if post_join(world.zone, name) == 200]
            odd = {name: post_join(world.zone, name) for name in ODD_NAMES}
            result.note(odd_names=odd)
            result.limit("bad_names_accepted", len(accepted), "==", 0)
            time.sleep(options.sized(2, 30))
            bots.process.send_signal(signal.SIGINT)
            limit_answers(result, bots.report(REPORT_S))
        world.zone.end()
        owned = world.sql("SELECT p.player_id, o.shard_id, o.epoch FROM player p JOIN ownership o USING (player_id) "
                          "WHERE p.name LIKE 'bot-%' ORDER BY player_id")
        victims = [{"id": row[0], "shard": row[1], "epoch": row[2]} for row in owned[::4][:len(POISONS) + 2]]
        in_play, poor = victims.pop(), victims.pop()
        for (_, damage, _), victim in zip(POISONS, victims):
            world.sql(damage.format(**victim))
        world.restart_zone()
        others = players - len(victims)
        def ended(reason):
            return int(total(world.zone.metrics(), "session_ended_total", reason=reason))

        def again(seconds):
            return [each for each in trade(options, seconds=seconds)[1] if each != "--reconnect"]

        with world.act("once", *again(1)) as bots:
            bots.report(REPORT_S)
        with world.act("again", *again(0)) as bots:
            world.wait_for_players(others, bots)
            time.sleep(options.sized(2, 10))
            before = ended("wrong_shard")
            world.sql(POISONS[0][1].format(**in_play))
            wait_until("who was poisoned in play is out", POISONED_IN_PLAY_S, lambda: ended("wrong_shard") > before)
            account = world.sql(f"SELECT version, balance FROM account WHERE account_id = {poor['id']}")[0]
            before = ended("quarantined")
            world.sql(f"DELETE FROM account WHERE account_id = {poor['id']}")
            wait_until("who lost his account is out", options.sized(30, 300), lambda: ended("quarantined") > before)
            time.sleep(options.sized(4, 30))
            metrics = world.zone.metrics()
            result.limit("others_in_play", world.zone.stats()["players"], "==", others - 2)
            bots.process.send_signal(signal.SIGINT)
            report = bots.report(REPORT_S)
            last = {(str(line["player"]), line["key"]): line["outcome"] for line in History(bots.history).read()}
        # Who is thrown out does not hear what becomes of his last action.
        unheard = {player for (player, _), outcome in last.items() if outcome not in ("ok", "refused")}
        result.limit("others_unanswered", len(unheard - {in_play["id"], poor["id"]}), "==", 0)
        result.limit("changed_answers", report["changed_answers"], "==", 0)
        result.limit("done_beside_them", sum(each["ok"] for each in report["ops"].values()), ">=", 1)
        result.note(ended=report["disconnected_by_reason"])
        result.limit("ended_in_play", int(report["disconnected_by_reason"] == {"quarantined": 1, "wrong_shard": 1}), "==", 1)
        for reason in sorted({reason for reason, _, _ in POISONS}):
            wanted = sum(each == reason for each, _, _ in POISONS)
            result.limit(f"refused_{reason}", report["refused_by_reason"].get(reason, 0), "==", wanted)
        # The store was asked for each once; the second time the zone knew.
        result.limit("quarantined", int(total(metrics, "session_quarantined_total")), "==", 3)
        result.limit("quarantine_refusals", int(total(metrics, "session_quarantine_refusals_total")), "==", 2)
        errors = [line for line in world.zone.log.read_text().splitlines()
                  if '"level":"error"' in line or '"level":"warn' in line]
        result.limit("log_lines", len(errors), "<=", 10 + options.sized(20, 60))
        result.limit("zoned_ended", int(world.zone.process.poll() is not None), "==", 0)
        world.zone.end()
        for (_, _, repair), victim in zip([*POISONS, POISONS[0]], [*victims, in_play]):
            world.sql(repair.format(**victim))
        world.sql(f"INSERT INTO account (account_id, version, balance) VALUES ({poor['id']}, {account[0]}, {account[1]})")
        world.check(result)
    return result


def order_and_replay(options):
    """T-31. A consumer that polls sees each event once and in order while they are written; then all state is rebuilt."""
    result = Result("T-31", options, players=options.players, ops_per_s=options.ops_per_s, seconds=options.seconds)
    players, arguments = trade(options, seconds=options.seconds)
    seen, last, polls = [], 0, 0
    with World(options) as world:
        def poll():
            nonlocal last, polls
            rows = world.sql(f"SELECT seq, aggregate_type, aggregate_id, version FROM event WHERE seq > {last} ORDER BY seq "
                             "LIMIT 5000")
            seen.extend(tuple(map(int, row)) for row in rows)
            last = seen[-1][0] if seen else 0
            polls += 1
            return rows

        with world.act("bots", *arguments) as bots:
            while bots.running():
                poll()
                time.sleep(0.1)
            report = bots.report(REPORT_S)
        limit_answers(result, report)
        world.zone.end()
        while poll():
            pass
        everything = [tuple(map(int, row)) for row in world.sql(
            "SELECT seq, aggregate_type, aggregate_id, version FROM event ORDER BY seq", timeout=60)]
        newest, gaps = {}, 0
        for _, kind, aggregate, version in seen:
            gaps += version != newest.get((kind, aggregate), 0) + 1
            newest[kind, aggregate] = version
        result.note(events=len(seen), polls=polls, events_per_s=len(seen) / max(1e-9, report["seconds"]))
        result.limit("skipped_or_doubled", abs(len(everything) - len(seen)) + int(everything != seen), "==", 0)
        result.limit("versions_out_of_order", gaps, "==", 0)
        result.limit("holes_in_seq", seen[-1][0] - seen[0][0] + 1 - len(seen), "==", 0)
        world.check(result)
    many_writers(options, result)
    return result


def many_writers(options, result):
    """The part of T-31 that bots cannot do: threads that ask one committer at once, each after a random wait, on a
    PostgreSQL of their own (tests/integration/postgres/writers_test.cc)."""
    program = options.bin.parent / "tests" / "postgres_writers_test"
    if not program.exists():
        result.omit("64 writers", f"{program} is not built")
        return
    sizes = {"SECONDS": options.sized(3, 120), "WAIT_MS": options.sized(100, 2000), "PLAYERS": options.sized(4, 125),
             "SEED": options.seed}
    environment = {**os.environ, **{f"BLUEMARBLE_WRITERS_{name}": str(value) for name, value in sizes.items()}}
    ended = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=600, check=False)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode != 0 or not lines:
        sys.stderr.write(ended.stdout[-4000:] + ended.stderr[-1000:])
    else:
        result.note(many_writers=json.loads(lines[-1]))
    result.limit("many_writers_failed", int(ended.returncode != 0 or not lines), "==", 0)


def under_fault(options, name, fault, resend=2, redis=False, **sizes):
    """A trading world in which `fault(world, note_return)` does its work; then everything is checked. `note_return` is
    called when what was away is back."""
    result = Result(name, options, players=options.players, ops_per_s=options.ops_per_s, **sizes)
    players, arguments = trade(options, seconds=0, resend=resend)
    returns = []
    with World(options, redis=redis) as world, world.act("bots", *arguments) as bots:
        world.wait_for_players(players, bots)
        time.sleep(options.sized(1, 5))
        with Watch(world.zone) as watch:
            span = measured_span(world.zone, lambda: fault(world, lambda: returns.append(time.time())))
        time.sleep(options.sized(3, RECOVER_S + 1))
        bots.process.send_signal(signal.SIGINT)
        report = bots.report(REPORT_S)
        lines = History(bots.history).read()
        limit_answers(result, report)
        limit_refusals(result, report)
        limit_ticks(result, span)
        watch.limit(result)
        result.limit("disconnected", report["players"]["disconnected"], "==", 0)
        recoveries = first_ok_after(lines, returns)
        result.limit("not_recovered", recoveries.count(None), "==", 0)
        found = [each for each in recoveries if each is not None]
        if found:
            result.limit("recovery_s_max", max(found), "<=", RECOVER_S, of_time=True)
        doubts = doubt_seconds(lines, returns)
        result.note(in_doubt=len(doubts))
        if doubts:
            result.note(doubt_s_median=statistics.median(doubts))
            result.limit("doubt_s_max", max(doubts), "<=", RESOLVE_S, of_time=True)
        world.check(result)
    return result


def postgres_killed(options):
    """T-32. Recovery is counted from when PostgreSQL answers again."""
    kills = options.sized(2, max(2, int(options.seconds / 10)))

    def fault(world, back):
        for _ in range(kills):
            world.postgres.kill()
            world.postgres.restart()
            back()
            time.sleep(options.sized(2, max(1, 10 - AFTER_KILL_SECONDS)))

    return under_fault(options, "T-32", fault, kills=kills)


def postgres_frozen(options):
    """T-33. First the committer's backend alone, then all of PostgreSQL."""
    freeze_s = options.sized(4, 60)

    def fault(world, back):
        for pids in ([world.postgres.writer()], None):
            world.postgres.freeze(pids)
            time.sleep(freeze_s)
            world.postgres.thaw()
            back()
            time.sleep(options.sized(2, 10))

    return under_fault(options, "T-33", fault, freeze_s=freeze_s)


def connections_cut(options):
    """T-34. A backend drawn at random, five times a second."""
    seconds = options.sized(6, 300)

    def fault(world, back):
        draw = rng(options, "T-34")
        with Repeat(0.2, lambda: world.postgres.terminate_one(draw)) as cutter:
            time.sleep(seconds)
        if cutter.error is not None or cutter.times == 0:
            raise Failure(f"no connection was cut: {cutter.error}")
        back()

    return under_fault(options, "T-34", fault, seconds=seconds)


def redis_gone(options):
    """T-36. Kill, freeze, empty, fill, delay, go back; bots act and the state of players is read all the while."""
    pause = options.sized(1.0, 10.0)
    reads = {"done": 0, "failed": 0, "of_another": 0, "gone_back": 0}
    newest, after = {}, {}

    def fault(world, back):
        names = [f"bot-{options.seed}-{number:06d}" for number in range(options.players)]

        def read():
            name = names[(reads["done"] + reads["failed"]) % len(names)]
            state = world.zone.player_state(name)
            if state is None:
                reads["failed"] += 1
            else:
                reads["done"] += 1
                reads["of_another"] += state["name"] != name
                now = (state["version"], state["tick"])
                reads["gone_back"] += any(a < b for a, b in zip(now, newest.get(name, now)))
                newest[name] = now
            return True

        def old_dump():
            """Who leaves after the dump must not be read out of it: his things have changed since."""
            leavers = options.players // 4
            arguments = ["--players", leavers, "--seed", options.seed + 1, "--group", 2, "--settle", SETTLE_S, "--ramp", 20,
                         "--ops-per-s", 4, "--seconds", 2 * pause + 2]
            with world.act("leavers", *arguments) as bots:
                world.wait_for_players(options.players + leavers, bots)
                time.sleep(pause)
                if world.redis.command("SAVE", timeout=30) != b"+OK":
                    raise Failure("Redis did not save its dump")
                bots.report(REPORT_S)
            time.sleep(pause)
            world.redis.kill()
            world.redis.start()
            after["keys_in_old_dump"] = int(world.redis.command("DBSIZE").lstrip(b":"))
            wait_until("the cache serves again", 10,
                       lambda: total(world.zone.metrics(), "cache_open_circuits") == 0)
            stored = world.sql("SELECT p.name, p.version, p.saved_tick, coalesce(a.balance, 0), (SELECT count(*) FROM item "
                               "WHERE holder = p.player_id) FROM player p LEFT JOIN account a ON a.account_id = p.player_id "
                               f"WHERE p.name LIKE 'bot-{options.seed + 1}-%' ORDER BY p.name")
            after.update(leavers=len(stored), read_out_of_the_past=0, unread=0)
            for _ in range(3):
                for name, *figures in stored:
                    state = world.zone.player_state(name)
                    if state is None:
                        after["unread"] += 1
                        continue
                    seen = [state["version"], state["tick"], state["gold"], len(state["items"])]
                    after["read_out_of_the_past"] += seen != list(map(int, figures))

        def delay():
            began = time.monotonic()
            world.redis_line.delay_s = 0.3
            wait_until("the circuit is open", 10, lambda: total(world.zone.metrics(), "cache_open_circuits") == 1, pause=0.01)
            after["circuit_s"] = time.monotonic() - began
            time.sleep(pause)
            world.redis_line.delay_s = 0.0
            wait_until("the circuit is closed", 10, lambda: total(world.zone.metrics(), "cache_open_circuits") == 0)

        with Repeat(0.02, read) as reader:
            world.redis.kill()
            time.sleep(pause)
            world.redis.start()
            time.sleep(pause)
            world.redis.freeze()
            time.sleep(pause)
            world.redis.thaw()
            world.redis.command("FLUSHALL")
            time.sleep(pause)
            world.redis.command("CONFIG", "SET", "maxmemory", "1mb")
            time.sleep(pause)
            world.redis.command("CONFIG", "SET", "maxmemory", "0")
            delay()
            old_dump()
        if reader.error is not None:
            raise Failure(f"a state could not be read: {reader.error}")
        back()

    result = under_fault(options, "T-36", fault, redis=True, pause_s=pause)
    result.limit("reads", reads["done"], ">=", 10)
    result.limit("reads_failed", reads["failed"] + after["unread"], "==", 0)
    result.limit("reads_of_another", reads["of_another"], "==", 0)
    result.limit("reads_gone_back", reads["gone_back"], "==", 0)
    result.limit("circuit_s", after["circuit_s"], "<=", 1, of_time=True)
    result.limit("keys_in_old_dump", after["keys_in_old_dump"], ">=", 1)
    result.limit("leavers", after["leavers"], ">=", 1)
    result.limit("read_out_of_the_past", after["read_out_of_the_past"], "==", 0)
    result.omit("answers for another key in 10^6 reads", "in the integration tests of the cache")
    return result


def full_disk(options):
    """T-37. The disk of journal and log is full while the database is away too; then a start on a full disk."""
    result = Result("T-37", options, players=options.players, ops_per_s=options.ops_per_s, disk_mb=8)
    result.omit("journal cut at every byte of its last records", "a unit test of the journal")
    no_disk = SmallDisk.why_not()
    if no_disk:
        result.omit("all", no_disk)
        return result
    away_s = options.sized(4, 60)
    players, arguments = trade(options, seconds=0)
    with SmallDisk(8) as disk, World(options, disk=disk, settings=["journal.segment_bytes=65536"]) as world:
        with world.act("bots", *arguments) as bots:
            world.wait_for_players(players, bots)
            time.sleep(options.sized(1, 5))

            def fault():
                world.postgres.kill()
                time.sleep(1)
                disk.fill()
                time.sleep(away_s)
                result.note(journal_failures=total(world.zone.metrics(), "journal_failures_total"))
                disk.free()
                world.postgres.restart()

            span = measured_span(world.zone, fault)
            back = time.time()
            wait_until("the journal works again", 30,
                       lambda: total(world.zone.metrics(), "journal_degraded_files") == 0)
            result.limit("journal_recovery_s", time.time() - back, "<=", 30, of_time=True)
            result.limit("journal_failures_seen", result.record["measured"]["journal_failures"], ">=", 1)
            time.sleep(options.sized(3, 6))
            limit_ticks(result, span)
            disk.fill()
            world.zone.kill()
            world.zone.spawn()
            time.sleep(options.sized(3, 5))
            disk.free()

            def ended_or_serves():
                with contextlib.suppress(OSError):  # it does not listen yet
                    return world.zone.process.poll() is not None or world.zone.stats()["ticks"] > 0
                return False

            wait_until("it ends or serves", 30, ended_or_serves)
            code = world.zone.process.poll()
            result.note(start_on_full_disk="serves" if code is None else f"ends with code {code}")
            result.limit("crashed_on_full_disk", int(code is not None and code < 0), "==", 0)
            if code is not None:
                result.note(first_tick_s=world.restart_zone())
            world.wait_for_players(players, bots)
            time.sleep(options.sized(2, 6))
            bots.process.send_signal(signal.SIGINT)
            report = bots.report(REPORT_S)
        limit_answers(result, report)
        limit_refusals(result, report)
        world.check(result)
    return result


def restart(options, store):
    """kill -9 to the first tick with many known players, all of them in play when it dies. A tenth of them acts, and
    comes back by itself; the crowd's bots only stand for players whose rows are there."""
    players = options.sized(300, 5000)
    rounds = options.sized(1, 3)
    result = Result("restart", options, players=players, rounds=rounds, store=store)
    first_ticks = []
    actors = players // 10
    arguments = ["--reconnect", "--players", actors, "--seed", options.seed + 1, "--seconds", 0, "--ops-per-s", 0.2,
                 "--settle", SETTLE_S, "--ramp", max(20, actors // 4)]
    with World(options, store) as world, world.act("actors", *arguments) as bots:
        for number in range(rounds):
            world.wait_for_players(actors, bots)
            with Bots(world.bin, world.zone, f"crowd{number}", "--scenario", "spread", "--players", players - actors, "--seed",
                      options.seed, "--seconds", 0, "--observers", 1, "--ramp", max(60, players // 10)) as crowd:
                world.wait_for_players(players, crowd, patience=180)
                time.sleep(2)
                world.zone.kill()
            first_ticks.append(world.restart_zone())
        world.wait_for_players(actors, bots)
        time.sleep(1)  # who is in the zone may not know it yet
        bots.process.send_signal(signal.SIGINT)
        report = bots.report(REPORT_S)
        limit_answers(result, report)
        result.limit("reconnected", report["players"]["reconnected"], ">=", actors * rounds)
        known = int(world.sql("SELECT count(*) FROM player")[0][0])
        result.limit("known_players", known, ">=", players)
        result.limit("first_tick_s_max", max(first_ticks), "<", FIRST_TICK_S, of_time=True)
        world.check(result)
    return result


TESTS = {
    "T-20": [lambda options: kill_the_shard(options, "postgres"), lambda options: kill_the_shard(options, "sqlite")],
    "T-21": [every_crash_point],
    "T-26": [same_item],
    "T-27": [double_submit],
    "T-28": [hostile_amounts],
    "T-29": [lock_order],
    "T-30": [poison],
    "T-31": [order_and_replay],
    "T-32": [postgres_killed],
    "T-33": [postgres_frozen],
    "T-34": [connections_cut],
    "T-36": [redis_gone],
    "T-37": [full_disk],
    "restart": [lambda options: restart(options, "postgres"), lambda options: restart(options, "sqlite")],
}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned, zonebot and zonectl")
    parser.add_argument("--crash-bin", type=pathlib.Path, help="the same, built with BLUEMARBLE_CRASH_POINTS")
    parser.add_argument("--ci", action="store_true", help="sizes of a few seconds a test")
    parser.add_argument("--long", action="store_true", help="T-20 with 200 kills")
    parser.add_argument("--players", type=int)
    parser.add_argument("--ops-per-s", type=float, help="of all players together")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(TESTS), help="tests by id, with commas")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time do not decide")
    options = parser.parse_args(arguments)
    options.sized = lambda small, full: small if options.ci else full
    options.players = options.players or options.sized(24, 500)
    options.ops_per_s = options.ops_per_s or options.sized(60.0, 300.0)
    options.seconds = options.seconds or options.sized(6.0, 600.0)
    tests_by_id.check_only(parser, options, TESTS)
    return options


def main():
    options = parse(sys.argv[1:])
    failed = 0
    for name in options.only.split(","):
        for test in TESTS[name]:
            began = time.monotonic()
            try:
                record = test(options)
                record.note(took_s=time.monotonic() - began)
                line = record.line()
            except (Failure, OSError) as failure:
                line = json.dumps({"id": name, "seed": options.seed, "error": str(failure), "pass": False})
            print(line, flush=True)
            failed += not json.loads(line)["pass"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
