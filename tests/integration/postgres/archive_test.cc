#include "persistence/archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "persistence/pg_partitions.h"
#include "postgres_backend.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kNowUs = 20'000 * kDayUs;

// A shard with partitions of a day and 3,000 events in each of three past ones.
class ArchivePostgres : public ::testing::Test {
 protected:
  ArchivePostgres() {
    settings = NewSettings(cluster);
    const core::Status migrated = Migrate(settings);
    EXPECT_TRUE(migrated.ok()) << migrated.ToString();
    Connect();
    const RetentionSettings retention{.partition_days = 1, .partitions_ahead = 0};
    for (int day = 3; day >= 0; --day) {
      const auto made = MakeEventPartitions(*connection, retention, kNowUs - day * kDayUs);
      EXPECT_TRUE(made.ok()) << made.status().ToString();
    }
    Sql("INSERT INTO event SELECT 1, n % 50 + 1, n / 50 + 1, " + std::to_string(kNowUs) +
        " - 3 * 86400000000 + n::bigint * 28800000, n + 1, n * 3, 4, decode(md5(n::text), 'hex'),"
        " n % 7 FROM generate_series(0, 8999) AS n");
    Sql("CREATE TABLE before AS SELECT * FROM event");
    const auto partitions = ListEventPartitions(*connection);
    EXPECT_TRUE(partitions.ok()) << partitions.status().ToString();
    if (!partitions.ok()) return;
    for (const EventPartition& partition : *partitions) names.push_back(partition.name);
  }

  void Connect() {
    auto opened = PgConnection::Open(settings, {.application_name = "test", .limited = false});
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    connection = std::move(*opened);
  }
  std::string Sql(const std::string& sql) {
    return cluster.Sql("postgres", "SET search_path = " + settings.schema + "; " + sql);
  }
  core::Result<std::vector<ArchivedPartition>> Archive(int days, bool dry_run = false) {
    return ArchivePartitions(*connection, kNowUs - days * kDayUs, Folder(), dry_run);
  }
  std::string Folder() { return folder.path() + "/archive"; }
  std::string File(size_t i) { return Folder() + "/" + names[i] + ".jsonl.zst"; }
  // Rows that only one of the two has.
  std::string Difference(const std::string& a, const std::string& b) {
    return Sql("SELECT count(*) FROM ((SELECT * FROM " + a + " EXCEPT SELECT * FROM " + b +
               ") UNION ALL (SELECT * FROM " + b + " EXCEPT SELECT * FROM " + a + ")) AS d");
  }

  support::PgCluster& cluster = support::PgCluster::Shared();
  DatabaseSettings settings;
  TempFolder folder;
  std::unique_ptr<PgConnection> connection;
  std::vector<std::string> names;
};

TEST_F(ArchivePostgres, TakesOldPartitionsOutAndGivesThemBack) {
  ASSERT_EQ(names.size(), 4u);
  const auto planned = Archive(1, true);
  ASSERT_TRUE(planned.ok());
  ASSERT_EQ(planned->size(), 2u);
  EXPECT_EQ((*planned)[0].report.events, 3000u);
  EXPECT_EQ(Sql("SELECT count(*) FROM event"), "9000");
  EXPECT_FALSE(std::filesystem::exists(Folder()));

  const auto done = Archive(1);
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  ASSERT_EQ(done->size(), 2u);
  EXPECT_EQ(Sql("SELECT count(*) FROM event"), "3000");
  EXPECT_EQ(ListEventPartitions(*connection)->size(), 2u);
  EXPECT_EQ(Archive(1)->size(), 0u);

  for (size_t i = 0; i < 2; ++i) {
    const auto restored =
        RestoreArchive(*connection, File(i), settings.schema + ".restored" + std::to_string(i));
    ASSERT_TRUE(restored.ok()) << restored.status().ToString();
    EXPECT_EQ(*restored, (*done)[i].report);
  }
  Sql("CREATE VIEW everything AS SELECT * FROM event UNION ALL SELECT * FROM restored0"
      " UNION ALL SELECT * FROM restored1");
  EXPECT_EQ(Difference("everything", "before"), "0");
  EXPECT_EQ(Sql("SELECT count(*) FROM everything"), "9000");
}

TEST_F(ArchivePostgres, RestoresIntoANewTableOnly) {
  ASSERT_TRUE(Archive(2).ok());
  const std::string table = settings.schema + ".restored";
  ASSERT_TRUE(RestoreArchive(*connection, File(0), table).ok());
  EXPECT_EQ(RestoreArchive(*connection, File(0), table).status().code(), core::Code::kConflict);
  EXPECT_EQ(Sql("SELECT count(*) FROM restored"), "3000");
  for (const char* bad : {"restored", "a.b c", "a.b;DROP TABLE event", "A.b", ".b", "a."})
    EXPECT_EQ(RestoreArchive(*connection, File(0), bad).status().code(), core::Code::kInvalid);
}

