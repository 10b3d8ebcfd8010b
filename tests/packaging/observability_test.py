#!/usr/bin/env python3
"""Metrics, alert rules and dashboards against a real zoned with PostgreSQL, Redis and bots, and against Prometheus itself.

    observability_test.py --bin DIR

Wants the Debian package prometheus (Prometheus and promtool) and python3-yaml; without them its cases are skipped.
"""

import argparse
import contextlib
import functools
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import case_report  # noqa: E402
import queries  # noqa: E402
from services import Postgres, Redis, free_port  # noqa: E402
from zone_under_test import ROOT, SEALED, Bots, Zone, end, spawn, wait_until  # noqa: E402

try:
    import yaml
except ImportError:
    yaml = None

RULES = ROOT / "config/alerts.rules.yml"
RULE_TESTS = ROOT / "tests/packaging/alerts.test.yml"
DASHBOARDS = sorted((ROOT / "config/grafana").glob("*.json"))
PLAYERS = 20
# Metrics that Prometheus makes itself.
PROMETHEUS_OWN = {"up", "ALERTS"}
# Labels that Prometheus adds to all that it scrapes.
PROMETHEUS_LABELS = {"job", "instance"}
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+")


def need(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    if yaml is None:
        missing.append("python3-yaml")
    if missing:
        raise case_report.Skip(f"not installed: {', '.join(missing)}")


def promtool(*arguments, text=None):
    ran = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60,
                         check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@functools.cache
def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard_queries():
    """(where, expression as Prometheus gets it) of every panel."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
                assert "$" not in expression, (path.name, panel["title"], expression)
                yield f"{path.name}, {panel['title']}", expression


class World:
    """All that is running while the cases are."""

    def __init__(self, bin_dir, stack):
        pg, redis = stack.enter_context(Postgres()), stack.enter_context(Redis())
        url = f"database.url={pg.url()}"
        subprocess.run([bin_dir / "zoned", "migrate", "up", "--set", url], check=True, capture_output=True, timeout=60)
        # With everything that has metrics of its own switched on.
        self.zone = stack.enter_context(
            Zone(bin_dir, (*SEALED, url, f"redis.url={redis.url}", "retention.keep_days=30")))
        stack.enter_context(Bots(bin_dir, self.zone, "bots", "--accounts", "--scenario", "trade", "--players", PLAYERS,
                                 "--seconds", 0))
        wait_until("the bots play", 30, lambda: self.zone.stats()["players"] == PLAYERS)
        self.text = self.zone.get("/metrics")
        self.series = {}  # metric: [its labels]
        for line in self.text.splitlines():
            if match := SAMPLE.fullmatch(line):
                self.series.setdefault(match[1], []).append(dict(re.findall(r'(\w+)="([^"]*)"', match[2] or "")))
        self.prometheus = self._start_prometheus(stack) if shutil.which("prometheus") and yaml else None

    def _start_prometheus(self, stack):
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prometheus_under_test_")))
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "zoned",
                                "static_configs": [{"targets": [self.zone.http.removeprefix("http://")]}]}]}))
        port = free_port()
        process = spawn(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                         f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], folder / "log")
        stack.callback(lambda: end(process, signal.SIGTERM, 10))
        address = f"http://127.0.0.1:{port}"

        def ask(path, **query):
            with urllib.request.urlopen(f"{address}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                return json.loads(answer.read())["data"]

        def scraped_often():
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                found = ask("/api/v1/query", query="count_over_time(up[1m])")["result"]
                return bool(found) and float(found[0]["value"][1]) >= 4
            return False

        wait_until("Prometheus has scraped", 30, scraped_often, pause=0.2)
        return ask


WORLD = None


def names_units_and_help_follow_prometheus_conventions():
    need("promtool")
    assert promtool("check", "metrics", text=WORLD.text) == "", "promtool check metrics has remarks"


def labels_are_few_and_never_players():
    for name, all_labels in WORLD.series.items():
        assert len(all_labels) <= 400, f"{name} has {len(all_labels)} series"
        for labels in all_labels:
            for value in labels.values():
                assert "bot-" not in value and not re.fullmatch(r"\d{6,}|\d+\.\d+\.\d+\.\d+", value), (name, labels)


def every_scrape_has_the_same_series():
    first = {line.rsplit(" ", 1)[0] for line in WORLD.text.splitlines() if not line.startswith("#")}
    again = {line.rsplit(" ", 1)[0] for line in WORLD.zone.get("/metrics").splitlines() if not line.startswith("#")}
    assert first == again, sorted(first ^ again)[:5]


def the_most_net_threads_fit_into_the_registry():
    most = int(re.search(r"\[1\.\.(\d+)\]\nhosts = ", (ROOT / "config/zoned.toml").read_text())[1])
    room = int(re.search(r"kMaxSeries = (\d+);", (ROOT / "src/ops/metrics.h").read_text())[1])
    lines = [line for line in WORLD.text.splitlines() if not line.startswith("#")]
    of_one = sum('host="1"' in line for line in lines)
    assert of_one > 50 and len(lines) + (most - 2) * of_one <= room, (len(lines), of_one, most, room)


def players_round_trips_and_database_reads_are_counted():
    def count(name, **labels):
        return WORLD.zone.metrics()[(f"{name}_count", tuple(sorted(labels.items())))]

    before = count("database_read_duration_seconds", kind="state")
    assert WORLD.zone.player_state("nobody of that name") is None
    assert count("database_read_duration_seconds", kind="state") == before + 1
    wait_until("each player was counted", 10, lambda: count("net_round_trip_seconds", host="0") >= PLAYERS)


def check_query(where, expression):
    for name in queries.metrics_of(expression) - PROMETHEUS_OWN:
        assert name in WORLD.series, f"{where}: no metric {name} in /metrics"
    known = PROMETHEUS_LABELS | {"le"}
    for name in queries.metrics_of(expression):
        known |= {label for labels in WORLD.series.get(name, ()) for label in labels}
    strange = queries.labels_of(expression) - known
    assert not strange, f"{where}: no labels {strange} in {expression}"
    for name, matchers in queries.selectors_of(expression):
        for label, operator, value in matchers:
            if label in PROMETHEUS_LABELS or name in PROMETHEUS_OWN:
                continue
            values = {labels.get(label) for labels in WORLD.series[name]}
            wanted = queries.alternatives(value) if operator in ("=~", "!~") else [value]
            assert wanted is not None and set(wanted) <= values, f"{where}: {name} has no {label} {value}"


def rules_ask_for_what_the_daemon_has():
    need()
    for rule in rules():
        check_query(rule["alert"], rule["expr"])


def dashboards_ask_for_what_the_daemon_has():
    asked = list(dashboard_queries())
    assert len(asked) > 100
    for where, expression in asked:
        check_query(where, expression)


def prometheus_answers_every_query_of_the_dashboards():
    need("prometheus")
    for where, expression in dashboard_queries():
        try:
            found = WORLD.prometheus("/api/v1/query", query=expression)["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{where}: {expression}: {error.read().decode()}") from None
        assert found, f"{where}: nothing found for {expression}"


def prometheus_evaluates_the_rules_and_a_healthy_zone_fires_none():
    need("prometheus")

    def evaluated():
        found = [rule for group in WORLD.prometheus("/api/v1/rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    wait_until("rules are evaluated", 20, evaluated, pause=0.2)
    found = evaluated()
    assert {rule["name"] for rule in found} == {rule["alert"] for rule in rules()}
    wrong = [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"]
    assert not wrong, wrong
    # Bots begin and the machine is shared: those that wait for minutes are pending at most.
    firing = [rule["name"] for rule in found if rule["state"] == "firing" and rule["name"] != "ZoneTicksSkipped"]
    assert not firing, firing


def every_rule_fires_when_it_should_and_only_then():
    need("promtool")
    promtool("check", "rules", RULES)
    promtool("test", "rules", RULE_TESTS)
    tested = set(re.findall(r'expr: count\(ALERTS\{alertname="(\w+)", alertstate="firing"\}\)', RULE_TESTS.read_text()))
    assert tested == {rule["alert"] for rule in rules()}, tested ^ {rule["alert"] for rule in rules()}


def a_rule_with_another_limit_fails_its_test():
    need("promtool")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "rules.yml").write_text(RULES.read_text().replace("> 0.9", "> 0.99"))
        (folder / "test.yml").write_text(RULE_TESTS.read_text().replace("../../config/alerts.rules.yml", "rules.yml"))
        ran = subprocess.run(["promtool", "test", "rules", folder / "test.yml"], capture_output=True, text=True, timeout=60,
                             check=False)
    assert ran.returncode != 0 and "ZoneNearlyFull" in ran.stdout + ran.stderr, ran


def every_alert_has_its_section_in_the_runbook():
    need()
    text = (ROOT / "docs/runbook.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    alerts = {rule["alert"] for rule in rules()}
    assert set(sections) == alerts, set(sections) ^ alerts
    for rule in rules():
        name = rule["alert"]
        # As installed under /usr; installed_test.py sees other prefixes.
        url = f"file:///usr/share/doc/bluemarble-server/docs/runbook.md#{name.lower()}"
        assert rule["annotations"]["runbook_url"] == url, name
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("critical", "warning", "info"), name
        for part in ("**Means:**", "**Look at:**", "**Do:**"):
            assert part in sections[name], (name, part)


def the_runbook_names_metrics_and_settings_that_exist():
    text = (ROOT / "docs/runbook.md").read_text()
    settings = subprocess.run([OPTIONS.bin / "zoned", "print-config", "--default"], capture_output=True, text=True, check=True)
    known, section = set(), ""
    for line in settings.stdout.splitlines():
        if match := re.match(r"#?\[+(\w+)\]+", line):
            section = match[1]
        elif match := re.match(r"#?(\w+) = ", line):
            known.add(f"{section}.{match[1]}")
    sections = {name.split(".")[0] for name in known}
    text = re.sub(r"log's `\w+`", "", text)  # events of the log
    for word in re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", text):
        if "." in word and word.split(".")[0] in sections:
            assert word in known, f"no setting {word}"
        elif re.fullmatch(r"(zone|net|session|persistence|journal|pool|cache|database|http|auth|items|process|machine|admission)_\w+", word):
            assert word in WORLD.series or f"{word}_bucket" in WORLD.series, f"no metric {word}"


def the_configuration_for_prometheus_is_right():
    need("promtool")
    with tempfile.TemporaryDirectory() as name:
        config = pathlib.Path(name) / "prometheus.yml"
        text = (ROOT / "docker/prometheus.yml").read_text()
        assert "/etc/prometheus/alerts.rules.yml" in text
        config.write_text(text.replace("/etc/prometheus/alerts.rules.yml", str(RULES)))
        promtool("check", "config", config)
    assert "zoned" in [job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]]


CASES = (names_units_and_help_follow_prometheus_conventions, labels_are_few_and_never_players,
         every_scrape_has_the_same_series, the_most_net_threads_fit_into_the_registry,
         players_round_trips_and_database_reads_are_counted, rules_ask_for_what_the_daemon_has,
         dashboards_ask_for_what_the_daemon_has, prometheus_answers_every_query_of_the_dashboards,
         prometheus_evaluates_the_rules_and_a_healthy_zone_fires_none, every_rule_fires_when_it_should_and_only_then,
         a_rule_with_another_limit_fails_its_test, every_alert_has_its_section_in_the_runbook,
         the_runbook_names_metrics_and_settings_that_exist, the_configuration_for_prometheus_is_right)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=lambda text: pathlib.Path(text).resolve(), required=True, help="of zoned and zonebot")
    OPTIONS = parser.parse_args()
    with contextlib.ExitStack() as everything:
        WORLD = World(OPTIONS.bin, everything)
        sys.exit(case_report.run("observability_test", CASES))
