"""Accounts on a real zoned: from registering to logging out, over restarts, key rotation and bans.

    accounts_program_test.py --bin FOLDER
"""

import argparse
import base64
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from zone_under_test import SEALED, Bots, Failure, Zone, end, total, wait_until  # noqa: E402

PASSWORD = "correct horse battery"
CHEAP = ("auth.mode=development", "auth.hash_memory_kib=64", "auth.hash_passes=1")


def expect(condition, what):
    if not condition:
        raise Failure(what)


def post(zone, path, body, bearer=None):
    """Status and JSON of the answer."""
    headers = {"Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    request = urllib.request.Request(zone.http + path, data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def expected(status, answer, what):
    expect(answer[0] == status, f"{what}: {answer[0]} {answer[1]}, not {status}")
    return answer[1]


def kid_of(token):
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def zonectl(zone, *arguments, code=0):
    ended = subprocess.run([zone.bin / "zonectl", "--url", zone.http, "--data-dir", zone.data, *arguments],
                           capture_output=True, text=True, timeout=60, check=False)
    expect(ended.returncode == code, f"zonectl {' '.join(arguments)}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def check_life_of_a_login(zone):
    made = expected(201, post(zone, "/v1/accounts", {"name": "Ada", "password": PASSWORD}), "register")
    expected(409, post(zone, "/v1/accounts", {"name": "ada", "password": PASSWORD}), "register again")
    expected(401, post(zone, "/v1/login", {"name": "Ada", "password": "wrong"}), "wrong password")
    login = expected(200, post(zone, "/v1/login", {"name": "Ada", "password": PASSWORD}), "login")
    expect(login["account"] == made["account"], "another account")
    first = expected(200, post(zone, "/v1/refresh", {"refresh_token": login["refresh_token"]}), "refresh")
    expected(401, post(zone, "/v1/refresh", {"refresh_token": login["refresh_token"]}), "an old refresh token")
    expected(401, post(zone, "/v1/refresh", {"refresh_token": first["refresh_token"]}), "after a reuse")
    expect(total(zone.metrics(), "auth_reused_tokens_total") == 1, "the reuse was not counted")
    expected(200, post(zone, "/v1/logout", {"refresh_token": made["refresh_token"]}), "logout")
    expected(401, post(zone, "/v1/refresh", {"refresh_token": made["refresh_token"]}), "after the logout")
    return expected(200, post(zone, "/v1/login", {"name": "Ada", "password": PASSWORD}), "login")


def check_restart(zone, tokens, end, environment=None):
    """By SIGTERM or SIGKILL: what was answered before is known after."""
    keys = zone.data / "auth.keys"
    expect(stat.S_IMODE(os.stat(keys).st_mode) == 0o600, "others can read the keys")
    before = keys.read_bytes()
    end()
    zone.start(environment)
    expect(keys.read_bytes() == before, "the keys changed at a restart")
    next_tokens = expected(200, post(zone, "/v1/refresh", {"refresh_token": tokens["refresh_token"]}), "refresh after a restart")
    expect(kid_of(next_tokens["access_token"]) == kid_of(tokens["access_token"]), "another key signs")
    return next_tokens


def setting(zone, name):
    """Its value in force, as the console shows it."""
    secret = (zone.data / "admin.secret").read_text().strip()
    request = urllib.request.Request(f"{zone.http}/v1/console/config", headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return next(row["value"] for row in json.loads(answer.read())["settings"] if row["name"] == name)


def check_rotation(zone, tokens):
    arguments = [zone.bin / "zoned", "keys", "rotate", *zone.arguments()]
    ended = subprocess.run([str(word) for word in arguments], capture_output=True, text=True, timeout=30, check=False)
    expect(ended.returncode == 0, ended.stderr)
    seed = (zone.data / "auth.keys").read_text().split()[-1]
    expect(seed not in ended.stdout, "a secret was printed")
    # The console shows what the signal took over, and of the rest what the daemon began with.
    expect(setting(zone, "http.timeout_ms") == "9000", setting(zone, "http.timeout_ms"))
    (zone.folder / "timeout").write_text("9500")
    (zone.folder / "queue").write_text("9")
    zone.process.send_signal(signal.SIGHUP)
    wait_until("keys are reloaded", 10, lambda: zone._said("keys_reloaded", r"\bkeys=(\d+)") == ["2"])
    expect(setting(zone, "http.timeout_ms") == "9500", setting(zone, "http.timeout_ms"))
    expect(setting(zone, "auth.hash_queue") == "8", setting(zone, "auth.hash_queue"))
    rotated = expected(200, post(zone, "/v1/refresh", {"refresh_token": tokens["refresh_token"]}), "refresh")
    expect(kid_of(rotated["access_token"]) != kid_of(tokens["access_token"]), "the old key still signs")
    return rotated


def check_bans(zone, tokens):
    zonectl(zone, "ban", "Ada", "--days", "7", "--reason", "spam")
    refused = expected(403, post(zone, "/v1/login", {"name": "Ada", "password": PASSWORD}), "banned login")
    expect(refused["error"]["code"] == "banned" and refused["error"]["reason"] == "spam", str(refused))
    expected(401, post(zone, "/v1/refresh", {"refresh_token": tokens["refresh_token"]}), "banned refresh")
    account = json.loads(zonectl(zone, "account", "Ada", "--json"))
    expect(account["ban_reason"] == "spam" and account["events"][0]["event"] == "login_refused", str(account))
    expect("banned" in zonectl(zone, "account", "Ada"), "the table tells of the ban")
    zonectl(zone, "unban", "Ada")
    expected(200, post(zone, "/v1/login", {"name": "Ada", "password": PASSWORD}), "after the ban")
    zonectl(zone, "ban", "Nobody", code=1)


def check_nothing_secret_is_logged(zone, secrets):
    text = zone.log.read_text(errors="replace")
    for secret in secrets:
        expect(secret not in text, "a secret is in the log")


def check_development(bin_dir):
    with Zone(bin_dir, CHEAP) as zone:
        expect(zone._said("development_accounts", r"auth\.mode=(\S+)"), "no warning in the log")
        ready = json.loads(zone.get("/readyz?verbose"))
        expect(ready["status"] == "degraded" and "development" in json.dumps(ready), str(ready))
        made = expected(200, post(zone, "/v1/login", {"name": "bot", "password": "xxxxxxxx"}), "first login")
        again = expected(200, post(zone, "/v1/login", {"name": "bot", "password": "xxxxxxxx"}), "second login")
        expect(made["account"] == again["account"], "a second account")
        expected(401, post(zone, "/v1/login", {"name": "bot", "password": "yyyyyyyy"}), "another password")
        measure_logins(zone)


def measure_logins(zone, count=600, threads=8):
    """Bots by the thousand log in at a start; a figure for the report, and a limit that a mistake breaks."""
    failures = []

    def run(number):
        for i in range(number, count, threads):
            status, answer = post(zone, "/v1/login", {"name": f"bot {i}", "password": "xxxxxxxx"})
            if status != 200:
                failures.append((status, answer))

    began = time.monotonic()
    workers = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rate = count / (time.monotonic() - began)
    expect(not failures, f"{len(failures)} logins failed: {failures[:1]}")
    print(f"{rate:.0f} first logins/s in development mode ({threads} connections at a time)")
    expect(rate > 10, f"only {rate:.0f} logins/s")


def check_sealed_join_wants_a_token(bin_dir):
    with Zone(bin_dir, ("net.security=sealed", *CHEAP)) as zone:
        expected(401, post(zone, "/v1/join", {"name": "Ada"}), "a name is no proof")
        made = expected(200, post(zone, "/v1/login", {"name": "Ada", "password": PASSWORD}), "login")
        expected(200, post(zone, "/v1/join", {}, made["access_token"]), "join")
        zonectl(zone, "ban", "Ada")
        expected(403, post(zone, "/v1/join", {}, made["access_token"]), "join of a banned one")


def check_ban_of_who_plays(bin_dir):
    with Zone(bin_dir, SEALED) as zone, Bots(bin_dir, zone, "bots", "--accounts", "--reconnect", "--scenario", "spread",
                                             "--players", 3, "--seed", 1, "--observers", 1, "--seconds", 0) as bots:
        wait_until("three play", 20, lambda: zone.stats()["players"] == 3)
        zonectl(zone, "ban", "bot-1-000001", "--reason", "spam")
        wait_until("one was sent away", 5, lambda: total(zone.metrics(), "session_ended_total", reason="banned") == 1)
        wait_until("two play on", 5, lambda: zone.stats()["players"] == 2)
        expected(403, post(zone, "/v1/login", {"name": "bot-1-000001", "password": "password of bot-1-000001"}), "login")
        zonectl(zone, "unban", "bot-1-000001")
        end(bots.process, signal.SIGINT, 20)
        players = bots.report(1)["players"]
        expect(players["disconnected"] == 1, f"not one was sent away: {players}")


def check_refused_starts(bin_dir):
    for sets, says in ((("auth.mode=development", "http.bind=0.0.0.0", "http.allow_plaintext=true"), "auth.mode"),
                       (("auth.hash_memory_kib=64",), "auth.hash_memory_kib")):
        arguments = [bin_dir / "zoned", "serve", *(word for one in sets for word in ("--set", one))]
        ended = subprocess.run([str(word) for word in arguments], capture_output=True, text=True, timeout=30, check=False)
        expect(ended.returncode == 78 and says in ended.stderr, f"{sets}: {ended.returncode} {ended.stderr}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    bin_dir = parser.parse_args().bin.resolve()
    check_refused_starts(bin_dir)
    with Zone(bin_dir) as zone:
        tokens = check_life_of_a_login(zone)
        tokens = check_restart(zone, tokens, zone.end)
        # Settings in files of their own can change while it runs.
        (zone.folder / "timeout").write_text("9000")
        (zone.folder / "queue").write_text("8")
        tokens = check_restart(zone, tokens, zone.kill, {"BLUEMARBLE_HTTP_TIMEOUT_MS_FILE": str(zone.folder / "timeout"),
                                                         "BLUEMARBLE_AUTH_HASH_QUEUE_FILE": str(zone.folder / "queue")})
        tokens = check_rotation(zone, tokens)
        check_nothing_secret_is_logged(zone, (PASSWORD, tokens["access_token"], tokens["refresh_token"]))
        check_bans(zone, tokens)
    check_development(bin_dir)
    check_sealed_join_wants_a_token(bin_dir)
    check_ban_of_who_plays(bin_dir)
    print("accounts: fine")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
