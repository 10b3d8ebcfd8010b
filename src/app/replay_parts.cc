#include "app/replay_parts.h"

#include <cstring>

namespace bluemarble::app {

core::Status ReadTick(RecordingReader& reader, RecordedTick& out) {
  out = RecordedTick{};
  bool begun = false;
  while (true) {
    const auto record = reader.Next();
    if (!record.ok()) return record.status();
    const RecordHead& head = record->head;
    if ((head.kind == RecordKind::kTick) == begun) {
      return {core::Code::kCorrupt, "the recording's ticks are out of order"};
    }
    switch (head.kind) {
      case RecordKind::kTick:
        begun = true;
        out.input = {.tick = head.a,
                     .scheduled_ns = 0,
                     .stopping = head.code != 0,
                     .relief = {head.channel, static_cast<uint16_t>(head.reason)}};
        break;
      case RecordKind::kBan: out.bans.push_back({static_cast<int64_t>(head.a), head.b}); break;
      case RecordKind::kOrder: {
        if (record->body.size() != sizeof(session::OperatorOrder))
          return {core::Code::kCorrupt, "a recorded order is of another size"};
        std::memcpy(&out.orders.emplace_back(), record->body.data(), record->body.size());
        break;
      }
      case RecordKind::kInbound: out.inbound.push_back(*record); break;
      case RecordKind::kCompletion: out.completions.push_back(*record); break;
      case RecordKind::kSendRefused: out.send_refusals.push_back(*record); break;
      case RecordKind::kStoreRefused: out.store_refusals.push_back(*record); break;
      case RecordKind::kHash: out.hash = head.a; return {};
      default: return {core::Code::kCorrupt, "the recording holds a record of unknown kind"};
    }
  }
}

void ReplayTransport::Begin(const RecordedTick& tick) {
  tick_ = &tick;
  next_inbound_ = next_refusal_ = 0;
  sends_ = 0;
}

bool ReplayTransport::Receive(net::Inbound& out) {
  if (next_inbound_ == tick_->inbound.size()) return false;
  const Record& record = tick_->inbound[next_inbound_++];
  out.kind = static_cast<net::InboundKind>(record.head.inbound_kind);
  out.channel = static_cast<net::Channel>(record.head.channel);
  out.peer = core::PeerId{record.head.a};
  out.reason = record.head.reason;
  out.address_v4 = static_cast<uint32_t>(record.head.b);
  out.bytes = record.body;
  return true;
}

core::Status ReplayTransport::Send(core::PeerId, net::Channel, std::span<const std::byte>) {
  const uint64_t number = sends_++;
  if (next_refusal_ == tick_->send_refusals.size() ||
      tick_->send_refusals[next_refusal_].head.a != number)
    return {};
  return {static_cast<core::Code>(tick_->send_refusals[next_refusal_++].head.code), "as recorded"};
}

void ReplayQueue::Begin(const RecordedTick& tick) {
  tick_ = &tick;
  next_completion_ = next_refusal_ = 0;
}

core::Status ReplayQueue::Answer() {
  const uint64_t number = calls_++;
  if (next_refusal_ == tick_->store_refusals.size() ||
      tick_->store_refusals[next_refusal_].head.a != number)
    return {};
  return {static_cast<core::Code>(tick_->store_refusals[next_refusal_++].head.code), "as recorded"};
}

bool ReplayQueue::NextCompletion(persistence::Completion& out) {
  if (next_completion_ == tick_->completions.size()) return false;
  return persistence::DecodeCompletion(tick_->completions[next_completion_++].body, out).ok();
}

}  // namespace bluemarble::app
