#include "aoi/sift.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bluemarble::aoi {
namespace {

void SiftMembers(const Members& members, std::span<const Run> runs, const Sieve& sieve,
                 std::array<core::EntityId*, kRings>& out) {
  const auto inner_sq = static_cast<uint64_t>(sieve.reach_sq[0]);
  const auto middle_sq = static_cast<uint64_t>(sieve.reach_sq[1]);
  const auto outer_sq = static_cast<uint64_t>(sieve.reach_sq[2]);
  core::EntityId* outer = out[2];
  for (const Run& run : runs) {
    for (uint32_t i = run.first; i < run.end; ++i) {
      const uint64_t distance_sq =
          SquaredSum(int64_t{members.x[i]} - sieve.centre.x, int64_t{members.y[i]} - sieve.centre.y,
                     int64_t{members.z[i]} - sieve.centre.z);
      if (distance_sq > middle_sq) {
        *outer = members.ids[i];
        outer += distance_sq <= outer_sq;  // no branch: a coin's toss near the edge
      } else {
        *out[distance_sq > inner_sq]++ = members.ids[i];
      }
    }
  }
  out[2] = outer;
}

uint32_t* SiftBoxes(const Boxes& boxes, Run run, const Box& box, int64_t reach_sq, uint32_t* out) {
  for (uint32_t i = run.first; i < run.end; ++i) {
    std::array<int64_t, 3> gap;
    for (size_t axis = 0; axis < 3; ++axis) {
      const int64_t below = int64_t{boxes.low[axis][i]} - box.high[axis];
      const int64_t above = int64_t{box.low[axis]} - boxes.high[axis][i];
      gap[axis] = std::max<int64_t>({below, above, 0});
    }
    *out = i;
    out += SquaredSum(gap[0], gap[1], gap[2]) <= static_cast<uint64_t>(reach_sq);
  }
  return out;
}

#if defined(__x86_64__)
#define BLUEMARBLE_AVX2 gnu::target("avx2,popcnt")
#define BLUEMARBLE_AVX512 gnu::target("avx512f,avx512vl,popcnt")

// Squared distances in single precision, many at a time. A difference of coordinates is exact or
// rounds once, its square once more, their sum twice: all within 2^-21 of the truth. So below
// `surely` a member is within reach and above `perhaps` it is not; what lies between is one in a
// million, and then all runs are sifted again in whole numbers.
struct Bounds {
  float surely, perhaps;

  explicit Bounds(int64_t reach_sq)
      : surely(static_cast<float>(static_cast<double>(reach_sq) * (1 - 0x1p-20))),
        perhaps(static_cast<float>(static_cast<double>(reach_sq) * (1 + 0x1p-20))) {}
};

// For each set of eight lanes the numbers of those in it, moved to the front.
struct Compactions {
  alignas(8) uint8_t lanes[256][8];
};
constexpr Compactions MakeCompactions() {
  Compactions table{};
  for (unsigned set = 0; set < 256; ++set) {
    unsigned next = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      if (set >> lane & 1) table.lanes[set][next++] = static_cast<uint8_t>(lane);
    }
  }
  return table;
}
constexpr Compactions kCompactions = MakeCompactions();

// The lanes before a run's end.
inline unsigned Live(Run run, uint32_t i) { return 255u >> (8 - std::min(run.end - i, 8u)); }

// Writes the lanes in `set`, moved to the front; returns the end.
template <typename T>
[[BLUEMARBLE_AVX2, gnu::always_inline]] inline T* Append(T* out, __m256i lanes, unsigned set) {
  static_assert(sizeof(T) == 4);
  const __m128i order = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kCompactions.lanes[set]));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                      _mm256_permutevar8x32_epi32(lanes, _mm256_cvtepu8_epi32(order)));
  return out + std::popcount(set);
}

