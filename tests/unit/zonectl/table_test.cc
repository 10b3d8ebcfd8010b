#include "tools/zonectl/table.h"

#include <gtest/gtest.h>

namespace bluemarble::zonectl {
namespace {

TEST(Table, AlignsColumnsByCharacters) {
  EXPECT_EQ(Table({{"A", "NAME", "B"}, {"12345", "Zo\u00eb", "x"}, {"1", "Johanna", "y"}}),
            "A      NAME     B\n"
            "12345  Zo\u00eb      x\n"
            "1      Johanna  y\n");
}

TEST(Table, LetsNoCellSteerTheTerminal) {
  EXPECT_EQ(Table({{"a\x1b[2J", "b\nc"}}), "a\\x1b[2J  b\\x0ac\n");
}

}  // namespace
}  // namespace bluemarble::zonectl
