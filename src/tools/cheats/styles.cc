#include "tools/cheats/styles.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <utility>

namespace bluemarble::cheats {
namespace {

constexpr std::array<const char*, kCheatStyles> kNames = {
    "speed", "hops",   "teleport",  "burst",   "nan",
    "spam",  "future", "backwards", "actions", "action_spam"};
constexpr double kFasterClock = 0.5;
constexpr int kHopsPerTick = 4;
constexpr int kSpamPerTick = 50;
constexpr size_t kKeptMessages = 300;  // ten seconds of them
constexpr uint64_t kBurstTicks = 60;
constexpr uint64_t kTicksPerAction = 5;  // below the rate, so that each one is looked at
constexpr double kNanAfterS = 6;

}  // namespace

const char* CheatName(CheatStyle style) { return kNames[static_cast<size_t>(style)]; }

std::optional<CheatStyle> ParseCheat(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (name == kNames[i]) return static_cast<CheatStyle>(i);
  return std::nullopt;
}

protocol::Command Cheat::Run() {
  if (random_.Chance(0.02)) heading_ = 2 * std::numbers::pi * random_.Unit();
  protocol::Command command;
  command.move_east = static_cast<int8_t>(std::lround(127 * std::cos(heading_)));
  command.move_north = static_cast<int8_t>(std::lround(127 * std::sin(heading_)));
  return command;
}

RawMessage Cheat::Input(const CheatScene& scene, core::Tick newest, int count,
                        const protocol::Command& command) {
  protocol::InputMessage input;
  input.ack = scene.ack;
  input.ack_bits = scene.ack_bits;
  input.newest_tick = static_cast<uint32_t>(newest);
  input.digest = static_cast<uint16_t>(random_.Next());  // wrong: the server tells its own result
  input.count = count;
  for (int i = 0; i < count; ++i) input.commands[static_cast<size_t>(i)] = command;
  RawMessage message;
  message.bytes.resize(protocol::kMaxInputBytes);
  const auto size = protocol::EncodeInput(input, message.bytes);
  message.bytes.resize(size.ok() ? *size : 0);
  return message;
}

RawMessage Cheat::Action(const CheatScene& scene) {
  protocol::Action action;
  for (std::byte& byte : action.key) byte = static_cast<std::byte>(random_.Next());
  action.key[0] = std::byte{1};
  const auto stranger = static_cast<int64_t>(1 + random_.Below(1000));
  switch (random_.Below(6)) {
    case 0: action.what = protocol::Drop{stranger}; break;
    case 1: action.what = protocol::Give{scene.own_entity, {stranger}, 0}; break;
    case 2: action.what = protocol::Give{static_cast<uint32_t>(stranger), {}, -5}; break;
    case 3: action.what = protocol::PickUp{scene.own_entity}; break;
    case 4: action.what = protocol::Split{stranger, 0}; break;
    default: action.what = protocol::Merge{stranger, stranger + 1}; break;
  }
  return {net::Channel::kReliable, protocol::Encode(protocol::ClientControl(action))};
}

std::vector<RawMessage> Cheat::Next(const CheatScene& scene) {
  ++calls_;
  std::vector<RawMessage> out;
  const auto say = [&](core::Tick newest, int count, const protocol::Command& command) {
    out.push_back(Input(scene, newest, count, command));
  };
  const protocol::Command run = Run();
  switch (style_) {
    case CheatStyle::kSpeed:
      say(scene.tick + static_cast<core::Tick>(kFasterClock * static_cast<double>(calls_)),
          kMaxInputCommands, run);
      break;
    case CheatStyle::kHops:
      for (int i = 0; i < kHopsPerTick; ++i) {
        protocol::Command hop = run;
        if (i % 2 != 0) std::swap(hop.move_east, hop.move_north);
        hop.buttons = static_cast<uint8_t>(i);
        say(scene.tick, kMinInputCommands, hop);
      }
      break;
    case CheatStyle::kTeleport:
      say(scene.tick, kMinInputCommands, run);
      for (core::Tick ahead = 16; ahead <= 128; ahead += 16)
        say(scene.tick + ahead, kMaxInputCommands, run);
      break;
    case CheatStyle::kBurst:
      if (calls_ % kBurstTicks != 0) break;
      for (core::Tick back = kBurstTicks; back-- > 0;)
        say(scene.tick - back, kMaxInputCommands, run);
      for (core::Tick ahead = 1; ahead <= 20; ++ahead)
        say(scene.tick + ahead, kMaxInputCommands, run);
      break;
    case CheatStyle::kNan: {
      protocol::Command beyond = run;
      beyond.move_east = beyond.move_north = INT8_MIN;
      say(scene.tick, kMinInputCommands, beyond);
      if (scene.seconds < kNanAfterS) break;
      RawMessage nan{net::Channel::kUnreliable, std::vector<std::byte>(1 + 8 * sizeof(double))};
      nan.bytes[0] = std::byte{1};
      const double value = std::numeric_limits<double>::quiet_NaN();
      for (size_t at = 1; at < nan.bytes.size(); at += sizeof(value))
        std::memcpy(&nan.bytes[at], &value, sizeof(value));
      out.push_back(std::move(nan));
      break;
    }
    case CheatStyle::kSpam:
      for (int i = 0; i < kSpamPerTick; ++i) say(scene.tick, kMinInputCommands, run);
      break;
    case CheatStyle::kFuture:
      say(scene.tick + 100 + random_.Below(800), kMaxInputCommands, run);
      break;
    case CheatStyle::kBackwards:
      say(scene.tick, kMinInputCommands, run);
      old_.push_back(out.back());
      if (old_.size() <= kKeptMessages) break;
      old_.pop_front();
      for (size_t i = 0; i < 3; ++i) out.push_back(old_[random_.Below(old_.size() / 2)]);
      break;
    case CheatStyle::kActions:
      say(scene.tick, kMinInputCommands, run);
      if (calls_ % kTicksPerAction == 0) out.push_back(Action(scene));
      break;
    case CheatStyle::kActionSpam:
      say(scene.tick, kMinInputCommands, run);
      for (int i = 0; i < kHopsPerTick; ++i) out.push_back(Action(scene));
      break;
  }
  return out;
}

}  // namespace bluemarble::cheats
