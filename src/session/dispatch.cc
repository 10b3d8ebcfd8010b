#include "session/dispatch.h"

#include <array>
#include <utility>
#include <variant>

#include "session/handlers.h"

namespace bluemarble::session {
namespace {

constexpr uint32_t In(SessionState state) { return 1u << static_cast<uint32_t>(state); }
constexpr uint32_t kAnyState = ~0u;
// The chat itself refuses who types too fast; only a flood ends the session.
constexpr uint32_t kChatPatience = 4;

// The first byte tells the two channels' messages apart: 0 and 1 are no protobuf tags of ours, 10,
// 18, 26, 34 and 42 (fields 1 to 5, length-delimited) no datagram types.
constexpr std::byte Field(int number) { return static_cast<std::byte>(number << 3 | 2); }
constexpr std::byte kInputType{static_cast<uint8_t>(DatagramType::kInput)};

constexpr std::array<MessageRow, kUnknownRow> kTable = {{
    // name, first byte, legal states, channel, rate, max bytes, handler
    {"login", Field(1), In(SessionState::kConnected), net::Channel::kReliable, RateClass::kControl,
     protocol::kMaxControlBytes, HandleLogin},
    {"goodbye", Field(2), kAnyState, net::Channel::kReliable, RateClass::kControl,
     protocol::kMaxControlBytes, HandleGoodbye},
    {"action", Field(3), In(SessionState::kPlaying), net::Channel::kReliable, RateClass::kAction,
     protocol::kMaxControlBytes, HandleAction},
    {"decline", Field(4), In(SessionState::kPlaying), net::Channel::kReliable, RateClass::kAction,
     protocol::kMaxControlBytes, HandleDecline},
    {"chat", Field(5), In(SessionState::kPlaying), net::Channel::kReliable, RateClass::kChat,
     protocol::kMaxChatSayBytes, HandleChat},
    {"input", kInputType, In(SessionState::kPlaying), net::Channel::kUnreliable, RateClass::kInput,
     protocol::kMaxInputBytes, HandleInput},
}};

MessageIndex IndexOf(std::byte first) {
  size_t index = 0;
  while (index < kTable.size() && kTable[index].first != first) ++index;
  return static_cast<MessageIndex>(index);
}

MessageIndex IndexOf(const protocol::ClientControl& control) {
  if (std::holds_alternative<protocol::Login>(control)) return kLoginRow;
  if (std::holds_alternative<protocol::Action>(control)) return kActionRow;
  if (std::holds_alternative<protocol::DeclineTrade>(control)) return kDeclineRow;
  if (std::holds_alternative<protocol::ChatSay>(control)) return kChatRow;
  return kGoodbyeRow;
}

DisconnectReason Decode(std::span<const std::byte> bytes, MessageIndex index, Message& out) {
  if (index == kInputRow) {
    const auto decoded = protocol::DecodeInput(bytes);
    if (!decoded.ok()) return DisconnectReason::kMalformed;
    out.input = *decoded;
    return DisconnectReason::kNone;
  }
  auto decoded = protocol::DecodeClientControl(bytes);
  if (!decoded.ok()) return DisconnectReason::kMalformed;
  out.control = std::move(*decoded);
  // Protobuf lets a second body override the first; state and rate would be the first one's.
  return IndexOf(out.control) == index ? DisconnectReason::kNone : DisconnectReason::kMalformed;
}

}  // namespace

const char* MessageName(MessageIndex index) {
  return index < kTable.size() ? kTable[index].name : "unknown";
}

Rates RatesOf(const SessionSettings& settings, int tick_hz) {
  const auto hz = static_cast<uint32_t>(tick_hz);
  Rates rates;
  rates.tick_hz = hz;
  const auto set = [&rates](RateClass c, Rate rate) { rates.of[static_cast<size_t>(c)] = rate; };
  set(RateClass::kControl, {settings.controls_per_s, settings.control_burst});
  set(RateClass::kInput, {settings.inputs_per_tick * hz, settings.input_burst_s * hz});
  set(RateClass::kAction, {settings.actions_per_s, settings.action_burst});
  set(RateClass::kChat,
      {settings.chats_per_s * kChatPatience, settings.chat_burst * kChatPatience});
  rates.address_players = settings.address_players;
  return rates;
}

Verdict Judge(const net::Inbound& inbound, Session& session, RateBuckets* address,
              const Rates& rates, core::Tick now, Message& out) {
  Verdict verdict;
  const auto refuse = [&verdict](DisconnectReason reason) {
    verdict.refusal = reason;
    return verdict;
  };
  const bool reliable = inbound.channel == net::Channel::kReliable;
  // Whatever it is: no message of a channel is larger.
  if (inbound.bytes.size() > (reliable ? protocol::kMaxControlBytes : protocol::kMaxInputBytes))
    return refuse(DisconnectReason::kOversized);
  if (inbound.bytes.empty()) return refuse(DisconnectReason::kMalformed);
  verdict.message = IndexOf(inbound.bytes[0]);
  if (verdict.message == kUnknownRow) return refuse(DisconnectReason::kUnknownMessage);
  const MessageRow& row = kTable[verdict.message];
  if (row.channel != inbound.channel) return refuse(DisconnectReason::kWrongChannel);
  if (inbound.bytes.size() > row.max_bytes) return refuse(DisconnectReason::kOversized);
  if ((row.legal_states & In(session.state)) == 0) return refuse(DisconnectReason::kOutOfState);
  const auto bucket = static_cast<size_t>(row.rate);
  if (!Spend(session.rates[bucket], rates.of[bucket], rates.tick_hz, now))
    return refuse(DisconnectReason::kRateLimited);
  if (address != nullptr &&
      !Spend((*address)[bucket], rates.of[bucket], rates.tick_hz, now, rates.address_players)) {
    verdict.by_address = true;
    if (reliable) return refuse(DisconnectReason::kRateLimited);
    verdict.ignored = true;
    return verdict;
  }
  if (const DisconnectReason reason = Decode(inbound.bytes, verdict.message, out);
      reason != DisconnectReason::kNone)
    return refuse(reason);
  verdict.row = &row;
  return verdict;
}

}  // namespace bluemarble::session
