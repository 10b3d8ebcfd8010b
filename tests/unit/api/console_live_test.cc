#include "api/console_live.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "api/console_map.h"
#include "becomes.h"

namespace bluemarble::api {
namespace {

constexpr const char* kLiveSecret = "0123456789abcdef0123456789abcdef";
constexpr const char* kOperator = "operators.access.token";
constexpr const char* kPlayer = "players.access.token";
constexpr const char* kWholeWorld = R"({"view": [-180, -90, 180, 90], "zoom": 2})";

class HandClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return now_ns / 1000; }
  void Pass(double seconds) { now_ns += static_cast<int64_t>(seconds * 1e9); }
  std::atomic<int64_t> now_ns{1'000'000'000};
};

/// What a console would have received.
class FakeSocket final : public WebSocket {
 public:
  bool Send(std::span<const std::byte> message, bool binary) override {
    const std::lock_guard lock(mutex_);
    if (code_ != 0) return false;
    const std::string text(reinterpret_cast<const char*>(message.data()), message.size());
    (binary ? frames_ : texts_).push_back(text);
    changed_.notify_all();
    return true;
  }
  size_t queued_bytes() const override { return queued; }
  void Close(uint16_t code, std::string_view) override {
    const std::lock_guard lock(mutex_);
    if (code_ == 0) code_ = code;
    changed_.notify_all();
  }
  const std::string& remote_address() const override { return address_; }

  /// Waits for a text or frame that has been received and is taken; empty after ten seconds.
  template <typename Wanted>
  std::string Text(Wanted wanted) {
    return Take(texts_, wanted);
  }
  std::string TextWith(const std::string& part) {
    return Text([&](const std::string& text) { return text.find(part) != std::string::npos; });
  }
  std::string Frame(uint8_t type) {
    return Take(frames_,
                [&](const std::string& frame) { return static_cast<uint8_t>(frame[0]) == type; });
  }
  uint16_t Code() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return code_ != 0; });
    return code_;
  }
  bool open() {
    const std::lock_guard lock(mutex_);
    return code_ == 0;
  }
  size_t frames() {
    const std::lock_guard lock(mutex_);
    return frames_.size();
  }
  std::atomic<size_t> queued{0};

 private:
  template <typename Wanted>
  std::string Take(std::deque<std::string>& from, Wanted wanted) {
    std::unique_lock lock(mutex_);
    std::string taken;
    changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      while (!from.empty()) {
        taken = from.front();
        from.pop_front();
        if (wanted(taken)) return true;
        taken.clear();
      }
      return false;
    });
    return taken;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_, frames_;
  uint16_t code_ = 0;
  const std::string address_ = "192.0.2.1";
};

geo::NodeKey LeafAt(double lon, double lat) {
  return geo::NodeKey::At(geo::ToGrid(geo::ToEcef({lon, lat, 0})), 19);
}

