/// The flight recorder: everything that decides what a zone does, tick by tick, so that `zoned
/// replay` reaches the same world hash at every tick. Transport and store are wrapped; a writer
/// thread takes the records from a bounded ring and never makes the tick wait: when the disk is too
/// slow the recording ends, loudly. Wrappers and ticks: the zone thread. Layout: app/recording.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "app/recording.h"
#include "app/zone.h"
#include "core/byte_ring.h"
#include "core/counters.h"
#include "core/result.h"
#include "net/transport.h"
#include "persistence/durable_queue.h"

namespace bluemarble::app {

struct RecordSettings {
  /// Ring between the zone and the recorder's writer, bytes; rounded up to a power of two. The
  /// default is about two seconds of the inputs of 5,000 players (10 messages/s of 100 B each, and
  /// headroom). Too low: a disk that pauses ends the recording; too high: only memory.
  size_t queue_bytes = 16u << 20;
};

class Recorder {
 public:
  /// Makes the folder and its files and starts the writer; `head.settings_hash` is filled in.
  /// kConflict: the folder holds a recording; kDenied: it cannot be written.
  static core::Result<std::unique_ptr<Recorder>> Open(const std::string& folder, RecordingHead head,
                                                      std::string_view settings_toml,
                                                      const RecordSettings& settings);
  ~Recorder();  ///< Writes out what waits.
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void BeginTick(const TickInput& input);
  void EndTick(uint64_t world_hash);
  void Add(const RecordHead& head, std::span<const std::byte> body = {});

  /// False when the recording has ended because the ring was full or the disk refused.
  bool running() const { return !ended_.load(std::memory_order_relaxed); }
  const core::Counter& recorded_bytes() const { return bytes_; }

 private:
  Recorder(int fd, std::string path, size_t queue_bytes);
  void WriteLoop();

  const int fd_;
  const std::string path_;
  core::ByteRing ring_;
  std::atomic<bool> ended_{false};
  std::atomic<bool> stop_{false};
  core::Counter bytes_;
  core::Tick tick_ = 0;
  std::thread writer_;
};

/// A transport whose inbound events and refusals are recorded.
class RecordingTransport final : public net::Transport {
 public:
  RecordingTransport(net::Transport& inner, Recorder& recorder)
      : inner_(inner), recorder_(recorder) {}
  bool Receive(net::Inbound& out) override;
  size_t max_unreliable_bytes() const override { return inner_.max_unreliable_bytes(); }
  core::Status Send(core::PeerId peer, net::Channel channel,
                    std::span<const std::byte> bytes) override;
  void Disconnect(core::PeerId peer, uint32_t reason) override { inner_.Disconnect(peer, reason); }
  void Flush(core::Tick tick, int64_t scheduled_ns) override;

 private:
  net::Transport& inner_;
  Recorder& recorder_;
  uint32_t sends_ = 0;  // of this tick
};

/// A durable queue whose completions and refusals are recorded.
class RecordingQueue final : public persistence::DurableQueue {
 public:
  RecordingQueue(persistence::DurableQueue& inner, Recorder& recorder)
      : inner_(inner), recorder_(recorder) {}
  core::Status RequestLogin(const persistence::LoginRequest& request) override;
  core::Status AppendEvent(const persistence::PlayerEventRequest& request) override;
  core::Status RequestAction(const persistence::ActionRequest& request) override;
  core::Status RequestWorldItems(uint64_t request_id) override;
  core::Status ReserveTicks(core::Tick up_to) override;
  core::Status SavePositions(std::span<const persistence::PositionSave> saves) override;
  core::Status AppendNote(const persistence::NoteRequest& note) override;
  bool NextCompletion(persistence::Completion& out) override;
  bool ready() const override { return inner_.ready(); }

 private:
  core::Status Note(core::Status status);

  persistence::DurableQueue& inner_;
  Recorder& recorder_;
  uint64_t calls_ = 0;  // since the start
};

}  // namespace bluemarble::app
