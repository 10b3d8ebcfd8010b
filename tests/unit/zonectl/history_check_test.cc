#include "tools/zonectl/history_check.h"

#include <gtest/gtest.h>

#include <sstream>

namespace bluemarble::zonectl {
namespace {

const std::string kKey = "000102030405060708090a0b0c0d0e0f";

std::string Line(const std::string& outcome, const std::string& more = "") {
  return R"({"t":1.5,"bot":"b1","player":17,"key":")" + kKey + R"(","op":"drop","outcome":")" +
         outcome + "\"" + more + "}\n";
}

struct Checked {
  std::string findings;
  HistoryCheck check;
};

// What is found after these lines when the database has `stored`.
Checked Check(const std::string& lines, const std::optional<Stored>& stored) {
  Checked result;
  std::istringstream in(lines);
  EXPECT_TRUE(result.check.Read(in, "history").ok());
  for (const auto& [name, told] : result.check.requests) result.check.Compare(name, told, stored);
  for (const std::string& finding : result.check.findings)
    result.findings += finding.substr(finding.find(kKey) + kKey.size() + 2) + ";";
  return result;
}

const Stored kDone{"ok", "none"};
const Stored kNotDone{"refused", "not_holder"};

TEST(HistoryCheck, ComparesWhatWasToldLastWithTheDatabase) {
  const struct {
    std::string lines;
    std::optional<Stored> stored;
    const char* findings;
  } kCases[] = {
      {Line("sent") + Line("ok"), kDone, ""},
      {Line("sent") + Line("ok"), std::nullopt, "told ok, and not in the database;"},
      {Line("sent") + Line("ok"), kNotDone, "told ok, and refused (not_holder) in the database;"},
      {Line("sent") + Line("refused", R"(,"reason":"busy")"), std::nullopt, ""},
      {Line("sent") + Line("refused", R"(,"reason":"busy")"), kNotDone, ""},
      {Line("sent") + Line("refused", R"(,"reason":"busy")"), kDone,
       "told refused (busy), and done in the database;"},
      {Line("sent") + Line("unknown"), kDone, ""},
      {Line("sent") + Line("unknown"), std::nullopt, ""},
      {Line("sent"), kDone, ""},
      // A repeat on its way takes nothing back of an ok, but may do what had been refused.
      {Line("ok") + Line("sent"), std::nullopt, "told ok, and not in the database;"},
      {Line("ok") + Line("unknown"), std::nullopt, "told ok, and not in the database;"},
      {Line("refused") + Line("sent"), kDone, ""},
      {Line("refused") + Line("sent") + Line("ok"), kDone, ""},
      {Line("ok") + Line("refused"), kNotDone, "told ok, and later refused;"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Check(c.lines, c.stored).findings, c.findings) << c.lines;
}

TEST(HistoryCheck, CountsOpenRequestsThatWereDone) {
  const Checked open = Check(Line("sent"), kDone);
  EXPECT_EQ(open.check.open, 1u);
  EXPECT_EQ(open.check.open_done, 1u);
  EXPECT_EQ(Check(Line("sent"), std::nullopt).check.open_done, 0u);
}

TEST(HistoryCheck, FindsARequestThatChangedSomethingTwice) {
  Checked told = Check(Line("ok"), kDone);
  const RequestName name{17, kKey};
  told.check.CountEvent(name, "item:5");
  told.check.CountEvent(name, "account:17");
  told.check.CountEvent({18, kKey}, "item:5");
  EXPECT_TRUE(told.check.findings.empty());
  told.check.CountEvent(name, "item:5");
  ASSERT_EQ(told.check.findings.size(), 1u);
  EXPECT_TRUE(told.check.findings[0].ends_with("changed item:5 more than once"));
  Checked refused = Check(Line("refused"), std::nullopt);
  refused.check.CountEvent(name, "item:5");
  ASSERT_EQ(refused.check.findings.size(), 1u);
  EXPECT_TRUE(refused.check.findings[0].ends_with("told refused, and changed item:5"));
}

TEST(HistoryCheck, FindsReadsThatGoBack) {
  EXPECT_EQ(
      Check(Line("ok", R"(,"read":{"item:5":4})") + Line("ok", R"(,"read":{"item:5":4})"), kDone)
          .findings,
      "");
  EXPECT_EQ(
      Check(Line("ok", R"(,"read":{"item:5":4})") + Line("ok", R"(,"read":{"item:5":3})"), kDone)
          .findings,
      "read item:5 at version 3 after version 4;");
}

TEST(HistoryCheck, ForgivesATornLastLineOnly) {
  HistoryCheck check;
  std::istringstream torn(Line("ok") + Line("ok").substr(0, 40));
  EXPECT_TRUE(check.Read(torn, "a").ok());
  EXPECT_EQ(check.torn, 1u);
  EXPECT_EQ(check.lines, 1u);
  for (const std::string& bad :
       {std::string("nonsense\n"), std::string("[]\n"), Line("maybe"),
        std::string(R"({"player":17,"key":"00","outcome":"ok"})") + "\n",
        std::string(R"({"player":"x","key":"000102030405060708090a0b0c0d0e0f","outcome":"ok"})") +
            "\n"}) {
    std::istringstream in(bad + Line("ok"));
    const auto status = check.Read(in, "b");
    EXPECT_EQ(status.code(), core::Code::kCorrupt) << bad;
    EXPECT_EQ(status.detail(), "b:1");
  }
}

}  // namespace
}  // namespace bluemarble::zonectl
