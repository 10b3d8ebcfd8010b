"""A real zone, plain and sealed: the metrics of what it sent add up to all that it sent; and it is stopped for a moment
in the middle of play, which `zonectl slow` shows afterwards.

    sent_and_slow_test.py --bin FOLDER
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from zone_under_test import SEALED, Bots, Failure, Zone, total, wait_until  # noqa: E402

PLAYERS = 40
SECONDS = 6
STOPPED_S = 0.3
HISTORY_S = 2
# What a busy machine does to ticks is not what is looked for.
SETTINGS = (f"tick.slow_history_s={HISTORY_S}", "tick.slow_ms=150")
CROWD = ("--scenario", "crowd", "--anchor", "2.3522,48.8566", "--radius", 150, "--players", PLAYERS, "--warmup", 1,
         "--chat-per-s", 0.5)


def expect(condition, what):
    if not condition:
        raise Failure(what)


def quiet(zone):
    """The metrics when nobody plays any more and two looks at them say the same of what was sent."""
    def sent(metrics):
        return {key: value for key, value in metrics.items() if key[0].startswith(("net_sent", "replication_sent"))}

    wait_until("all players have left", 20, lambda: total(zone.metrics(), "net_peers") == 0
               and total(zone.metrics(), "session_players") == 0)
    metrics = zone.metrics()
    for _ in range(50):
        time.sleep(0.1)
        before, metrics = metrics, zone.metrics()
        if sent(before) == sent(metrics):
            return metrics
    raise Failure("a zone without players sends on")


def check_sums(metrics, sealed):
    hosts = {dict(labels)["host"] for name, labels in metrics if name == "net_sent_bytes_total"}
    for host in hosts:
        expect(total(metrics, "net_sent_part_bytes_total", host=host) == total(metrics, "net_sent_bytes_total", host=host),
               f"host {host}: the parts are not what was sent")
    for part, there in {"snapshot": True, "welcome": True, "chat_heard": True, "enet": True, "other": False,
                        "seal": sealed, "seal_own": sealed}.items():
        value = total(metrics, "net_sent_part_bytes_total", part=part)
        expect((value > 0) == there, f"{value:.0f} bytes of {part}")
    built = total(metrics, "replication_sent_bytes_total")
    expect(total(metrics, "replication_part_bytes_total") == built, "the parts of snapshots are not their bytes")
    for labels in ({"part": "private"}, {"class": "combat", "part": "payload"}, {"class": "visual", "part": "header"}):
        expect(total(metrics, "replication_part_bytes_total", **labels) > 0, f"no bytes of {labels}")
    payload = total(metrics, "replication_part_bytes_total", part="payload")
    expect(total(metrics, "replication_payload_bytes_total") == payload, "kinds and fields are not the payloads' bytes")
    for labels, least in (({"kind": "none", "field": "membership"}, 0.001), ({"kind": "player", "field": "identity"}, 0.001),
                          ({"kind": "player", "field": "position"}, 0.1), ({"kind": "player", "field": "facing"}, 0.001),
                          ({"kind": "player", "field": "vitals"}, 0.001)):
        expect(total(metrics, "replication_payload_bytes_total", **labels) > least * payload, f"few bytes of {labels}")
    expect(total(metrics, "replication_payload_bytes_total", kind="body") == 0, "bytes of bodies that are not there")
    rest = total(metrics, "replication_payload_bytes_total", field="coder")
    expect(rest < 2 * total(metrics, "replication_parts_total"), "the coder's rest is above two bytes a part")
    sent = total(metrics, "net_sent_part_bytes_total", part="snapshot")
    lost = total(metrics, "net_unsent_snapshot_bytes_total") + total(metrics, "session_snapshots_dropped_bytes_total")
    expect(built == sent + lost, f"{built:.0f} bytes of snapshots are not {sent:.0f} sent and {lost:.0f} lost")
    expect(sent > 0.9 * built, "a tenth of all snapshots did not leave")


def slow(options, zone, *arguments):
    return subprocess.run([options.bin / "zonectl", "--url", zone.http, "--data-dir", zone.data, "slow", *arguments],
                          capture_output=True, text=True, timeout=30, check=True).stdout


def wait_for_calm(zone):
    """Slow ticks of before must not belong to the same incident, and the history shall show play."""
    mark = {}

    def calm():
        slow_ticks, ticks = total(zone.metrics(), "zone_slow_ticks_total"), zone.stats()["ticks"]
        if mark.get("slow_ticks") != slow_ticks:
            mark.update(slow_ticks=slow_ticks, ticks=ticks)
        return ticks - mark["ticks"] > (HISTORY_S + 0.5) * zone.stats()["tick_hz"]

    wait_until("no tick is slow for a while", 30, calm)


def stop_for_a_moment(zone):
    os.kill(zone.process.pid, signal.SIGSTOP)
    try:
        time.sleep(STOPPED_S)
    finally:
        os.kill(zone.process.pid, signal.SIGCONT)


def check_slow(options, zone):
    before = json.loads(slow(options, zone, "--json"))
    stop_for_a_moment(zone)

    def hit():
        """The incident of which our stop is part: on a busy machine there may be others, and it may be one of theirs."""
        answer = json.loads(slow(options, zone, "--json"))
        place = {name: i for i, name in enumerate(answer["columns"])}
        for incident in answer["incidents"]:
            if incident["worst"][place["total_us"]] >= STOPPED_S * 1e6 / 2:
                return answer, place, incident
        return None

    wait_until("zonectl slow shows the stop", 10, hit)
    answer, place, incident = hit()
    expect(answer["slow_ticks"] > before["slow_ticks"], "no tick was slow")
    worst = incident["worst"]
    expect(worst[place["slow"]] == 1, "the worst tick was not slow")
    expect(len(incident["ticks"]) > answer["tick_hz"], "less than a second is kept")
    numbers = [tick[place["tick"]] for tick in incident["ticks"]]
    expect(numbers == list(range(numbers[0], numbers[0] + len(numbers))), "ticks are missing")
    phases = ("receive_us", "simulate_us", "index_us", "interest_us", "replicate_us", "commit_us")
    for tick in incident["ticks"]:
        busy = sum(tick[place[phase]] for phase in phases)
        expect(tick[place["late_us"]] + busy <= tick[place["total_us"]] + 10, "phases are longer than the tick")
    fields = [i for name, i in place.items() if name.split("_")[0] in
              ("none", "player", "animal", "resource", "item", "body") and name.endswith("_bytes")]
    expect(len(fields) == 22, f"{len(fields)} kinds and fields")
    classes = [place[name] for name in ("combat_bytes", "visual_bytes", "extended_bytes")]
    for tick in incident["ticks"]:
        parts, headers = sum(tick[i] for i in classes), tick[place["parts_sent"]]
        expect(2 * headers <= parts - sum(tick[i] for i in fields) <= 14 * headers, f"fields are not the parts: {tick}")
    for column in ("player_position_bytes", "none_membership_bytes", "players", "entities", "snapshots", "combat_bytes", "own_bytes", "parts_sent", "cpu_us"):
        expect(any(tick[place[column]] > 0 for tick in incident["ticks"]), f"{column} is always 0")
    metrics = zone.metrics()
    expect(total(metrics, "zone_slow_ticks_total") >= answer["slow_ticks"], "zone_slow_ticks_total")
    expect(total(metrics, "zone_slow_incidents_total") >= len(answer["incidents"]), "zone_slow_incidents_total")
    text = slow(options, zone)
    expect("TOTAL MS" in text and "LATE MS" in text and "membership" in text and f"\n{worst[place['tick']]} " in text, f"zonectl said:\n{text}")
    print(text)


def run(options, sealed):
    with Zone(options.bin, settings=(*SETTINGS, *(SEALED if sealed else ()))) as zone, \
            Bots(options.bin, zone, "crowd", *CROWD, "--seconds", SECONDS if sealed else 0,
                 *(("--accounts",) if sealed else ())) as bots:
        wait_until("players are in play", 30, lambda: total(zone.metrics(), "session_players") == PLAYERS)
        if not sealed:
            wait_for_calm(zone)
            check_slow(options, zone)
            bots.process.send_signal(signal.SIGINT)
        bots.report(60)
        check_sums(quiet(zone), sealed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    options = parser.parse_args()
    for sealed in (False, True):
        run(options, sealed)
        print(f"{'sealed' if sealed else 'plain'}: adds up")


if __name__ == "__main__":
    try:
        main()
    except (Failure, subprocess.CalledProcessError) as failure:
        sys.exit(f"FAIL: {failure}")
