#include "api/console_live.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/console_map.h"
#include "core/log.h"

namespace bluemarble::api {
namespace {

using nlohmann::json;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kMaxFocuses = 16;
constexpr double kMessagesPerS = 20;
constexpr int64_t kSlowNs = 10 * kSecondNs;
constexpr size_t kMaxMessageBytes = 4096;
constexpr size_t kMaxWaiting = 1024;  // that have shown no token yet

std::string ErrorText(const char* code, const std::string& message) {
  const json value = {{"type", "error"}, {"code", code}, {"message", message}};
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

enum class Mode : uint8_t { kNone, kBlocks, kCells };

const char* NameOf(Mode mode) {
  return mode == Mode::kBlocks ? "blocks" : mode == Mode::kCells ? "cells" : "none";
}

// [w, s, e, n], or nothing for null; false: neither.
bool ReadRectangle(const json& value, std::optional<ConsoleRectangle>& out) {
  out.reset();
  if (value.is_null()) return true;
  if (!value.is_array() || value.size() != 4) return false;
  for (const json& side : value) {
    if (!side.is_number()) return false;
  }
  out = {value[0].get<double>(), value[1].get<double>(), value[2].get<double>(),
         value[3].get<double>()};
  return out->valid();
}

struct Watcher {
  std::shared_ptr<WebSocket> socket;
  HttpRequest proof;  // with the newest token
  Operator who;
  int64_t opened_ns = 0, checked_ns = 0, read_ns = 0;
  double messages = 0;  // of the last second
  int64_t messages_ns = 0;
  bool admitted = false, closed = false;
  bool view_is_new = false;
  std::optional<ConsoleRectangle> view, focus;
  std::optional<ConsoleRectangle> shown;  // the view of which all was sent
  double zoom = 0;
  Mode mode = Mode::kNone;
  std::optional<uint64_t> past_below;  // samples of before that it has not been sent yet
};

}  // namespace

/// The consoles and the thread that serves them. Handlers of open sockets keep it.
class ConsoleLive::Hub {
 public:
  Hub(const ConsoleSettings& settings, LiveProviders providers, AdminGuard& guard,
      const core::Clock& clock)
      : settings_(settings), given_(std::move(providers)), guard_(guard), clock_(clock) {
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      stopped_ = true;
      for (auto& watcher : watchers_)
        watcher->socket->Close(kWebSocketGoingAway, "the server stops");
    }
    woken_.notify_all();
    thread_.join();
  }

  /// Null: no room.
  std::shared_ptr<Watcher> Add(std::shared_ptr<WebSocket> socket) {
    const std::lock_guard lock(mutex_);
    if (stopped_ || watchers_.size() >= settings_.max_consoles + kMaxWaiting) return nullptr;
    auto watcher = std::make_shared<Watcher>();
    watcher->socket = std::move(socket);
    watcher->opened_ns = watcher->read_ns = clock_.NowNs();
    watchers_.push_back(watcher);
    woken_.notify_all();
    return watcher;
  }
  void Remove(const std::shared_ptr<Watcher>& watcher) {
    const std::lock_guard lock(mutex_);
    watcher->closed = true;
    std::erase(watchers_, watcher);
    Recount();
  }

  /// An api thread. The token is checked before the lock is taken.
  void Take(Watcher& watcher, std::span<const std::byte> message, bool binary);

  const LiveStats& stats() const { return stats_; }

 private:
  void Run();
  /// Until it is stopped.
  void Serve(std::unique_lock<std::mutex>& lock);
  void Step(int64_t now_ns);
  void CheckAll(int64_t now_ns);
  void SendSamples();
  void SendPast(Watcher& watcher);
  void SetFocuses();
  void ShowNewView(Watcher& watcher);
  void SendAll(Watcher& watcher, const std::optional<ConsoleRectangle>& but);
  void SendCells(Watcher& watcher);
  void SetMode(Watcher& watcher, Mode mode, uint64_t entities);
  Mode ModeFor(const Watcher& watcher, uint64_t entities) const;
  void Admit(Watcher& watcher);
  void Recount();
  void Refuse(Watcher& watcher, uint16_t close_code, const char* code, const std::string& message);
  /// In the words of the guard.
  void RefuseAs(Watcher& watcher, const HttpResponse& refused);
  bool HasRoom(Watcher& watcher);
  void SendMap(Watcher& watcher, const std::string& frame);
  void Send(Watcher& watcher, const std::string& text, bool binary);

