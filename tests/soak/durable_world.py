"""A zone with its database, cache and acting bots, and what must hold of them whatever died in between."""

import collections
import contextlib
import json
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import time

from books import check_books, zonectl
from services import Postgres, Redis, SlowLine
from zone_under_test import Bots, Failure, Zone, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAYERS_IN_SECONDS = 60


class World:
    """`store`: "postgres" or "sqlite". `redis`: with a cache. `disk`: a SmallDisk for the data folder and the log. Used
    with `with`; ends all of its processes."""

    def __init__(self, options, store="postgres", redis=False, settings=(), postgres_settings=(), bin_dir=None, disk=None):
        self.options = options
        self.bin = pathlib.Path(bin_dir or options.bin)
        self._stack = contextlib.ExitStack()
        self.settings = list(settings)
        self.store = store
        self._postgres_settings = postgres_settings
        self._with_redis = redis
        self.postgres = self.redis = self.redis_line = self.zone = None
        self.histories = []
        self._disk = disk

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self):
        if self.store == "postgres":
            self.postgres = self._stack.enter_context(Postgres(self._postgres_settings))
            self.settings.append(f"database.url={self.postgres.url()}")
        if self._with_redis:
            self.redis = self._stack.enter_context(Redis())
            self.redis_line = self._stack.enter_context(SlowLine(self.redis.port))
            self.settings.append(f"redis.url={self.redis.url_at(self.redis_line.port)}")
        if self.store == "postgres":
            self.migrate()
        disk = self._disk.folder if self._disk is not None else None
        self.zone = self._stack.enter_context(Zone(self.bin, self.settings, disk=disk))

    def migrate(self):
        command = [self.bin / "zoned", "migrate", "up", "-c", "config/zoned.toml"]
        for setting in self.settings:
            command += ["--set", setting]
        made = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        if made.returncode != 0:
            raise Failure(f"zoned migrate up ended with code {made.returncode}:\n{made.stdout}{made.stderr}")

    def act(self, name, *arguments, scenario="trade"):
        """Bots that act, with their history; a Bots to be used with `with`."""
        history = self.zone.folder / f"{name}.history.jsonl"
        self.histories.append(history)
        bots = Bots(self.bin, self.zone, name, "--scenario", scenario, "--history", history, *map(str, arguments))
        bots.history = history
        return bots

    def wait_for_players(self, count, bots, patience=PLAYERS_IN_SECONDS):
        def all_in():
            if not bots.running():
                raise Failure(f"zonebot ended while its players joined:\n{bots.log.read_text()[-2000:]}")
            return self.zone.stats()["players"] >= count

        wait_until(f"{count} players in the zone", patience, all_in)

    def restart_zone(self, environment=None):
        """After its death; seconds from the start of the process to its first tick."""
        began = time.monotonic()
        self.zone.start(environment)
        wait_until("the first tick", 20, lambda: self.zone.stats()["ticks"] > 0, pause=0.01)
        return time.monotonic() - began

    def ctl(self, *arguments):
        """zonectl's exit code and answer, read from the database."""
        return zonectl(self.bin, self._where(), *arguments, environment=self._environment())

    def _where(self):
        return ("--database", "env") if self.postgres is not None else ("--data-dir", self.zone.data)

    def _environment(self):
        return {"DATABASE_URL": self.postgres.url()} if self.postgres is not None else None

    def sql(self, text, timeout=10):
        if self.postgres is not None:
            return self.postgres.sql(text, timeout=timeout)
        import sqlite3
        database = sqlite3.connect(f"file:{self.database_file()}?mode=ro", uri=True, timeout=timeout)
        try:
            return [tuple(map(str, row)) for row in database.execute(text)]
        finally:
            database.close()

    def database_file(self):
        found = sorted(self.zone.data.glob("*.db")) + sorted(self.zone.data.glob("*.sqlite*"))
        if not found:
            raise Failure("no database in the data folder")
        return found[0]

    def check(self, result):
        """Audit, histories and rebuilding from events: the same after every test. The zone stops first, so that the
        last writes are in."""
        if self.zone.process.poll() is None:
            code = self.zone.end()
            result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
        check_books(result, self.bin, self._where(), self._environment())
        written = [path for path in self.histories if path.exists()]
        if written:
            code, out, errors = self.ctl("check-history", "--json", *written)
            if code != 0:
                result.record.setdefault("findings", {})["check-history"] = (out + errors)[-2000:]
            result.limit("history_code", code, "==", 0)
            with contextlib.suppress(ValueError):
                result.note(history=json.loads(out))