class Live : public testing::Test {
 protected:
  Live() {
    guard_.AcceptTokens(
        [this](const HttpRequest& request) -> std::variant<accounts::Identity, HttpResponse> {
          const auto expired = HttpResponse{
              .status = 401, .body = R"({"error": {"code": "expired", "message": "over"}})"};
          const int64_t expires_s = 100;
          if (request.authorization == std::string("Bearer ") + kOperator) {
            if (banned_)
              return HttpResponse{
                  .status = 403,
                  .body = R"({"error": {"code": "banned", "message": "the account is banned"}})"};
            if (busy_) {
              ++told_busy_;
              return HttpResponse{.status = 429, .body = "{}"};
            }
            if (clock_.WallUs() >= expires_s * 1'000'000) return expired;
            return accounts::Identity{7, "Ada", persistence::LoginRole::kOperator, expires_s};
          }
          if (request.authorization == std::string("Bearer ") + kPlayer)
            return accounts::Identity{8, "Bob", persistence::LoginRole::kPlayer, expires_s};
          return HttpResponse{.status = 401,
                              .body = R"({"error": {"code": "denied", "message": "no"}})"};
        });
    settings_.max_consoles = 2;
    settings_.max_entities = 50;
  }
  void Start() {
    live_ = std::make_unique<ConsoleLive>(
        settings_,
        LiveProviders{
            .drain =
                [this](const std::function<void(const FeedPart&)>& take) {
                  const std::lock_guard lock(mutex_);
                  for (const auto& [part, bytes] : feed_) {
                    FeedPart given = part;
                    given.payload = std::as_bytes(std::span(bytes.data(), bytes.size()));
                    take(given);
                  }
                  feed_.clear();
                },
            .watch = [this](bool on) { watched_ = on; },
            .focus = [this](std::span<const ConsoleBall> balls) { balls_ = balls.size(); },
            .sample =
                [this] {
                  ++samples_;
                  if (sample_fails_) throw std::runtime_error("no sample");
                  return std::string(R"({"type":"sample"})");
                },
            .past =
                [this](uint64_t& below) {
                  below = std::min<uint64_t>(below, past_);
                  if (below == 0) return std::string();
                  const uint64_t end = below;
                  below -= std::min(below, kPastSamples);
                  return "[" + std::to_string(below) + "," + std::to_string(end) + "]";
                },
            .hello = [] { return std::string("\"tick_hz\":30"); }},
        guard_, clock_);
  }
  struct Page {
    std::shared_ptr<FakeSocket> socket;
    std::unique_ptr<WebSocketHandler> handler;
    void Say(const std::string& text) {
      handler->OnMessage(std::as_bytes(std::span(text.data(), text.size())), false);
    }
  };
  Page Open(const char* token = nullptr) {
    Page page;
    page.socket = std::make_shared<FakeSocket>();
    auto opened = live_->Opener()({}, page.socket);
    if (auto* handler = std::get_if<std::unique_ptr<WebSocketHandler>>(&opened))
      page.handler = std::move(*handler);
    if (token != nullptr) page.Say(std::string(R"({"token": ")") + token + "\"}");
    return page;
  }
  /// The live thread has seen that somebody watches.
  bool Watched() {
    return Becomes([this] { return watched_.load(); });
  }
  void Feed(geo::NodeKey leaf, uint32_t tick, uint16_t members, const std::string& payload,
            uint8_t number = 0, uint8_t parts = 1) {
    const std::lock_guard lock(mutex_);
    feed_.push_back({{leaf.bits, tick, number, parts, members, 1, {}}, payload});
  }

  HandClock clock_;
  AdminGuard guard_{kLiveSecret, clock_};
  ConsoleSettings settings_;
  std::atomic<bool> banned_{false}, busy_{false}, sample_fails_{false}, watched_{false};
  std::atomic<int> told_busy_{0};
  std::atomic<size_t> balls_{0};
  std::atomic<int> samples_{0};
  uint64_t past_ = 0;  // samples that are kept
  std::mutex mutex_;
  std::vector<std::pair<FeedPart, std::string>> feed_;
  std::unique_ptr<ConsoleLive> live_;
};

TEST_F(Live, LetsOperatorsAndTheSecretInAndNobodyElse) {
  Start();
  Page ada = Open(kOperator), secret = Open(kLiveSecret), bob = Open(kPlayer), eve = Open("a.b.c");
  EXPECT_NE(ada.socket->TextWith("hello").find("\"name\":\"Ada\",\"expires_in\":99"),
            std::string::npos);
  EXPECT_NE(secret.socket->TextWith("hello").find("\"expires_in\":null"), std::string::npos);
  EXPECT_EQ(bob.socket->Code(), kConsoleWrongRole);
  EXPECT_EQ(eve.socket->Code(), kConsoleDenied);
  EXPECT_NE(eve.socket->TextWith("error").find("\"code\":\"denied\""), std::string::npos);
  Page third = Open(kOperator);
  EXPECT_EQ(third.socket->Code(), kConsoleTooMany);
  EXPECT_TRUE(ada.socket->open());
  EXPECT_EQ(live_->stats().consoles.Get(), 2u);
}

