#include "persistence/archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "fake_reader.h"
#include "fixture.h"

namespace bluemarble::persistence {
namespace {

EventRow Event(int64_t seq) {
  EventRow event;
  event.aggregate_type = AggregateType::kItem;
  event.aggregate_id = std::numeric_limits<int64_t>::max() - seq;
  event.version = 3 * seq;
  event.at_us = 1'700'000'000'000'000 + seq;
  event.tick = std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(seq);
  event.seq = seq;
  event.epoch = seq * 1'000'000'007;
  event.kind = EventKind::kItemMoved;
  for (int64_t i = 0; i < seq % 90; ++i) event.payload.push_back(static_cast<std::byte>(i * seq));
  return event;
}

class Archive : public ::testing::Test {
 protected:
  ArchiveReport Write(int64_t count) {
    auto writer = ArchiveWriter::Open(path);
    EXPECT_TRUE(writer.ok()) << writer.status().ToString();
    for (int64_t seq = 1; seq <= count; ++seq) EXPECT_TRUE((*writer)->Add(Event(seq)).ok());
    const auto report = (*writer)->Finish();
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return report.ok() ? *report : ArchiveReport{};
  }
  core::Result<ArchiveReport> Read() {
    events.clear();
    return ReadArchive(path, [this](const EventRow& event) {
      events.push_back(event);
      return core::Status::Ok();
    });
  }
  std::string Bytes() {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void SetBytes(const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  long Files() {
    return std::distance(std::filesystem::directory_iterator(folder.path() + "/archive"), {});
  }

  TempFolder folder;
  std::string path = folder.path() + "/archive/event_p20260101.jsonl.zst";
  std::vector<EventRow> events;
};

TEST_F(Archive, GivesBackWhatWasWritten) {
  const ArchiveReport report = Write(20'000);
  EXPECT_EQ(report.events, 20'000u);
  EXPECT_EQ(report.first_seq, 1);
  EXPECT_EQ(report.last_seq, 20'000);
  EXPECT_EQ(report.file_bytes, std::filesystem::file_size(path));
  const auto read = Read();
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, report);
  ASSERT_EQ(events.size(), 20'000u);
  for (const EventRow& event : events) ASSERT_EQ(event, Event(event.seq));
}

TEST_F(Archive, MayBeEmpty) {
  EXPECT_EQ(Write(0).events, 0u);
  const auto read = Read();
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->events, 0u);
}

TEST_F(Archive, OfWhichAnyPartIsMissingIsRefused) {
  Write(30);
  const std::string whole = Bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    SetBytes(whole.substr(0, size));
    ASSERT_EQ(Read().status().code(), core::Code::kCorrupt) << size;
  }
}

TEST_F(Archive, WithAFlippedBitIsRefusedOrTheSame) {
  const ArchiveReport report = Write(30);
  const std::string whole = Bytes();
  size_t meaningless = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    SetBytes(damaged);
    const auto read = Read();
    // Some bits of a frame mean nothing; never are the events others.
    if (read.ok()) {
      EXPECT_EQ(read->hash, report.hash) << at;
      ++meaningless;
    } else {
      EXPECT_EQ(read.status().code(), core::Code::kCorrupt) << at;
    }
  }
  EXPECT_LT(meaningless, whole.size() / 50);
}

TEST_F(Archive, HasItsNameOnlyWhenItIsWhole) {
  {
    auto writer = ArchiveWriter::Open(path);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Add(Event(1)).ok());
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_EQ(Files(), 0);
  std::ofstream(path + ".unfinished") << "of a run that was killed";
  EXPECT_EQ(Write(3).events, 3u);
  EXPECT_EQ(Files(), 1);
  EXPECT_EQ(Read()->events, 3u);
}

TEST_F(Archive, RefusesEventsOutOfOrder) {
  auto writer = ArchiveWriter::Open(path);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Add(Event(5)).ok());
  EXPECT_EQ((*writer)->Add(Event(5)).code(), core::Code::kInvalid);
}

TEST_F(Archive, SaysWhereItCannotBe) {
  EXPECT_EQ(ArchiveWriter::Open(folder.path() + "/no/such/folder/x").status().code(),
            core::Code::kDenied);
  path = folder.path() + "/nothing";
  EXPECT_EQ(Read().status().code(), core::Code::kNotFound);
}

TEST_F(Archive, StopsWhenTheTakerFails) {
  Write(10);
  int taken = 0;
  const auto read = ReadArchive(path, [&](const EventRow&) {
    return ++taken < 4 ? core::Status::Ok() : core::Status(core::Code::kUnavailable, "away");
  });
  EXPECT_EQ(read.status().code(), core::Code::kUnavailable);
  EXPECT_EQ(taken, 4);
}

TEST(ArchiveLine, IsReadExactly) {
  const std::string line = ArchiveLine(Event(7));
  EventRow event;
  ASSERT_TRUE(ParseArchiveLine(line, event));
  EXPECT_EQ(event, Event(7));
  for (
      const std::string& bad :
      {std::string(), line + " ", line.substr(1), line.substr(0, line.size() - 1),
       std::string(
           R"({"seq":1,"type":0,"id":1,"version":1,"at_us":1,"tick":1,"kind":1,"payload":""})"),
       std::string(
           R"({"seq":1,"type":1,"id":1,"version":1,"at_us":1,"tick":1,"kind":1,"epoch":,"payload":""})"),
       std::string(
           R"({"seq":1,"type":1,"id":1,"version":1,"at_us":1,"tick":-1,"kind":1,"payload":""})"),
       std::string(
           R"({"seq":1,"type":1,"id":1,"version":1,"at_us":1,"tick":1,"kind":1,"payload":"0"})"),
       std::string(
           R"({"seq":1,"type":1,"id":1,"version":1,"at_us":1,"tick":1,"kind":1,"payload":"0g"})")}) {
    EXPECT_FALSE(ParseArchiveLine(bad, event)) << bad;
  }
}

TEST(ArchiveLine, OfBeforeTheEpochIsStillRead) {
  EventRow event, expected = Event(3);
  std::string line = ArchiveLine(expected);
  const std::string epoch = ",\"epoch\":3000000021";
  ASSERT_NE(line.find(epoch), std::string::npos) << line;
  line.erase(line.find(epoch), epoch.size());
  ASSERT_TRUE(ParseArchiveLine(line, event)) << line;
  expected.epoch = 0;
  EXPECT_EQ(event, expected);
}

TEST_F(Archive, IsCopiedFromAnyStoreUpToATime) {
  FakeReader reader;
  for (int i = 0; i < 2500; ++i)
    reader.Player(17, "Ada", i, i == 0 ? EventKind::kPlayerCreated : EventKind::kSample);
  const int64_t before_us = reader.events[2100].at_us;
  const auto copied = CopyToArchive(reader, before_us, path);
  ASSERT_TRUE(copied.ok()) << copied.status().ToString();
  EXPECT_EQ(copied->events, 2100u);
  ASSERT_TRUE(Read().ok());
  for (size_t i = 0; i < events.size(); ++i) ASSERT_EQ(events[i], reader.events[i]);
  reader.failure = {core::Code::kUnavailable, "away"};
  std::filesystem::remove(path);
  EXPECT_EQ(CopyToArchive(reader, before_us, path).status().code(), core::Code::kUnavailable);
  EXPECT_EQ(Files(), 0);
}

}  // namespace
}  // namespace bluemarble::persistence
