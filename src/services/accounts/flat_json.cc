#include "services/accounts/flat_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace bluemarble::accounts {
namespace {

using core::Code;
using core::Status;
using nlohmann::json;

// Stops at the first thing that is not allowed, so that depth and count cost nothing.
class Reader final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return Refuse("a member is null"); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return Refuse("a number is out of range");
    return Put(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override {
    return Refuse("a number is not a whole one");
  }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return Refuse("not JSON"); }
  bool start_object(std::size_t) override {
    if (open_) return Refuse("a member is an object");
    open_ = true;
    return true;
  }
  bool key(string_t& name) override {
    name_ = std::move(name);
    if (object_.contains(name_)) return Refuse("a member is there twice");
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override {
    return Refuse(open_ ? "a member is a list" : "the text is not a JSON object");
  }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return Refuse("the text is not JSON");
  }

  Status status_ = Status::Ok();
  FlatObject object_;

 private:
  bool Put(FlatValue value) {
    if (!open_) return Refuse("the text is not a JSON object");
    object_.emplace(name_, std::move(value));
    return true;
  }
  bool Refuse(const char* what) {
    constexpr size_t kShown = 40;
    status_ = {Code::kInvalid, what, core::EscapeForLog(std::string_view(name_).substr(0, kShown))};
    return false;
  }

  bool open_ = false;
  std::string name_;
};

}  // namespace

core::Result<FlatObject> ParseFlatObject(std::string_view text) {
  if (!core::IsUtf8(text)) return Status(Code::kInvalid, "the text is not UTF-8");
  Reader reader;
  if (!json::sax_parse(text.begin(), text.end(), &reader)) {
    if (reader.status_.ok()) return Status(Code::kInvalid, "the text is not JSON");
    return reader.status_;
  }
  return std::move(reader.object_);
}

const std::string* TextOf(const FlatObject& object, std::string_view member) {
  const auto found = object.find(member);
  return found == object.end() ? nullptr : std::get_if<std::string>(&found->second);
}

const int64_t* NumberOf(const FlatObject& object, std::string_view member) {
  const auto found = object.find(member);
  return found == object.end() ? nullptr : std::get_if<int64_t>(&found->second);
}

}  // namespace bluemarble::accounts
