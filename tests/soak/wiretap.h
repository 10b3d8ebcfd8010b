/// A real client whose datagrams pass through a relay that keeps them: what somebody on its path
/// can capture. One thread at a time.
#pragma once

#include <optional>

#include "bluemarble/client.h"
#include "tests/soak/stranger.h"

namespace bluemarble::stranger {

class Wiretap {
 public:
  /// Joins with the offer's token; `v4` is where the zone sees it.
  Wiretap(const Offer& offer, uint32_t v4);
  ~Wiretap();
  Wiretap(const Wiretap&) = delete;
  Wiretap& operator=(const Wiretap&) = delete;

  /// Plays for so long, walking.
  void Play(double seconds);
  /// What the client and the zone have to say now; once every few milliseconds.
  void Turn();
  /// Keeps what passes; off at first.
  void set_capturing(bool on) { capturing_ = on; }

  bool playing() const { return client_.state() == ClientState::kPlaying; }
  DisconnectReason end_reason() const { return client_.end_reason(); }
  const Source& to_zone() const { return to_zone_; }
  const std::vector<Datagram>& up() const { return up_; }
  const std::vector<Datagram>& down() const { return down_; }
  /// Datagrams of its session that the zone was sent by the client.
  uint64_t sealed_up() const { return sealed_up_; }

 private:
  Source to_zone_;
  int relay_fd_;
  Client client_;
  bool capturing_ = false;
  std::vector<Datagram> up_, down_;
  uint64_t sealed_up_ = 0;
  std::optional<uint16_t> client_port_;
};

}  // namespace bluemarble::stranger
