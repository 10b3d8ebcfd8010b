#include "persistence/history.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text.h"

namespace bluemarble::persistence {
namespace {

using core::Code;

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kSearchStep = 50'000;  // events that one query of a search reads

template <typename Number>
std::optional<Number> NumberOf(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

struct TypePrefix {
  std::string_view text;
  AggregateType type;
};
constexpr std::array<TypePrefix, 3> kPrefixes = {{{"player:", AggregateType::kPlayer},
                                                  {"item:", AggregateType::kItem},
                                                  {"account:", AggregateType::kAccount}}};

struct StageName {
  std::string_view text;
  VerifyCursor::Stage stage;
};
constexpr std::array<StageName, 4> kStageNames = {{{"players:", VerifyCursor::Stage::kPlayers},
                                                   {"items:", VerifyCursor::Stage::kItems},
                                                   {"accounts:", VerifyCursor::Stage::kAccounts},
                                                   {"events:", VerifyCursor::Stage::kEvents}}};

core::Status AggregateExpected(std::string_view text) {
  return {Code::kInvalid, "expected player:NUMBER, item:NUMBER, account:NUMBER or a player's NAME",
          core::EscapeForLog(text)};
}

// Cuts `width` digits off the front.
bool Digits(std::string_view& text, size_t width, int& out) {
  if (text.size() < width) return false;
  const auto value = NumberOf<int>(text.substr(0, width));
  if (!value || text[0] == '-') return false;
  out = *value;
  text.remove_prefix(width);
  return true;
}

bool Literal(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".25" to microseconds; digits beyond the sixth are cut.
bool Fraction(std::string_view& text, int64_t& out_us) {
  out_us = 0;
  if (!Literal(text, ".")) return true;
  int64_t unit = kSecondUs / 10;
  size_t digits = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), ++digits) {
    out_us += unit * (text[0] - '0');
    unit /= 10;
  }
  return digits > 0;
}

std::optional<int64_t> UnixTime(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const auto seconds = NumberOf<int64_t>(text.substr(0, point));
  std::string_view rest = text.substr(point);
  int64_t fraction_us = 0;
  // Up to the year 33658: more are milliseconds, given by mistake.
  if (!seconds || *seconds < 0 || *seconds > 1'000'000'000'000 || !Fraction(rest, fraction_us) ||
      !rest.empty()) {
    return std::nullopt;
  }
  return *seconds * kSecondUs + fraction_us;
}

std::optional<int64_t> CalendarTime(std::string_view text) {
  tm day{};
  int64_t fraction_us = 0, offset_s = 0;
  if (!Digits(text, 4, day.tm_year) || !Literal(text, "-") || !Digits(text, 2, day.tm_mon) ||
      !Literal(text, "-") || !Digits(text, 2, day.tm_mday)) {
    return std::nullopt;
  }
  if (!text.empty()) {
    if (!Literal(text, "Tt ") || !Digits(text, 2, day.tm_hour) || !Literal(text, ":") ||
        !Digits(text, 2, day.tm_min)) {
      return std::nullopt;
    }
    if (Literal(text, ":") && (!Digits(text, 2, day.tm_sec) || !Fraction(text, fraction_us)))
      return std::nullopt;
    if (const bool east = text.starts_with('+'); east || text.starts_with('-')) {
      int hours = 0, minutes = 0;
      text.remove_prefix(1);
      if (!Digits(text, 2, hours)) return std::nullopt;
      Literal(text, ":");
      if (!Digits(text, 2, minutes) || hours > 14 || minutes > 59) return std::nullopt;
      offset_s = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
    } else {
      Literal(text, "Zz");
    }
  }
  if (!text.empty() || day.tm_year < 1970 || day.tm_hour > 23 || day.tm_min > 59 || day.tm_sec > 60)
    return std::nullopt;
  tm normal = day;
  normal.tm_year -= 1900;
  normal.tm_mon -= 1;
  const int month = normal.tm_mon, date = normal.tm_mday;
  const int64_t seconds = timegm(&normal);
  if (normal.tm_mon != month || normal.tm_mday != date) return std::nullopt;  // the 31st of April
  return (seconds - offset_s) * kSecondUs + fraction_us;
}

}  // namespace

core::Result<AggregateId> ParseAggregate(std::string_view text) {
  for (const TypePrefix& prefix : kPrefixes) {
    if (!text.starts_with(prefix.text)) continue;
    const auto id = NumberOf<int64_t>(text.substr(prefix.text.size()));
    if (!id || (prefix.type != AggregateType::kAccount && *id <= 0)) break;
    return AggregateId{prefix.type, *id};
  }
  return AggregateExpected(text);
}

std::string ToString(const AggregateId& aggregate) {
  return fmt::format("{}:{}", AggregateTypeName(aggregate.type), aggregate.id);
}

core::Result<AggregateId> ResolveAggregate(StoreReader& reader, std::string_view text) {
  // A number first: names that are numbers are reached by their player's number only.
  auto parsed = ParseAggregate(text);
  const TypePrefix* named = nullptr;
  for (const TypePrefix& prefix : kPrefixes) {
    if (prefix.type != AggregateType::kItem && text.starts_with(prefix.text)) named = &prefix;
  }
  if (parsed.ok() || named == nullptr) return parsed;
  const std::string_view name = text.substr(named->text.size());
  if (!core::ValidateName(name, kMaxNameBytes).ok()) return AggregateExpected(text);
  const auto row = reader.LoadPlayer(name);
  if (!row.ok()) {
    if (row.status().code() != Code::kNotFound) return row.status();
    return core::Status(Code::kNotFound, "no player has that name", std::string(name));
  }
  return AggregateId{named->type, row->player_id};
}

std::string TimeText(int64_t at_us) {
  int64_t micros = at_us % kSecondUs;
  if (micros < 0) micros += kSecondUs;
  const time_t seconds = (at_us - micros) / kSecondUs;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, micros);
}

