"""Honest styles on bad networks against cheating bots in one sealed zone: T-43, and slow or selfish readers: T-12.

    conduct.py --bin DIR [--players N] [--seconds S] [--seed K] [--only T-43,...] [--ci] [--correctness-only]
               [--networks 300:10:60,...] [--table PAGE]

Prints one JSON line per test and network: id, seed, sizes, measured values, limits, what was omitted and why, pass.
Exit code 1 when a limit does not hold. --ci: two networks, small. The table of docs/anticheat.md, in some 7 minutes:

    conduct.py --bin DIR --only T-43 --seconds 18 --table docs/anticheat.md
"""

import argparse
import json
import pathlib
import shlex
import sys
import time
import urllib.request
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import selfish_reader  # noqa: E402
from result import Result  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Zone, total, wait_until  # noqa: E402

ANCHOR = (2.3522, 48.8566)
WARMUP_S = 4
JOIN_LIMIT_S = 60
END_LIMIT_S = 60
CORRECTED_LIMIT = 0.001
EXCESS_LIMIT_M = 1.0
HONEST = {"walk": "walk", "sprint": "sprint and stop", "zigzag": "zigzag", "circle": "circle", "afk": "away"}
STYLES = ("speed", "hops", "teleport", "burst", "nan", "spam", "future", "backwards", "actions", "action_spam")
# Two seconds of silence and then everything at once is what an outage looks like.
UNDETECTABLE = {"burst"}
# One way and its jitter in milliseconds, loss in percent each way.
NETWORKS = [(latency, loss, jitter) for latency, jitter in ((0, 0), (80, 30), (150, 200), (300, 60))
            for loss in (0, 5, 10)]
CI_NETWORKS = [(0, 0, 0), (100, 5, 60)]
# Longer than a late or a jumping clock takes to be told from an error.
LEAST_SECONDS = 16


