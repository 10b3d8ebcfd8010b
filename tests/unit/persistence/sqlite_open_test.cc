/// Each way in which an embedded database can be unfit: one clear error.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "fixture.h"
#include "persistence/sqlite_migrate.h"

namespace bluemarble::persistence {
namespace {

class SqliteOpen : public testing::Test {
 protected:
  core::Status Open(const std::string& shard_id = "zone") { return Open(folder_.path(), shard_id); }
  core::Status Open(const std::string& path, const std::string& shard_id) {
    SqliteStoreOptions options;
    options.data_dir = path;
    options.shard_id = shard_id;
    return OpenSqliteStore(options, clock_).status();
  }
  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.database().c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  static bool Names(const core::Status& status, const std::string& what) {
    return status.ToString().find(what) != std::string::npos;
  }
  TempFolder folder_;
  ManualClock clock_;
};

TEST_F(SqliteOpen, MakesTheFolderAndItsParents) {
  EXPECT_TRUE(Open(folder_.path() + "/a/b", "zone").ok());
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/a/b/" + kSqliteFileName));
}

TEST_F(SqliteOpen, UsesAWriteAheadLog) {
  auto store = OpenOrNull(folder_.path(), clock_);
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(std::filesystem::exists(folder_.database() + "-wal"));
}

TEST_F(SqliteOpen, AFileThatIsNoDatabaseIsCorruptAndNamed) {
  std::ofstream(folder_.database()) << std::string(8192, 'x');
  const auto status = Open();
  EXPECT_EQ(status.code(), core::Code::kCorrupt);
  EXPECT_TRUE(Names(status, folder_.database())) << status.ToString();
}

TEST_F(SqliteOpen, ADamagedPageIsCorruptAndNamed) {
  ASSERT_TRUE(Open().ok());
  {
    auto store = OpenOrNull(folder_.path(), clock_);
    for (uint64_t i = 1; i <= 200; ++i) CommitOne(*store, Login(i, "Player" + std::to_string(i)));
  }
  const auto size = std::filesystem::file_size(folder_.database());
  std::fstream file(folder_.database(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2 / 4096 * 4096));
  file << std::string(4096, '\xff');
  file.close();
  const auto status = Open();
  EXPECT_EQ(status.code(), core::Code::kCorrupt);
  EXPECT_TRUE(Names(status, folder_.database())) << status.ToString();
}

TEST_F(SqliteOpen, AFolderThatCannotBeMadeIsDeniedAndNamed) {
  std::ofstream(folder_.path() + "/file") << "x";
  const auto status = Open(folder_.path() + "/file/data", "zone");
  EXPECT_EQ(status.code(), core::Code::kDenied);
  EXPECT_TRUE(Names(status, folder_.path() + "/file/data")) << status.ToString();
  EXPECT_TRUE(Names(status, "persistence.data_dir"));
}

TEST_F(SqliteOpen, AnUnwritableFolderIsDeniedAndNamed) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  const bool root = geteuid() == 0;
  ASSERT_TRUE(!root || seteuid(65534) == 0);
  const auto status = Open();
  ASSERT_TRUE(!root || seteuid(0) == 0);
  EXPECT_EQ(status.code(), core::Code::kDenied);
  EXPECT_TRUE(Names(status, folder_.path())) << status.ToString();
  chmod(folder_.path().c_str(), 0755);
}

TEST_F(SqliteOpen, ASecondProcessOnTheSameFolderIsRefusedWithTheFirstOnesPid) {
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = OpenOrNull(folder_.path(), clock_);
    const char answer = store ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1) _exit(2);
    char go;
    if (read(done[0], &go, 1) != 1) _exit(3);
    store.reset();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  const auto status = Open();
  EXPECT_EQ(status.code(), core::Code::kConflict);
  EXPECT_TRUE(Names(status, "process " + std::to_string(child))) << status.ToString();
  ASSERT_EQ(write(done[1], "x", 1), 1);
  int exit_status = 0;
  ASSERT_EQ(waitpid(child, &exit_status, 0), child);
  EXPECT_TRUE(Open().ok());
  for (int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
}

TEST_F(SqliteOpen, AnotherShardsFolderIsRefused) {
  ASSERT_TRUE(Open("west").ok());
  const auto status = Open("east");
  EXPECT_EQ(status.code(), core::Code::kConflict);
  EXPECT_TRUE(Names(status, "west") && Names(status, "east")) << status.ToString();
  EXPECT_TRUE(Open("west").ok());
}

TEST_F(SqliteOpen, ANewerSchemaIsRefusedAndSaysWhatToStart) {
  ASSERT_TRUE(Open().ok());
  Sql("INSERT INTO schema_migration VALUES (9999, '9999_future', 'abc', 1)");
  const auto status = Open();
  EXPECT_EQ(status.code(), core::Code::kStale);
  EXPECT_TRUE(Names(status, "9999_future") && Names(status, "zoned version")) << status.ToString();
}

TEST_F(SqliteOpen, AnEditedMigrationIsRefused) {
  ASSERT_TRUE(Open().ok());
  Sql("UPDATE schema_migration SET sha256 = 'edited' WHERE id = 1");
  const auto status = Open();
  EXPECT_EQ(status.code(), core::Code::kCorrupt);
  EXPECT_TRUE(Names(status, "0001_zone")) << status.ToString();
}

TEST_F(SqliteOpen, ASchemaIsJudgedByLookingAlone) {
  EXPECT_TRUE(CheckSqliteSchema(folder_.database()).ok()) << "there is none yet";
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(CheckSqliteSchema(folder_.database()).ok());
  const std::array older{SqliteMigrations()[0]};
  EXPECT_EQ(CheckSqliteSchema(folder_.database(), older).code(), core::Code::kStale);
  Sql("DELETE FROM schema_migration WHERE id > 1");
  EXPECT_TRUE(CheckSqliteSchema(folder_.database()).ok()) << "is brought up to date at the start";
  Sql("UPDATE schema_migration SET sha256 = 'edited' WHERE id = 1");
  const auto edited = CheckSqliteSchema(folder_.database());
  EXPECT_EQ(edited.code(), core::Code::kCorrupt);
  EXPECT_TRUE(Names(edited, "0001_zone")) << edited.ToString();
  for (const char* beside : {"-wal", "-shm"})
    EXPECT_FALSE(std::filesystem::exists(folder_.database() + beside)) << beside;
}

TEST_F(SqliteOpen, ASchemaIsJudgedInTheLogOfWhoWritesAsWell) {
  const auto store = OpenOrNull(folder_.path(), clock_);
  ASSERT_NE(store, nullptr);
  Sql("INSERT INTO schema_migration VALUES (9999, '9999_future', 'abc', 1)");
  const auto newer = CheckSqliteSchema(folder_.database());
  EXPECT_EQ(newer.code(), core::Code::kStale);
  EXPECT_TRUE(Names(newer, "9999_future")) << newer.ToString();
}

TEST_F(SqliteOpen, ASchemaIsFoundAtAnyPath) {
  const std::string folder = folder_.path() + "/a 100%25?#b";
  ASSERT_TRUE(Open(folder, "zone").ok());
  const std::array older{SqliteMigrations()[0]};
  EXPECT_EQ(CheckSqliteSchema(folder + "/" + kSqliteFileName, older).code(), core::Code::kStale);
}

TEST_F(SqliteOpen, SomebodyElsesDatabaseIsLeftAlone) {
  Sql("CREATE TABLE theirs (a)");
  const auto status = Open();
  EXPECT_EQ(status.code(), core::Code::kCorrupt);
  EXPECT_TRUE(Names(status, "persistence.data_dir")) << status.ToString();
}

TEST_F(SqliteOpen, EventsCannotBeChangedOrDeletedEvenByHand) {
  {
    auto store = OpenOrNull(folder_.path(), clock_);
    CommitOne(*store, Login(1, "Ada"));
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.database().c_str(), &db), SQLITE_OK);
  EXPECT_NE(sqlite3_exec(db, "UPDATE event SET tick = 0", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_NE(sqlite3_exec(db, "DELETE FROM event", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
}

TEST_F(SqliteOpen, MissingMigrationsAreAppliedByIdAndAFailingOneLeavesNothing) {
  const Migration first{1, "0001_a", "s1", "CREATE TABLE a (x)"};
  const Migration second{2, "0002_b", "s2", "CREATE TABLE b (x)"};
  const Migration broken{3, "0003_c", "s3", "CREATE TABLE c (x); CREATE TABLE a (x);"};
  auto db = SqliteDb::Open(folder_.database());
  ASSERT_TRUE(db.ok());
  EXPECT_EQ(MigrateSqlite(*db, std::array{second}, 1).value(), 2);
  EXPECT_EQ(MigrateSqlite(*db, std::array{first, second}, 1).value(), 2);
  EXPECT_TRUE(db->QueryText("SELECT count(*) FROM a").ok());
  EXPECT_FALSE(MigrateSqlite(*db, std::array{first, second, broken}, 1).ok());
  EXPECT_EQ(db->QueryText("SELECT count(*) FROM sqlite_schema WHERE name = 'c'").value(), "0");
  EXPECT_EQ(db->QueryText("SELECT max(id) FROM schema_migration").value(), "2");
}

}  // namespace
}  // namespace bluemarble::persistence