[[BLUEMARBLE_AVX2, gnu::always_inline]] inline __m256i Load(const int32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

[[BLUEMARBLE_AVX2, gnu::always_inline]] inline __m256 Square(__m256i whole) {
  const __m256 rounded = _mm256_cvtepi32_ps(whole);
  return _mm256_mul_ps(rounded, rounded);
}

[[BLUEMARBLE_AVX2, gnu::always_inline]] inline unsigned NotAbove(__m256 values, float bound) {
  return static_cast<unsigned>(
      _mm256_movemask_ps(_mm256_cmp_ps(values, _mm256_set1_ps(bound), _CMP_LE_OQ)));
}

[[BLUEMARBLE_AVX512, gnu::always_inline]] inline __m512i Load16(const int32_t* from) {
  return _mm512_loadu_si512(from);
}

[[BLUEMARBLE_AVX512, gnu::always_inline]] inline __m512 Square(__m512i whole) {
  // All lanes; the plain form lets GCC 12 warn of a value that it left undefined itself.
  const __m512 rounded = _mm512_maskz_cvtepi32_ps(0xffff, whole);
  return _mm512_mul_ps(rounded, rounded);
}

[[BLUEMARBLE_AVX512, gnu::always_inline]] inline __mmask16 NotAbove(__mmask16 among, __m512 values,
                                                                    float bound) {
  return _mm512_mask_cmp_ps_mask(among, values, _mm512_set1_ps(bound), _CMP_LE_OQ);
}

[[BLUEMARBLE_AVX512, gnu::always_inline]] inline core::EntityId* Append(core::EntityId* out,
                                                                        __m512i lanes,
                                                                        unsigned set) {
  // Not the store that compresses: some machines take a hundred cycles for it.
  _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(static_cast<__mmask16>(set), lanes));
  return out + std::popcount(set);
}

[[BLUEMARBLE_AVX2]] void SiftMembersAvx2(const Members& members, std::span<const Run> runs,
                                         const Sieve& sieve,
                                         std::array<core::EntityId*, kRings>& out) {
  const __m256i x = _mm256_set1_epi32(sieve.centre.x), y = _mm256_set1_epi32(sieve.centre.y);
  const __m256i z = _mm256_set1_epi32(sieve.centre.z);
  const Bounds inner(sieve.reach_sq[0]), middle(sieve.reach_sq[1]), outer(sieve.reach_sq[2]);
  const Members columns = members;
  std::array<core::EntityId*, kRings> next = out;
  unsigned unsure = 0;
  for (const Run& run : runs) {
    for (uint32_t i = run.first; i < run.end; i += 8) {
      const __m256 distance_sq =
          _mm256_add_ps(_mm256_add_ps(Square(_mm256_sub_epi32(Load(columns.x + i), x)),
                                      Square(_mm256_sub_epi32(Load(columns.y + i), y))),
                        Square(_mm256_sub_epi32(Load(columns.z + i), z)));
      const __m256i ids = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns.ids + i));
      const unsigned live = Live(run, i);
      const unsigned in_outer = live & NotAbove(distance_sq, outer.perhaps);
      const unsigned in_middle = live & NotAbove(distance_sq, middle.perhaps);
      next[2] = Append(next[2], ids, in_outer & ~in_middle);
      unsure |= in_outer & ~NotAbove(distance_sq, outer.surely);
      if (in_middle == 0) continue;
      const unsigned in_inner = in_middle & NotAbove(distance_sq, inner.perhaps);
      next[1] = Append(next[1], ids, in_middle & ~in_inner);
      next[0] = Append(next[0], ids, in_inner);
      unsure |= in_middle & ~NotAbove(distance_sq, middle.surely);
      unsure |= in_inner & ~NotAbove(distance_sq, inner.surely);
    }
  }
  _mm256_zeroupper();  // GCC 12 forgets it; without, all SSE code that follows waits
  if (unsure != 0) [[unlikely]]
    return SiftMembers(members, runs, sieve, out);
  out = next;
}

