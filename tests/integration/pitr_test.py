"""Backup and point-in-time recovery, tried on a real PostgreSQL with a real zone: docs/backup.md step by step.

    pitr_test.py --bin FOLDER

A base backup is taken while bots trade; the log is archived; then comes a moment to go back to, more trading, and somebody
drops the account table. The restored cluster must be exactly as it was at the moment, pass audit and verify, and serve.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from services import Postgres, spawn_as  # noqa: E402
from zone_under_test import ROOT, Bots, Failure, Zone, wait_until  # noqa: E402

PLAYERS = 20
# Everything that trading changes; one text per table, the same for the same rows.
DIGESTS = {
    "player": "SELECT count(*), md5(string_agg(p::text, ',' ORDER BY player_id)) FROM player p",
    "item": "SELECT count(*), md5(string_agg(i::text, ',' ORDER BY item_id)) FROM item i",
    "account": "SELECT count(*), md5(string_agg(a::text, ',' ORDER BY account_id)) FROM account a",
    "ledger": "SELECT count(*), md5(string_agg(l::text, ',' ORDER BY account_id, version)) FROM ledger l",
    "event": "SELECT count(*), md5(string_agg(e::text, ',' ORDER BY seq)) FROM event e",
    "idempotency": "SELECT count(*), md5(string_agg(k::text, ',' ORDER BY player_id, key)) FROM idempotency k",
}


class ArchivingPostgres(Postgres):
    """Copies every finished piece of its log into <folder>/wal, as postgresql.conf says in docs/backup.md."""

    def __init__(self):
        super().__init__()
        self.wal = self.folder / "wal"
        self.wal.mkdir()
        self._give(self.wal)
        self.settings = ["archive_mode=on", f"archive_command=test ! -f {self.wal}/%f && cp %p {self.wal}/%f"]

    def run(self, *command):
        """As the server's user, to its end."""
        process = spawn_as(self.user, command, self.log, "KILL")
        if process.wait(60) != 0:
            raise Failure(f"{command[0]} ended with code {process.returncode}:\n{self._tail()}")

    def base_backup(self, to):
        self.run(self.bin / "pg_basebackup", "--checkpoint=fast", "-D", to, "-d", self.url("postgres"))

    def archive_all(self):
        """Returns when everything written so far is in the archive."""
        name = self.sql("SELECT pg_walfile_name(pg_current_wal_lsn()), pg_switch_wal()")[0][0]
        wait_until("the log is archived", 20, lambda: (self.wal / name).exists())

    def restore(self, backup, moment):
        """The cluster becomes the backup, rolled forward to the moment."""
        shutil.rmtree(self.data)
        self.run("cp", "-a", backup, self.data)
        with open(self.data / "postgresql.auto.conf", "a") as conf:
            conf.write(f"restore_command = 'cp {self.wal}/%f %p'\n"
                       f"recovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n")
        (self.data / "recovery.signal").touch()
        self._give(self.data / "recovery.signal")
        self.start()
        wait_until("the server is promoted", 30, lambda: self.sql("SELECT pg_is_in_recovery()") == [("f",)])


def digests(postgres):
    return {name: postgres.sql(query)[0] for name, query in DIGESTS.items()}


def ctl(bin_dir, postgres, *arguments):
    ended = subprocess.run([bin_dir / "zonectl", "--database", "env", *arguments], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "DATABASE_URL": postgres.url()}, check=False)
    if ended.returncode != 0:
        raise Failure(f"zonectl {' '.join(arguments)} ended with code {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def check_books(bin_dir, postgres):
    ctl(bin_dir, postgres, "audit", "--json")
    ctl(bin_dir, postgres, "verify", "--json")


def trade(bin_dir, zone, name, seconds):
    with Bots(bin_dir, zone, name, "--scenario", "trade", "--players", str(PLAYERS), "--seconds", str(seconds),
              "--warmup", "1", "--history", zone.folder / f"{name}.history") as bots:
        bots.report(seconds + 40)


def meta(postgres):
    run, generation, seq = postgres.sql("SELECT run, cache_generation, next_seq FROM shard_meta")[0]
    return int(run), int(generation), int(seq)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned, zonebot and zonectl")
    bin_dir = parser.parse_args().bin
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(ArchivingPostgres())
        settings = [f"database.url={postgres.url()}"]
        subprocess.run([bin_dir / "zoned", "migrate", "up", "-c", ROOT / "config/zoned.toml", "--set", settings[0]],
                       check=True, capture_output=True, timeout=60)
        backup = postgres.folder / "backup"
        with Zone(bin_dir, settings) as zone:
            trade(bin_dir, zone, "before", 2)
            postgres.base_backup(backup)
            trade(bin_dir, zone, "between", 2)
            zone.end()

            # The moment; the second between it and the next commit makes it one on both sides.
            time.sleep(1)
            moment = postgres.sql("SELECT clock_timestamp()")[0][0]
            at_moment, run, generation, seq = digests(postgres), *meta(postgres)
            time.sleep(1)

            zone.start()
            trade(bin_dir, zone, "after", 2)
            zone.end()
        lost = meta(postgres)[2] - seq
        if lost <= 0 or digests(postgres) == at_moment:
            raise Failure("nothing happened after the moment: the test shows nothing")
        postgres.sql("DROP TABLE account CASCADE")
        postgres.archive_all()
        postgres.stop()

        began = time.monotonic()
        postgres.restore(backup, moment)
        seconds = time.monotonic() - began
        restored = digests(postgres)
        different = [name for name in DIGESTS if restored[name] != at_moment[name]]
        if different:
            raise Failure(f"not as at the moment: {', '.join(different)}")
        check_books(bin_dir, postgres)

        # A new data folder: the old one's journal knows positions that have not happened.
        with Zone(bin_dir, settings) as zone:
            trade(bin_dir, zone, "again", 2)
            zone.end()
        now_run, now_generation, now_seq = meta(postgres)
        if now_run <= run or now_generation <= generation or now_seq <= seq:
            raise Failure(f"run {run} -> {now_run}, cache generation {generation} -> {now_generation}, seq {seq} -> {now_seq}")
        check_books(bin_dir, postgres)
        print(f"restored in {seconds:.1f} s to {moment}: {seq - 1} events, {lost} later ones given up; serves and adds up")


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        print(f"pitr_test: {failure}", file=sys.stderr)
        sys.exit(1)
