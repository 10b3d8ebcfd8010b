"""A private PostgreSQL cluster and Redis server, and everything that may happen to them.

For soak tests and benches. Each has a folder and a port of its own, runs as an unprivileged user, and ends with this
process whatever becomes of it: the kernel signals it when we die. Wants the Debian packages postgresql, redis-server
and python3-psycopg2.
"""

import contextlib
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from zone_under_test import Failure, end, wait_until

USER = "bluemarble"
PASSWORD = "of-the-tests"
START_SECONDS = 30
# PITFALLS P-11: backends outlive a killed postmaster for a moment, and a restart within a second fails.
AFTER_KILL_SECONDS = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def account(*names):
    """The first of these users that exists, for who runs as root; None: stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Failure(f"none of the users {', '.join(names)} exists, and servers must not run as root")


def spawn_as(user, command, log, death_signal, stdin=subprocess.DEVNULL):
    """A child of that user, in a session of its own so that a Ctrl-C reaches it through us only."""
    drop = [] if user is None else [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    with open(log, "ab") as out:
        return subprocess.Popen(["setpriv", *drop, "--pdeathsig", death_signal, *map(str, command)], stdin=stdin,
                                stdout=out, stderr=subprocess.STDOUT, start_new_session=True)


def descendants(pid):
    """Process ids below `pid`."""
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = pathlib.Path(entry.path, "stat").read_text()
                parents[int(entry.name)] = int(stat.rsplit(") ", 1)[1].split()[1])
    found, front = [], [pid]
    while front:
        front = [child for child, parent in parents.items() if parent in front]
        found += front
    return found


class Server:
    """What both have in common: a folder, a child process, freezing and thawing."""

    def __init__(self, prefix, user):
        self.user = user
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        self.port = free_port()
        self.log = self.folder / "server.log"
        self.process = None
        self._frozen = []
        self._mount = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _give(self, path):
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        return [self.process.pid, *descendants(self.process.pid)] if self.running() else []

    def freeze(self, pids=None):
        """SIGSTOP, all of its processes or these."""
        for pid in self.pids() if pids is None else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._frozen.append(pid)

    def thaw(self):
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def kill(self):
        """SIGKILL for the whole tree; returns when nothing of it is left."""
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self._frozen = []
        wait_until("killed processes are gone", 10, lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))

    def close(self):
        if self.running():
            self.thaw()
            self.stop()
        if self._mount is not None:
            subprocess.run(["umount", "-l", self._mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def small_disk(self, name, megabytes):
        """A folder on a tmpfs of that size; None when we may not mount."""
        path = self.folder / name
        path.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            return None
        self._mount = path
        self._give(path)
        return path

    def _tail(self):
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""


class SlowLine:
    """Passes TCP connections on to a port of this machine, each piece of data after `delay_s`, which may change. Its
    `port` is there while used with `with`."""

    def __init__(self, to_port):
        self._to = ("127.0.0.1", to_port)
        self.delay_s = 0.0
        self._listener = None
        self._open = set()
        self._lock = threading.Lock()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._shut(self._listener)
        with self._lock:
            ends = list(self._open)
        for end_ in ends:
            self._shut(end_)

    @staticmethod
    def _shut(end_):
        with contextlib.suppress(OSError):
            end_.shutdown(socket.SHUT_RDWR)
        end_.close()

    def _accept(self):
        while True:
            try:
                caller = self._listener.accept()[0]
            except OSError:
                return
            try:
                called = socket.create_connection(self._to, timeout=5)
            except OSError:
                caller.close()
                continue
            called.settimeout(None)
            for each in (caller, called):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {caller, called}
            for source, target in ((caller, called), (called, caller)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(data)
        for end_ in (source, target):
            self._shut(end_)
        with self._lock:
            self._open -= {source, target}


class Postgres(Server):
    """A cluster with one database. `settings`: of postgresql.conf."""

    def __init__(self, settings=(), small_disk_mb=None):
        super().__init__("postgres_under_test_", account("postgres", "nobody"))
        self._give(self.folder)
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        if not found:
            raise Failure("no PostgreSQL in /usr/lib/postgresql; install the Debian package postgresql")
        self.bin = found[-1]
        self.settings = list(settings)
        self.disk_is_small = False
        self.data = self.folder / "data"
        if small_disk_mb is not None and (disk := self.small_disk("disk", small_disk_mb)):
            self.data = disk / "data"
            self.disk_is_small = True

    def url(self, database="zone"):
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self):
        if not (self.data / "PG_VERSION").exists():
            self._make()
        if not self.running():
            command = [self.bin / "postgres", "-D", self.data, "-p", self.port, "-c", "listen_addresses=127.0.0.1", "-c",
                       "unix_socket_directories="]
            for setting in self.settings:
                command += ["-c", setting]
            # SIGQUIT: at once, without waiting for clients; nobody is left to wait for.
            self.process = spawn_as(self.user, command, self.log, "QUIT")
        wait_until("PostgreSQL answers", START_SECONDS, self._answers)
        if not self.sql("SELECT 1 FROM pg_database WHERE datname = 'zone'", database="postgres"):
            self.sql("CREATE DATABASE zone", database="postgres")

    def _make(self):
        secret = self.folder / "secret"
        secret.write_text(PASSWORD + "\n")
        self._give(secret)
        made = spawn_as(self.user, [self.bin / "initdb", "-D", self.data, "-U", USER, "-A", "scram-sha-256",
                                    f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], self.log, "KILL")
        if made.wait(60) != 0:
            raise Failure(f"initdb failed:\n{self._tail()}")

    def _answers(self):
        if not self.running():
            raise Failure(f"PostgreSQL ended at start:\n{self._tail()}")
        try:
            self.sql("SELECT 1", database="postgres", timeout=2)
            return True
        except OSError:
            return False

    def sql(self, text, database="zone", timeout=10):
        """All rows of the answer as texts. OSError when the server does not answer, or says no."""
        environment = {**os.environ, "PGCONNECT_TIMEOUT": str(max(2, int(timeout))),
                       "PGOPTIONS": f"-c statement_timeout={int(timeout * 1000)}"}
        try:
            asked = subprocess.run([self.bin / "psql", "-qAtX", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-d",
                                    self.url(database)], input=text, env=environment, capture_output=True, text=True,
                                   timeout=timeout + 2, check=False)
        except subprocess.TimeoutExpired:
            raise OSError("no answer") from None
        if asked.returncode != 0:
            raise OSError(asked.stderr.strip())
        return [tuple(line.split("\x1f")) for line in asked.stdout.splitlines()]

    def restart(self):
        """After kill()."""
        time.sleep(AFTER_KILL_SECONDS)
        self.start()

    def stop(self):
        end(self.process, signal.SIGINT, 20)

    def writer(self):
        """The connection that changed its state last: under load the committer's. None when there is none."""
        rows = self.sql("SELECT pid FROM pg_stat_activity WHERE datname = 'zone' AND pid <> pg_backend_pid() AND "
                        "backend_type = 'client backend' ORDER BY state_change DESC LIMIT 1", database="postgres")
        return int(rows[0][0]) if rows else None

    def terminate_one(self, rng: random.Random):
        """Cuts one connection to the database, drawn at random; False when there is none."""
        rows = self.sql("SELECT pid FROM pg_stat_activity WHERE datname = 'zone' AND backend_type = 'client backend' "
                        "ORDER BY pid", database="postgres")
        if not rows:
            return False
        return self.sql(f"SELECT pg_terminate_backend({rng.choice(rows)[0]})", database="postgres") == [("t",)]


