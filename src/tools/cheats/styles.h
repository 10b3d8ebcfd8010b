/// How bots cheat, as raw messages: everything here breaks the protocol's rules on purpose, to see
/// that nothing comes of it and that it is noticed (TESTS T-43). The client library has no part in
/// it. Pure but for the seeded sequence; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "core/ids.h"
#include "net/transport.h"
#include "protocol/control.h"
#include "protocol/input.h"

namespace bluemarble::cheats {

enum class CheatStyle : uint8_t {
  kSpeed = 0,  ///< A clock half as fast again as the server's.
  kHops,       ///< Several commands for each tick, to be moved by all of them.
  kTeleport,   ///< Whole seconds of commands at once, far ahead.
  kBurst,      ///< Two seconds of silence, and then all their commands at once.
  kNan,        ///< Moves out of range; then a message full of NaN.
  kSpam,       ///< Inputs as fast as they go out.
  kFuture,     ///< Every stamp half a minute ahead or less.
  kBackwards,  ///< Old messages again, in between.
  kActions,    ///< Things of others, out of reach, in amounts that cannot be.
  kActionSpam  ///< Actions as fast as they go out.
};
inline constexpr size_t kCheatStyles = 10;
/// "speed" and so on.
const char* CheatName(CheatStyle style);
std::optional<CheatStyle> ParseCheat(std::string_view name);

/// What a cheater knows when it makes up its next messages.
struct CheatScene {
  core::Tick tick = 0;  ///< That an honest client would stamp now.
  double seconds = 0;   ///< Since it is in play.
  uint16_t ack = 0;
  uint64_t ack_bits = 0;
  uint32_t own_entity = 0;
};

struct RawMessage {
  net::Channel channel = net::Channel::kUnreliable;
  std::vector<std::byte> bytes;
};

class Cheat {
 public:
  Cheat(CheatStyle style, uint64_t seed) : style_(style), random_(seed) {}
  /// The messages of one tick, in their order.
  std::vector<RawMessage> Next(const CheatScene& scene);
  CheatStyle style() const { return style_; }

 private:
  RawMessage Input(const CheatScene& scene, core::Tick newest, int count,
                   const protocol::Command& command);
  RawMessage Action(const CheatScene& scene);
  protocol::Command Run();

  const CheatStyle style_;
  core::Random random_;
  uint64_t calls_ = 0;
  double heading_ = 0;
  std::deque<RawMessage> old_;
};

}  // namespace bluemarble::cheats
