#include "app/reset_key.h"

#include <charconv>
#include <filesystem>

#include "api/admin_secret.h"

namespace bluemarble::app {

core::Result<net::Key> ReadOrMakeResetKey(const std::string& data_dir) {
  std::error_code error;
  std::filesystem::create_directories(data_dir, error);
  const std::string path = data_dir + "/" + kResetKeyFile;
  if (error) {
    return core::Status(core::Code::kDenied,
                        "cannot write to the data folder (persistence.data_dir)",
                        data_dir + ": " + error.message());
  }
  // The same kind of file: 32 random bytes as hexadecimal digits, for our own eyes.
  const auto text = api::ReadOrMakeAdminSecret(path);
  if (!text.ok()) return core::Status(text.status().code(), "reset key", text.status().detail());
  net::Key key{};
  if (text->size() != 2 * key.size())
    return core::Status(core::Code::kInvalid, "not a reset key; remove it for a new one", path);
  for (size_t i = 0; i < key.size(); ++i) {
    uint8_t byte = 0;
    const char* const digits = text->data() + 2 * i;
    if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      return core::Status(core::Code::kInvalid, "not a reset key; remove it for a new one", path);
    key[i] = std::byte{byte};
  }
  return key;
}

}  // namespace bluemarble::app
