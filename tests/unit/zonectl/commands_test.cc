#include "tools/zonectl/commands.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/persistence/fake_reader.h"
#include "tests/unit/persistence/fixture.h"

namespace bluemarble::zonectl {
namespace {

using nlohmann::json;
using persistence::EventKind;
using persistence::FakeReader;

// The subcommands on a database that is a FakeReader, through the very endpoints.
class Commands : public ::testing::Test {
 protected:
  Commands() {
    auto owned = std::make_unique<FakeReader>();
    reader = owned.get();
    reader->Player(17, "Ada", 1, EventKind::kPlayerCreated);
    for (int i = 0; i < 1200; ++i) reader->Player(17, "Ada", i, EventKind::kSample);
    reader->Post(persistence::kMintAccount, -100);
    reader->Post(17, 100);
    source = DirectSource(std::move(owned));
  }

  int Run(int (*command)(Source&, const Options&)) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = command(*source, options);
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    return code;
  }
  json Out() { return json::parse(out); }

  FakeReader* reader;
  std::unique_ptr<Source> source;
  Options options;
  std::string out, err;
};

TEST_F(Commands, NotesAreShownWithTheirScopeAndWithoutWhatForgesALine) {
  persistence::NoteRow note;
  note.run = note.number = 1;
  note.at_us = 1'700'000'000'000'000;
  note.player_id = 17;
  note.code = 2;
  note.text = "hello\x1b[2J\nAda";
  reader->notes = {note};
  options.aggregate = "Ada";
  options.kind = "chat";
  EXPECT_EQ(Run(&RunNotes), 0);
  EXPECT_NE(out.find("local"), std::string::npos) << out;
  EXPECT_NE(out.find("hello\\x1b[2J\\x0aAda"), std::string::npos) << out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
  options.json = true;
  EXPECT_EQ(Run(&RunNotes), 0);
  EXPECT_EQ(Out()["notes"][0]["text"], note.text);
  options.aggregate = "Nobody";
  EXPECT_NE(Run(&RunNotes), 0);
}

TEST_F(Commands, HistoryGoesOverPagesUpToItsLimit) {
  options.aggregate = "player:Ada";
  EXPECT_EQ(Run(&RunHistory), 0);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1203);
  EXPECT_NE(out.find("player_created"), std::string::npos);
  options.json = true;
  options.limit = 700;
  options.from = 10;
  EXPECT_EQ(Run(&RunHistory), 0);
  EXPECT_EQ(Out()["events"].size(), 700u);
  EXPECT_EQ(Out()["events"][0]["version"], 10);
}

TEST_F(Commands, HistoryOfAllMergesGoldAndEveryItemThatAPlayerEverHad) {
  persistence::Cause ada;
  ada.player_id = 17;
  persistence::Cause bob;
  bob.player_id = 18;
  reader->Player(18, "Bob", 1, EventKind::kPlayerCreated);
  reader->Item(5, 18, 10, EventKind::kItemCreated);  // Bob's, then Ada's, then Bob's again
  reader->Item(5, 17, 10, EventKind::kItemMoved, 7, bob);
  reader->Item(6, 18, 10, EventKind::kItemCreated);  // never Ada's
  reader->Item(5, 18, 10, EventKind::kItemMoved, 7, ada);
  reader->Item(7, 17, 1, EventKind::kItemCreated);  // Ada's, and gone
  reader->Item(7, 17, 0, EventKind::kItemDestroyed);
  reader->Item(8, 17, 3, EventKind::kItemCreated);                                 // Ada's now
  reader->Item(9, persistence::kHeldByWorld, 3, EventKind::kItemCreated, 7, ada);  // on her request
  reader->Post(17, -5, ada);
  options.aggregate = "player:Ada";
  options.all = true;
  options.json = true;
  EXPECT_EQ(Run(&RunHistory), 0) << err;
  const json events = Out()["events"];
  std::map<std::string, int> count;
  int64_t seq = 0;
  for (const json& event : events) {
    EXPECT_GT(event["seq"].get<int64_t>(), seq);
    seq = event["seq"].get<int64_t>();
    ++count[event["aggregate"].get<std::string>()];
  }
  EXPECT_EQ(count, (std::map<std::string, int>{{"player:17", 1201},
                                               {"account:17", 2},
                                               {"item:5", 3},
                                               {"item:7", 2},
                                               {"item:8", 1},
                                               {"item:9", 1}}));
  options.limit = 3;
  EXPECT_EQ(Run(&RunHistory), 0);
  EXPECT_EQ(Out()["events"].size(), 3u);
  options.json = false;
  EXPECT_EQ(Run(&RunHistory), 0);
  EXPECT_NE(out.find("AGGREGATE"), std::string::npos) << out;
  options.aggregate = "player:Nobody";
  EXPECT_EQ(Run(&RunHistory), 1);
}

