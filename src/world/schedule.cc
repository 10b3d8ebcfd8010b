#include "world/schedule.h"

#include <algorithm>

namespace bluemarble::world {

bool Schedule::Conflict(const System& a, const System& b) {
  return (a.writes & (b.reads | b.writes)) != 0 || (b.writes & a.reads) != 0;
}

void Schedule::Add(const System& system) {
  const bool joins = !stages_.empty() &&
                     std::none_of(stages_.back().systems.begin(), stages_.back().systems.end(),
                                  [&](const System& other) { return Conflict(system, other); });
  if (!joins) stages_.emplace_back();
  Stage& stage = stages_.back();
  stage.systems.push_back(system);
  stage.first_chunk.resize(stage.systems.size() + 1);
  stage.row_count.resize(stage.systems.size());
}

void Schedule::Run(core::WorkerPool& workers) {
  for (Stage& stage : stages_) {
    uint32_t chunks = 0;
    for (size_t i = 0; i < stage.systems.size(); ++i) {
      stage.first_chunk[i] = chunks;
      stage.row_count[i] = stage.systems[i].rows(stage.systems[i].context);
      chunks += (stage.row_count[i] + kChunkRows - 1) / kChunkRows;
    }
    stage.first_chunk.back() = chunks;
    if (chunks == 0) continue;
    workers.Run(static_cast<int>(chunks), [&stage](int chunk, int) {
      const auto number = static_cast<uint32_t>(chunk);
      const auto after =
          std::upper_bound(stage.first_chunk.begin(), stage.first_chunk.end(), number);
      const auto i = static_cast<size_t>(after - stage.first_chunk.begin() - 1);
      const uint32_t begin = (number - stage.first_chunk[i]) * kChunkRows;
      const uint32_t end = std::min(begin + kChunkRows, stage.row_count[i]);
      stage.systems[i].run(stage.systems[i].context, {begin, end});
    });
  }
}

}  // namespace bluemarble::world