  const ConsoleSettings settings_;
  const LiveProviders given_;
  AdminGuard& guard_;
  const core::Clock& clock_;

  std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopped_ = false;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  bool focuses_are_new_ = false;
  LiveStats stats_;

  // The thread's.
  ConsoleMap map_;
  struct Fresh {
    const ConsoleMap::Leaf* leaf;
    uint8_t number;
  };
  std::vector<Fresh> fresh_;
  uint32_t tick_ = 0;
  int64_t second_ns_ = 0;
  bool watching_ = false;
  std::thread thread_;
};

void ConsoleLive::Hub::Send(Watcher& watcher, const std::string& text, bool binary) {
  if (watcher.closed) return;
  if (!watcher.socket->Send(std::as_bytes(std::span(text.data(), text.size())), binary)) return;
  stats_.messages.Add();
  stats_.bytes.Add(text.size());
}

bool ConsoleLive::Hub::HasRoom(Watcher& watcher) {
  return watcher.socket->queued_bytes() < settings_.backlog_bytes;
}

void ConsoleLive::Hub::SendMap(Watcher& watcher, const std::string& frame) {
  if (!HasRoom(watcher)) return stats_.skipped.Add();
  Send(watcher, frame, /*binary=*/true);
}

void ConsoleLive::Hub::Refuse(Watcher& watcher, uint16_t close_code, const char* code,
                              const std::string& message) {
  if (watcher.closed) return;
  Send(watcher, ErrorText(code, message), /*binary=*/false);
  watcher.socket->Close(close_code, message);
  watcher.closed = true;
  stats_.refused.Add();
  Recount();
}

void ConsoleLive::Hub::RefuseAs(Watcher& watcher, const HttpResponse& refused) {
  const json body = json::parse(refused.body, nullptr, false);
  const json error = body.is_object() ? body.value("error", json::object()) : json::object();
  const std::string code = error.value("code", "denied");
  Refuse(watcher, refused.status == 403 ? kConsoleWrongRole : kConsoleDenied, code.c_str(),
         error.value("message", "the access token is not valid any more"));
}

void ConsoleLive::Hub::Recount() {
  stats_.consoles.Set(static_cast<uint64_t>(
      std::count_if(watchers_.begin(), watchers_.end(),
                    [](const auto& watcher) { return watcher->admitted && !watcher->closed; })));
  focuses_are_new_ = true;
}

void ConsoleLive::Hub::Take(Watcher& watcher, std::span<const std::byte> message, bool binary) {
  json value;
  if (!binary && message.size() <= kMaxMessageBytes) {
    const auto* text = reinterpret_cast<const char*>(message.data());
    value = json::parse(text, text + message.size(), nullptr, /*allow_exceptions=*/false);
  }
  const auto has = [&value](const char* name) { return value.is_object() && value.contains(name); };
  std::optional<HttpRequest> proof;
  std::optional<HttpResponse> refused;
  Operator who;
  if (has("token") && value["token"].is_string() && value.size() == 1) {
    proof.emplace();
    proof->remote_address = watcher.socket->remote_address();
    proof->authorization = "Bearer " + value["token"].get<std::string>();
    refused = guard_.Check(*proof, &who);
  }

  const std::lock_guard lock(mutex_);
  if (watcher.closed) return;
  const int64_t now_ns = clock_.NowNs();
  const double passed = static_cast<double>(now_ns - watcher.messages_ns) / kSecondNs;
  watcher.messages = std::max(0.0, watcher.messages - passed * kMessagesPerS) + 1;
  watcher.messages_ns = now_ns;
  const char* const kExpected =
      "expected {\"token\"}, {\"view\", \"zoom\"} or {\"focus\"}, at most 20 a second";
  if (watcher.messages > kMessagesPerS)
    return Refuse(watcher, kConsoleMalformed, "limited", kExpected);
  if (proof) {
    if (refused) return RefuseAs(watcher, *refused);
    // The clocks of who makes tokens and who checks them may differ by a little; a page's life ends
    // by ours.
    if (who.expires_s != 0 && who.expires_s * 1'000'000 <= clock_.WallUs())
      return Refuse(watcher, kConsoleDenied, "expired", "the access token has expired");
    if (!watcher.admitted && stats_.consoles.Get() >= settings_.max_consoles)
      return Refuse(watcher, kConsoleTooMany, "full", "console.max_consoles watch already");
    watcher.proof = std::move(*proof);
    watcher.who = std::move(who);
    watcher.checked_ns = now_ns;
    return Admit(watcher);
  }
  if (!watcher.admitted) return Refuse(watcher, kConsoleDenied, "denied", "a token comes first");
  std::optional<ConsoleRectangle> rectangle;
  if (has("view") && ReadRectangle(value["view"], rectangle) &&
      value.size() == (rectangle ? 2u : value.size()) &&
      (!rectangle || (has("zoom") && value["zoom"].is_number()))) {
    watcher.view = rectangle;
    if (rectangle) {
      const auto zoom = value["zoom"].get<double>();
      watcher.zoom = std::isfinite(zoom) ? std::clamp(zoom, 0.0, 22.0) : 0;
    }
    watcher.view_is_new = true;
  } else if (has("focus") && value.size() == 1 && ReadRectangle(value["focus"], rectangle) &&
             (!rectangle || static_cast<double>(BallAround(*rectangle).radius_cm) <=
                                kMaxCloseM / 2 * 100 * 1.5)) {
    watcher.focus = rectangle;
    focuses_are_new_ = true;
  } else {
    Refuse(watcher, kConsoleMalformed, "invalid", kExpected);
  }
}

void ConsoleLive::Hub::Admit(Watcher& watcher) {
  json name = watcher.who.name;
  const std::string expires =
      watcher.who.expires_s == 0
          ? "null"
          : std::to_string(watcher.who.expires_s - clock_.WallUs() / 1'000'000);
  Send(watcher,
       "{\"type\":\"hello\",\"name\":" + name.dump() + ",\"expires_in\":" + expires +
           ",\"max_entities\":" + std::to_string(settings_.max_entities) + "," + given_.hello() +
           "}",
       /*binary=*/false);
  if (watcher.admitted) return;
  watcher.admitted = true;
  watcher.past_below = std::numeric_limits<uint64_t>::max();
  core::Log(core::LogLevel::kInfo, "console_opened", "by=\"{}\"",
            watcher.who.At(watcher.socket->remote_address()));
  Recount();
}

void ConsoleLive::Hub::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    // Must not take the zone with it: those that watch are let go, and may come again.
    std::string cause = "unknown";
    try {
      return Serve(lock);
    } catch (const std::exception& error) {
      cause = error.what();
    } catch (...) {
    }
    core::Log(core::LogLevel::kError, "console_thread_failed", "consoles={} cause=\"{}\"",
              watchers_.size(), cause);
    for (auto& watcher : watchers_) {
      watcher->closed = true;
      watcher->socket->Close(kWebSocketInternal, "the console's thread failed");
    }
    watchers_.clear();
    map_.Clear();
    Recount();
    woken_.wait_for(lock, std::chrono::nanoseconds(kSecondNs), [this] { return stopped_; });
  }
}

