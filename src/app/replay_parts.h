/// What stands in for network and store while a recording is replayed: they say again what they
/// said then. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/recording.h"
#include "net/transport.h"
#include "persistence/durable_queue.h"

namespace bluemarble::app {

/// The inputs of one tick; bodies point into the recording.
struct RecordedTick {
  TickInput input;  // without its bans and orders
  std::vector<session::BanOrder> bans;
  std::vector<session::OperatorOrder> orders;
  std::vector<Record> inbound;
  std::vector<Record> completions;
  std::vector<Record> send_refusals;   // ascending a
  std::vector<Record> store_refusals;  // ascending a
  uint64_t hash = 0;
};

/// Reads the records up to the next kHash. kNotFound: no whole tick is left; kCorrupt: see the
/// detail.
core::Status ReadTick(RecordingReader& reader, RecordedTick& out);

class ReplayTransport final : public net::Transport {
 public:
  explicit ReplayTransport(size_t max_unreliable_bytes)
      : max_unreliable_bytes_(max_unreliable_bytes) {}
  void Begin(const RecordedTick& tick);

  bool Receive(net::Inbound& out) override;
  size_t max_unreliable_bytes() const override { return max_unreliable_bytes_; }
  core::Status Send(core::PeerId peer, net::Channel channel,
                    std::span<const std::byte> bytes) override;
  void Disconnect(core::PeerId, uint32_t) override {}
  void Flush(core::Tick, int64_t) override {}

 private:
  size_t max_unreliable_bytes_;
  const RecordedTick* tick_ = nullptr;
  size_t next_inbound_ = 0, next_refusal_ = 0;
  uint64_t sends_ = 0;
};

class ReplayQueue final : public persistence::DurableQueue {
 public:
  void Begin(const RecordedTick& tick);

  core::Status RequestLogin(const persistence::LoginRequest&) override { return Answer(); }
  core::Status AppendEvent(const persistence::PlayerEventRequest&) override { return Answer(); }
  core::Status RequestAction(const persistence::ActionRequest&) override { return Answer(); }
  core::Status RequestWorldItems(uint64_t) override { return Answer(); }
  core::Status ReserveTicks(core::Tick) override { return Answer(); }
  core::Status SavePositions(std::span<const persistence::PositionSave>) override {
    return Answer();
  }
  core::Status AppendNote(const persistence::NoteRequest&) override { return Answer(); }
  bool NextCompletion(persistence::Completion& out) override;
  bool ready() const override { return true; }

 private:
  core::Status Answer();

  const RecordedTick* tick_ = nullptr;
  size_t next_completion_ = 0, next_refusal_ = 0;
  uint64_t calls_ = 0;
};

}  // namespace bluemarble::app
