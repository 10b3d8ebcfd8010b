"""zoned and zonebot as child processes with ports and folders of their own, and what zoned says of a span of time.

For soak tests and benches; Python's standard library only.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A zone as players meet it, but that the first login makes the account and that hashes are cheap. For bots with --accounts.
SEALED = ("net.security=sealed", "auth.mode=development", "auth.hash_memory_kib=64", "auth.hash_passes=1")
STOP_SECONDS = 6  # zoned promises 5
START_SECONDS = 20


class Failure(Exception):
    """The test could not be carried out, as against: it was, and a limit did not hold."""


def spawn(command, log, environment=None):
    """A child that the kernel ends when this process dies, so that nothing is left behind."""
    with open(log, "wb") as out:
        return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})


def end(process, signal_number, seconds):
    """Ends a child of ours; its exit code, None when it had to be killed."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def wait_until(what, seconds, condition, pause=0.05):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


class Zone:
    """A running zoned on loopback, its ports chosen by the system at its first start. It may be killed and started
    again on its folder; `settings` and `flags` may change in between. `disk`: for its data and log, instead of that folder."""

    def __init__(self, bin_dir, settings=(), environment=None, disk=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zone_under_test_"))
        self.bin = pathlib.Path(bin_dir)
        self.settings = list(settings)
        self.flags = []
        self.process = None
        self.http = None
        self.starts = 0
        self.log_folder = disk or self.folder
        self.data = (disk or self.folder) / "data"
        self.start(environment)

    def arguments(self):
        """Of zoned, and of whatever else reads its settings."""
        port = self.http.rsplit(":", 1)[1] if self.http else 0
        out = ["-c", ROOT / "config/zoned.toml"]
        # Plain unless a test wants otherwise: its bots are names without passwords.
        defaults = (f"http.port={port}", "net.security=plain", "net.port=0", "log.format=json",
                    "dev.allow_spawn_position=true", f"persistence.data_dir={self.data}")
        chosen = {setting.split("=", 1)[0] for setting in self.settings}
        for setting in (*(each for each in defaults if each.split("=", 1)[0] not in chosen), *self.settings):
            out += ["--set", setting]
        return out

    def spawn(self, environment=None):
        """A start that may fail; nothing is waited for."""
        self.starts += 1
        self.log = self.log_folder / f"zoned.{self.starts}.log"
        self.process = spawn([self.bin / "zoned", "serve", *self.flags, *self.arguments()], self.log, environment)

    def start(self, environment=None):
        """Returns the seconds until it served."""
        began = time.monotonic()
        self.spawn(environment)
        try:
            wait_until("zoned serves", START_SECONDS, self.serving)
        except Failure:
            self.stop()
            raise
        self.http = self._said("serving", r"\bhttp=(\S+)")[0]
        self.ports = [int(port) for port in self._said("net_listening", r"\baddress=[\d.]+:(\d+)")]
        return time.monotonic() - began

    def kill(self):
        """SIGKILL, and nothing after it."""
        self.process.kill()
        self.process.wait()

    def end(self):
        """SIGTERM; zoned's exit code, None when it did not stop in time. Its world stays."""
        return end(self.process, signal.SIGTERM, STOP_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _said(self, event, pattern):
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if record.get("event") == event:
                found += re.findall(pattern, record.get("fields", ""))
        return found

    def serving(self):
        if self.process.poll() is not None:
            raise Failure(f"zoned ended at start with code {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
        return bool(self._said("serving", r"\bhttp=(\S+)"))

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=10) as answer:
            return answer.read().decode()

    def player_state(self, name):
        """What the operator's interface tells of a player; None when it has no answer now."""
        secret = (self.data / "admin.secret").read_text().strip()
        request = urllib.request.Request(f"{self.http}/v1/state/player?name={urllib.parse.quote(name)}",
                                         headers={"Authorization": f"Bearer {secret}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            return None

    def stats(self):
        return json.loads(self.get("/v1/stats"))

    def metrics(self):
        """{(name, sorted labels): value} of everything but histogram buckets."""
        values = {}
        for line in self.get("/metrics").splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? ([-+.\deE]+)", line)
            if match and not match[1].endswith("_bucket"):
                values[match[1], tuple(sorted(re.findall(r'(\w+)="([^"]*)"', match[2] or "")))] = float(match[3])
        return values

    def stop(self):
        """SIGTERM; zoned's exit code, None when it did not stop in time. Forgets its world."""
        code = self.end()
        shutil.rmtree(self.folder, ignore_errors=True)
        return code


def total(metrics, name, **labels):
    """The sum of a metric over all of its labels but those given. A missing one is an error, not zero."""
    found = [value for (known, its), value in metrics.items() if known == name and labels.items() <= dict(its).items()]
    if not found:
        raise Failure(f"zoned has no metric {name} {labels or ''}")
    return sum(found)


class Bots:
    """A running zonebot and, when it is through, its report."""

    def __init__(self, bin_dir, zone, name, *arguments):
        self.report_file = zone.folder / f"{name}.json"
        self.log = zone.folder / f"{name}.log"
        self.process = spawn([bin_dir / "zonebot", "--server", zone.http, "--report", self.report_file, *arguments],
                             self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGINT, 10)

    def running(self):
        return self.process.poll() is None

    def report(self, seconds):
        """Waits for the end of the run, at most so long."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"zonebot did not end within {seconds:g} s") from None
        if not self.report_file.exists():
            raise Failure(f"zonebot ended with code {code} and no report:\n{self.log.read_text()[-2000:]}")
        return json.loads(self.report_file.read_text())

    def ports(self):
        """The UDP ports of its players, as /proc shows them."""
        inodes = set()
        for entry in os.scandir(f"/proc/{self.process.pid}/fd"):
            try:
                inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(entry.path)))
            except FileNotFoundError:
                pass
        rows = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
        return sorted(int(row.split()[1].split(":")[1], 16) for row in rows if row.split()[9] in inodes)


class Spans:
    """Sums of zoned's cumulative figures over one or more spans of time."""

    def __init__(self):
        self.buckets = {}
        self.sums = {}

    def add(self, before, after):
        for name in ("ticks", "missed_ticks", "zone_cpu_s", "cpu_s", "steal_ticks_s", "uptime_s"):
            self.sums[name] = self.sums.get(name, 0) + after[name] - before[name]
        for name, buckets in after["histograms"].items():
            mine = self.buckets.setdefault(name, {})
            old = dict(map(tuple, before["histograms"][name]))
            for upper, count in buckets:
                mine[upper] = mine.get(upper, 0) + count - old.get(upper, 0)

    def quantile(self, name, q):
        """Between a bucket's bounds by interpolation: a bucket is up to 6 % wide, as much as some limits allow."""
        buckets = sorted((upper, count) for upper, count in self.buckets[name].items() if count > 0)
        rank = q * sum(count for _, count in buckets)
        for upper, count in buckets:
            if rank <= count:
                width = 2 ** max(0, upper.bit_length() - 1 - 4)
                return upper - width * (1 - rank / count)
            rank -= count
        return float(buckets[-1][0]) if buckets else 0.0

    def cpu_us_per_tick(self):
        return self.sums["zone_cpu_s"] * 1e6 / max(1, self.sums["ticks"])

    def steal_pct(self, cores):
        return 100 * self.sums["steal_ticks_s"] / max(1e-9, self.sums["uptime_s"] * cores)