void ConsoleLive::Hub::Serve(std::unique_lock<std::mutex>& lock) {
  while (!stopped_) {
    if (watchers_.empty()) {
      if (std::exchange(watching_, false)) given_.watch(false);
      const bool woken = woken_.wait_for(lock, std::chrono::nanoseconds(kSecondNs),
                                         [this] { return stopped_ || !watchers_.empty(); });
      if (!woken) given_.sample();  // a page that opens after a bad minute shall show it
      continue;
    }
    Step(clock_.NowNs());
    woken_.wait_for(lock, std::chrono::nanoseconds(kStepNs), [this] { return stopped_; });
  }
  if (watching_) given_.watch(false);
}

void ConsoleLive::Hub::Step(int64_t now_ns) {
  CheckAll(now_ns);
  const bool watched = stats_.consoles.Get() != 0;
  if (watched != watching_) {
    watching_ = watched;
    if (watched) map_.Clear();
    given_.watch(watched);
    second_ns_ = now_ns;
  }
  fresh_.clear();
  // Also what is left over from before: it is old, and forgotten when nobody watches.
  given_.drain([&](const FeedPart& part) {
    stats_.parts.Add();
    tick_ = part.tick;
    const ConsoleMap::Leaf& leaf = map_.Put(part, now_ns);
    fresh_.push_back({&leaf, part.number});
  });
  if (!watched) {
    given_.sample();  // who only waits for a token shall make no gap either
    return;
  }
  if (focuses_are_new_) SetFocuses();
  for (auto& watcher : watchers_) {
    if (!watcher->admitted || watcher->closed) continue;
    SendPast(*watcher);
    if (watcher->view_is_new) ShowNewView(*watcher);
    if (watcher->mode != Mode::kBlocks) continue;
    ConsoleFrames frames(1, [&](const std::string& frame) { SendMap(*watcher, frame); });
    for (const Fresh& fresh : fresh_) {
      if (ConsoleMap::Shows(*watcher->view, *fresh.leaf)) frames.AddPart(*fresh.leaf, fresh.number);
    }
  }
  if (now_ns - second_ns_ < kSecondNs) return;
  second_ns_ = now_ns;
  const auto gone = map_.Forget(now_ns - kLeafLifeNs);
  for (auto& watcher : watchers_) {
    if (!watcher->admitted || watcher->closed || !watcher->view) continue;
    const uint64_t entities = map_.In(*watcher->view).entities;
    const Mode before = watcher->mode;
    SetMode(*watcher, ModeFor(*watcher, entities), entities);
    if (watcher->mode == Mode::kCells) {
      watcher->shown.reset();
      SendCells(*watcher);
    } else if (before != Mode::kBlocks) {
      SendAll(*watcher, std::nullopt);
      watcher->shown = watcher->view;
    } else {
      ConsoleFrames frames(3, [&](const std::string& frame) { SendMap(*watcher, frame); });
      for (const ConsoleMap::Leaf& leaf : gone) {
        if (ConsoleMap::Shows(*watcher->view, leaf)) frames.AddGone(leaf.key.bits, tick_);
      }
    }
  }
  SendSamples();
}

