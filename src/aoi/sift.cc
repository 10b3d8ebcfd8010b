#include "aoi/sift.h"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bluemarble::aoi {
namespace {

// Inlined whatever the compiler thinks of it: a call out of a vector loop spoils the registers.
[[gnu::always_inline]] inline void SiftOne(const Members& members, uint32_t i, const Sieve& sieve,
                                           std::array<core::EntityId*, kRings>& out) {
  const double dx = members.x[i] - sieve.x, dy = members.y[i] - sieve.y;
  const double dz = members.z[i] - sieve.z;
  const double distance_sq = dx * dx + dy * dy + dz * dz;
  if (distance_sq > sieve.reach_sq[1]) {
    *out[2] = members.ids[i];
    out[2] += distance_sq <= sieve.reach_sq[2];  // no branch: a coin's toss near the edge
  } else {
    *out[distance_sq > sieve.reach_sq[0]]++ = members.ids[i];
  }
}

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

[[gnu::target("avx2,popcnt")]] void SiftAvx2(const Members& members, std::span<const Run> runs,
                                             const Sieve& sieve,
                                             std::array<core::EntityId*, kRings>& out) {
  const Members columns = members;
  const __m256d x = _mm256_set1_pd(sieve.x), y = _mm256_set1_pd(sieve.y);
  const __m256d z = _mm256_set1_pd(sieve.z);
  const __m256d middle = _mm256_set1_pd(sieve.reach_sq[1]);
  const __m256d outer = _mm256_set1_pd(sieve.reach_sq[2]);
  std::array<core::EntityId*, kRings> next = out;
  for (const Run& run : runs) {
    uint32_t i = run.first;
    for (; i + 4 <= run.end; i += 4) {
      const __m256d dx = _mm256_sub_pd(_mm256_loadu_pd(columns.x + i), x);
      const __m256d dy = _mm256_sub_pd(_mm256_loadu_pd(columns.y + i), y);
      const __m256d dz = _mm256_sub_pd(_mm256_loadu_pd(columns.z + i), z);
      const __m256d distance_sq = _mm256_add_pd(
          _mm256_add_pd(_mm256_mul_pd(dx, dx), _mm256_mul_pd(dy, dy)), _mm256_mul_pd(dz, dz));
      const int in_outer = _mm256_movemask_pd(_mm256_cmp_pd(distance_sq, outer, _CMP_LE_OQ));
      const int in_middle = _mm256_movemask_pd(_mm256_cmp_pd(distance_sq, middle, _CMP_LE_OQ));
      const auto set = static_cast<unsigned>(in_outer & ~in_middle);
      const __m128i ids = _mm_loadu_si128(reinterpret_cast<const __m128i*>(columns.ids + i));
      const __m128i moved = _mm_shuffle_epi8(
          ids, _mm_load_si128(reinterpret_cast<const __m128i*>(kCompactions.bytes[set])));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(next[2]), moved);
      next[2] += __builtin_popcount(set);
      for (auto left = static_cast<unsigned>(in_middle); left != 0; left &= left - 1) {
        SiftOne(columns, i + static_cast<unsigned>(std::countr_zero(left)), sieve, next);
      }
    }
    for (; i < run.end; ++i) SiftOne(columns, i, sieve, next);
  }
  out = next;
  _mm256_zeroupper();  // GCC 12 forgets it; without, all SSE code that follows waits
}

#endif

}  // namespace

void SiftPlain(const Members& members, std::span<const Run> runs, const Sieve& sieve,
               std::array<core::EntityId*, kRings>& out) {
  std::array<core::EntityId*, kRings> next = out;
  for (const Run& run : runs) {
    for (uint32_t i = run.first; i < run.end; ++i) SiftOne(members, i, sieve, next);
  }
  out = next;
}

Sift BestSift() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) return &SiftAvx2;
#endif
  return &SiftPlain;
}

}  // namespace bluemarble::aoi
