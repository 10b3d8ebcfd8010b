"""Figures are held against their limits as scenes.py says, and what was left out is said."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import scenes  # noqa: E402

HELD = {"scene": "cities", "pass": True, "figures": []}
MISSED = {"scene": "crowd", "pass": False, "figures": [{"name": "tick P99", "pass": False}, {"name": "connected", "pass": True}]}
FAILED = {"scene": "spread", "error": "no answer", "pass": False}
OMITTED = {"scene": "trace", "omitted": "no recording"}


def judged(scene, told, allocations=0.0, dilation=150):
    """{figure: whether it holds} of a run of the scene in which everything else is well."""
    report = {"players": {"connected": 9, "wanted": 9, "disconnected": 0}, "server": {"tick_hz": 20, "allocations_per_tick": allocations},
              "relief": {"told_right_pct": told, "dilation_pct_most": dilation}}
    return {row["name"]: row["pass"] for row in scenes.figures_of(scene, report, scenes.SCENES[scene][1])}


class Scenes(unittest.TestCase):
    def test_a_zone_that_must_slow_down_time_fails_when_it_does_not(self):
        found = judged("crowd_slow", None, dilation=100)
        self.assertEqual({name for name, held in found.items() if not held},
                         {scenes.TOLD[0], "longest tick's period, of the regular one"})
        self.assertTrue(all(judged("crowd_slow", 99.5).values()))

    def test_players_that_were_told_wrong_fail_it(self):
        self.assertEqual([name for name, held in judged("crowd_slow", 98.9).items() if not held], [scenes.TOLD[0]])

    def test_a_crowd_that_need_not_slow_down_time_has_no_row_of_it(self):
        self.assertNotIn(scenes.TOLD[0], judged("crowd_5000", None, dilation=100))
        self.assertFalse(judged("crowd_5000", 98.9)[scenes.TOLD[0]])

    def test_one_allocation_in_the_window_is_too_many(self):
        self.assertTrue(judged("crowd_5000", None)["allocations per tick"])
        self.assertFalse(judged("crowd_5000", None, allocations=round(1 / 9000, 6))["allocations per tick"])

    def test_the_large_scenes_allow_no_allocation(self):
        for name in ("cities", "spread_3000", "spread_5000", "crowd_1000", "crowd_5000"):
            self.assertIn(("allocations per tick", "server/allocations_per_tick", "==", 0, ""), scenes.SCENES[name][1], name)

    def test_what_did_not_hold_or_was_left_out_is_said_with_the_reason(self):
        self.assertEqual(scenes.last_words([HELD, MISSED, FAILED, OMITTED]),
                         ["missed: crowd (tick P99)", "failed: spread (no answer)", "omitted: trace (no recording)"])

    def test_only_a_strict_run_fails_for_what_was_left_out(self):
        self.assertEqual(scenes.exit_code_of([HELD, OMITTED], strict=False), 0)
        self.assertEqual(scenes.exit_code_of([HELD, OMITTED], strict=True), 1)
        self.assertEqual(scenes.exit_code_of([HELD], strict=True), 0)
        self.assertEqual([scenes.exit_code_of([each], strict=False) for each in (MISSED, FAILED)], [1, 1])


if __name__ == "__main__":
    unittest.main()
