"""include_rules.py must report what it exists to report: small trees, each with one mistake."""

import pathlib
import sys
import tempfile
import unittest

import include_rules

PAGE = """
<!-- include-table -->
| src/ folder | one purpose | may include |
|---|---|---|
| `core/` | ids | - |
| `net/` | ENet | core |
| `world/` | entities | core |
| `ops/` | logs | core |
| `client/` | library | core, net, include |
| `app/` | main | all |
| `tools/` | programs | all but app |
| `tools/bot/` | load | client, include |

<!-- library-table -->
| headers | allowed in |
|---|---|
| `enet/` | net/ |
| `spdlog/` | ops/log_sinks.cc |
| `nlohmann/` | ops/*.cc |
| `sys/` | all but world/ |
| `sys/socket.h` | net/ |
"""


class IncludeRules(unittest.TestCase):
    def problems(self, files, page=PAGE):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            tree = {
                "docs/architecture.md": page,
                "src/core/ids.h": "#include <cstdint>\n",
                "src/net/host.h": '#include "core/ids.h"\n',
                "include/bluemarble/client.h": "#include <memory>\n",
                **files,
            }
            for name, text in tree.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return include_rules.check(root)

    def assert_reported(self, path, text, part):
        found = self.problems({path: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(f"{path}:1:", found[0])
        self.assertIn(part, found[0])

    def test_a_source_that_leans_on_others_before_its_own_header_is_reported(self):
        for folder in ("src/core", "tests/support"):
            found = self.problems({f"{folder}/clock.h": "", f"{folder}/clock.cc": '#include <map>\n#include "core/clock.h"\n'})
            self.assertEqual(found, [f"{folder}/clock.cc:1: a source includes its own header first, not map"])

    def test_allowed_tree_is_clean(self):
        self.assertEqual(
            self.problems({
                "src/net/host.cc": '#include "net/host.h"\n#include <enet/enet.h>\n#include <sys/socket.h>\n',
                "src/ops/log_sinks.cc": "#include <spdlog/spdlog.h>\n",
                "src/client/client.cc": '#include "bluemarble/client.h"\n',
                "src/app/main.cc": '#include "net/host.h"\n#include <sys/wait.h>\n',
            }), [])

    def test_reports_sideways_include(self):
        self.assert_reported("src/world/store.cc", '#include "net/host.h"\n', "world/ may not include net/")

    def test_reports_include_down_the_table(self):
        self.assert_reported("src/core/clock.cc", '#include "net/host.h"\n', "core/ may not include net/")

    def test_reports_what_all_but_excludes(self):
        found = self.problems({"src/app/zone.h": "", "src/tools/ctl/main.cc": '#include "app/zone.h"\n'})
        self.assertEqual(found, ["src/tools/ctl/main.cc:1: tools/ may not include app/"])

    def test_reports_what_a_subfolder_row_leaves_out(self):
        own = '#include "tools/bot/bot.h"\n'
        found = self.problems({"src/tools/bot/bot.h": "", "src/tools/bot/main.cc": own + '#include "net/host.h"\n'})
        self.assertEqual(found, ["src/tools/bot/main.cc:2: tools/bot/ may not include net/"])

    def test_reports_library_outside_its_folder(self):
        self.assert_reported("src/world/store.cc", "#include <enet/enet.h>\n", "is for net/")

    def test_reports_library_outside_its_file(self):
        self.assert_reported("src/ops/config.cc", "#include <spdlog/spdlog.h>\n", "is for ops/log_sinks.cc")

    def test_reports_slow_library_in_a_header(self):
        self.assert_reported("src/ops/config.h", "#include <nlohmann/json.hpp>\n", "is for ops/*.cc")

    def test_reports_io_in_the_world(self):
        self.assert_reported("src/world/store.cc", "#include <sys/stat.h>\n", "all but world/")

    def test_more_specific_library_row_wins(self):
        self.assert_reported("src/app/main.cc", "#include <sys/socket.h>\n", "is for net/")

    def test_reports_unknown_library(self):
        self.assert_reported("src/net/peer.cc", "#include <zlib.h>\n", "no row of the library table")

    def test_reports_unknown_folder(self):
        self.assert_reported("src/misc/x.cc", "", "src/misc/ is in no row")

    def test_reports_public_header_with_private_include(self):
        self.assert_reported("include/bluemarble/x.h", '#include "core/ids.h"\n', "public headers include only")

    def test_reports_public_header_where_none_may_be(self):
        self.assert_reported("src/world/store.cc", '#include "bluemarble/client.h"\n', "may not include public")

    def test_reports_include_without_folder(self):
        self.assert_reported("src/net/host.cc", '#include "host.h"\n', "folder/file.h")

    def test_reports_indented_and_spaced_include(self):
        self.assert_reported("src/world/store.cc", '  #  include "net/host.h"\n', "may not include net/")

    def test_refuses_table_that_points_down(self):
        with self.assertRaises(SystemExit):
            self.problems({}, PAGE.replace("| ids | - |", "| ids | net |"))

    def test_refuses_page_without_table(self):
        with self.assertRaises(SystemExit):
            self.problems({}, "no tables here")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