TEST_F(Live, ClosesWhoSaysNothingWithinFiveSeconds) {
  Start();
  Page quiet = Open(), ada = Open(kOperator);
  ASSERT_TRUE(Watched());
  clock_.Pass(4.9);
  EXPECT_FALSE(ada.socket->TextWith("sample").empty());
  EXPECT_TRUE(quiet.socket->open());
  clock_.Pass(0.2);
  EXPECT_EQ(quiet.socket->Code(), kConsoleNoToken);
  EXPECT_TRUE(ada.socket->open());
}

TEST_F(Live, ATokenFirstAndThenOnlyWhatIsExpected) {
  Start();
  Page first = Open();
  first.Say(kWholeWorld);
  EXPECT_EQ(first.socket->Code(), kConsoleDenied);
  for (const char* wrong : {"[]", "{", "null", R"({"view": [1, 2, 3], "zoom": 1})",
                            R"({"view": [0, 1, 1, 0], "zoom": 1})", R"({"view": [0, 0, 1, 1]})",
                            R"({"view": [0, 0, 1, 181], "zoom": 1})", R"({"zoom": 1})",
                            R"({"focus": [0, 0, 10, 10]})", R"({"token": 5})"}) {
    Page page = Open(kOperator);
    page.Say(wrong);
    EXPECT_EQ(page.socket->Code(), kConsoleMalformed) << wrong;
    page.handler->OnClosed(1000);
  }
  Page fast = Open(kOperator);
  for (int i = 0; i < 19; ++i) fast.Say(kWholeWorld);
  EXPECT_TRUE(fast.socket->open());
  for (int i = 0; i < 3; ++i) fast.Say(kWholeWorld);
  EXPECT_EQ(fast.socket->Code(), kConsoleMalformed);
}

TEST_F(Live, ATokensEndIsTheConsolesAndANewOneGoesOn) {
  Start();
  Page ada = Open(kOperator), eve = Open(kOperator);
  clock_.Pass(90);
  eve.Say(std::string(R"({"token": ")") + kLiveSecret + "\"}");
  EXPECT_NE(eve.socket->TextWith("\"expires_in\":null"), "");
  clock_.Pass(11);
  EXPECT_EQ(ada.socket->Code(), kConsoleDenied);
  EXPECT_NE(ada.socket->TextWith("error").find("expired"), std::string::npos);
  EXPECT_TRUE(eve.socket->open());
}

TEST_F(Live, WhoIsBannedMeanwhileIsClosed) {
  Start();
  Page ada = Open(kOperator);
  EXPECT_FALSE(ada.socket->TextWith("hello").empty());
  banned_ = true;
  clock_.Pass(2.1);
  EXPECT_EQ(ada.socket->Code(), kConsoleWrongRole);
  EXPECT_EQ(ada.socket->TextWith("error"),
            R"({"code":"banned","message":"the account is banned","type":"error"})");
}

TEST_F(Live, WhoCannotBeCheckedNowStays) {
  Start();
  Page ada = Open(kOperator), secret = Open(kLiveSecret);
  EXPECT_FALSE(ada.socket->TextWith("hello").empty());
  EXPECT_FALSE(secret.socket->TextWith("hello").empty());
  ASSERT_TRUE(Watched());
  busy_ = true;
  HttpRequest guess;
  guess.authorization = "Bearer guess";
  guess.remote_address = secret.socket->remote_address();
  for (uint32_t i = 0; i < 2 * AdminGuard::kMaxFailures; ++i) guard_.Check(guess);
  clock_.Pass(2.1);
  // Samples come once a second, after the check of the same step.
  ada.socket->TextWith("sample");
  clock_.Pass(1.1);
  EXPECT_FALSE(ada.socket->TextWith("sample").empty());
  EXPECT_FALSE(secret.socket->TextWith("sample").empty());
  EXPECT_GT(told_busy_, 0);
  EXPECT_TRUE(ada.socket->open());
  EXPECT_TRUE(secret.socket->open());
}