TEST_F(Commands, StateOfAPlayerNowHasGoldAndItems) {
  reader->Item(5, 17, 10, EventKind::kItemCreated);
  options.aggregate = "player:Ada";
  EXPECT_EQ(Run(&RunState), 0);
  EXPECT_NE(out.find("holds now: gold 100"), std::string::npos) << out;
  EXPECT_NE(out.find("ITEM  DEFINITION  QUANTITY"), std::string::npos) << out;
  options.at = "version:1";
  EXPECT_EQ(Run(&RunState), 0);
  EXPECT_EQ(out.find("holds now"), std::string::npos) << "that is of another moment: " << out;
  options.aggregate = "account:Ada";
  EXPECT_EQ(Run(&RunState), 0);
  EXPECT_NE(out.find("balance=100"), std::string::npos) << out;
}

TEST_F(Commands, StateSaysWhatItWas) {
  options.aggregate = "account:17";
  EXPECT_EQ(Run(&RunState), 0);
  EXPECT_NE(out.find("balance=100 amount=100"), std::string::npos) << out;
}

TEST_F(Commands, VerifyExitsWithOneWhenSomethingIsFound) {
  EXPECT_EQ(Run(&RunVerify), 0);
  EXPECT_NE(out.find("0 findings"), std::string::npos);
  reader->accounts[17].balance = 1;
  EXPECT_EQ(Run(&RunVerify), 1);
  EXPECT_NE(out.find("the row says 1, the events 100"), std::string::npos);
  options.json = true;
  EXPECT_EQ(Run(&RunVerify), 1);
  EXPECT_EQ(Out()["clean"], false);
  EXPECT_EQ(Out()["findings"], 1);
}

TEST_F(Commands, AuditExitsWithOneWhenALineIsNotZero) {
  reader->audit = {{"gold_sum", 0, true, "sum", "SELECT 0"}, {"players", 5, false, "players", ""}};
  EXPECT_EQ(Run(&RunAudit), 0);
  EXPECT_TRUE(out.ends_with("clean\n"));
  reader->audit[0].value = 3;
  EXPECT_EQ(Run(&RunAudit), 1);
  EXPECT_NE(out.find("WRONG  3"), std::string::npos) << out;
}

TEST_F(Commands, FailuresHaveTheirExitCodes) {
  options.aggregate = "nonsense";
  EXPECT_EQ(Run(&RunHistory), 2);
  EXPECT_TRUE(err.starts_with("zonectl: expected player:NUMBER")) << err;
  options.aggregate = "player:Bob";
  EXPECT_EQ(Run(&RunHistory), 1);
  EXPECT_NE(err.find("no player has that name"), std::string::npos) << err;
  options.at = "soon";
  EXPECT_EQ(Run(&RunState), 2);
  reader->failure = {core::Code::kUnavailable, "the database is away"};
  EXPECT_EQ(Run(&RunAudit), 69);
  options.aggregate.clear();
  EXPECT_EQ(Run(&RunVerify), 69);
  reader->failure = {core::Code::kCorrupt, "the file is damaged"};
  EXPECT_EQ(Run(&RunAudit), 65);
  reader->failure = {core::Code::kInternal, "a mistake"};
  EXPECT_EQ(Run(&RunAudit), 70);
}