class Redis(Server):
    """A cache that is saved only by the command SAVE; a start loads what was saved. `settings`: pairs of redis.conf."""

    def __init__(self, settings=(), small_disk_mb=None):
        super().__init__("redis_under_test_", account("redis", "nobody"))
        self._give(self.folder)
        self.settings = list(settings)
        self.data = self.folder / "data"
        self.data.mkdir()
        self._give(self.data)
        if small_disk_mb is not None and (disk := self.small_disk("disk", small_disk_mb)):
            self.data = disk

    @property
    def url(self):
        return self.url_at(self.port)

    @staticmethod
    def url_at(port):
        return f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    def start(self):
        if self.running():
            return
        lines = [f"requirepass {PASSWORD}", "bind 127.0.0.1", f"port {self.port}", f"dir {self.data}", 'save ""',
                 "appendonly no", *self.settings]
        config = self.folder / "redis.conf"
        config.write_text("\n".join(lines) + "\n")
        self._give(config)
        self.process = spawn_as(self.user, ["redis-server", config], self.log, "KILL")
        wait_until("Redis answers", START_SECONDS, self._answers)

    def _answers(self):
        if not self.running():
            raise Failure(f"Redis ended at start:\n{self._tail()}")
        with contextlib.suppress(OSError):
            return self.command("PING") == b"+PONG"
        return False

    def command(self, *words, timeout=5):
        """The first line of the answer, or a bulk's content. OSError when it does not answer in time."""
        def encoded(*parts):
            out = b"*%d\r\n" % len(parts)
            for part in parts:
                data = str(part).encode()
                out += b"$%d\r\n%s\r\n" % (len(data), data)
            return out

        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as link:
            link.settimeout(timeout)
            stream = link.makefile("rwb")
            stream.write(encoded("AUTH", PASSWORD) + encoded(*words))
            stream.flush()
            stream.readline()
            line = stream.readline().rstrip(b"\r\n")
            if line.startswith(b"$") and line != b"$-1":
                return stream.read(int(line[1:]) + 2)[:-2]
            return line

    def stop(self):
        end(self.process, signal.SIGTERM, 5)