TEST_F(Live, SamplesAreTakenWhenNobodyWatches) {
  Start();
  ASSERT_TRUE(Becomes([this] { return samples_ > 0; }));
  Page quiet = Open();
  EXPECT_TRUE(Becomes([this, before = samples_.load()] { return samples_ >= before + 2; }))
      << "one that has shown no token yet";
  EXPECT_FALSE(watched_);
}

TEST_F(Live, WhoOpensIsSentWhatWasBeforeTheNewestFirst) {
  past_ = 2 * kPastSamples + 5;
  Start();
  Page ada = Open(kOperator);
  EXPECT_FALSE(ada.socket->TextWith("hello").empty());
  EXPECT_EQ(ada.socket->TextWith("history"), R"({"type":"history","samples":[65,125]})");
  EXPECT_EQ(ada.socket->TextWith("history"), R"({"type":"history","samples":[5,65]})");
  EXPECT_EQ(ada.socket->TextWith("history"), R"({"type":"history","samples":[0,5]})");
  ada.Say(std::string(R"({"token": ")") + kOperator + "\"}");
  EXPECT_FALSE(ada.socket->TextWith("hello").empty());
  clock_.Pass(1.1);
  EXPECT_EQ(ada.socket->TextWith(""), R"({"type":"sample"})") << "a newer token brings it again";
}

TEST_F(Live, WhoReadsSlowlyIsSentFiguresBeforeThePast) {
  past_ = 5;
  Start();
  Page slow = Open();
  slow.socket->queued = settings_.backlog_bytes / 4;
  slow.Say(std::string(R"({"token": ")") + kOperator + "\"}");
  EXPECT_FALSE(slow.socket->TextWith("hello").empty());
  ASSERT_TRUE(Watched());
  clock_.Pass(1.1);
  EXPECT_EQ(slow.socket->TextWith(""), R"({"type":"sample"})");
  slow.socket->queued = 0;
  EXPECT_EQ(slow.socket->TextWith("history"), R"({"type":"history","samples":[0,5]})");
}

TEST_F(Live, AViewGetsItsLeavesAndForgetsThoseThatAreGone) {
  Start();
  Page page = Open(kOperator);
  EXPECT_FALSE(page.socket->TextWith("hello").empty());
  page.Say(R"({"view": [11, 48, 12, 49], "zoom": 12})");
  EXPECT_NE(page.socket->TextWith("\"view\"").find("blocks"), std::string::npos);
  const geo::NodeKey munich = LeafAt(11.5755, 48.1374), paris = LeafAt(2.3522, 48.8566);
  Feed(paris, 7, 3, "paris");
  Feed(munich, 7, 3, "munich");
  const std::string frame = page.socket->Frame(1);
  ASSERT_EQ(frame.size(), 8u + 14u + 6u);
  uint16_t count = 0, size = 0;
  uint32_t tick = 0;
  uint64_t key = 0;
  std::memcpy(&count, frame.data() + 2, 2);
  std::memcpy(&tick, frame.data() + 4, 4);
  std::memcpy(&key, frame.data() + 8, 8);
  std::memcpy(&size, frame.data() + 20, 2);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(tick, 7u);
  EXPECT_EQ(key, munich.bits);
  EXPECT_EQ(size, 6);
  EXPECT_EQ(frame.substr(22), "munich");

  page.Say(R"({"view": [2, 48, 12, 49], "zoom": 10})");
  EXPECT_EQ(page.socket->Frame(1).substr(22), "paris")
      << "what a moved view shows anew comes at once";
  clock_.Pass(3.5);
  Feed(paris, 100, 3, "paris");
  const std::string gone = page.socket->Frame(3);
  ASSERT_EQ(gone.size(), 16u);
  std::memcpy(&key, gone.data() + 8, 8);
  EXPECT_EQ(key, munich.bits);
}

