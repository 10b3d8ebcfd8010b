/// A network in one process on simulated time: the zone's Transport and any number of client ends,
/// with loss, duplication, reordering by jitter and latency drawn from one seed. The reliable
/// channel arrives in order and exactly once, later when datagrams are lost; the unreliable one as
/// the faults will have it. One thread. Time only moves by Advance.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "client/link.h"
#include "core/hash.h"
#include "core/ids.h"
#include "net/transport.h"

namespace bluemarble::support {

struct SimFaults {
  double loss = 0;       ///< Share of datagrams lost, each way.
  double duplicate = 0;  ///< Share delivered twice.
  int64_t latency_ns = 0;
  int64_t jitter_ns = 0;  ///< Added uniformly; more than a tick's time reorders.
};

class SimNetwork final : public net::Transport {
 public:
  /// What a client's end tells its owner.
  struct Listener {
    virtual ~Listener() = default;
    virtual void OnConnected(int64_t now_ns) = 0;
    virtual void OnMessage(net::Channel channel, std::span<const std::byte> bytes,
                           int64_t now_ns) = 0;
    virtual void OnDisconnected(uint32_t reason, int64_t now_ns) = 0;
  };

  explicit SimNetwork(uint64_t seed) : random_(seed) {}

  void set_faults(const SimFaults& faults) { faults_ = faults; }
  /// A client end that begins to connect; both ends hear of it after the latency. The link lives as
  /// long as the network.
  client::Link& Connect(Listener& listener, uint32_t address_v4 = 0x7f000001);
  /// The next Connect brings these bytes along, as a sealed transport brings the identity of a
  /// token.
  void IdentifyNext(std::vector<std::byte> identity) { identity_ = std::move(identity); }
  /// The client is gone without a word; the zone hears nothing of it.
  void Vanish(client::Link& link);
  /// Every message of the zone to clients and back is forgotten and all ends are dead: the process
  /// died.
  void CutAll();
  /// Delivers to the clients what is due until `now_ns`; the zone takes its share with Receive.
  void Advance(int64_t now_ns);
  /// The next Sends of the zone answer kFull.
  void RefuseSends(int count) { refuse_sends_ = count; }

  bool Receive(net::Inbound& out) override;
  size_t max_unreliable_bytes() const override { return 1115; }  // as net::EnetTransport
  core::Status Send(core::PeerId peer, net::Channel channel,
                    std::span<const std::byte> bytes) override;
  void Disconnect(core::PeerId peer, uint32_t reason) override;
  void Flush(core::Tick, int64_t) override {}

  uint64_t to_client_bytes() const { return to_client_bytes_; }
  uint64_t to_client_datagrams() const { return to_client_datagrams_; }

 private:
  struct Event {
    net::InboundKind kind = net::InboundKind::kMessage;
    net::Channel channel = net::Channel::kReliable;
    uint32_t reason = 0;
    size_t end = 0;
    std::vector<std::byte> bytes;
  };
  using Queue =
      std::map<std::pair<int64_t, uint64_t>, Event>;  // by due time, then order of sending

  struct End final : client::Link {
    void Send(net::Channel channel, std::span<const std::byte> bytes) override;
    void Close(uint32_t reason) override;
    SimNetwork* network = nullptr;
    size_t index = 0;
    core::PeerId peer;
    Listener* listener = nullptr;
    uint32_t address_v4 = 0;
    bool client_open = false;  // the client's side may send and hear
    bool server_open = false;
    int64_t reliable_up_ns = 0, reliable_down_ns = 0;  // due time of the last reliable message
  };

  int64_t Delay();
  void Post(Queue& queue, int64_t& reliable_ns, Event event);
  void Deliver(End& end, const Event& event);
  End* EndOf(core::PeerId peer);

  core::Random random_;
  SimFaults faults_;
  int64_t now_ns_ = 0;
  uint64_t order_ = 0;
  std::deque<End> ends_;
  Queue up_, down_;
  std::vector<std::byte> received_, identity_;
  int refuse_sends_ = 0;
  uint64_t to_client_bytes_ = 0, to_client_datagrams_ = 0;
};

}  // namespace bluemarble::support
