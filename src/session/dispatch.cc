#include "session/dispatch.h"

#include <algorithm>
#include <array>

#include "session/handlers.h"

namespace bluemarble::session {
namespace {

constexpr uint32_t In(SessionState state) { return 1u << static_cast<uint32_t>(state); }
constexpr uint32_t kAnyState = ~0u;

enum RowIndex : size_t { kLoginRow, kGoodbyeRow, kActionRow, kDeclineRow, kInputRow, kRows };

constexpr std::array<MessageRow, kRows> kTable = {{
    // name, legal states, channel, max bytes, handler
    {"login", In(SessionState::kConnected), net::Channel::kReliable, protocol::kMaxControlBytes,
     HandleLogin},
    {"goodbye", kAnyState, net::Channel::kReliable, protocol::kMaxControlBytes, HandleGoodbye},
    {"action", In(SessionState::kPlaying), net::Channel::kReliable, protocol::kMaxControlBytes,
     HandleAction},
    {"decline", In(SessionState::kPlaying), net::Channel::kReliable, protocol::kMaxControlBytes,
     HandleDecline},
    {"input", In(SessionState::kPlaying), net::Channel::kUnreliable, protocol::kMaxInputBytes,
     HandleInput},
}};

// The first byte tells the two kinds apart: 0 and 1 are no protobuf tags of ours, 10, 18, 26 and 34
// (fields 1 to 4, length-delimited) no datagram types.
constexpr std::byte kInputType{static_cast<uint8_t>(DatagramType::kInput)};
constexpr std::byte kLoginTag{10};
constexpr std::byte kGoodbyeTag{18};
constexpr std::byte kActionTag{26};
constexpr std::byte kDeclineTag{34};

bool IsControlTag(std::byte tag) {
  return tag == kLoginTag || tag == kGoodbyeTag || tag == kActionTag || tag == kDeclineTag;
}

bool Spend(RateBucket& bucket, const Rate& rate, uint32_t tick_hz, core::Tick now) {
  const uint64_t refill = (now - bucket.updated) * rate.per_second;
  bucket.spent -= static_cast<uint32_t>(std::min<uint64_t>(refill, bucket.spent));
  bucket.updated = now;
  if (bucket.spent + tick_hz > rate.burst * tick_hz) return false;
  bucket.spent += tick_hz;
  return true;
}

Verdict Refuse(DisconnectReason reason) { return {reason, nullptr}; }

size_t RowOf(const protocol::ClientControl& control) {
  if (std::holds_alternative<protocol::Login>(control)) return kLoginRow;
  if (std::holds_alternative<protocol::Action>(control)) return kActionRow;
  if (std::holds_alternative<protocol::DeclineTrade>(control)) return kDeclineRow;
  return kGoodbyeRow;
}

Verdict JudgeControl(const net::Inbound& inbound, Session& session, const Rates& rates,
                     core::Tick now, Message& out) {
  if (inbound.bytes.size() > protocol::kMaxControlBytes)
    return Refuse(DisconnectReason::kOversized);
  if (inbound.bytes.empty()) return Refuse(DisconnectReason::kMalformed);
  if (inbound.bytes[0] == kInputType) return Refuse(DisconnectReason::kWrongChannel);
  // Before decoding: what is not wanted shall cost little.
  const std::byte tag = inbound.bytes[0];
  const bool acts = tag == kActionTag || tag == kDeclineTag;
  if (!Spend(acts ? session.action_rate : session.control_rate, acts ? rates.action : rates.control,
             rates.tick_hz, now))
    return Refuse(DisconnectReason::kRateLimited);
  auto decoded = protocol::DecodeClientControl(inbound.bytes);
  if (!decoded.ok()) {
    return Refuse(IsControlTag(tag) ? DisconnectReason::kMalformed
                                    : DisconnectReason::kUnknownMessage);
  }
  out.control = std::move(*decoded);
  const size_t row_index = RowOf(out.control);
  // Protobuf lets a second body override the first; its rate would be the first one's.
  if (acts != (row_index == kActionRow || row_index == kDeclineRow))
    return Refuse(DisconnectReason::kMalformed);
  const MessageRow& row = kTable[row_index];
  if ((row.legal_states & In(session.state)) == 0) return Refuse(DisconnectReason::kOutOfState);
  return {DisconnectReason::kNone, &row};
}

Verdict JudgeDatagram(const net::Inbound& inbound, Session& session, const Rates& rates,
                      core::Tick now, Message& out) {
  const MessageRow& row = kTable[kInputRow];
  if (inbound.bytes.empty()) return Refuse(DisconnectReason::kMalformed);
  if (IsControlTag(inbound.bytes[0])) return Refuse(DisconnectReason::kWrongChannel);
  if (inbound.bytes[0] != kInputType) return Refuse(DisconnectReason::kUnknownMessage);
  if (inbound.bytes.size() > row.max_bytes) return Refuse(DisconnectReason::kOversized);
  if ((row.legal_states & In(session.state)) == 0) return Refuse(DisconnectReason::kOutOfState);
  if (!Spend(session.input_rate, rates.input, rates.tick_hz, now))
    return Refuse(DisconnectReason::kRateLimited);
  const auto decoded = protocol::DecodeInput(inbound.bytes);
  if (!decoded.ok()) return Refuse(DisconnectReason::kMalformed);
  out.input = *decoded;
  return {DisconnectReason::kNone, &row};
}

}  // namespace

Rates RatesOf(const SessionSettings& settings, int tick_hz) {
  const auto hz = static_cast<uint32_t>(tick_hz);
  return {hz,
          {settings.controls_per_s, settings.control_burst},
          {settings.inputs_per_tick * hz, settings.input_burst_s * hz},
          {settings.actions_per_s, settings.action_burst}};
}

Verdict Judge(const net::Inbound& inbound, Session& session, const Rates& rates, core::Tick now,
              Message& out) {
  return inbound.channel == net::Channel::kReliable
             ? JudgeControl(inbound, session, rates, now, out)
             : JudgeDatagram(inbound, session, rates, now, out);
}

}  // namespace bluemarble::session
