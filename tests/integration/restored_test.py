"""A database that came back from a copy without the last commits that its zone had answered: the start is refused, with
both numbers, until --accept-restored. On SQLite and on PostgreSQL.

    restored_test.py --bin FOLDER
"""

import argparse
import pathlib
import re
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "soak"))

from durable_world import World  # noqa: E402
from zone_under_test import Bots, Failure, wait_until  # noqa: E402

PLAYERS = 4
REFUSED = 65
DATABASE = "zone.sqlite3"


class Options:
    def __init__(self, bin_dir):
        self.bin = bin_dir


def expect(condition, what):
    if not condition:
        raise Failure(what)


def play(world, name):
    """Players log in and out: events."""
    with Bots(world.bin, world.zone, name, "--players", PLAYERS, "--seed", 1, "--seconds", 1, "--ramp", 50,
              "--observers", 1, "--scenario", "spread") as bots:
        bots.report(60)


def remembered(world):
    return int((world.zone.data / "last_commit").read_text().splitlines()[3])


def newest(world):
    return int(world.sql("SELECT next_seq - 1 FROM shard_meta")[0][0])


def keep_copy(world):
    if world.postgres is not None:
        world.postgres.sql("CREATE DATABASE kept TEMPLATE zone", database="postgres", timeout=60)
    else:
        world.zone.data.joinpath("kept").mkdir()
        for file in world.zone.data.glob(DATABASE + "*"):
            shutil.copy(file, world.zone.data / "kept")


def bring_back(world):
    if world.postgres is not None:
        world.postgres.sql("DROP DATABASE zone WITH (FORCE)", database="postgres", timeout=60)
        world.postgres.sql("ALTER DATABASE kept RENAME TO zone", database="postgres")
        return
    for file in world.zone.data.glob(DATABASE + "*"):
        file.unlink()
    for file in world.zone.data.joinpath("kept").iterdir():
        shutil.copy(file, world.zone.data)


def refused(world):
    """The line of a start that must fail."""
    world.zone.spawn()
    wait_until("the start is refused", 20, lambda: world.zone.process.poll() is not None)
    log = world.zone.log.read_text()
    expect(world.zone.process.returncode == REFUSED, f"code {world.zone.process.returncode}, not {REFUSED}:\n{log}")
    return log


def check(options, store):
    with World(options, store) as world:
        play(world, "first")
        expect(world.zone.end() == 0, "the first stop")
        expect(remembered(world) == newest(world), f"stopped at {newest(world)}, remembers {remembered(world)}")
        keep_copy(world)
        kept = newest(world)

        world.zone.start()
        play(world, "second")
        # Without a stop: the file is a second old at most.
        wait_until("the second play is remembered", 10, lambda: remembered(world) >= newest(world) > kept)
        world.zone.kill()
        lost = remembered(world)
        world.zone.start()
        expect(world.zone.end() == 0, "a start after kill -9 with all commits")

        bring_back(world)
        for _ in range(2):
            log = refused(world)
            numbers = set(map(int, re.findall(r"\d+", log)))
            expect({kept, lost} <= numbers and "--accept-restored" in log, f"not told {kept} and {lost}:\n{log}")
        expect(newest(world) == kept, "a refused start has written events")

        shutil.rmtree(world.zone.data / "journal", ignore_errors=True)  # as docs/backup.md says
        world.zone.flags = ["--accept-restored"]
        # A start that fails later on has not accepted anything.
        keys = world.zone.data / "auth.keys"
        good = keys.read_text()
        keys.write_text("no keys\n")
        world.zone.spawn()
        wait_until("the start without keys fails", 20, lambda: world.zone.process.poll() is not None)
        expect("auth.keys" in world.zone.log.read_text(), world.zone.log.read_text())
        keys.write_text(good)
        world.zone.flags = []
        refused(world)
        world.zone.flags = ["--accept-restored"]
        world.zone.start()
        expect(world.zone.end() == 0, "the start that accepts the loss")
        world.zone.flags = []
        world.zone.start()
        play(world, "third")
        expect(world.zone.end() == 0, "the start after it, without the flag")
        for command in ("audit", "verify"):
            code, out, errors = world.ctl(command)
            expect(code == 0, f"zonectl {command}: {out}{errors}")
    print(f"{store}: ok", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    options = Options(parser.parse_args().bin)
    try:
        check(options, "sqlite")
        check(options, "postgres")
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
