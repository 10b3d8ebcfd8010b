#include "ops/log_sinks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/text.h"
#include "ops/json_text.h"

namespace bluemarble::ops {
namespace {

using core::LogLevel;

constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error"};
constexpr char kFieldsFollow = '\n';  // in the queue, between event and fields
constexpr auto kFlushLimit = std::chrono::seconds(1);

struct Counts {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> written{0};
  std::atomic<uint64_t> write_failures{0};
};

std::string Timestamp(int64_t unix_us) {
  const auto seconds = static_cast<std::time_t>(unix_us / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", utc, unix_us % 1'000'000);
}

// Runs on the log's own thread. Writes by itself because spdlog's stderr sink ignores failed
// writes.
class FdSink final : public spdlog::sinks::sink {
 public:
  FdSink(int fd, bool json, bool colour, std::string service, Counts& counts)
      : fd_(fd), json_(json), colour_(colour), service_(std::move(service)), counts_(counts) {}

  void log(const spdlog::details::log_msg& message) override {
    const std::string_view payload(message.payload.data(), message.payload.size());
    const size_t split = std::min(payload.find(kFieldsFollow), payload.size());
    const std::string_view event = payload.substr(0, split);
    const std::string_view fields = payload.substr(std::min(split + 1, payload.size()));
    const auto level = static_cast<LogLevel>(message.level - spdlog::level::debug);
    const int64_t unix_us =
        std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch())
            .count();
    std::string line = json_ ? FormatJsonLine(unix_us, level, service_, event, fields)
                             : FormatTextLine(unix_us, level, event, fields, colour_);
    line += '\n';
    auto& count = Write(line) ? counts_.written : counts_.write_failures;
    // Whoever sees the count may close the descriptor.
    count.fetch_add(1, std::memory_order_release);
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  bool Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n > 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
      } else if (n < 0 && errno == EAGAIN) {
        // Somebody made the shared terminal non-blocking; this thread may wait.
        pollfd ready{fd_, POLLOUT, 0};
        if (::poll(&ready, 1, 1000) <= 0) return false;
      } else if (n == 0 || errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  int fd_;
  bool json_;
  bool colour_;
  std::string service_;
  Counts& counts_;
};

struct Running {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

struct Process {
  std::mutex mutex;  // held to copy a pointer, never while writing
  std::shared_ptr<Running> running;
  std::vector<std::shared_ptr<Running>> abandoned;
  uint64_t former_overruns = 0;
  Counts counts;
};

// Never destroyed: a writer stuck on a stopped terminal must not keep the process from ending.
Process& TheProcess() {
  static Process& process = *new Process;
  return process;
}

std::shared_ptr<Running> Current() {
  const std::lock_guard lock(TheProcess().mutex);
  return TheProcess().running;
}

void Enqueue(LogLevel level, std::string_view event, std::string_view fields) {
  const auto running = Current();
  if (running == nullptr) return;
  TheProcess().counts.accepted.fetch_add(1, std::memory_order_relaxed);
  // Like the queue's own copy, it is on the heap only when the line is long: ticks log as well.
  fmt::memory_buffer payload;
  payload.append(event);
  payload.push_back(kFieldsFollow);
  payload.append(fields);
  const int spdlog_level = static_cast<int>(level) + spdlog::level::debug;
  running->logger->log(static_cast<spdlog::level::level_enum>(spdlog_level),
                       spdlog::string_view_t(payload.data(), payload.size()));
}

bool NothingWaits(const LogStats& stats, const Counts& counts) {
  return stats.written + stats.write_failures + stats.overrun >= counts.accepted.load();
}

}  // namespace

core::Result<LogLevel> ParseLogLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return core::Status(core::Code::kInvalid, "log.level is not debug, info, warn or error");
}

core::Status StartLog(const LogSettings& settings, int fd) {
  const auto level = ParseLogLevel(settings.level);
  if (!level) return level.status();
  if (settings.format != "auto" && settings.format != "text" && settings.format != "json") {
    return {core::Code::kInvalid, "log.format is not auto, text or json"};
  }
  if (settings.queue_lines == 0) return {core::Code::kInvalid, "log.queue_lines is 0"};
  const bool terminal = ::isatty(fd) == 1;
  const bool json = settings.format == "json" || (settings.format == "auto" && !terminal);
  Process& process = TheProcess();
  const std::lock_guard lock(process.mutex);
  if (process.running != nullptr) return {core::Code::kConflict, "the log is already started"};
  auto running = std::make_shared<Running>();
  running->pool = std::make_shared<spdlog::details::thread_pool>(settings.queue_lines, 1);
  running->logger = std::make_shared<spdlog::async_logger>(
      "bluemarble",
      std::make_shared<FdSink>(fd, json, terminal && !json, settings.service, process.counts),
      running->pool, spdlog::async_overflow_policy::overrun_oldest);
  running->logger->set_level(spdlog::level::debug);
  running->logger->set_error_handler([&process](const std::string&) {
    process.counts.write_failures.fetch_add(1, std::memory_order_relaxed);
  });
  process.running = std::move(running);
  core::SetLogLevel(*level);
  core::SetLogSink(&Enqueue);
  return core::Status::Ok();
}

void StopLog() {
  core::SetLogSink(nullptr);
  Process& process = TheProcess();
  const auto give_up = std::chrono::steady_clock::now() + kFlushLimit;
  bool waiting = true;
  while ((waiting = !NothingWaits(GetLogStats(), process.counts))) {
    if (std::chrono::steady_clock::now() >= give_up) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::shared_ptr<Running> running;
  const std::lock_guard lock(process.mutex);
  running = std::move(process.running);
  if (running == nullptr) return;
  process.former_overruns += running->pool->overrun_counter();
  // Destroying the pool joins its thread, which would wait with the reader: leave it to the
  // process's end.
  if (waiting) process.abandoned.push_back(std::move(running));
}

LogStats GetLogStats() {
  Process& process = TheProcess();
  const std::lock_guard lock(process.mutex);
  LogStats stats;
  stats.written = process.counts.written.load(std::memory_order_acquire);
  stats.write_failures = process.counts.write_failures.load(std::memory_order_acquire);
  stats.overrun = process.former_overruns;
  if (process.running != nullptr) stats.overrun += process.running->pool->overrun_counter();
  return stats;
}

std::string FormatTextLine(int64_t unix_us, LogLevel level, std::string_view event,
                           std::string_view fields, bool colour) {
  static constexpr std::string_view kColours[] = {"\x1b[90m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
  static constexpr std::string_view kShown[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
  const auto index = static_cast<size_t>(level);
  return fmt::format("{} {}{}{} {}{}{}", Timestamp(unix_us), colour ? kColours[index] : "",
                     kShown[index], colour ? "\x1b[0m" : "", core::EscapeForLog(event),
                     fields.empty() ? "" : " ", core::EscapeForLog(fields));
}

std::string FormatJsonLine(int64_t unix_us, LogLevel level, std::string_view service,
                           std::string_view event, std::string_view fields) {
  std::string out = fmt::format(R"({{"timestamp":"{}","level":"{}","service":)", Timestamp(unix_us),
                                kLevelNames[static_cast<size_t>(level)]);
  AppendJsonString(out, service);
  out += R"(,"event":)";
  AppendJsonString(out, event);
  out += R"(,"fields":)";
  AppendJsonString(out, fields);
  out += '}';
  return out;
}

}  // namespace bluemarble::ops