std::string KeyText(const std::array<std::byte, 16>& key) {
  std::string text;
  for (const std::byte b : key) text += fmt::format("{:02x}", static_cast<unsigned>(b));
  return text;
}

std::optional<std::array<std::byte, 16>> ParseKey(std::string_view text) {
  std::array<std::byte, 16> key{};
  if (text.size() != 2 * key.size()) return std::nullopt;
  for (size_t i = 0; i < key.size(); ++i) {
    unsigned value = 0;
    const char* const end = text.data() + 2 * i + 2;
    const auto [stop, error] = std::from_chars(text.data() + 2 * i, end, value, 16);
    if (error != std::errc() || stop != end) return std::nullopt;
    key[i] = static_cast<std::byte>(value);
  }
  return key;
}

core::Result<Moment> ParseMoment(std::string_view text) {
  for (const auto& [prefix, by] : {std::pair{"tick:", StoreReader::Moment::kTick},
                                   std::pair{"version:", StoreReader::Moment::kVersion}}) {
    if (!text.starts_with(prefix)) continue;
    const auto at = NumberOf<int64_t>(text.substr(std::string_view(prefix).size()));
    if (!at || *at < 0) break;
    return Moment{by, *at};
  }
  auto at_us = UnixTime(text);
  if (!at_us) at_us = CalendarTime(text);
  if (at_us) return Moment{StoreReader::Moment::kTime, *at_us};
  return core::Status(
      Code::kInvalid,
      "expected a time such as 2026-11-21T15:30:00Z or unix seconds, tick:NUMBER or version:NUMBER",
      core::EscapeForLog(text));
}

std::string ToString(const Moment& moment) {
  switch (moment.by) {
    case StoreReader::Moment::kTick: return fmt::format("tick:{}", moment.at);
    case StoreReader::Moment::kVersion: return fmt::format("version:{}", moment.at);
    case StoreReader::Moment::kTime: break;
  }
  return TimeText(moment.at);
}

