/// A player without a client: says what the test wants, as often as it wants, and keeps all that it
/// is told on the reliable channel. One thread.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/control.h"
#include "support/sim_network.h"
#include "support/sim_world.h"

namespace bluemarble::support {

class RawPeer final : public SimNetwork::Listener {
 public:
  RawPeer(SimNetwork& network, std::string name, std::optional<geo::Geodetic> spawn)
      : name_(std::move(name)), spawn_(spawn), link_(network.Connect(*this)) {}

  void OnConnected(int64_t) override {
    protocol::Login login;
    login.token = name_;
    login.spawn = spawn_;
    Send(login);
  }
  void OnMessage(net::Channel channel, std::span<const std::byte> bytes, int64_t) override {
    if (channel != net::Channel::kReliable) return;
    auto message = protocol::DecodeServerControl(bytes);
    if (!message.ok()) return;
    if (const auto* welcome = std::get_if<protocol::Welcome>(&*message)) welcome_ = *welcome;
    if (const auto* update = std::get_if<protocol::InventoryUpdate>(&*message)) Update(*update);
    if (const auto* offered = std::get_if<protocol::TradeOffered>(&*message)) offered_ = *offered;
    if (const auto* closed = std::get_if<protocol::TradeClosed>(&*message))
      closed_.push_back(*closed);
    if (auto* result = std::get_if<protocol::ActionResult>(&*message))
      results_.push_back(std::move(*result));
  }
  void OnDisconnected(uint32_t, int64_t) override { gone_ = true; }

  void Send(const protocol::ClientControl& message) {
    link_.Send(net::Channel::kReliable, protocol::Encode(message));
  }
  /// Sends an action under a key made of `number`.
  void Act(uint64_t number, decltype(protocol::Action::what) what) {
    Send(protocol::Action{Key(number), std::move(what)});
  }
  static protocol::ActionKey Key(uint64_t number) {
    protocol::ActionKey key{};
    std::memcpy(key.data(), &number, sizeof(number));
    key[15] = std::byte{1};
    return key;
  }

  bool playing() const { return welcome_.entity_id != 0 && !gone_; }
  bool gone() const { return gone_; }
  uint32_t entity() const { return welcome_.entity_id; }
  int64_t player_id() const { return welcome_.player_id; }
  int64_t gold() const { return gold_; }
  const std::vector<protocol::Item>& items() const { return items_; }
  /// The first item of that kind; none: zeros.
  protocol::Item First(uint32_t definition) const {
    for (const protocol::Item& item : items_) {
      if (item.definition == definition) return item;
    }
    return {};
  }
  const std::vector<protocol::ActionResult>& results() const { return results_; }
  std::vector<protocol::ActionResult> ResultsOf(uint64_t number) const {
    std::vector<protocol::ActionResult> found;
    for (const auto& result : results_) {
      if (result.key == Key(number)) found.push_back(result);
    }
    return found;
  }
  const protocol::TradeOffered& offered() const { return offered_; }
  const std::vector<protocol::TradeClosed>& closed() const { return closed_; }
  client::Link& link() { return link_; }

 private:
  void Update(const protocol::InventoryUpdate& update) {
    if (update.whole) items_.clear();
    const auto take = [this](int64_t id) {
      std::erase_if(items_, [id](const protocol::Item& item) { return item.item_id == id; });
    };
    for (const int64_t id : update.gone) take(id);
    for (const protocol::Item& item : update.items) {
      take(item.item_id);
      items_.push_back(item);
    }
    gold_ = update.gold;
  }

  std::string name_;
  std::optional<geo::Geodetic> spawn_;
  client::Link& link_;
  protocol::Welcome welcome_;
  std::vector<protocol::Item> items_;
  std::vector<protocol::ActionResult> results_;
  protocol::TradeOffered offered_;
  std::vector<protocol::TradeClosed> closed_;
  int64_t gold_ = 0;
  bool gone_ = false;
};

}  // namespace bluemarble::support
