#include "session/dispatch.h"

#include <algorithm>
#include <array>

#include "session/handlers.h"

namespace bluemarble::session {
namespace {

constexpr uint32_t In(SessionState state) { return 1u << static_cast<uint32_t>(state); }
constexpr uint32_t kAnyState = ~0u;

enum RowIndex : size_t { kLoginRow, kGoodbyeRow, kInputRow, kRows };

constexpr std::array<MessageRow, kRows> kTable = {{
    // name, legal states, channel, max bytes, handler
    {"login", In(SessionState::kConnected), net::Channel::kReliable, protocol::kMaxControlBytes,
     HandleLogin},
    {"goodbye", kAnyState, net::Channel::kReliable, protocol::kMaxControlBytes, HandleGoodbye},
    {"input", In(SessionState::kPlaying), net::Channel::kUnreliable, protocol::kMaxInputBytes,
     HandleInput},
}};

// The first byte tells the two kinds apart: 0 and 1 are no protobuf tags of ours, 10 and 18 (fields
// 1 and 2, length-delimited) no datagram types.
constexpr std::byte kInputType{static_cast<uint8_t>(DatagramType::kInput)};
constexpr std::byte kLoginTag{10};
constexpr std::byte kGoodbyeTag{18};

bool Spend(RateBucket& bucket, const Rate& rate, uint32_t tick_hz, core::Tick now) {
  const uint64_t refill = (now - bucket.updated) * rate.per_second;
  bucket.spent -= static_cast<uint32_t>(std::min<uint64_t>(refill, bucket.spent));
  bucket.updated = now;
  if (bucket.spent + tick_hz > rate.burst * tick_hz) return false;
  bucket.spent += tick_hz;
  return true;
}

Verdict Refuse(DisconnectReason reason) { return {reason, nullptr}; }

Verdict JudgeControl(const net::Inbound& inbound, Session& session, const Rates& rates,
                     core::Tick now, Message& out) {
  if (inbound.bytes.size() > protocol::kMaxControlBytes)
    return Refuse(DisconnectReason::kOversized);
  if (inbound.bytes.empty()) return Refuse(DisconnectReason::kMalformed);
  if (inbound.bytes[0] == kInputType) return Refuse(DisconnectReason::kWrongChannel);
  // Before decoding: what is not wanted shall cost little.
  if (!Spend(session.control_rate, rates.control, rates.tick_hz, now))
    return Refuse(DisconnectReason::kRateLimited);
  auto decoded = protocol::DecodeClientControl(inbound.bytes);
  if (!decoded.ok()) {
    const bool known = inbound.bytes[0] == kLoginTag || inbound.bytes[0] == kGoodbyeTag;
    return Refuse(known ? DisconnectReason::kMalformed : DisconnectReason::kUnknownMessage);
  }
  out.control = std::move(*decoded);
  const MessageRow& row =
      kTable[std::holds_alternative<protocol::Login>(out.control) ? size_t{kLoginRow}
                                                                  : size_t{kGoodbyeRow}];
  if ((row.legal_states & In(session.state)) == 0) return Refuse(DisconnectReason::kOutOfState);
  return {DisconnectReason::kNone, &row};
}

Verdict JudgeDatagram(const net::Inbound& inbound, Session& session, const Rates& rates,
                      core::Tick now, Message& out) {
  const MessageRow& row = kTable[kInputRow];
  if (inbound.bytes.empty()) return Refuse(DisconnectReason::kMalformed);
  if (inbound.bytes[0] == kLoginTag || inbound.bytes[0] == kGoodbyeTag) {
    return Refuse(DisconnectReason::kWrongChannel);
  }
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
          {settings.inputs_per_tick * hz, settings.input_burst_s * hz}};
}

Verdict Judge(const net::Inbound& inbound, Session& session, const Rates& rates, core::Tick now,
              Message& out) {
  return inbound.channel == net::Channel::kReliable
             ? JudgeControl(inbound, session, rates, now, out)
             : JudgeDatagram(inbound, session, rates, now, out);
}

}  // namespace bluemarble::session
