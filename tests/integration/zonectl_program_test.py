"""zonectl on a real zone with bots that trade: through the daemon, and on its database (SQLite).

    zonectl_program_test.py --bin FOLDER
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from zone_under_test import Bots, Failure, Zone  # noqa: E402

PLAYERS = 10


class Zonectl:
    def __init__(self, bin_dir, zone):
        self.bin, self.zone = bin_dir, zone

    def run(self, *arguments, expect=0, secret=None, data_dir=None):
        """Standard output of `zonectl <arguments>`; its exit code must be `expect`."""
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("BLUEMARBLE_ADMIN", "BLUEMARBLE_PERSISTENCE"))}
        if secret is not None:
            environment["BLUEMARBLE_ADMIN_SECRET"] = secret
        if data_dir is not None:
            environment["BLUEMARBLE_PERSISTENCE_DATA_DIR"] = str(data_dir)
        ended = subprocess.run([str(word) for word in (self.bin.resolve() / "zonectl", *arguments)], capture_output=True, text=True,
                               timeout=60, env=environment, check=False, cwd="/")
        if ended.returncode != expect:
            raise Failure(f"zonectl {' '.join(map(str, arguments))} ended with code {ended.returncode}, not {expect}:\n"
                          f"{ended.stdout[-1000:]}{ended.stderr[-1000:]}")
        self.errors = ended.stderr
        return ended.stdout

    def daemon(self, *arguments, **options):
        return self.run("--url", self.zone.http, "--data-dir", self.zone.data, *arguments, **options)

    def direct(self, *arguments, **options):
        return self.run("--data-dir", self.zone.data, *arguments, **options)


def expect(condition, what):
    if not condition:
        raise Failure(what)


def check_answers_alike(ctl, player):
    """The daemon and the database itself must say the same."""
    for arguments in (("history", player), ("state", player), ("audit",), ("verify", player)):
        answers = [json.loads(ask(*arguments, "--json")) for ask in (ctl.daemon, ctl.direct)]
        for answer in answers:
            answer.pop("at", None)  # state without --at: now
            if "lines" in answer:  # what the daemon alone knows
                answer["lines"] = [line for line in answer["lines"] if line["name"] != "groups_in_doubt"]
        expect(answers[0] == answers[1], f"{arguments} differs:\n{answers[0]}\n{answers[1]}")


def check_secret(ctl):
    ctl.daemon("audit", expect=77, secret="a-wrong-secret-of-an-operator")
    expect("a-wrong-secret" not in ctl.errors, "the secret was printed")
    secret = (ctl.zone.data / "admin.secret").read_text().strip()
    expect(oct((ctl.zone.data / "admin.secret").stat().st_mode & 0o777) == "0o600", "others can read the secret")
    for path, status in (("/v1/admin/audit", 401), ("/v1/items", 200)):
        with contextlib.ExitStack() as stack:
            try:
                got = stack.enter_context(urllib.request.urlopen(ctl.zone.http + path, timeout=10)).status
            except urllib.error.HTTPError as error:
                got = error.code
        expect(got == status, f"{path} without a secret: {got}")
    ctl.run("--url", "http://127.0.0.1:9", "--data-dir", ctl.zone.data, "audit", expect=69)
    ctl.run("--url", ctl.zone.http, "--data-dir", "/no/such/folder", "audit", expect=77)
    # As in the container, whose daemon and operator share its environment; and where nothing says where.
    ctl.run("--url", ctl.zone.http, "audit", data_dir=ctl.zone.data)
    ctl.run("--url", ctl.zone.http, "audit", expect=77, data_dir="/no/such/folder")
    for place in ("/no/such/folder/admin.secret", "data/admin.secret", "/var/lib/bluemarble/admin.secret"):
        expect(place in ctl.errors, f"{place} is not named: {ctl.errors}")
    ctl.run("--data-dir", "/no/such/folder", "audit", expect=69)
    expect("there is no such database" in ctl.errors, f"a folder that is not there: {ctl.errors}")
    return secret


def gold_of(ctl, player):
    return json.loads(ctl.daemon("state", f"account:{player}", "--json"))["event"]["state"]["balance"]


def check_rollback(ctl, names, moment):
    """Players who have left go back to the moment; somebody's gold must have changed since."""
    changed = 0
    for name in names:
        plan = json.loads(ctl.daemon("rollback", name, "--to", moment, "--json"))
        expect(plan["dry_run"] and gold_of(ctl, plan["player"]) == plan["gold"]["now"], f"a plan changed something: {plan}")
        changed += plan["gold"]["now"] != plan["gold"]["then"] or len(plan["items"]) > 0
        done = json.loads(ctl.daemon("rollback", name, "--to", moment, "--yes", "--json"))
        expect(done["done"]["writes"] == done["writes"], f"not all was written: {done}")
        expect(gold_of(ctl, plan["player"]) == plan["gold"]["then"], f"{name} has another balance than then")
        history = json.loads(ctl.daemon("history", f"player:{name}", "--json"))["events"]
        expect(history[-1]["kind"] == "rolled_back", f"the history of {name} ends with {history[-1]}")
        again = json.loads(ctl.daemon("rollback", name, "--to", moment, "--json"))
        left = [item for item in again["items"] if item["act"] not in ("with_other_player", "not_in_history")]
        expect(again["gold"]["now"] == again["gold"]["then"] and not [i for i in left if i["act"] == "moved_back"],
               f"a second rollback would move things again: {again}")
    expect(changed > 0, "nobody traded after the moment: the test shows nothing")
    for check in ("audit", "verify"):
        ctl.daemon(check)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned, zonebot and zonectl")
    bin_dir = parser.parse_args().bin
    with Zone(bin_dir) as zone:
        ctl = Zonectl(bin_dir, zone)
        histories = []

        def trade(name, seconds=3):
            histories.append(zone.folder / f"{name}.history")
            return Bots(bin_dir, zone, name, "--scenario", "trade", "--players", PLAYERS, "--seconds", seconds, "--warmup",
                        "1", "--history", histories[-1])

        with trade("first") as bots:
            bots.report(60)
        moment = time.time()
        time.sleep(0.2)
        with trade("second", 6) as bots:
            while zone.stats()["players"] < PLAYERS:
                time.sleep(0.1)
            names = [event["aggregate"] for event in events(ctl) if event["kind"] == "player_created"]
            ctl.daemon("rollback", names[0], "--to", f"{moment:.6f}", "--yes", expect=1)
            expect("in play" in ctl.errors, f"a player in play: {ctl.errors}")
            ctl.daemon("verify")  # beside the writing
            bots.report(60)
        names = [name.removeprefix("player:") for name in names]
        while zone.stats()["players"] > 0:
            time.sleep(0.1)

        check_answers_alike(ctl, f"player:{names[0]}")
        check_secret(ctl)
        ctl.daemon("check-history", *histories)
        ctl.daemon("history", "player:nobody-of-that-name", expect=1)
        ctl.daemon("history", "nonsense", expect=2)
        expect("VERSION" in ctl.daemon("history", f"player:{names[0]}"), "a history without its head")

        with open(histories[0]) as lines:
            told_ok = next(line for line in map(json.loads, lines) if line["outcome"] == "ok")
        forged = zone.folder / "forged"
        forged.write_text(json.dumps({**told_ok, "key": "00" * 16}) + "\n")
        found = json.loads(ctl.daemon("check-history", "--json", forged, expect=1))
        expect("not in the database" in found["listed"][0], f"a forged ok was not found: {found}")

        check_rollback(ctl, names, f"{moment:.6f}")
        out = json.loads(ctl.direct("archive", "--keep-days", "1", "--out", zone.folder / "archive", "--json"))
        expect(out["files"][0]["events"] == 0, f"an archive of young events: {out}")
        zone.end()
        ctl.direct("audit")
        ctl.direct("verify")
        print(f"{len(names)} players rolled back; daemon and database agree")


def events(ctl):
    secret = (ctl.zone.data / "admin.secret").read_text().strip()
    request = urllib.request.Request(f"{ctl.zone.http}/v1/admin/events?limit=1000",
                                     headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())["events"]


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        print(f"zonectl_program_test: {failure}", file=sys.stderr)
        sys.exit(1)
