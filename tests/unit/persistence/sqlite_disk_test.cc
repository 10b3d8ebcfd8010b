/// A disk that is full, or fails to sync, under SQLite: a default VFS whose files do as they are
/// told.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "fixture.h"

namespace bluemarble::persistence {
namespace {

bool g_full = false;
bool g_over_quota = false;
bool g_sync_fails = false;

struct FaultyFile {
  sqlite3_file base;
  sqlite3_io_methods methods;
};

sqlite3_vfs* Real() {
  static sqlite3_vfs* real = sqlite3_vfs_find("unix");
  return real;
}

// The real file lies behind ours: each call goes there with the real methods.
sqlite3_file* Behind(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<FaultyFile*>(file) + 1);
}

sqlite3_io_methods MakeMethods(const sqlite3_io_methods* real) {
  sqlite3_io_methods m{};
  m.iVersion = real->iVersion < 2 ? real->iVersion : 2;
  m.xClose = [](sqlite3_file* f) { return Behind(f)->pMethods->xClose(Behind(f)); };
  m.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
    return Behind(f)->pMethods->xRead(Behind(f), to, n, at);
  };
  m.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
    if (g_over_quota) {  // as SQLite's own files answer
      errno = EDQUOT;
      return SQLITE_IOERR_WRITE;
    }
    return g_full ? SQLITE_FULL : Behind(f)->pMethods->xWrite(Behind(f), from, n, at);
  };
  m.xTruncate = [](sqlite3_file* f, sqlite3_int64 n) {
    return Behind(f)->pMethods->xTruncate(Behind(f), n);
  };
  m.xSync = [](sqlite3_file* f, int flags) {
    return g_sync_fails ? SQLITE_IOERR_FSYNC : Behind(f)->pMethods->xSync(Behind(f), flags);
  };
  m.xFileSize = [](sqlite3_file* f, sqlite3_int64* n) {
    return Behind(f)->pMethods->xFileSize(Behind(f), n);
  };
  m.xLock = [](sqlite3_file* f, int l) { return Behind(f)->pMethods->xLock(Behind(f), l); };
  m.xUnlock = [](sqlite3_file* f, int l) { return Behind(f)->pMethods->xUnlock(Behind(f), l); };
  m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
    return Behind(f)->pMethods->xCheckReservedLock(Behind(f), out);
  };
  m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
    return Behind(f)->pMethods->xFileControl(Behind(f), op, arg);
  };
  m.xSectorSize = [](sqlite3_file* f) { return Behind(f)->pMethods->xSectorSize(Behind(f)); };
  m.xDeviceCharacteristics = [](sqlite3_file* f) {
    return Behind(f)->pMethods->xDeviceCharacteristics(Behind(f));
  };
  m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return Behind(f)->pMethods->xShmMap(Behind(f), page, size, extend, out);
  };
  m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
    return Behind(f)->pMethods->xShmLock(Behind(f), offset, n, flags);
  };
  m.xShmBarrier = [](sqlite3_file* f) { Behind(f)->pMethods->xShmBarrier(Behind(f)); };
  m.xShmUnmap = [](sqlite3_file* f, int drop) {
    return Behind(f)->pMethods->xShmUnmap(Behind(f), drop);
  };
  return m;
}

int OpenFaulty(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* faulty = new (file) FaultyFile{};
  const int code = Real()->xOpen(Real(), name, Behind(file), flags, out_flags);
  if (Behind(file)->pMethods != nullptr) {
    faulty->methods = MakeMethods(Behind(file)->pMethods);
    faulty->base.pMethods = &faulty->methods;
  }
  return code;
}

class SqliteDisk : public testing::Test {
 protected:
  SqliteDisk() {
    vfs_ = *Real();
    vfs_.zName = "faulty";
    vfs_.szOsFile = Real()->szOsFile + static_cast<int>(sizeof(FaultyFile));
    vfs_.xOpen = OpenFaulty;
    sqlite3_vfs_register(&vfs_, 1);
    store_ = OpenOrNull(folder_.path(), clock_);
  }
  ~SqliteDisk() override {
    g_full = g_over_quota = g_sync_fails = false;
    store_.reset();
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(Real(), 1);
  }
  core::Status Commit(const DurableWrite& write) {
    WriteResult result;
    CommitReport report;
    return store_->Commit({{&write, 1}, {}, 0}, {&result, 1}, report);
  }
  TempFolder folder_;
  ManualClock clock_;
  sqlite3_vfs vfs_{};
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteDisk, AFullDiskRefusesCleanlyAndWorksAgainWithSpace) {
  ASSERT_NE(store_, nullptr);
  ASSERT_TRUE(Commit(Login(1, "Ada")).ok());
  g_full = true;
  const auto status = Commit(Login(2, "Bob"));
  EXPECT_EQ(status.code(), core::Code::kUnavailable) << status.ToString();
  EXPECT_NE(status.ToString().find("disk is full"), std::string::npos);
  EXPECT_FALSE(store_->FindResult(Key(0, 2))->has_value());
  g_full = false;
  ASSERT_TRUE(store_->Reconnect().ok());
  EXPECT_TRUE(Commit(Login(2, "Bob")).ok());
  EXPECT_EQ(store_->CountPlayers().value(), 2u);
}

TEST_F(SqliteDisk, ASpentQuotaIsAFullDiskAndNoBrokenOne) {
  ASSERT_NE(store_, nullptr);
  ASSERT_TRUE(Commit(Login(1, "Ada")).ok());
  g_over_quota = true;
  const auto status = Commit(Login(2, "Bob"));
  EXPECT_EQ(status.code(), core::Code::kUnavailable) << status.ToString();
  EXPECT_NE(status.ToString().find("disk is full"), std::string::npos);
  g_over_quota = false;
  ASSERT_TRUE(store_->Reconnect().ok());
  EXPECT_TRUE(Commit(Login(2, "Bob")).ok());
  EXPECT_EQ(store_->CountPlayers().value(), 2u);
}

TEST_F(SqliteDisk, AFailedSyncIsUnknownAndOnlyARestartDecides) {
  ASSERT_NE(store_, nullptr);
  ASSERT_TRUE(Commit(Login(1, "Ada")).ok());
  g_sync_fails = true;
  EXPECT_EQ(Commit(Login(2, "Bob")).code(), core::Code::kUnknown);
  g_sync_fails = false;
  EXPECT_EQ(store_->Reconnect().code(), core::Code::kInternal);
  EXPECT_EQ(Commit(Login(3, "Cid")).code(), core::Code::kInternal);
  store_.reset();
  store_ = OpenOrNull(folder_.path(), clock_);
  ASSERT_NE(store_, nullptr);
  EXPECT_TRUE(store_->LoadPlayer("Ada").ok());
  EXPECT_EQ(store_->LoadPlayer("Bob").ok(), store_->FindResult(Key(0, 2))->has_value());
}

TEST_F(SqliteDisk, AToolThatHoldsTheDatabaseMakesItUnavailableForThatLong) {
  ASSERT_NE(store_, nullptr);
  sqlite3* tool = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.database().c_str(), &tool), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(tool, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(Commit(Login(1, "Ada")).code(), core::Code::kUnavailable);
  ASSERT_EQ(sqlite3_exec(tool, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(tool);
  EXPECT_TRUE(Commit(Login(1, "Ada")).ok());
}

}  // namespace
}  // namespace bluemarble::persistence