TEST_F(Commands, CheckHistoryComparesFilesWithTheDatabase) {
  std::string pattern = (std::filesystem::temp_directory_path() / "bluemarble_XXXXXX").string();
  const std::string folder = mkdtemp(pattern.data());
  const std::string file = folder + "/h";
  const std::string key = "0102030405060708090a0b0c0d0e0f10";
  std::ofstream(file) << R"({"t":1,"bot":"b","player":17,"key":")" << key
                      << R"(","op":"give","outcome":"ok"})"
                      << "\n";
  options.files = {file};
  EXPECT_EQ(Run(&RunCheckHistory), 1);
  EXPECT_NE(out.find("told ok, and not in the database"), std::string::npos) << out;

  persistence::Cause cause;
  cause.player_id = 17;
  for (size_t i = 0; i < 16; ++i) cause.key[i] = static_cast<std::byte>(i + 1);
  reader->results[{17, cause.key}].outcome = persistence::Outcome::kOk;
  reader->Post(17, -5, cause);
  options.json = true;
  EXPECT_EQ(Run(&RunCheckHistory), 0) << out;
  EXPECT_EQ(Out()["ok"], 1);
  EXPECT_EQ(Out()["events"], 1204);

  reader->Post(17, -5, cause);
  EXPECT_EQ(Run(&RunCheckHistory), 1);
  EXPECT_NE(out.find("more than once"), std::string::npos) << out;
  reader->events.pop_back();
  reader->audit = {{"gold_sum", 9, true, "sum", ""}};
  EXPECT_EQ(Run(&RunCheckHistory), 1);
  EXPECT_NE(out.find("audit: gold_sum is 9"), std::string::npos) << out;
  std::filesystem::remove_all(folder);
}

TEST(ArchiveCommand, CountsInADryRunAndClaimsNothingElse) {
  persistence::TempFolder folder;
  persistence::ManualClock clock;
  const auto store = persistence::OpenOrNull(folder.path(), clock);
  ASSERT_NE(store, nullptr);
  persistence::CommitOne(*store, persistence::Login(1, "Ada"));  // in 1970
  Options options;
  options.data_dir = folder.path();
  options.keep_days = 1;
  options.dry_run = true;
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunArchive(options), 0);
  const std::string table = testing::internal::GetCapturedStdout();
  options.json = true;
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunArchive(options), 0);
  const json file = json::parse(testing::internal::GetCapturedStdout())["files"][0];
  EXPECT_GE(file["events"].get<int>(), 1) << file;
  EXPECT_TRUE(file["first_seq"].is_null() && file["bytes"].is_null()) << file;
  EXPECT_NE(table.find("-          -         -"), std::string::npos) << table;
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/archive"));
}

TEST(Secrets, AreAskedForAndNeverShown) {
  Options options;
  options.url = "http://127.0.0.1:9";
  options.data_dir = "/no/such/folder";
  unsetenv("BLUEMARBLE_ADMIN_SECRET");
  unsetenv("BLUEMARBLE_ADMIN_SECRET_FILE");
  EXPECT_EQ(OpenSource(options).status().code(), core::Code::kDenied);
  setenv("BLUEMARBLE_ADMIN_SECRET", "short-secret", 1);
  const auto weak = OpenSource(options);
  EXPECT_EQ(weak.status().code(), core::Code::kInvalid);
  EXPECT_EQ(weak.status().ToString().find("short-secret"), std::string::npos);
  setenv("BLUEMARBLE_ADMIN_SECRET", "a-much-longer-secret", 1);
  auto source = OpenSource(options);
  ASSERT_TRUE(source.ok());
  const auto reply = (*source)->Ask("GET", "/v1/admin/audit", "");
  EXPECT_EQ(reply.status().code(), core::Code::kUnavailable);
  EXPECT_EQ(reply.status().ToString().find("a-much-longer-secret"), std::string::npos);
  unsetenv("BLUEMARBLE_ADMIN_SECRET");
}

}  // namespace
}  // namespace bluemarble::zonectl