TEST_F(ArchivePostgres, RestoresNothingOfADamagedFile) {
  ASSERT_TRUE(Archive(2).ok());
  std::filesystem::resize_file(File(0), std::filesystem::file_size(File(0)) - 5);
  const std::string table = settings.schema + ".restored";
  EXPECT_EQ(RestoreArchive(*connection, File(0), table).status().code(), core::Code::kCorrupt);
  EXPECT_EQ(Sql("SELECT to_regclass('restored') IS NULL"), "t");
  EXPECT_TRUE(connection->usable());
}

TEST_F(ArchivePostgres, GoesOnAfterDyingBeforeTheFileIsWhole) {
  ASSERT_TRUE(DetachEventPartition(*connection, names[0]).ok());
  std::filesystem::create_directory(Folder());
  std::ofstream(File(0) + ".unfinished") << "half";
  const auto done = Archive(10);  // no attached partition is that old
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  ASSERT_EQ(done->size(), 1u);
  EXPECT_EQ((*done)[0].report.events, 3000u);
  EXPECT_FALSE(std::filesystem::exists(File(0) + ".unfinished"));
  EXPECT_EQ(ListEventPartitions(*connection)->size(), 3u);
}

TEST_F(ArchivePostgres, GoesOnAfterDyingBetweenFileAndDrop) {
  ASSERT_TRUE(Archive(2).ok());
  const auto written = std::filesystem::last_write_time(File(0));
  // The table as it was before the drop.
  ASSERT_TRUE(RestoreArchive(*connection, File(0), settings.schema + "." + names[0]).ok());
  Sql("COMMENT ON TABLE " + names[0] + " IS '1 2'");
  const auto done = Archive(2);
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  ASSERT_EQ(done->size(), 1u);
  EXPECT_EQ(std::filesystem::last_write_time(File(0)), written);
  EXPECT_EQ(ListEventPartitions(*connection)->size(), 3u);
}

TEST_F(ArchivePostgres, LeavesAloneWhatHasAPartitionsNameAndNoBounds) {
  Sql("CREATE TABLE event_p20200101 (mine int)");
  const auto done = Archive(2);
  EXPECT_EQ(done.status().code(), core::Code::kInvalid);
  EXPECT_NE(done.status().ToString().find("event_p20200101"), std::string::npos);
  EXPECT_EQ(Sql("SELECT count(*) FROM event_p20200101"), "0") << "it is still there";
  EXPECT_TRUE(std::filesystem::exists(File(0))) << "the others are archived";
}

TEST_F(ArchivePostgres, ReadsPagesAcrossNumbersThatOtherPartitionsHave) {
  Sql("INSERT INTO event SELECT 1, 1000 + n, 1, " + std::to_string(kNowUs) +
      " - 3 * 86400000000, 100000 + n * 50000, 1, 4, '\\x00' FROM generate_series(0, 9) AS n");
  const auto done = Archive(2);
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  EXPECT_EQ((*done)[0].report.events, 3010u);
  EXPECT_EQ((*done)[0].report.last_seq, 550'000);
}

TEST_F(ArchivePostgres, StopsBetweenPagesAndGoesOnNextTime) {
  StopFlag stop{true};
  const auto stopped = ArchivePartitions(*connection, kNowUs, Folder(), false, &stop);
  EXPECT_EQ(stopped.status().code(), core::Code::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(File(0)));
  stop = false;
  EXPECT_TRUE(ArchivePartitions(*connection, kNowUs, Folder(), false, &stop).ok());
}

TEST_F(ArchivePostgres, KeepsTheTableWhenTheFileCannotBeWritten) {
  std::ofstream(Folder()) << "a file where the folder should be";
  EXPECT_EQ(Archive(2).status().code(), core::Code::kDenied);
  EXPECT_EQ(Sql("SELECT count(*) FROM " + names[0]), "3000");
  std::filesystem::remove(Folder());
  ASSERT_TRUE(Archive(2).ok());
  EXPECT_EQ(ReadArchive(File(0), [](const EventRow&) { return core::Status::Ok(); })->events,
            3000u);
}

TEST_F(ArchivePostgres, OverwritesNoArchiveOfOtherEvents) {
  {
    auto writer = ArchiveWriter::Open(File(0));
    ASSERT_TRUE(writer.ok());
    EventRow other;
    other.seq = 1;
    ASSERT_TRUE((*writer)->Add(other).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  EXPECT_EQ(Archive(2).status().code(), core::Code::kConflict);
  EXPECT_EQ(Sql("SELECT count(*) FROM " + names[0]), "3000");
}

}  // namespace
}  // namespace bluemarble::persistence
