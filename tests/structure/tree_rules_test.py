"""tree_rules.py must report what it exists to report."""

import pathlib
import sys
import tempfile
import unittest

import tree_rules

HEADER = "/// What it is.\n#pragma once\n"


class TreeRules(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return tree_rules.check(root, sorted(files))

    def assert_reported(self, name, text, part):
        found = self.problems({name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(name, found[0])
        self.assertIn(part, found[0])

    def test_clean_tree_has_no_problems(self):
        self.assertEqual(
            self.problems({
                "src/core/byte_ring.h": HEADER,
                "README.md": "[ring](src/core/byte_ring.h) [part](#head) [web](https://example.org/x)\n",
                "CMakeLists.txt": "",
            }), [])

    def test_reports_names_that_are_not_snake_case(self):
        self.assert_reported("src/core/ByteRing.cc", "", "snake_case")
        self.assert_reported("src/core/byte-ring.cc", "", "snake_case")
        self.assert_reported("src/Core/ring.cc", "", "snake_case")

    def test_reports_long_file_without_reason(self):
        self.assert_reported("src/core/x.cc", "\n" * 801, "801 lines")
        self.assertEqual(self.problems({"src/core/x.cc": "// Long: one table.\n".lower() + "\n" * 801}), [])

    def test_reports_header_without_guard_or_contract(self):
        self.assert_reported("src/core/x.h", "/// What it is.\n", "#pragma once")
        self.assert_reported("src/core/x.h", "#pragma once\n", "paragraph")

    def test_reports_machine_path(self):
        self.assert_reported("config/zoned.toml", "dir = '/ho" + "me/me/data'\n", "path of one machine")
        self.assertEqual(self.problems({"docs/a.md": "see src/work/x and ~/home/\n"}), [])

    def test_reports_broken_link(self):
        self.assert_reported("docs/a.md", "[b](b.md)\n", "no such file: b.md")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
