#include "net/sealed_pipe.h"

#include <algorithm>

#include "net/byte_order.h"

namespace bluemarble::net {
namespace {

Key NextKey(const Key& key) { return DeriveKey(key, "bm1 next"); }

}  // namespace

void SealedPipe::Start(Side side, Cipher cipher, uint64_t session, const Key& to_server,
                       const Key& to_client) {
  *this = {};
  side_ = side;
  cipher_ = cipher;
  session_ = session;
  std::array<std::byte, 9> context;
  context[0] = static_cast<std::byte>(cipher);
  WriteLe(std::span<std::byte>(context), 1, session);
  const Key up = DeriveKey(to_server, "bm1 up", context);
  const Key down = DeriveKey(to_client, "bm1 down", context);
  sealing_key_ = side == Side::kServer ? down : up;
  opening_key_ = side == Side::kServer ? up : down;
  next_opening_key_ = NextKey(opening_key_);
}

void SealedPipe::Forget() {
  for (Key* key : {&sealing_key_, &last_opening_key_, &opening_key_, &next_opening_key_})
    Wipe(*key);
  session_ = 0;
}

void SealedPipe::Seal(Aead& aead, PacketType type, std::span<std::byte> buffer) {
  const uint64_t sequence = next_sequence_++;
  const uint8_t phase = (sealing_phase_ & 1) != 0 ? kPhaseBit : uint8_t{0};
  buffer[0] = static_cast<std::byte>(static_cast<uint8_t>(type) | phase);
  WriteLe(buffer, 1, session_);
  WriteLe(buffer, 9, sequence);
  aead.Seal(cipher_, sealing_key_, sequence, buffer.first(kSealHeadBytes),
            buffer.subspan(kSealHeadBytes, buffer.size() - kSealBytes),
            buffer.data() + buffer.size() - kTagBytes);
}

SealedPipe::Text SealedPipe::Open(Aead& aead, std::span<std::byte> datagram) {
  const auto sequence = ReadLe<uint64_t>(datagram, 9);
  if (window_.Seen(sequence)) return {.opened = Opened::kReplayed};
  const bool bit = (std::to_integer<uint8_t>(datagram[0]) & kPhaseBit) != 0;
  const bool same = bit == ((opening_phase_ & 1) != 0);
  const bool late = !same && opening_phase_ > 0 && sequence < opening_since_;
  // Only the server starts a phase, so nothing can be ahead of it.
  if (!same && !late && side_ == Side::kServer && sealing_phase_ == opening_phase_)
    return {.opened = Opened::kBadTag};
  const Key& key = same ? opening_key_ : late ? last_opening_key_ : next_opening_key_;
  const auto text = datagram.subspan(kSealHeadBytes, datagram.size() - kSealBytes);
  if (!aead.Open(cipher_, key, sequence, datagram.first(kSealHeadBytes), text,
                 datagram.last<kTagBytes>())) {
    return {.opened = Opened::kBadTag};
  }
  const uint64_t steps = sequence >= window_.next() ? sequence + 1 - window_.next() : 0;
  Text out{Opened::kOk, text, steps, !same && !late};
  window_.Mark(sequence);
  if (out.rekeyed) {
    Follow(sequence);
  } else if (same) {
    opening_since_ = std::min(opening_since_, sequence);
  }
  return out;
}

void SealedPipe::Follow(uint64_t sequence) {
  last_opening_key_ = opening_key_;
  opening_key_ = next_opening_key_;
  next_opening_key_ = NextKey(opening_key_);
  opening_since_ = sequence;
  ++opening_phase_;
  if (side_ == Side::kClient) {
    sealing_key_ = NextKey(sealing_key_);
    ++sealing_phase_;
  }
}

bool SealedPipe::NextPhase() {
  if (sealing_phase_ != opening_phase_) return false;
  sealing_key_ = NextKey(sealing_key_);
  ++sealing_phase_;
  sent_before_phase_ = next_sequence_;
  heard_before_phase_ = window_.next();
  return true;
}

uint64_t SealedPipe::datagrams_in_phase() const {
  return std::max(next_sequence_ - sent_before_phase_, window_.next() - heard_before_phase_);
}

}  // namespace bluemarble::net
