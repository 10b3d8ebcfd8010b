#include "protocol/part_codec.h"

#include <algorithm>
#include <bit>

#include "core/range_coder.h"
#include "protocol/part_format.h"

// The coder's state stays in registers when everything is in one function; instrumented, that takes
// minutes to compile. Shifts by variable counts and the counting of zeros are most of a coder's
// work, and a fifth dearer in the oldest x86-64: the loader picks what the processor has. Integers,
// and roots that are exact: the same bytes.
#if defined(BLUEMARBLE_SANITIZED)
#define BLUEMARBLE_CODEC_FAST
#elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define BLUEMARBLE_CODEC_FAST [[gnu::flatten]] [[gnu::target_clones("arch=x86-64-v3", "default")]]
#else
#define BLUEMARBLE_CODEC_FAST [[gnu::flatten]]
#endif

namespace bluemarble::protocol {
namespace {

using core::Code;

static_assert(kTokenBits == core::kFlagBits, "slot uses and tokens share the total of 4,096");
static_assert(kFullPositionBits <= kMostFreeBits && kIndexBits <= kMostFreeBits);

/// Parts that have nothing but kept members, in the first slots: what the coder has written of the
/// uses of all slots, and of those that are kept, by their number.
struct KeptRuns {
  std::array<core::RangeEncoder::State, kSlots + 1> whole, kept;
};
constexpr KeptRuns kKeptRuns = [] {
  KeptRuns runs;
  constexpr auto kKept = static_cast<size_t>(SlotUse::kKept);
  const auto add = [](core::RangeEncoder& out, size_t before, size_t use) {
    const auto& start = kSlotUseStart[before];
    out.Encode(start[use], static_cast<uint32_t>(start[use + 1] - start[use]), kTokenBits);
  };
  for (size_t kept = 0; kept <= kSlots; ++kept) {
    std::array<std::byte, 1> none{};  // not written to: less than two bytes
    core::RangeEncoder out(none);
    for (size_t slot = 0; slot < kept; ++slot) add(out, kKept, kKept);
    runs.kept[kept] = out.state();
    for (size_t slot = kept; slot < kSlots; ++slot) add(out, slot == kept ? kKept : 0, 0);
    if (out.SpentEighths() >= 16 * 8) throw "a State does not hold it";
    runs.whole[kept] = out.state();
  }
  return runs;
}();

/// By kind, as it may be in a member.
using SpentOn = std::array<std::array<uint16_t, kPartFields>, 16>;

class PartWriter {
 public:
  // What was spent is kept outside: arrays are in memory, and all that is with them.
  PartWriter(std::span<std::byte> out, SpentOn& spent_on) : out_(out), spent_on_(spent_on) {}

  uint32_t Token(size_t row, uint32_t token) { return Symbol(kTokenStart[row], kTokens, token); }
  uint32_t Symbol(const uint16_t* start, uint32_t, uint32_t symbol) {
    out_.Encode(start[symbol], static_cast<uint32_t>(start[symbol + 1] - start[symbol]),
                kTokenBits);
    return symbol;
  }
  int32_t Number(size_t row, int32_t value, int& level) {
    const auto magnitude = static_cast<uint32_t>(value < 0 ? -value : value);
    if (magnitude >= kSmallMagnitudes) [[unlikely]]
      return CodeNumber(*this, row, 0, value, level);
    const SmallMagnitude& small = kSmallMagnitude[magnitude];
    const uint16_t* start = kTokenStart[row] + small.token;
    out_.EncodeSigned(start[0], static_cast<uint32_t>(start[1] - start[0]), kTokenBits, small.rest,
                      small.free_bits, static_cast<uint32_t>(value) >> 31, small.signs);
    level = small.level;
    return value;
  }
  uint32_t Bits(uint32_t value, int count) {
    const uint32_t kept = value & static_cast<uint32_t>((uint64_t{1} << count) - 1);
    out_.Bits(kept, count);
    return kept;
  }
  bool Flag(bool value, uint32_t likely) {
    out_.Flag(value, likely);
    return value;
  }
  // As CodeUses from the first slot on.
  void Uses(const SlotUses& uses) {
    const auto run = static_cast<uint32_t>(std::countr_one(uses.kept));
    const uint32_t taken = uses.taken();
    if (std::popcount(taken) == static_cast<int>(run)) {
      out_.StartFrom(kKeptRuns.whole[run]);
      return;
    }
    out_.StartFrom(kKeptRuns.kept[run]);
    const auto end = static_cast<uint32_t>(std::bit_width(taken));
    auto before = static_cast<uint32_t>(SlotUse::kKept);
    for (uint32_t slot = run; slot < end; ++slot)
      before = Symbol(kSlotUseStart[before], kSlotUses, static_cast<uint32_t>(uses.Of(slot)));
    if (end < kSlots) Symbol(kSlotUseStart[before], kSlotUses, 0);
    for (uint32_t slot = end + 1; slot < kSlots; ++slot) Symbol(kSlotUseStart[0], kSlotUses, 0);
  }
  template <typename T, typename Value>
  void Store(const T&, Value) {}
  void Spent(PartField field, uint8_t kind) {
    const uint32_t now = out_.SpentEighths();
    uint16_t& cell = spent_on_[kind % spent_on_.size()][static_cast<size_t>(field)];
    cell = static_cast<uint16_t>(cell + now - spent_);
    spent_ = now;
    if (field == PartField::kPosition) out_.Drain();  // once a member
  }
  void Begin(const Member&) {}
  uint8_t KindOf(const PartState&, const PartState& part, uint32_t slot) const {
    return part.members[slot].kind;
  }
  bool IsHeld(const PartState&, uint32_t) const { return true; }
  bool Holds(const PartState&, uint32_t, const Member&, bool) { return true; }