// The same sixteen at a time, with the machine's own way to move lanes to the front.
[[BLUEMARBLE_AVX512]] void SiftMembersAvx512(const Members& members, std::span<const Run> runs,
                                             const Sieve& sieve,
                                             std::array<core::EntityId*, kRings>& out) {
  const __m512i x = _mm512_set1_epi32(sieve.centre.x), y = _mm512_set1_epi32(sieve.centre.y);
  const __m512i z = _mm512_set1_epi32(sieve.centre.z);
  const Bounds inner(sieve.reach_sq[0]), middle(sieve.reach_sq[1]), outer(sieve.reach_sq[2]);
  const Members columns = members;
  std::array<core::EntityId*, kRings> next = out;
  unsigned unsure = 0;
  for (const Run& run : runs) {
    for (uint32_t i = run.first; i < run.end; i += 16) {
      const auto live = static_cast<__mmask16>(0xffffu >> (16 - std::min(run.end - i, 16u)));
      const __m512 distance_sq =
          _mm512_add_ps(_mm512_add_ps(Square(_mm512_sub_epi32(Load16(columns.x + i), x)),
                                      Square(_mm512_sub_epi32(Load16(columns.y + i), y))),
                        Square(_mm512_sub_epi32(Load16(columns.z + i), z)));
      const __m512i ids = _mm512_loadu_si512(columns.ids + i);
      const __mmask16 in_outer = NotAbove(live, distance_sq, outer.perhaps);
      const __mmask16 in_middle = NotAbove(in_outer, distance_sq, middle.perhaps);
      next[2] = Append(next[2], ids, in_outer ^ in_middle);
      unsure |= in_outer ^ NotAbove(in_outer, distance_sq, outer.surely);
      if (in_middle == 0) continue;
      const __mmask16 in_inner = NotAbove(in_middle, distance_sq, inner.perhaps);
      next[1] = Append(next[1], ids, in_middle ^ in_inner);
      next[0] = Append(next[0], ids, in_inner);
      unsure |= in_middle ^ NotAbove(in_middle, distance_sq, middle.surely);
      unsure |= in_inner ^ NotAbove(in_inner, distance_sq, inner.surely);
    }
  }
  _mm256_zeroupper();
  if (unsure != 0) [[unlikely]]
    return SiftMembers(members, runs, sieve, out);
  out = next;
}

[[BLUEMARBLE_AVX2]] uint32_t* SiftBoxesAvx2(const Boxes& boxes, Run run, const Box& box,
                                            int64_t reach_sq, uint32_t* out) {
  const float reach = Bounds(reach_sq).perhaps;
  const __m256i none = _mm256_setzero_si256();
  for (uint32_t i = run.first; i < run.end; i += 8) {
    __m256 gap_sq = _mm256_setzero_ps();
    for (size_t axis = 0; axis < 3; ++axis) {
      const __m256i below =
          _mm256_sub_epi32(Load(boxes.low[axis] + i), _mm256_set1_epi32(box.high[axis]));
      const __m256i above =
          _mm256_sub_epi32(_mm256_set1_epi32(box.low[axis]), Load(boxes.high[axis] + i));
      gap_sq =
          _mm256_add_ps(gap_sq, Square(_mm256_max_epi32(none, _mm256_max_epi32(below, above))));
    }
    const __m256i indices = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(i)),
                                             _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    out = Append(out, indices, Live(run, i) & NotAbove(gap_sq, reach));
  }
  _mm256_zeroupper();
  return out;
}

#endif

}  // namespace

std::vector<Sifts> AllSifts() {
  std::vector<Sifts> all{{&SiftMembers, &SiftBoxes}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
    all.push_back({&SiftMembersAvx2, &SiftBoxesAvx2});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
      all.push_back({&SiftMembersAvx512, &SiftBoxesAvx2});
  }
#endif
  return all;
}

}  // namespace bluemarble::aoi