TEST_F(Live, ALeafThatComesAgainWithFewerPartsIsShownWithThoseOnly) {
  Start();
  Page page = Open(kOperator);
  EXPECT_FALSE(page.socket->TextWith("hello").empty());
  page.Say(kWholeWorld);
  EXPECT_FALSE(page.socket->TextWith("\"view\"").empty());
  const geo::NodeKey munich = LeafAt(11.5755, 48.1374);
  {
    // One drain has them all.
    const std::lock_guard lock(mutex_);
    const std::string before = "a payload of the leaf that was";
    for (uint8_t number = 0; number < 4; ++number)
      feed_.push_back({{munich.bits, 7, number, 4, 3, 1, {}}, before});
    feed_.push_back({{munich.bits, 7, 0, 1, 3, 1, {}}, "after"});
  }
  const std::string frame = page.socket->Frame(1);
  uint16_t count = 0;
  uint32_t tick = 0;
  ASSERT_GE(frame.size(), 8u);
  std::memcpy(&count, frame.data() + 2, 2);
  std::memcpy(&tick, frame.data() + 4, 4);
  EXPECT_EQ(tick, 7u);
  size_t at = 8;
  for (uint16_t i = 0; i < count; ++i) {
    ASSERT_LE(at + 14, frame.size());
    EXPECT_EQ(frame[at + 8], 0) << "a part that is no more";
    EXPECT_EQ(frame[at + 9], 1);
    uint16_t size = 0;
    std::memcpy(&size, frame.data() + at + 12, 2);
    EXPECT_EQ(frame.substr(at + 14, size), "after");
    at += 14u + size;
  }
  EXPECT_EQ(at, frame.size());
}

TEST_F(Live, ManyEntitiesAreCountedByCells) {
  Start();
  Page page = Open(kOperator);
  EXPECT_FALSE(page.socket->TextWith("hello").empty());
  for (int i = 0; i < 4; ++i) Feed(LeafAt(11.5 + 0.01 * i, 48.1), 7, 20, "x");
  Feed(LeafAt(-74.0, 40.7), 7, 5, "x");
  ASSERT_TRUE(Watched());
  page.Say(kWholeWorld);
  EXPECT_NE(page.socket->TextWith("cells").find("\"entities\":85"), std::string::npos);
  const std::string cells = page.socket->Frame(2);
  ASSERT_EQ((cells.size() - 8) % 16, 0u);
  uint32_t entities = 0, players = 0;
  for (size_t at = 8; at < cells.size(); at += 16) {
    float lat = 0, lon = 0;
    uint32_t of_cell = 0, its_players = 0;
    std::memcpy(&lat, cells.data() + at, 4);
    std::memcpy(&lon, cells.data() + at + 4, 4);
    std::memcpy(&of_cell, cells.data() + at + 8, 4);
    std::memcpy(&its_players, cells.data() + at + 12, 4);
    entities += of_cell;
    players += its_players;
    EXPECT_NEAR(lat, lon > 0 ? 48.1 : 40.7, 0.1);
  }
  EXPECT_EQ(entities, 85u);
  EXPECT_EQ(players, 5u);
  // Four fifths of the limit bring the blocks back.
  page.Say(R"({"view": [11.495, 48.095, 11.515, 48.105], "zoom": 15})");
  EXPECT_NE(page.socket->TextWith("blocks").find("\"entities\":40"), std::string::npos);
}

