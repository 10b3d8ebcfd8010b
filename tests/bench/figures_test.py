"""The page's tables and pictures say what was measured: pictures have the rows of their tables, measured now or before."""

import pathlib
import re
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import figures  # noqa: E402

PAGE = """before
<!-- figures: begin -->
| scene | players | window | figure | measured | limit | |
|---|---|---|---|---|---|---|
| cities | 1,000 | 60 s | tick P99 | 5.63 ms | < 8 ms | holds |
| crowd | 500 | 60 s | combat age P99 | 300 ms | < 250 ms | **missed** |
| spread_3000 | 3,000 | 60 s | tick rate | 29.7 Hz | ≥ 29.7 Hz | holds |

- `cities`: 2026-11-01, commit 0123456789, 2 cores, Some CPU, scripts/bench --only cities; others' CPU 0.0 cores, steal at most 0.0 %.
<!-- figures: end -->
after
"""


def row(name, value, relation, limit, unit, held):
    return {"name": name, "value": value, "relation": relation, "limit": limit, "unit": unit, "pass": held}


def result(*rows, context=None):
    return {"players": 500, "seconds": 20, "figures": list(rows), "context": context or {}, "commit": "abcdef0123",
            "machine": {"cores": 2, "cpu": "Some CPU"}, "command": "scripts/bench --only crowd", "others_cpu_cores": 0.0,
            "date": "2026-11-22T10:00:00Z"}


CROWD = result(row("combat age P99", 125.0, "<", 250, "ms", True), row("disconnects", 0, "==", 0, "players", True),
               row("up per player", 14.3, None, None, "datagrams/s", True), row("told", None, ">=", 99, "%", False))


def updated(found):
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.md"
        page.write_text(PAGE)
        lines = figures.with_rows_before(page, "figures", figures.SCENES, found, figures.scene_table(found))
        figures.update(page, "figures", lines)
        return lines, page.read_text()


def labels(svg):
    return re.findall(r'text-anchor="end" fill="#1a1a1a">([^<]*)<', svg)


def bars(svg):
    """{label: width of its bar, of the limit's}"""
    out, label = {}, None
    for line in svg.splitlines():
        if found := labels(line):
            label = found[0]
        elif "rect" in line and "#eeeeee" not in line and label:
            width = float(re.search(r'width="([\d.]+)"', line)[1])
            out[label] = round(width / (figures.BAR_WIDTH / figures.FULL), 2)
    return out


class Figures(unittest.TestCase):
    def test_the_picture_has_the_rows_of_the_page_also_those_that_were_not_measured_now(self):
        lines, page = updated({"crowd": CROWD})
        rows = re.findall(r"^\| (\w+) \| ([\d,]+) \| \S+ s \| ([^|]+) \|", page, re.MULTILINE)
        self.assertEqual(labels(figures.svg(lines)), [f"{scene} ({players}): {name}" for scene, players, name in rows])
        self.assertEqual([scene for scene, _, _ in rows], ["cities"] + ["crowd"] * 4 + ["spread_3000"])
        self.assertNotIn("300 ms", page)

    def test_bars_are_shares_of_the_limits(self):
        lines, _ = updated({"crowd": CROWD})
        self.assertEqual(bars(figures.svg(lines)), {"cities (1,000): tick P99": 0.7, "crowd (500): combat age P99": 0.5,
                                                    "crowd (500): told": 1.25, "spread_3000 (3,000): tick rate": 1.0})

    def test_a_missed_figure_is_red(self):
        svg = figures.svg(PAGE)
        self.assertEqual(svg.count(f'fill="{figures.MISSED}"'), 2)
        self.assertIn(f'fill="{figures.MISSED}">300 ms (&lt; 250 ms)', svg)

    def test_the_picture_names_the_commits_of_all_its_rows(self):
        lines, _ = updated({"crowd": CROWD})
        self.assertIn("(commit 0123456789, abcdef0123; 2 cores, Some CPU)", figures.svg(lines))

    def test_every_note_has_a_date(self):
        lines, _ = updated({"crowd": CROWD})
        notes = [line for line in lines.splitlines() if line.startswith("- ")]
        self.assertEqual(len(notes), 2)
        for note in notes:
            self.assertRegex(note, r"^- `\w+`: \d{4}-\d\d-\d\d, commit \w+, 2 cores")

    def test_what_was_not_found_is_said_and_missed(self):
        self.assertIn("| told | nothing | ≥ 99 % | **missed** |", figures.scene_table({"crowd": CROWD}))

    def test_peers_show_relief_age_and_the_cost_at_what_each_holds(self):
        def step(cpu, **more):
            return {"cpu_us_per_player_tick": cpu, "down_bytes_per_player_s": 100.0, "gap_ms": {"p99": 40.0}, **more}

        zone, other = step(4.0, relief_step_most=0, age_ms={"p99": 105.0}), step(9.0)
        context = {"held": {"crowd": {"bluemarble": 900, "colyseus": 200}}, "ended_by": {"crowd": {"bluemarble": "clients",
                                                                                              "colyseus": "server"}},
                   "at_held": {"crowd": {"bluemarble": zone, "colyseus": other}},
                   "common": {"crowd": {"players": 200, "bluemarble": step(8.0), "colyseus": other}}}
        self.assertEqual(figures.peer_table({"peers": result(context=context)}).splitlines()[2:4], [
            "| crowd | zone, sealed | ≥ 900 | 4.0 us | 0 | 105 ms | 200 | 8.0 us | 100 B/s | 40 ms |",
            "| crowd | Colyseus | 200 | 9.0 us | none |  | 200 | 9.0 us | 100 B/s | 40 ms |"])


if __name__ == "__main__":
    unittest.main()
