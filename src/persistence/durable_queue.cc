#include "persistence/durable_queue.h"

#include <cstring>

namespace bluemarble::persistence {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk: return "ok";
    case Outcome::kRefused: return "refused";
    case Outcome::kUnknown: return "unknown";
  }
  return "invalid";
}

std::string_view RefusalName(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone: return "none";
    case Refusal::kVersion: return "version";
    case Refusal::kNotOwner: return "not_owner";
    case Refusal::kNotFound: return "not_found";
    case Refusal::kKeyReused: return "key_reused";
    case Refusal::kUnavailable: return "unavailable";
    case Refusal::kInvalid: return "invalid";
    case Refusal::kNotHolder: return "not_holder";
    case Refusal::kInsufficient: return "insufficient";
    case Refusal::kTooFar: return "too_far";
    case Refusal::kInventoryFull: return "inventory_full";
    case Refusal::kBusy: return "busy";
    case Refusal::kOffline: return "offline";
    case Refusal::kDeclined: return "declined";
    case Refusal::kBadAmount: return "bad_amount";
    case Refusal::kNoSuchItem: return "no_such_item";
  }
  return "unnamed";
}

core::Status EncodeCompletion(const Completion& completion, std::span<std::byte> out) {
  if (out.size() < kCompletionBytes)
    return {core::Code::kNoSpace, "completion needs kCompletionBytes"};
  std::memcpy(out.data(), &completion, kCompletionBytes);
  return core::Status::Ok();
}

core::Status DecodeCompletion(std::span<const std::byte> in, Completion& out) {
  if (in.size() != kCompletionBytes)
    return {core::Code::kCorrupt, "completion of the wrong length"};
  const auto kind = static_cast<uint8_t>(in[8]);
  if (kind < static_cast<uint8_t>(CompletionKind::kLogin) ||
      kind > static_cast<uint8_t>(CompletionKind::kWorldItemsEnd) ||
      static_cast<uint8_t>(in[9]) > static_cast<uint8_t>(Outcome::kUnknown) ||
      static_cast<uint8_t>(in[10]) >= kRefusals) {
    return {core::Code::kCorrupt, "completion of an unknown kind"};
  }
  std::memcpy(&out, in.data(), kCompletionBytes);
  return core::Status::Ok();
}

}  // namespace bluemarble::persistence
