/// Labelled places where a test kills the process (TESTS T-21): every step between which a crash
/// could tear something. Compiled in with -DBLUEMARBLE_CRASH_POINTS, nothing otherwise. The
/// environment variable BLUEMARBLE_CRASH_AT, "label" or "label:n", read once, makes the process
/// send itself SIGKILL at the n-th pass of that label. Any thread.
#pragma once

#include <span>
#include <string_view>

namespace bluemarble::core {

/// All labels, in the order in which a run meets them; also when crash points are compiled out.
std::span<const std::string_view> CrashLabels();
bool CrashPointsCompiled();

#ifdef BLUEMARBLE_CRASH_POINTS
/// `label`: one of CrashLabels(); asserted.
void CrashPoint(std::string_view label);
#else
inline void CrashPoint(std::string_view) {}
#endif

}  // namespace bluemarble::core
