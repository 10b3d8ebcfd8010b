"""The web console's pages in Chromium on a real zone with bots: login, map, players, inspector, actions, expiry.

    console_pages_test.py --bin FOLDER --console FOLDER [--puppeteer FOLDER]

Without Chromium or puppeteer-core it is skipped (exit 77).
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from zone_under_test import ROOT, SEALED, Bots, Failure, Zone, wait_until  # noqa: E402

BOTS = 20
SKIPPED = 77
PATIENCE_S = 200


def ask(zone, path, body, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(zone.http + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def secret_of(zone):
    return (zone.data / "admin.secret").read_text().strip()


def make_accounts(zone):
    """In development the first login makes the account; the operator's role comes by the admin secret."""
    for name, password in (("Ada", "operator-pass"), ("Bob", "player-pass")):
        ask(zone, "/v1/login", {"name": name, "password": password})
    ask(zone, "/v1/admin/role", {"name": "Ada", "role": "operator"}, secret_of(zone))


def environment(zone, options, chromium, **more):
    return {**os.environ, "ZONE": zone.http, "SECRET": secret_of(zone), "CHROMIUM": chromium,
            "PUPPETEER_DIR": str(options.puppeteer), **more}


def parser():
    out = argparse.ArgumentParser()
    out.add_argument("--bin", type=pathlib.Path, required=True)
    out.add_argument("--console", type=pathlib.Path, required=True)
    out.add_argument("--puppeteer", type=pathlib.Path, default=ROOT / "build/npm_puppeteer")
    return out


def find_chromium(options):
    """None when something that the test needs is not here; says what."""
    chromium = shutil.which("chromium")
    for what, there in (("chromium", chromium), ("node", shutil.which("node")),
                        (options.puppeteer, (options.puppeteer / "node_modules/puppeteer-core").is_dir()),
                        (options.console, (options.console / "index.html").is_file())):
        if not there:
            print(f"skipped: {what} is not here")
            return None
    return chromium


def main():
    options = parser().parse_args()
    chromium = find_chromium(options)
    if chromium is None:
        return SKIPPED
    settings = [*SEALED, f"console.folder={options.console}", "game.animals=200"]
    with Zone(options.bin, settings) as zone:
        make_accounts(zone)
        with Bots(options.bin, zone, "bots", "--players", str(BOTS), "--accounts", "--scenario", "crowd", "--radius", "200",
                  "--anchor", "11.575,48.137") as bots:
            wait_until("the bots play", 60, lambda: zone.stats()["players"] == BOTS and bots.running())
            try:
                return subprocess.run(["node", "--test", HERE / "console_pages/pages.test.mjs"], timeout=PATIENCE_S, check=False,
                                      env=environment(zone, options, chromium, BOTS=str(BOTS))).returncode
            except subprocess.TimeoutExpired:
                print(zone.log.read_text()[-2000:])
                raise Failure(f"the pages' tests did not end within {PATIENCE_S} s") from None


if __name__ == "__main__":
    sys.exit(main())
