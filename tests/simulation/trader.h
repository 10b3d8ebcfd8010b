/// A simulated player who trades, gives, drops, picks up, splits and merges at random through the
/// client library's logic, and remembers what it was told. It outlives its connections: what was
/// not answered is asked for again with the same key. One thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "durable_checker.h"
#include "support/sim_world.h"

namespace bluemarble::support {

class Trader {
 public:
  Trader(std::string name, uint64_t seed) : name_(std::move(name)), random_(seed) {}

  /// Connects, if it is not connected.
  void Connect(SimWorld& world);
  /// The connection is no more (the world has forgotten its player).
  void Forget() { player_ = nullptr; }
  /// Takes answers and, with `chance`, does something new.
  void Act(SimWorld& world, const std::vector<Trader>& others, double chance);
  /// Declines what is offered and asks for nothing new.
  void Rest();

  bool playing() const {
    return player_ != nullptr && player_->core().state() == ClientState::kPlaying;
  }
  bool ended() const {
    return player_ != nullptr && player_->core().state() == ClientState::kEnded;
  }
  SimPlayer* player() { return player_; }
  uint32_t entity() const { return playing() ? player_->core().welcome()->entity_id : 0; }
  bool waiting() const { return !open_.empty(); }
  const std::vector<ToldAction>& told() const { return told_; }

 private:
  void TakeAnswers();
  Action Choose(SimWorld& world, const Trader& other);

  std::string name_;
  core::Random random_;
  SimPlayer* player_ = nullptr;
  bool asked_again_ = false;
  std::vector<Action> open_;
  std::vector<ToldAction> told_;
};

}  // namespace bluemarble::support
