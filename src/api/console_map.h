/// What the feed last said of each leaf, for consoles that come, pan and zoom. Owned by the live
/// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/console_endpoints.h"
#include "api/console_live.h"

namespace bluemarble::api {

class ConsoleMap {
 public:
  struct Part {
    uint32_t tick = 0;
    uint16_t members = 0, players = 0;
    std::string payload;
  };
  struct Leaf {
    geo::NodeKey key;
    geo::Vec3 centre;
    double lat = 0, lon = 0;
    int64_t heard_ns = 0;
    std::vector<Part> parts;  ///< By number.

    uint32_t members() const;
    uint32_t players() const;
  };
  struct Count {
    uint64_t entities = 0, players = 0;
  };
  struct Cell {
    float lat = 0, lon = 0;
    uint32_t entities = 0, players = 0;
  };

  /// The leaf, with the part put in.
  const Leaf& Put(const FeedPart& part, int64_t now_ns);
  /// Forgets leaves that were not heard of since `before_ns`; their keys and places.
  std::vector<Leaf> Forget(int64_t before_ns);
  void Clear() { leaves_.clear(); }

  static bool Shows(const ConsoleRectangle& view, const Leaf& leaf);
  Count In(const ConsoleRectangle& view) const;
  /// By cells of about 64 pixels at `zoom`, wider ones when there are more than kMaxCells.
  std::vector<Cell> CellsOf(const ConsoleRectangle& view, double zoom) const;
  void Each(const std::function<void(const Leaf&)>& visit) const {
    for (const auto& [key, leaf] : leaves_) visit(leaf);
  }

  static constexpr size_t kMaxCells = 2000;

 private:
  std::unordered_map<uint64_t, Leaf> leaves_;
};

/// Messages of one kind in the making: proto/CONSOLE.md "Map frames".
class ConsoleFrames {
 public:
  using Send = std::function<void(const std::string&)>;
  static constexpr size_t kFrameBytes = 32 * 1024;

  ConsoleFrames(uint8_t type, Send send) : type_(type), send_(std::move(send)) {}
  ~ConsoleFrames() { Flush(); }
  ConsoleFrames(const ConsoleFrames&) = delete;
  ConsoleFrames& operator=(const ConsoleFrames&) = delete;

  /// Nothing when the leaf has no such part any more, or has not been sent it yet.
  void AddPart(const ConsoleMap::Leaf& leaf, uint8_t number);
  void AddCell(const ConsoleMap::Cell& cell, uint32_t tick);
  void AddGone(uint64_t key, uint32_t tick);
  /// Sends an empty frame as well when there was nothing: all cells are gone.
  void FlushEvenEmpty(uint32_t tick);
  void Flush();

 private:
  void Begin(uint32_t tick);
  template <typename T>
  void Append(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  const uint8_t type_;
  const Send send_;
  std::string out_;
  uint32_t tick_ = 0;
  uint16_t count_ = 0;
  bool sent_ = false;
};

}  // namespace bluemarble::api
