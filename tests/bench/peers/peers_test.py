"""What counts as held, of a zone and of others."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import peers  # noqa: E402

HELD = {"players": 200, "connected": 200, "disconnected": 0, "held_pct": 99.5, "gap_ms": {"p99": 102.0}}


class Held(unittest.TestCase):
    def test_a_server_without_relief_holds_what_it_does_in_time(self):
        self.assertEqual(peers.why_not(HELD), [])

    def test_a_zone_holds_only_what_it_does_without_relief(self):
        self.assertEqual(peers.why_not(HELD | {"relief_step_most": 0}), [])
        self.assertEqual(peers.why_not(HELD | {"relief_step_most": 1}), ["relief step 1"])

    def test_late_ticks_late_updates_and_lost_players_do_not_hold(self):
        self.assertEqual(peers.why_not(HELD | {"held_pct": 98.9}), ["98.9 % of the ticks in time"])
        self.assertEqual(peers.why_not(HELD | {"gap_ms": {"p99": 150.0}}), ["P99 between updates 150.0 ms"])
        self.assertEqual(peers.why_not(HELD | {"connected": 199}), ["199 came in, 0 were lost"])
        self.assertEqual(peers.why_not(HELD | {"disconnected": 1}), ["200 came in, 1 were lost"])

    def test_the_zone_runs_with_the_priority_of_the_others(self):
        self.assertLessEqual({"tick.nice=0", "tick.realtime=false"}, {*peers.ZONE})


if __name__ == "__main__":
    unittest.main()