  core::RangeEncoder& out() { return out_; }

 private:
  core::RangeEncoder out_;
  SpentOn& spent_on_;
  uint32_t spent_ = 0;
};

PartSpending SpendingOf(const SpentOn& spent_on) {
  PartSpending spending;
  for (size_t kind = 0; kind < spent_on.size(); ++kind) {
    if (std::bit_cast<uint64_t>(spent_on[kind]) == 0) continue;
    const size_t row = kind < kSpendingKinds ? kind : size_t{kNobody};
    spending.kinds |= 1u << row;
    for (size_t field = 0; field < kPartFields; ++field) {
      uint16_t& cell = spending.eighths[row][row == kNobody ? 0 : field];
      cell = static_cast<uint16_t>(cell + spent_on[kind][field]);
    }
  }
  return spending;
}

class PartReader {
 public:
  explicit PartReader(std::span<const std::byte> in) : in_(in) {}

  uint32_t Token(size_t row, uint32_t) { return Symbol(kTokenStart[row], kTokens, 0); }
  uint32_t Symbol(const uint16_t* start, uint32_t symbols, uint32_t) {
    const uint32_t at = in_.Peek(kTokenBits);
    uint32_t symbol = 0;
    while (symbol + 1 < symbols && start[symbol + 1] <= at) ++symbol;
    in_.Take(start[symbol], static_cast<uint32_t>(start[symbol + 1] - start[symbol]));
    return symbol;
  }
  int32_t Number(size_t row, int32_t value, int& level) {
    return CodeNumber(*this, row, 0, value, level);
  }
  // No other field has as many bits as a number may have.
  uint32_t Bits(uint32_t, int count) {
    if (count > kMostFreeBits) [[unlikely]] {
      malformed_ = true;
      return 0;
    }
    return in_.Bits(count);
  }
  bool Flag(bool, uint32_t likely) { return in_.Flag(likely); }
  void Uses(SlotUses& uses) { CodeUses(*this, 0, SlotUse::kKept, uses); }
  template <typename T, typename Value>
  void Store(T& to, Value value) {
    to = static_cast<T>(value);
  }
  void Spent(PartField, uint8_t) {}
  void Begin(Member& member) { member = {}; }
  uint8_t KindOf(const PartState& newest, const PartState&, uint32_t slot) const {
    return IsHeld(newest, slot) ? newest.members[slot].kind : kNobody;
  }
  bool IsHeld(const PartState& base, uint32_t slot) const {
    return (base.occupied >> slot & 1) != 0;
  }
  // The newest base is asked first and fills the member; the older one must hold the same entity.
  bool Holds(const PartState& base, uint32_t slot, Member& member, bool newest) {
    if (!IsHeld(base, slot)) return false;
    if (newest) {
      member = base.members[slot];
      return true;
    }
    return base.members[slot].id == member.id;
  }

  const core::RangeDecoder& in() const { return in_; }
  /// A number asked for more bits than any has; what was read since means nothing.
  bool malformed() const { return malformed_; }

 private:
  core::RangeDecoder in_;
  bool malformed_ = false;
};

bool PositionInRange(int32_t value) { return value >= -kPositionLimit && value < kPositionLimit; }

bool InRange(const QuantState& state) {
  return std::all_of(state.position.begin(), state.position.end(), PositionInRange) &&
         std::all_of(state.rotation.parts.begin(), state.rotation.parts.end(), [](int16_t part) {
           return part >= -kRotationLimit && part <= kRotationLimit;
         });
}

}  // namespace

BLUEMARBLE_CODEC_FAST core::Result<size_t> EncodePart(const PartState& now, const PartBases& bases,
                                                      SameMembers same, int tick_hz,
                                                      ReplicationClass cls,
                                                      std::span<std::byte> out,
                                                      PartSpending* spending) {
  SpentOn spent_on{};
  PartWriter writer(out, spent_on);
  (void)CodePart(writer, UsesOf(now.occupied, bases, same), bases, tick_hz, cls, now);
  const size_t size = writer.out().Finish();
  if (writer.out().overflow()) return {Code::kNoSpace, "part does not fit"};
  if (spending != nullptr) *spending = SpendingOf(spent_on);
  return size;
}

BLUEMARBLE_CODEC_FAST core::Status DecodePart(std::span<const std::byte> payload,
                                              const PartBases& bases, int tick_hz,
                                              ReplicationClass cls, PartState& out) {
  PartReader reader(payload);
  if (!CodePart(reader, SlotUses{}, bases, tick_hz, cls, out))
    return {Code::kInvalid, "part changes a slot its base does not hold"};
  if (reader.malformed()) return {Code::kInvalid, "part has a number of too many bits"};
  if (!reader.in().Finish()) return {Code::kInvalid, "part has another length than its content"};
  for (uint32_t rest = out.occupied; rest != 0; rest &= rest - 1) {
    const Member& member = out.members[static_cast<size_t>(std::countr_zero(rest))];
    if (!InRange(member.state)) return {Code::kInvalid, "part has a state out of range"};
    if (!member.id) return {Code::kInvalid, "part has a member without an id"};
  }
  return core::Status::Ok();
}

}  // namespace bluemarble::protocol
