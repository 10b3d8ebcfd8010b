#include "aoi/sift.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bluemarble::aoi {
namespace {

#if defined(__x86_64__)

// For each set of four lanes the bytes of those in it, moved to the front.
struct Compactions {
  alignas(16) uint8_t bytes[16][16];
};
constexpr Compactions MakeCompactions() {
  Compactions table{};
  for (unsigned set = 0; set < 16; ++set) {
    unsigned next = 0;
    for (unsigned lane = 0; lane < 4; ++lane) {
      if ((set >> lane & 1) == 0) continue;
      for (unsigned byte = 0; byte < 4; ++byte) {
        table.bytes[set][next++] = static_cast<uint8_t>(4 * lane + byte);
      }
    }
    while (next < 16) table.bytes[set][next++] = 0x80;
  }
  return table;
}
constexpr Compactions kCompactions = MakeCompactions();

// Four at a time; the lanes beyond a run's end are read and left out.
inline unsigned Live(Run run, uint32_t i) { return 15u >> (4 - std::min(run.end - i, 4u)); }

// Writes the lanes in `set`, moved to the front; returns the end.
template <typename T>
[[gnu::target("avx2,popcnt"), gnu::always_inline]] inline T* Append(T* out, __m128i lanes,
                                                                    unsigned set) {
  static_assert(sizeof(T) == 4);
  const __m128i order = _mm_load_si128(reinterpret_cast<const __m128i*>(kCompactions.bytes[set]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(lanes, order));
  return out + std::popcount(set);
}

[[gnu::target("avx2,popcnt"), gnu::always_inline]] inline unsigned Within(__m256d distance_sq,
                                                                          double reach_sq) {
  return static_cast<unsigned>(
      _mm256_movemask_pd(_mm256_cmp_pd(distance_sq, _mm256_set1_pd(reach_sq), _CMP_LE_OQ)));
}

[[gnu::target("avx2,popcnt")]] void SiftMembersAvx2(const Members& members,
                                                    std::span<const Run> runs, const Sieve& sieve,
                                                    std::array<core::EntityId*, kRings>& out) {
  const __m256d x = _mm256_set1_pd(sieve.x), y = _mm256_set1_pd(sieve.y);
  const __m256d z = _mm256_set1_pd(sieve.z);
  const auto [inner, middle, outer] = sieve.reach_sq;
  const Members columns = members;
  std::array<core::EntityId*, kRings> next = out;
  for (const Run& run : runs) {
    for (uint32_t i = run.first; i < run.end; i += 4) {
      const __m256d dx = _mm256_sub_pd(_mm256_loadu_pd(columns.x + i), x);
      const __m256d dy = _mm256_sub_pd(_mm256_loadu_pd(columns.y + i), y);
      const __m256d dz = _mm256_sub_pd(_mm256_loadu_pd(columns.z + i), z);
      const __m256d distance_sq = _mm256_add_pd(
          _mm256_add_pd(_mm256_mul_pd(dx, dx), _mm256_mul_pd(dy, dy)), _mm256_mul_pd(dz, dz));
      const __m128i ids = _mm_loadu_si128(reinterpret_cast<const __m128i*>(columns.ids + i));
      const unsigned live = Live(run, i);
      const unsigned in_middle = live & Within(distance_sq, middle);
      next[2] = Append(next[2], ids, live & Within(distance_sq, outer) & ~in_middle);
      if (in_middle == 0) continue;
      const unsigned in_inner = in_middle & Within(distance_sq, inner);
      next[1] = Append(next[1], ids, in_middle & ~in_inner);
      next[0] = Append(next[0], ids, in_inner);
    }
  }
  out = next;
  _mm256_zeroupper();  // GCC 12 forgets it; without, all SSE code that follows waits
}

[[gnu::target("avx2,popcnt")]] uint32_t* SiftBoxesAvx2(const Boxes& boxes, Run run, const Box& box,
                                                       double reach_sq, uint32_t* out) {
  const __m256d none = _mm256_setzero_pd();
  for (uint32_t i = run.first; i < run.end; i += 4) {
    __m256d gap_sq = none;
    for (size_t axis = 0; axis < 3; ++axis) {
      const __m256d below =
          _mm256_sub_pd(_mm256_loadu_pd(boxes.low[axis] + i), _mm256_set1_pd(box.high[axis]));
      const __m256d above =
          _mm256_sub_pd(_mm256_set1_pd(box.low[axis]), _mm256_loadu_pd(boxes.high[axis] + i));
      const __m256d gap = _mm256_max_pd(none, _mm256_max_pd(below, above));
      gap_sq = _mm256_add_pd(gap_sq, _mm256_mul_pd(gap, gap));
    }
    const unsigned set = Live(run, i) & Within(gap_sq, reach_sq);
    const __m128i indices =
        _mm_add_epi32(_mm_set1_epi32(static_cast<int>(i)), _mm_set_epi32(3, 2, 1, 0));
    out = Append(out, indices, set);
  }
  _mm256_zeroupper();
  return out;
}

#endif

void SiftMembers(const Members& members, std::span<const Run> runs, const Sieve& sieve,
                 std::array<core::EntityId*, kRings>& out) {
  std::array<core::EntityId*, kRings> next = out;
  for (const Run& run : runs) {
    for (uint32_t i = run.first; i < run.end; ++i) {
      const double dx = members.x[i] - sieve.x, dy = members.y[i] - sieve.y;
      const double dz = members.z[i] - sieve.z;
      const double distance_sq = dx * dx + dy * dy + dz * dz;
      if (distance_sq > sieve.reach_sq[1]) {
        *next[2] = members.ids[i];
        next[2] += distance_sq <= sieve.reach_sq[2];  // no branch: a coin's toss near the edge
      } else {
        *next[distance_sq > sieve.reach_sq[0]]++ = members.ids[i];
      }
    }
  }
  out = next;
}

uint32_t* SiftBoxes(const Boxes& boxes, Run run, const Box& box, double reach_sq, uint32_t* out) {
  for (uint32_t i = run.first; i < run.end; ++i) {
    double gap_sq = 0;
    for (size_t axis = 0; axis < 3; ++axis) {
      const double below = boxes.low[axis][i] - box.high[axis];
      const double above = box.low[axis] - boxes.high[axis][i];
      const double gap = std::max(0.0, std::max(below, above));
      gap_sq += gap * gap;
    }
    *out = i;
    out += gap_sq <= reach_sq;
  }
  return out;
}

}  // namespace

Sifts PlainSifts() { return {&SiftMembers, &SiftBoxes}; }

Sifts BestSifts() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
    return {&SiftMembersAvx2, &SiftBoxesAvx2};
  }
#endif
  return PlainSifts();
}

}  // namespace bluemarble::aoi
