/// Who is connected, as far as the zone knows: what a peer said before the zone ended it does not
/// count, and what the zone still says to one that has gone is refused. Zone thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/ids.h"
#include "net/net_records.h"
#include "net/transport.h"

namespace bluemarble::net {

class KnownPeers {
 public:
  /// Of hosts first_host to first_host + hosts - 1, each with so many slots.
  KnownPeers(uint32_t first_host, size_t hosts, size_t slots)
      : first_host_(first_host), slots_(slots), generations_(hosts * slots) {}

  /// Does the zone want the record? Takes note of who comes and goes by it.
  bool Admit(const InboundHead& head) {
    const core::PeerId peer{head.peer};
    uint32_t& known = generations_[IndexOf(peer)];
    if (head.kind == InboundKind::kConnected) {
      known = peer.generation();
      return true;
    }
    if (known != peer.generation()) return false;
    if (head.kind == InboundKind::kDisconnected) known = 0;
    return true;
  }

  bool Knows(core::PeerId peer) const {
    const size_t index = IndexOf(peer);
    return index < generations_.size() && peer.generation() != 0 &&
           generations_[index] == peer.generation();
  }

  /// False: it was not known.
  bool Forget(core::PeerId peer) {
    if (!Knows(peer)) return false;
    generations_[IndexOf(peer)] = 0;
    return true;
  }

  /// Any thread.
  size_t slots() const { return slots_; }
  size_t most() const { return generations_.size(); }  ///< At a time.

 private:
  // Past the end: of no host or slot of these.
  size_t IndexOf(core::PeerId peer) const {
    if (peer.host() < first_host_ || peer.slot() >= slots_) return generations_.size();
    return (peer.host() - first_host_) * slots_ + peer.slot();
  }

  const uint32_t first_host_;
  const size_t slots_;
  std::vector<uint32_t> generations_;  // by host and slot; 0: not connected
};

}  // namespace bluemarble::net
