#include "ops/health.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/json_text.h"

namespace bluemarble::ops {
namespace {

constexpr std::string_view kStateNames[] = {"starting", "ready", "degraded", "not_ready"};

}  // namespace

void HealthComponent::Set(HealthState state, const char* reason) {
  reason_.store(reason, std::memory_order_relaxed);
  state_.store(state, std::memory_order_release);
}

HealthComponent& Health::AddSupervised(std::string name, int64_t max_silence_ns) {
  return components_.emplace_back(std::move(name), clock_, max_silence_ns);
}

// By how much a supervised component has missed its beat; 0 when it has not.
int64_t Health::SilenceNs(const HealthComponent& component) const {
  const int64_t last = component.last_beat_ns_.load(std::memory_order_relaxed);
  if (component.max_silence_ns_ == 0 || last == 0) return 0;
  const int64_t silence = clock_.NowNs() - last;
  return silence > component.max_silence_ns_ ? silence : 0;
}

HealthReport Health::Live() const {
  HealthReport report{true, {}};
  for (const HealthComponent& component : components_) {
    const int64_t silence_ns = SilenceNs(component);
    if (silence_ns == 0) continue;
    report.ok = false;
    report.body +=
        fmt::format("{} has been silent for {} ms\n", component.name_, silence_ns / 1'000'000);
  }
  if (report.ok) report.body = "ok\n";
  return report;
}

HealthReport Health::Ready(bool verbose) const {
  HealthReport report{true, {}};
  bool degraded = false;
  std::string parts;
  for (const HealthComponent& component : components_) {
    HealthState state = component.state_.load(std::memory_order_acquire);
    std::string_view reason = component.reason_.load(std::memory_order_relaxed);
    if (SilenceNs(component) > 0) {
      state = HealthState::kNotReady;
      reason = "silent";
    }
    report.ok = report.ok && (state == HealthState::kReady || state == HealthState::kDegraded);
    degraded = degraded || state == HealthState::kDegraded;
    if (!parts.empty()) parts += ',';
    parts += R"({"name":)";
    AppendJsonString(parts, component.name_);
    parts += fmt::format(R"(,"state":"{}","reason":)", kStateNames[static_cast<size_t>(state)]);
    AppendJsonString(parts, reason);
    parts += '}';
  }
  report.body = fmt::format(R"({{"status":"{}")", !report.ok ? "not_ready"
                                                  : degraded ? "degraded"
                                                             : "ready");
  if (verbose) report.body += fmt::format(R"(,"components":[{}])", parts);
  report.body += "}\n";
  return report;
}

}  // namespace bluemarble::ops
