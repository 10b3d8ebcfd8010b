#include "core/crash_point.h"

#include <array>

#ifdef BLUEMARBLE_CRASH_POINTS
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#endif

namespace bluemarble::core {
namespace {

constexpr std::array<std::string_view, 24> kCrashLabels = {
    "start.after_lock",      "start.after_open",           "replay.before_commit",
    "replay.after_commit",   "replay.after_delete",        "start.after_ticks",
    "start.serving",         "commit.before_begin",        "commit.after_plan",
    "commit.before_commit",  "commit.after_commit",        "commit.before_answers",
    "commit.after_answers",  "journal.before_write",       "journal.after_write",
    "journal.after_sync",    "journal.before_new_segment", "journal.after_new_segment",
    "journal.before_delete", "journal.after_delete",       "stop.begin",
    "stop.after_commit",     "stop.after_journal",         "stop.end",
};

}  // namespace

std::span<const std::string_view> CrashLabels() { return kCrashLabels; }

#ifdef BLUEMARBLE_CRASH_POINTS

namespace {

struct CrashAt {
  std::string label;
  uint64_t pass = 1;
};

CrashAt FromEnvironment() {
  CrashAt at;
  const char* text = std::getenv("BLUEMARBLE_CRASH_AT");
  if (text == nullptr || *text == '\0') return at;
  std::string_view label = text;
  if (const size_t colon = label.rfind(':'); colon != std::string_view::npos) {
    const auto [end, error] =
        std::from_chars(label.data() + colon + 1, label.data() + label.size(), at.pass);
    if (error != std::errc{} || end != label.data() + label.size()) at.pass = 0;
    label = label.substr(0, colon);
  }
  if (at.pass == 0 || std::ranges::find(kCrashLabels, label) == kCrashLabels.end()) {
    // A test that asks for a place that is not there must not pass.
    std::fprintf(stderr, "BLUEMARBLE_CRASH_AT=%s: no such crash point\n", text);
    std::abort();
  }
  at.label = label;
  return at;
}

}  // namespace

bool CrashPointsCompiled() { return true; }

void CrashPoint(std::string_view label) {
  assert(std::ranges::find(kCrashLabels, label) != kCrashLabels.end());
  static const CrashAt at = FromEnvironment();
  static std::atomic<uint64_t> passes{0};
  if (label != at.label || passes.fetch_add(1) + 1 != at.pass) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#else

bool CrashPointsCompiled() { return false; }

#endif

}  // namespace bluemarble::core
