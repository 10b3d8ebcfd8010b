/// One end of a sealed session: keys of both directions, sequences, replay window and key phases.
/// Knows no addresses and no time. Owner's thread.
#pragma once

#include <cstdint>
#include <span>

#include "net/aead.h"
#include "net/number_window.h"
#include "net/sealed_packets.h"

namespace bluemarble::net {

class SealedPipe {
 public:
  enum class Side : uint8_t { kServer, kClient };
  /// Of the newest sequences, so many are told apart.
  static constexpr uint64_t kReplaySpan = NumberWindow<32>::kSpan;
  enum class Opened : uint8_t {
    kOk,
    kReplayed,  ///< Its sequence has been opened before, or is too old to tell.
    kBadTag,
  };
  struct Text {
    Opened opened = Opened::kBadTag;
    std::span<std::byte> bytes;
    uint64_t steps = 0;    ///< By how much its sequence is above all before it; 0: it is late.
    bool rekeyed = false;  ///< It was the first under the next key.
  };

  /// Fresh keys of a session: both sequences start at 0 here and nowhere else.
  void Start(Side side, Cipher cipher, uint64_t session, const Key& to_server,
             const Key& to_client);
  /// Overwrites the keys.
  void Forget();

  uint64_t session() const { return session_; }

  /// `buffer` has kSealHeadBytes of room, the text, then kTagBytes of room, and becomes the
  /// datagram. `type`: kData or kControl.
  void Seal(Aead& aead, PacketType type, std::span<std::byte> buffer);
  /// Opens a datagram of this session in place, at least kSealBytes long.
  Text Open(Aead& aead, std::span<std::byte> datagram);

  /// Server: seals with the next key from now on, unless the client has not answered to the last
  /// one yet; the client follows. True when it did.
  bool NextPhase();
  /// The larger direction's datagrams since the sealing key changed.
  uint64_t datagrams_in_phase() const;

 private:
  void Follow(uint64_t sequence);

  Side side_ = Side::kServer;
  Cipher cipher_ = Cipher::kChaCha20Poly1305;
  uint64_t session_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t sent_before_phase_ = 0, heard_before_phase_ = 0;
  uint64_t opening_since_ = 0;  // the least sequence opened with opening_key_
  uint32_t sealing_phase_ = 0, opening_phase_ = 0;
  Key sealing_key_{};
  // What the other side seals with: late datagrams of the last phase, now, and what comes next. The
  // last is held ready so that a forged phase bit costs one failed tag, not a derivation too.
  Key last_opening_key_{}, opening_key_{}, next_opening_key_{};
  NumberWindow<32> window_;
};

}  // namespace bluemarble::net
