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
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
STOP_SECONDS = 6  # zoned promises 5
START_SECONDS = 20


class Failure(Exception):
    """The test could not be carried out, as against: it was, and a limit did not hold."""


def spawn(command, log):
    """A child that the kernel ends when this process dies, so that nothing is left behind."""
    with open(log, "wb") as out:
        return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *map(str, command)],
                                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)


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


def wait_until(what, seconds, condition):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


class Zone:
    """A running zoned on loopback, its ports chosen by the system."""

    def __init__(self, bin_dir, settings=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zone_under_test_"))
        self.log = self.folder / "zoned.log"
        command = [bin_dir / "zoned", "serve", "-c", ROOT / "config/zoned.toml"]
        for setting in ("http.port=0", "net.port=0", "log.format=json", "dev.allow_spawn_position=true",
                        f"persistence.data_dir={self.folder / 'data'}", *settings):
            command += ["--set", setting]
        self.process = spawn(command, self.log)
        try:
            wait_until("zoned serves", START_SECONDS, self._serving)
        except Failure:
            self.stop()
            raise
        self.http = self._said("serving", r"\bhttp=(\S+)")[0]
        self.ports = [int(port) for port in self._said("net_listening", r"\baddress=[\d.]+:(\d+)")]

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

    def _serving(self):
        if self.process.poll() is not None:
            raise Failure(f"zoned ended at start with code {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
        return bool(self._said("serving", r"\bhttp=(\S+)"))

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=10) as answer:
            return answer.read().decode()

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
        code = end(self.process, signal.SIGTERM, STOP_SECONDS)
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
