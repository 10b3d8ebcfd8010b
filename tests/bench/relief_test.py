"""What players were told of relief is held against the zone's log as relief.py says."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import relief  # noqa: E402

LOG = """{"timestamp":"2001-09-09T01:46:40.000000Z","level":"info","service":"zoned","event":"serving","fields":"http=x"}
not json
{"timestamp":"2001-09-09T01:46:50.000000Z","level":"warn","service":"zoned","event":"relief","fields":"step=4 dilation_pct=100"}
{"timestamp":"2001-09-09T01:46:55.000000Z","level":"warn","service":"zoned","event":"relief","fields":"step=4 dilation_pct=110"}
{"timestamp":"2001-09-09T01:47:00.000000Z","level":"warn","service":"zoned","event":"relief","fields":"step=4 dilation_pct=120"}
"""
AT = 1_000_000_000  # 01:46:40


def span(begin, end, dilation, snapshots=100):
    return {"from_unix_s": AT + begin, "to_unix_s": AT + end, "dilation_pct": dilation, "snapshots": snapshots}


def told(*spans):
    return relief.of(LOG, {"spans": spans})


class Relief(unittest.TestCase):
    def test_who_was_told_in_time_was_told_right(self):
        found = told(span(0, 15.3, 100), span(15.3, 20.8, 110), span(20.8, 30, 120))
        self.assertEqual(found, {"step_most": 4, "dilation_pct_most": 120, "told_right_pct": 100})

    def test_who_was_never_told_was_told_wrong_but_for_what_was_under_way(self):
        self.assertLess(told(span(0, 30, 100))["told_right_pct"], 100 * 1.2 / 15)

    def test_who_was_told_a_second_too_late_was_told_wrong_meanwhile(self):
        found = told(span(0, 15.3, 100), span(15.3, 23, 110, 770), span(23, 30, 120, 700))["told_right_pct"]
        self.assertAlmostEqual(found, 100 - 100 * 190 / 1470, delta=1.5)

    def test_a_slow_time_that_the_zone_knows_nothing_of_is_wrong(self):
        self.assertEqual(told(span(0, 5, 100), span(5, 6, 150))["told_right_pct"], 0)

    def test_without_slow_time_there_is_nothing_to_tell(self):
        self.assertEqual(told(span(0, 12, 100)), {"step_most": 4, "dilation_pct_most": 100, "told_right_pct": None})

    def test_what_was_before_the_window_and_still_is_counts(self):
        self.assertEqual(told(span(12, 14, 100))["step_most"], 4)
        self.assertEqual(told(span(2, 4, 100))["step_most"], 0)


if __name__ == "__main__":
    unittest.main()