class SmallDisk:
    """A tmpfs of that size. Only root may mount: see `why_not`."""

    def __init__(self, megabytes):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="small_disk_"))
        self._megabytes = megabytes

    @staticmethod
    def why_not():
        if os.geteuid() != 0:
            return "skipped: mounting needs root"
        with tempfile.TemporaryDirectory(prefix="small_disk_") as folder:
            tried = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True,
                                   check=False)
            if tried.returncode != 0:
                return "skipped: this system lets nobody mount a tmpfs"
            subprocess.run(["umount", folder], check=False)
        return None

    def __enter__(self):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", self.folder],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.folder.rmdir()
            raise Failure(f"no tmpfs: {mounted.stderr}")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], check=False)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def fill(self):
        """Until not one byte more fits."""
        with open(self.folder / "filling", "ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass

    def free(self):
        (self.folder / "filling").unlink()


class History:
    """The lines of bots' histories, read again and again while they grow."""

    def __init__(self, path):
        self.path = path
        self._offset = 0
        self.lines = []

    def read(self):
        """The lines since the last time."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self._offset += len(whole)
        fresh = [json.loads(line) for line in whole.splitlines()]
        self.lines += fresh
        return fresh

    def wait_for(self, seconds, wanted):
        """Until a fresh line fulfils `wanted`; that line, None when none came."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in self.read():
                if wanted(line):
                    return line
            time.sleep(0.002)
        return None


def first_ok_after(lines, moments):
    """Seconds from each moment (wall clock) to the first action answered ok that was also sent after it."""
    sent, found = {}, [None] * len(moments)
    for line in lines:
        if line["outcome"] == "sent":
            sent.setdefault(line["key"], line["t"])
        elif line["outcome"] == "ok":
            for i, moment in enumerate(moments):
                if found[i] is None and sent.get(line["key"], 0) >= moment:
                    found[i] = line["t"] - moment
    return found


def doubt_seconds(lines, returns):
    """How long each action in doubt stayed so, counted from when the store was back (`returns`, wall clock, ascending)
    or from when the doubt arose, whichever is later. Unsettled ones are left out: the bots' report counts them; and so
    are offers, which wait for people."""
    doubtful, spans = {}, []
    for line in lines:
        if line["op"] == "offer":
            continue
        if line["outcome"] == "unknown":
            doubtful.setdefault(line["key"], line["t"])
        elif line["outcome"] in ("ok", "refused") and line["key"] in doubtful:
            arose = doubtful.pop(line["key"])
            back = max((moment for moment in returns if arose <= moment <= line["t"]), default=arose)
            spans.append(line["t"] - back)
    return spans


class Watch(threading.Thread):
    """Memory and threads of a process, sampled."""

    def __init__(self, zone):
        super().__init__(daemon=True)
        self._pid = zone.process.pid
        self._done = threading.Event()
        self.rss_kb, self.threads = [], []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()

    def run(self):
        while not self._done.wait(0.2):
            with contextlib.suppress(OSError):
                status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{self._pid}/status").read_text().splitlines()
                              if ":" in line)
                if "VmRSS" in status:
                    self.rss_kb.append(int(status["VmRSS"].split()[0]))
                    self.threads.append(int(status["Threads"]))

    def limit(self, result, growth_mb=64, more_threads=4):
        if self.rss_kb:
            result.limit("rss_growth_mb", (max(self.rss_kb) - self.rss_kb[0]) / 1024, "<=", growth_mb)
            result.limit("threads_more", max(self.threads) - self.threads[0], "<=", more_threads)


class Repeat(threading.Thread):
    """Does something every so often until it is left."""

    def __init__(self, seconds, action):
        super().__init__(daemon=True)
        self._seconds, self._action = seconds, action
        self._done = threading.Event()
        self.times = 0
        self.error = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()

    def run(self):
        while not self._done.wait(self._seconds):
            try:
                self.times += bool(self._action())
            except Exception as error:  # told by who started it
                self.error = error
                return


def counts_by(lines, key):
    return dict(collections.Counter(line[key] for line in lines))


def rng(options, purpose):
    return random.Random(f"{options.seed} {purpose}")

