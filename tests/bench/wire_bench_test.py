"""wire_bench refuses files that it cannot measure with a word on why, and holds what it measures against given limits."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
PROGRAM = None  # the first argument
TRACE, BODIES = "t_s,agent,x_m,y_m,z_m", "t_s,id,x,y,z,qx,qy,qz,qw"
HZ, FRAMES = 16, 40


def people(frames=range(FRAMES), who=lambda frame: (7, 8)):
    return [f"{frame / HZ:.4f},{agent},{200 * agent + 0.1 * frame:.4f},0.0000,0.0000" for frame in frames for agent in who(frame)]


def run(what, rows, *options, names=True):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "rows.csv"
        file.write_text("\n".join([*([TRACE if what == "--trace" else BODIES] if names else []), *rows]) + "\n")
        return subprocess.run([PROGRAM, what, file, *map(str, options)], capture_output=True, text=True, timeout=60, check=False)


class WireBench(unittest.TestCase):
    def refused(self, answer, *words):
        self.assertEqual((answer.returncode, answer.stdout), (65, ""))
        for word in ("rows.csv", *words):
            self.assertIn(word, answer.stderr)

    def measured(self, answer, code=0):
        self.assertEqual((answer.returncode, answer.stderr), (code, ""))
        return json.loads(answer.stdout)

    def test_a_recording_in_its_own_rate_is_measured(self):
        report = self.measured(run("--trace", people(), "--hz", HZ))
        self.assertEqual((report["updates"], report["differing_parts"], report["pass"]), (2 * FRAMES, 0, True))

    def test_a_file_without_names_is_measured_whole(self):
        report = self.measured(run("--trace", people(), "--hz", HZ, names=False))
        self.assertEqual(report["updates"], 2 * FRAMES)
        self.refused(run("--trace", ["x,7,0,0,0"], "--hz", HZ, names=False), "rows.csv:1:1")

    def test_who_is_too_far_away_is_refused(self):
        self.refused(run("--trace", ["0.0,7,1e300,0,0"], "--hz", HZ), "rows.csv:2:3", "100,000")
        self.refused(run("--bodies", ["0.0,1,0,0,-1e9,0,0,0,1"], "--hz", 30), "rows.csv:2:5", "100,000")

    def test_another_rate_than_the_files_is_refused(self):
        self.refused(run("--trace", people(), "--hz", 30), "rows.csv:4:1", "0.0625 s", "--hz")
        self.refused(run("--trace", people(), "--hz", 32), "no row for 0.03125 s", "0.06250 s", "--hz")
        self.refused(run("--trace", people(), "--hz", 8), "rows.csv:4:1", "0.0625 s", "--hz")

    def test_a_frame_that_is_missing_is_refused(self):
        self.refused(run("--trace", people([*range(10), *range(12, FRAMES)]), "--hz", HZ), "no row for 0.62500 s", "0.75000 s")

    def test_people_may_go_and_come_back(self):
        report = self.measured(run("--trace", people(who=lambda frame: (7, 8) if frame % 20 < 12 else (8,)), "--hz", HZ))
        self.assertEqual((report["updates"], report["differing_parts"]), (FRAMES + 24, 0))

    def test_somebody_in_two_places_is_refused(self):
        self.refused(run("--trace", [*people(), people()[5]], "--hz", HZ), f"rows.csv:{2 * FRAMES + 2}:2", "8", "0.1250 s")

    def test_what_is_no_row_is_refused(self):
        self.refused(run("--trace", [], "--hz", HZ), "rows.csv:2:1")
        self.refused(run("--trace", ["0.0,7,0,0"], "--hz", HZ), "rows.csv:2:4", "expected 5 fields")
        self.refused(run("--trace", ["0.0,7,0,x,0"], "--hz", HZ), "rows.csv:2:4")
        self.refused(run("--trace", ["-1,7,0,0,0"], "--hz", HZ), "rows.csv:2:1")
        self.refused(run("--trace", ["0.0,-7,0,0,0"], "--hz", HZ), "rows.csv:2:2")

    def test_rotations_of_another_length_are_the_same_rotations(self):
        def spinning(length):
            return [f"{frame / 30:.5f},1,0,0,5,0,0,{length * frame / 50:.7f},{length * (1 - (frame / 50) ** 2) ** 0.5:.7f}"
                    for frame in range(FRAMES)]

        once, thrice = (self.measured(run("--bodies", spinning(length), "--hz", 30)) for length in (1, 3))
        self.assertEqual((once["bytes"], once["differing_parts"]), (thrice["bytes"], thrice["differing_parts"]))
        self.assertLess(thrice["worst_rotation_error"], 0.001)

    def test_a_rotation_of_no_length_is_refused(self):
        self.refused(run("--bodies", ["0.0,1,0,0,5,0,0,0,0"], "--hz", 30), "rows.csv:2:6", "rotation")

    def test_limits_that_are_missed_are_named(self):
        missed = self.measured(run("--trace", people(), "--hz", HZ, "--most-bytes", 0.5, "--most-bits", 1, "--most-ns", 1e9), 1)
        self.assertEqual((missed["missed"], missed["pass"]), (["bytes_per_update", "part_bits_per_update"], False))
        self.assertEqual(missed["limits"], {"bytes_per_update": 0.5, "part_bits_per_update": 1, "encode_ns_per_update": 1e9})
        slow = self.measured(run("--trace", people(), "--hz", HZ, "--most-ns", 0.001), 1)
        self.assertEqual(slow["missed"], ["encode_ns_per_update"])
        held = self.measured(run("--trace", people(), "--hz", HZ, "--most-bytes", 1000, "--most-bits", 1000))
        self.assertEqual((held["missed"], held["pass"]), ([], True))

    def test_a_number_that_is_none_is_a_wrong_use(self):
        for option in ("--hz", "--base-age", "--leaf-level"):
            for number in ("0", "-1", "x", "1.5", "3x", "1e9"):
                self.assertEqual(run("--trace", people(), option, number).returncode, 64, f"{option} {number}")

    def test_a_limit_that_is_none_is_a_wrong_use(self):
        for limit in ("0", "-1", "x"):
            self.assertEqual(run("--trace", people(), "--most-bits", limit).returncode, 64)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