DecodedEvent DecodeEvent(EventRow row) {
  DecodedEvent event;
  switch (row.aggregate_type) {
    case AggregateType::kPlayer:
      event.readable = DecodePlayerState(row.payload, event.player);
      break;
    case AggregateType::kItem:
      event.readable = DecodeItemEvent(row.payload, event.item, event.cause);
      event.item.item_id = row.aggregate_id;
      event.item.version = row.version;
      break;
    case AggregateType::kAccount:
      event.readable = DecodeAccountEvent(row.payload, event.balance, event.amount, event.cause);
      break;
  }
  event.row = std::move(row);
  return event;
}

core::Result<std::vector<DecodedEvent>> History(StoreReader& reader, AggregateId aggregate,
                                                int64_t from_version, size_t limit) {
  auto rows = reader.ReadEvents(aggregate, from_version, limit);
  if (!rows.ok()) return rows.status();
  std::vector<DecodedEvent> events;
  events.reserve(rows->size());
  for (EventRow& row : *rows) events.push_back(DecodeEvent(std::move(row)));
  return events;
}

std::array<std::byte, 8> InPayload(int64_t player_id) {
  std::array<std::byte, 8> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(static_cast<uint64_t>(player_id) >> (8 * i));
  return bytes;
}

core::Status SearchItems(StoreReader& reader, ItemSearch& search) {
  const auto newest = reader.LastSeq();
  if (!newest.ok()) return newest.status();
  search.newest = *newest;
  if (search.after < 0) {
    const auto held = reader.ItemsOf(search.player_id);
    if (!held.ok()) return held.status();
    for (const ItemRow& item : *held) search.items.push_back(item.item_id);
    auto first = reader.ReadEvents({AggregateType::kPlayer, search.player_id}, 0, 1);
    if (!first.ok()) return first.status();
    // Nothing can have been his before he was made. Of who is older than the kept events, all may.
    if (first->empty() || first->front().version != 1) {
      first = reader.ReadEventsAfter(0, 1);
      if (!first.ok()) return first.status();
    }
    search.after = first->empty() ? search.newest : first->front().seq - 1;
    return core::Status::Ok();
  }
  if (search.done()) return core::Status::Ok();
  const int64_t through = std::min(search.after + kSearchStep, search.newest);
  const auto found = reader.ItemsTouched(search.player_id, search.after, through);
  if (!found.ok()) return found.status();
  search.items.insert(search.items.end(), found->begin(), found->end());
  search.after = through;
  return core::Status::Ok();
}

core::Result<DecodedEvent> StateAt(StoreReader& reader, AggregateId aggregate, Moment moment) {
  auto row = reader.EventAt(aggregate, moment.by, moment.at);
  if (!row.ok()) return row.status();
  if (!row->has_value()) {
    return core::Status(Code::kNotFound,
                        "no event at or before that moment (not there yet, or archived)",
                        ToString(aggregate) + " at " + ToString(moment));
  }
  if (moment.by == StoreReader::Moment::kVersion && (*row)->version < moment.at) {
    return core::Status(Code::kNotFound, "no such version",
                        fmt::format("{} at {}: the newest is {}", ToString(aggregate),
                                    ToString(moment), (*row)->version));
  }
  DecodedEvent event = DecodeEvent(std::move(**row));
  if (!event.readable) {
    return core::Status(Code::kCorrupt, "the event's payload cannot be read",
                        fmt::format("{} version {}", ToString(aggregate), event.row.version));
  }
  return event;
}

std::string ToString(const VerifyCursor& cursor) {
  for (const StageName& name : kStageNames) {
    if (name.stage == cursor.stage) return fmt::format("{}{}", name.text, cursor.after);
  }
  return "done";
}

core::Result<VerifyCursor> ParseVerifyCursor(std::string_view text) {
  for (const StageName& name : kStageNames) {
    if (!text.starts_with(name.text)) continue;
    if (const auto after = NumberOf<int64_t>(text.substr(name.text.size())))
      return VerifyCursor{name.stage, *after};
  }
  return core::Status(Code::kInvalid, "not a place where verify stopped", core::EscapeForLog(text));
}

}  // namespace bluemarble::persistence