def conduct(zone):
    """{name: what the operator's interface says}."""
    secret = (zone.data / "admin.secret").read_text().strip()
    request = urllib.request.Request(zone.http + "/v1/admin/conduct", headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {player["name"]: player for player in json.loads(answer.read())["players"]}


def cheaters_of(board, style):
    return [player for name, player in board.items() if name.startswith(f"cheat-{style}-")]


def movement_cheats(options, network, rows):
    latency, loss, jitter = network
    cheaters = options.per_style * len(STYLES)
    players = options.players + cheaters
    result = Result("T-43", options, players=options.players, cheaters=cheaters, seconds=options.seconds,
                    latency_ms=latency, jitter_ms=jitter, loss_pct=loss)
    # A little more than the share, so that rounding down gives the number.
    share = (cheaters + 0.5) / players
    with Zone(options.bin, SEALED) as zone, Bots(
            options.bin, zone, "bots", "--accounts", "--scenario", "crowd", "--anchor", ",".join(map(str, ANCHOR)),
            "--players", players, "--seed", options.seed, "--warmup", WARMUP_S, "--seconds", options.seconds, "--style",
            "mixed", "--cheat", ",".join(STYLES), "--cheaters", f"{share:.6f}", "--latency-ms", latency, "--jitter-ms",
            jitter, "--loss", loss) as bots:
        report = bots.report(JOIN_LIMIT_S + WARMUP_S + options.seconds + END_LIMIT_S)
        time.sleep(1.2)  # the board is written once a second
        board, metrics = conduct(zone), zone.metrics()
        honest = {name: player for name, player in board.items() if not name.startswith("cheat-")}
        result.limit("honest_not_connected", report["players"]["wanted"] - report["players"]["connected"], "==", 0)
        result.limit("honest_disconnected", report["players"]["disconnected"], "==", 0)
        result.limit("honest_flagged", sum(p["flags"] > 0 or p["kicks"] > 0 for p in honest.values()), "==", 0)
        result.note(honest_refused=report["refused_by_reason"], honest_ended=report["disconnected_by_reason"],
                    honest_styles=report["styles"], honest_with_violations=len(honest),
                    honest_score_max=max((p["score"] for p in honest.values()), default=0.0))
        # A loaded machine is a bad network too, but not the one that was asked for.
        result.limit("honest_corrected_pct", 100 * report["own"]["corrected_share"], "<", 100 * CORRECTED_LIMIT,
                     of_time=True)
        accepted, late, early = (total(metrics, f"session_commands_{what}_total")
                                 for what in ("accepted", "late", "early"))
        result.note(commands_accepted=accepted, commands_late=late, commands_early=early)
        result.limit("excess_m_max", max(c["excess_m"] for c in report["cheaters"].values()), "<=", EXCESS_LIMIT_M)
        result.limit("put_back", int(total(metrics, "conduct_put_back_total")), "==", 0)
        row = {"network": network, "players": report["players"]["connected"], "honest": report["styles"],
               "lost": Counter(report["refused_by_reason"]) + Counter(report["disconnected_by_reason"]),
               "flagged": result.record["measured"]["honest_flagged"], "styles": {}}
        for style in STYLES:
            figures = report["cheaters"][style]
            noticed = cheaters_of(board, style)
            detected = sum(p["flags"] > 0 or p["kicks"] > 0 for p in noticed)
            row["styles"][style] = {"bots": figures["connected"], "detected": detected,
                                    "kicked": sum(p["kicks"] > 0 for p in noticed), "excess_m": figures["excess_m"],
                                    "ended": figures["ended_by_reason"]}
            result.limit(f"{style}_connected", figures["connected"], "==", options.per_style)
            if style in UNDETECTABLE:
                result.note(**{f"{style}_detected": detected})
            else:
                result.limit(f"{style}_detected", detected, "==", figures["connected"])
        result.note(styles=row["styles"])
        rows.append(row)
        code = zone.stop()
        result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
    return result


def selfish_readers(options):
    """T-12. Some clients act, and acknowledge what they are told late, or never, or only ping."""
    count = 4 if options.ci else 16
    result = Result("T-12", options, players=options.players, readers=3 * count, seconds=options.seconds)
    result.omit("sealed", "the readers speak ENet by hand, without a cipher; what they make wait lies above the seal")
    queue_bytes = 65536
    # Patience that ends within the test.
    with Zone(options.bin, [f"net.peer_queue_bytes={queue_bytes}", "net.peer_timeout_ms=5000"]) as zone, Bots(
            options.bin, zone, "bots", "--scenario", "crowd", "--anchor", ",".join(map(str, ANCHOR)), "--players",
            options.players, "--seed", options.seed, "--warmup", WARMUP_S, "--seconds", options.seconds + 10) as bots:
        wait_until("players in the zone", JOIN_LIMIT_S, lambda: zone.stats()["players"] >= options.players)
        time.sleep(WARMUP_S)
        before, rss = zone.metrics(), zone.stats()["rss_mb"]
        readers = {mode: [selfish_reader.SelfishReader(zone.ports[i % len(zone.ports)], f"{mode} {i}", ANCHOR, mode,
                                                       options.seed + i) for i in range(count)]
                   for mode in selfish_reader.MODES}
        everyone = sum(readers.values(), [])
        selfish_reader.play(everyone, 10, lambda: all(reader.in_play for reader in everyone))
        entered = sum(reader.in_play for reader in everyone)
        result.limit("readers_in_play", entered, "==", len(everyone))
        selfish_reader.play(everyone, options.seconds)
        after = zone.metrics()
        result.note(rss_mb_before=rss, rss_mb_after=zone.stats()["rss_mb"],
                    answers_unread=sum(reader.unacknowledged() for reader in everyone),
                    timeouts=int(total(after, "net_timeouts_total") - total(before, "net_timeouts_total")),
                    queue_ended=int(total(after, "net_peer_queue_ended_total")
                                    - total(before, "net_peer_queue_ended_total")))
        for mode, those in readers.items():
            result.note(**{f"{mode}_ended": sum(reader.quiet() for reader in those)})
        growth = zone.stats()["rss_mb"] / rss - 1
        result.limit("rss_growth", growth, "<=", 0.05, of_time=options.ci)
        # Who never acknowledges is ended by ENet's own patience or by a full queue, one of the two.
        result.limit("never_ended", sum(reader.quiet() for reader in readers["never"]), "==", count)
        report = bots.report(options.seconds + END_LIMIT_S)
        result.limit("others_disconnected", report["players"]["disconnected"], "==", 0)
        result.limit("others_age_ms_p99", report["view"]["age_ms"]["combat"]["p99"], "<=", 250, of_time=True)
        code = zone.stop()
        result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
    return result


def cell(figures):
    text = f"{figures['detected']}/{figures['bots']}"
    return text + (f", {figures['excess_m']:.2f} m" if figures["excess_m"] >= 0.005 else "")


def lost(reasons):
    return ", ".join(f"{count} ({reason})" for reason, count in sorted(reasons.items())) or "none"


def table(rows, options, command):
    """docs/anticheat.md between its two marks; what stands around it stays."""
    lines = ["", f"Measured by `{command}`: {options.players} honest players, a fifth of each style, and "
             f"{options.per_style} cheaters of each style for {options.seconds:g} s on each network, in a sealed zone. "
             "*Latency* is one way.", "",
             "Inputs of honest players that the server corrected, by style; honest players who were flagged or kicked, "
             "and those who did not come in or lost their connection:", "",
             "| latency, jitter, loss | " + " | ".join(HONEST.values()) + " | flagged | lost |",
             "|---" * (len(HONEST) + 3) + "|"]
    for row in rows:
        latency, loss, jitter = row["network"]
        corrected = " | ".join(f"{100 * row['honest'][style]['corrected_share']:.3f} %" for style in HONEST)
        lines.append(f"| {latency} ms, {jitter} ms, {loss} % | {corrected} | {row['flagged']} of {row['players']} | "
                     f"{lost(row['lost'])} |")
    lines += ["", "Cheaters flagged or kicked / cheaters, and by how much the worst of them passed maximum speed × "
              "time in any two seconds, where that is not 0:", "",
              "| latency, jitter, loss | " + " | ".join(STYLES) + " |", "|---" * (len(STYLES) + 1) + "|"]
    for row in rows:
        latency, loss, jitter = row["network"]
        lines.append(f"| {latency} ms, {jitter} ms, {loss} % | "
                     + " | ".join(cell(row["styles"][style]) for style in STYLES) + " |")
    text = options.table.read_text()
    begin, end = "<!-- measured -->\n", "<!-- end of measured -->\n"
    head, rest = text.split(begin)
    options.table.write_text(head + begin + "\n".join(lines) + "\n\n" + end + rest.split(end)[1])


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned and zonebot")
    parser.add_argument("--players", type=int, help="honest ones")
    parser.add_argument("--per-style", type=int, help="cheaters of each style")
    parser.add_argument("--seconds", type=float, help="of each network")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="T-43,T-12", help="tests by id, with commas")
    parser.add_argument("--networks", help="only these: latency:loss:jitter, with commas")
    parser.add_argument("--ci", action="store_true", help="small sizes, two networks")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time do not decide")
    parser.add_argument("--table", type=pathlib.Path, help="page to write T-43's table into")
    options = parser.parse_args(arguments)
    options.players = options.players or (20 if options.ci else 100)
    options.per_style = options.per_style or (1 if options.ci else 3)
    options.seconds = options.seconds or (18 if options.ci else 60)
    if options.seconds < LEAST_SECONDS:
        parser.error(f"--seconds: at least {LEAST_SECONDS}")
    options.chosen = CI_NETWORKS if options.ci else NETWORKS
    if options.networks:
        options.chosen = [tuple(map(int, network.split(":"))) for network in options.networks.split(",")]
    unknown = [name for name in options.only.split(",") if name not in ("T-43", "T-12")]
    if unknown:
        parser.error(f"no such test: {', '.join(unknown)}")
    return options


def main():
    options = parse(sys.argv[1:])
    rows, failed = [], 0

    def show(run):
        nonlocal failed
        try:
            line = run().line()
        except Failure as failure:
            line = json.dumps({"id": "T-43", "seed": options.seed, "error": str(failure), "pass": False})
        print(line, flush=True)
        failed += not json.loads(line)["pass"]

    if "T-43" in options.only.split(","):
        for network in options.chosen:
            show(lambda: movement_cheats(options, network, rows))
    if "T-12" in options.only.split(","):
        show(lambda: selfish_readers(options))
    if options.table and rows:
        shown = [a for a in sys.argv[1:] if not a.startswith("--table")]
        command = "tests/soak/conduct.py " + shlex.join(
            "build/release/bin" if part == str(options.bin) else part for part in shown if part != str(options.table))
        table(rows, options, command)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
