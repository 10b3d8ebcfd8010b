#include "app/last_commit.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/log.h"
#include "core/text.h"

namespace bluemarble::app {
namespace {

constexpr int64_t kPeriodNs = 1'000'000'000;
constexpr const char* kHead = "bluemarble last commit 1";

std::string PathOf(const std::string& data_dir) { return data_dir + "/" + kLastCommitFile; }

}  // namespace

std::optional<LastCommit> ReadLastCommit(const std::string& data_dir) {
  const std::string path = PathOf(data_dir);
  if (std::error_code error; !std::filesystem::exists(path, error)) return std::nullopt;
  std::ifstream file(path);
  LastCommit last;
  std::string head, seq, end;
  const bool read = std::getline(file, head) && std::getline(file, last.shard) &&
                    std::getline(file, last.store) && std::getline(file, seq) && head == kHead;
  std::istringstream number(seq);
  if (read && number >> last.seq && !(number >> end) && last.seq >= 0) return last;
  core::Log(core::LogLevel::kWarn, "last_commit_unreadable", "file={}", path);
  return std::nullopt;
}

core::Status WriteLastCommit(const std::string& data_dir, const LastCommit& last) {
  const std::string path = PathOf(data_dir), fresh = path + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    file << kHead << '\n' << last.shard << '\n' << last.store << '\n' << last.seq << '\n';
    if (!file.flush()) return {core::Code::kUnavailable, "a file cannot be written", fresh};
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return {core::Code::kUnavailable, "a file cannot be renamed", path};
  return core::Status::Ok();
}

core::Status CheckLastCommit(const std::optional<LastCommit>& remembered, const LastCommit& found,
                             bool accept_restored) {
  if (!remembered || remembered->shard != found.shard || remembered->store != found.store ||
      remembered->seq <= found.seq) {
    return core::Status::Ok();
  }
  if (accept_restored) {
    core::Log(core::LogLevel::kWarn, "restored_store_accepted", "shard={} has={} answered={}",
              found.shard, found.seq, remembered->seq);
    return core::Status::Ok();
  }
  return {core::Code::kStale,
          "the database has lost answered commits: it came back from a backup or a standby",
          fmt::format("its newest event is {}, this zone has answered {} of {}; bring the other "
                      "database back, or give up what is missing and start once with "
                      "--accept-restored",
                      found.seq, remembered->seq, core::EscapeForLog(found.store))};
}

LastCommitKeeper::LastCommitKeeper(std::string data_dir, LastCommit last, const core::Clock& clock)
    : data_dir_(std::move(data_dir)), last_(std::move(last)), clock_(clock) {}

void LastCommitKeeper::Note(int64_t seq, bool at_once) {
  const int64_t now_ns = clock_.NowNs();
  if (seq <= last_.seq) return;
  if (!at_once && written_ns_ != 0 && now_ns - written_ns_ < kPeriodNs) return;
  written_ns_ = now_ns;
  LastCommit fresh = last_;
  fresh.seq = seq;
  const core::Status written = WriteLastCommit(data_dir_, fresh);
  if (written.ok()) last_.seq = seq;
  if (!written.ok() && !failing_)
    core::Log(core::LogLevel::kWarn, "last_commit_not_written", "reason=\"{}\"",
              written.ToString());
  failing_ = !written.ok();
}

}  // namespace bluemarble::app