TEST_F(Live, AConsoleThatDoesNotReadIsPassedOverAndThenClosed) {
  Start();
  Page deaf = Open(kOperator), other = Open(kOperator);
  EXPECT_FALSE(deaf.socket->TextWith("hello").empty());
  deaf.socket->queued = settings_.backlog_bytes;
  deaf.Say(kWholeWorld);
  other.Say(kWholeWorld);
  EXPECT_FALSE(other.socket->TextWith("\"view\"").empty());
  Feed(LeafAt(11.5, 48.1), 7, 3, "x");
  EXPECT_FALSE(other.socket->Frame(1).empty());
  EXPECT_EQ(deaf.socket->frames(), 0u);
  EXPECT_GT(live_->stats().skipped.Get(), 0u);
  clock_.Pass(10.5);
  EXPECT_EQ(deaf.socket->Code(), kConsoleSlow);
  EXPECT_FALSE(other.socket->TextWith("sample").empty());
}

TEST_F(Live, AThreadThatFailsLetsItsConsolesGoAndServesTheNext) {
  Start();
  Page page = Open(kOperator);
  ASSERT_TRUE(Watched());
  sample_fails_ = true;
  clock_.Pass(1.1);
  EXPECT_EQ(page.socket->Code(), kWebSocketInternal);
  page.handler->OnClosed(kWebSocketInternal);
  sample_fails_ = false;
  ASSERT_TRUE(Becomes([this] { return !watched_; }));
  Page next = Open(kOperator);
  EXPECT_FALSE(next.socket->TextWith("hello").empty());
  ASSERT_TRUE(Watched());
  clock_.Pass(1.1);
  EXPECT_FALSE(next.socket->TextWith("sample").empty());
}

TEST_F(Live, TheZoneWritesOnlyWhileSomebodyWatches) {
  Start();
  Page quiet = Open();
  Page page = Open(kOperator);
  page.Say(R"({"focus": [11.5, 48.1, 11.6, 48.2]})");
  EXPECT_FALSE(page.socket->TextWith("hello").empty());
  ASSERT_TRUE(Watched());
  clock_.Pass(1.1);
  EXPECT_FALSE(page.socket->TextWith("sample").empty());
  EXPECT_EQ(balls_, 1u);
  page.handler->OnClosed(1001);
  quiet.handler->OnClosed(1001);
  live_->Stop();
  EXPECT_FALSE(watched_);
}

TEST(ConsoleRectangle, HoldsWhatIsInItAlsoOverTheDateLine) {
  const ConsoleRectangle pacific{170, -10, -170, 10};
  EXPECT_TRUE(pacific.valid());
  EXPECT_TRUE(pacific.Contains(0, 175));
  EXPECT_TRUE(pacific.Contains(0, -175));
  EXPECT_TRUE(pacific.Contains(0, 180));
  EXPECT_FALSE(pacific.Contains(0, 0));
  EXPECT_FALSE(pacific.Contains(11, 175));
  EXPECT_TRUE(pacific.Contains(10.5, 169.5, 1));
  EXPECT_DOUBLE_EQ(pacific.width_deg(), 20);
  EXPECT_TRUE((ConsoleRectangle{-180, -90, 180, 90}).Contains(90, 12));
  for (const ConsoleRectangle wrong :
       {ConsoleRectangle{0, 10, 1, 5}, ConsoleRectangle{-181, 0, 1, 1},
        ConsoleRectangle{0, -91, 1, 1}, ConsoleRectangle{0, 0, NAN, 1}})
    EXPECT_FALSE(wrong.valid());
}

TEST(ConsoleRectangle, ABallAroundItHoldsItsCorners) {
  const ConsoleBall ball = BallAround({11.5, 48.1, 11.6, 48.2});
  for (const auto& [lon, lat] : {std::pair{11.5, 48.1}, {11.6, 48.1}, {11.5, 48.2}, {11.6, 48.2}}) {
    const geo::Vec3 way = geo::ToEcef({lon, lat, 0}) - geo::FromGrid(ball.centre);
    EXPECT_LT(std::sqrt(Dot(way, way)) * 100, static_cast<double>(ball.radius_cm) + 100);
  }
  EXPECT_LT(ball.radius_cm, 1'000'000);
  EXPECT_GT(BallAround({-180, -90, 180, 90}).radius_cm, 600'000'000);
}

}  // namespace
}  // namespace bluemarble::api