void ConsoleLive::Hub::SendSamples() {
  const std::string sample = given_.sample();
  for (auto& watcher : watchers_) {
    if (!watcher->admitted || watcher->closed) continue;
    if (HasRoom(*watcher)) {
      Send(*watcher, sample, /*binary=*/false);
    } else {
      stats_.skipped.Add();
    }
  }
}

// The newest first, a piece in each step, and only into a queue that is nearly empty: what is live
// goes before.
void ConsoleLive::Hub::SendPast(Watcher& watcher) {
  if (!watcher.past_below || watcher.socket->queued_bytes() >= settings_.backlog_bytes / 4) return;
  const std::string samples = given_.past(*watcher.past_below);
  if (samples.empty()) return watcher.past_below.reset();
  Send(watcher, R"({"type":"history","samples":)" + samples + "}", /*binary=*/false);
}

void ConsoleLive::Hub::CheckAll(int64_t now_ns) {
  for (auto& watcher : watchers_) {
    if (watcher->closed) continue;
    if (!watcher->admitted) {
      if (now_ns - watcher->opened_ns > kTokenPatienceNs)
        Refuse(*watcher, kConsoleNoToken, "denied", "no token came within five seconds");
      continue;
    }
    if (HasRoom(*watcher)) {
      watcher->read_ns = now_ns;
    } else if (now_ns - watcher->read_ns > kSlowNs) {
      Refuse(*watcher, kConsoleSlow, "slow", "the console does not read");
      continue;
    }
    if (now_ns - watcher->checked_ns < kCheckPeriodNs) continue;
    watcher->checked_ns = now_ns;
    // The clock is read last: a token that ends between the two is told so.
    const auto refused = guard_.Check(watcher->proof);
    if (watcher->who.expires_s != 0 && watcher->who.expires_s * 1'000'000 <= clock_.WallUs()) {
      Refuse(*watcher, kConsoleDenied, "expired", "the access token has expired");
    } else if (refused && (refused->status == 401 || refused->status == 403)) {
      // Banned meanwhile, or no operator any more. Anything else says nothing about the token.
      RefuseAs(*watcher, *refused);
    }
  }
}

void ConsoleLive::Hub::SetFocuses() {
  focuses_are_new_ = false;
  std::vector<ConsoleBall> balls;
  for (const auto& watcher : watchers_) {
    if (watcher->admitted && !watcher->closed && watcher->focus && balls.size() < kMaxFocuses)
      balls.push_back(BallAround(*watcher->focus));
  }
  given_.focus(balls);
}

Mode ConsoleLive::Hub::ModeFor(const Watcher& watcher, uint64_t entities) const {
  if (!watcher.view) return Mode::kNone;
  // A crowd around the limit must not make the map flicker.
  const uint64_t limit =
      watcher.mode == Mode::kCells ? settings_.max_entities * 4 / 5 : settings_.max_entities;
  return entities > limit ? Mode::kCells : Mode::kBlocks;
}

void ConsoleLive::Hub::SetMode(Watcher& watcher, Mode mode, uint64_t entities) {
  if (watcher.mode == mode) return;
  watcher.mode = mode;
  const json value = {{"type", "view"}, {"mode", NameOf(mode)}, {"entities", entities}};
  Send(watcher, value.dump(), /*binary=*/false);
}

void ConsoleLive::Hub::ShowNewView(Watcher& watcher) {
  watcher.view_is_new = false;
  const Mode before = watcher.mode;
  const uint64_t entities = watcher.view ? map_.In(*watcher.view).entities : 0;
  SetMode(watcher, ModeFor(watcher, entities), entities);
  if (watcher.mode == Mode::kCells) SendCells(watcher);
  // Of a map that is only moved what it showed is there already.
  if (watcher.mode == Mode::kBlocks)
    SendAll(watcher, before == Mode::kBlocks ? watcher.shown : std::nullopt);
  watcher.shown = watcher.mode == Mode::kBlocks ? watcher.view : std::nullopt;
}

void ConsoleLive::Hub::SendAll(Watcher& watcher, const std::optional<ConsoleRectangle>& but) {
  std::vector<std::pair<uint32_t, Fresh>> all;
  map_.Each([&](const ConsoleMap::Leaf& leaf) {
    if (!ConsoleMap::Shows(*watcher.view, leaf)) return;
    if (but && ConsoleMap::Shows(*but, leaf)) return;
    for (size_t number = 0; number < leaf.parts.size(); ++number)
      all.push_back({leaf.parts[number].tick, {&leaf, static_cast<uint8_t>(number)}});
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  ConsoleFrames frames(1, [&](const std::string& frame) { SendMap(watcher, frame); });
  for (const auto& [tick, part] : all) frames.AddPart(*part.leaf, part.number);
}

void ConsoleLive::Hub::SendCells(Watcher& watcher) {
  ConsoleFrames frames(2, [&](const std::string& frame) { SendMap(watcher, frame); });
  for (const ConsoleMap::Cell& cell : map_.CellsOf(*watcher.view, watcher.zoom))
    frames.AddCell(cell, tick_);
  frames.FlushEvenEmpty(tick_);
}

/// One console's messages.
class ConsoleLive::Handler final : public WebSocketHandler {
 public:
  Handler(std::shared_ptr<Hub> hub, std::shared_ptr<Watcher> watcher)
      : hub_(std::move(hub)), watcher_(std::move(watcher)) {}
  bool OnMessage(std::span<const std::byte> message, bool binary) override {
    hub_->Take(*watcher_, message, binary);
    return true;
  }
  void OnClosed(uint16_t) override { hub_->Remove(watcher_); }

 private:
  const std::shared_ptr<Hub> hub_;
  const std::shared_ptr<Watcher> watcher_;
};

ConsoleLive::ConsoleLive(const ConsoleSettings& settings, LiveProviders providers,
                         AdminGuard& guard, const core::Clock& clock)
    : hub_(std::make_shared<Hub>(settings, std::move(providers), guard, clock)) {}

ConsoleLive::~ConsoleLive() { Stop(); }

void ConsoleLive::Stop() { hub_->Stop(); }

const LiveStats& ConsoleLive::stats() const { return hub_->stats(); }

WebSocketOpener ConsoleLive::Opener() {
  return [hub = hub_](const HttpRequest&, std::shared_ptr<WebSocket> socket)
             -> std::variant<std::unique_ptr<WebSocketHandler>, HttpResponse> {
    auto watcher = hub->Add(std::move(socket));
    if (watcher == nullptr) {
      return HttpResponse{
          .status = 503,
          .content_type = "application/json",
          .body = "{\"error\":{\"code\":\"full\",\"message\":\"too many consoles\"}}\n",
          .retry_after_s = 5};
    }
    return std::make_unique<Handler>(hub, std::move(watcher));
  };
}

}  // namespace bluemarble::api
