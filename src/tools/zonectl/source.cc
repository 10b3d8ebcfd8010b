#include "tools/zonectl/source.h"

#include <cstdlib>
#include <vector>

#include "api/admin_endpoints.h"
#include "api/admin_secret.h"
#include "api/url_query.h"
#include "core/clock.h"
#include "persistence/pg_reader.h"
#include "persistence/sqlite_reader.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;

class Direct final : public Source {
 public:
  explicit Direct(std::unique_ptr<persistence::StoreReader> reader) : reader_(std::move(reader)) {
    api::AdminProviders providers;
    providers.with_reader = [this](const api::AdminProviders::UseReader& use) {
      return use(*reader_);
    };
    api::AddAdminEndpoints(router_, std::move(providers), nullptr, clock_);
  }

  core::Result<Reply> Ask(const std::string& method, const std::string& target,
                          const std::string& body) override {
    api::HttpRequest request;
    request.method = method;
    const size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    auto query =
        api::ParseQuery(std::string_view(target).substr(std::min(question + 1, target.size())));
    if (!query) return core::Status(Code::kInternal, "a malformed query");
    request.query = std::move(*query);
    request.body = body;
    std::string allow;
    api::HttpResponse response = router_.Route(request, &allow);
    return Reply{response.status, std::move(response.body)};
  }

 private:
  core::SystemClock clock_;
  std::unique_ptr<persistence::StoreReader> reader_;
  api::Router router_;
};

// Where packages and the unit have the daemon's data.
constexpr const char* kInstalledDataDir = "/var/lib/bluemarble";

// The value of the first that is there: option, environment, environment's file, data folders.
core::Result<std::string> FindSecret(const Options& options) {
  if (!options.secret_file.empty()) return api::ReadAdminSecret(options.secret_file);
  if (const char* value = std::getenv("BLUEMARBLE_ADMIN_SECRET"); value != nullptr) {
    if (auto status = api::ValidateAdminSecret(value); !status.ok())
      return core::Status(status.code(), status.context(), "BLUEMARBLE_ADMIN_SECRET");
    return std::string(value);
  }
  if (const char* file = std::getenv("BLUEMARBLE_ADMIN_SECRET_FILE"); file != nullptr)
    return api::ReadAdminSecret(file);
  std::vector<std::string> folders = {options.data_dir};
  if (options.data_dir.empty()) {
    folders = {"data", kInstalledDataDir};
    // As the daemon takes it: the image sets it for both.
    if (const char* folder = std::getenv("BLUEMARBLE_PERSISTENCE_DATA_DIR"); folder != nullptr)
      folders.insert(folders.begin(), folder);
  }
  std::string looked_at;
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + api::kAdminSecretFile;
    auto secret = api::ReadAdminSecret(path);
    if (secret.ok() || secret.status().code() != Code::kNotFound) return secret;
    looked_at += (looked_at.empty() ? "not there: " : ", ") + path;
  }
  return core::Status(Code::kNotFound, "admin secret", looked_at);
}

}  // namespace

std::string Encoded(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == ':';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::unique_ptr<Source> DirectSource(std::unique_ptr<persistence::StoreReader> reader) {
  return std::make_unique<Direct>(std::move(reader));
}

core::Result<std::unique_ptr<persistence::StoreReader>> OpenReader(const Options& options) {
  if (options.database.empty()) return persistence::OpenSqliteReader(options.data_dir);
  persistence::DatabaseSettings settings;
  settings.url = options.database;
  settings.schema = options.schema;
  // An operator who asks for an audit of a large shard waits longer than a player would.
  settings.call_timeout_ms = options.timeout_s * 1000;
  return persistence::OpenPgReader(settings);
}

core::Result<std::unique_ptr<Source>> OpenSource(const Options& options) {
  // Accounts are the daemon's: what it keeps in memory of them must not be passed by.
  const bool of_daemon = IsOfZone(options.command) || options.command == Command::kConduct ||
                         options.command == Command::kAccount || options.command == Command::kBan ||
                         options.command == Command::kUnban;
  if (!of_daemon && options.url.empty() &&
      (!options.database.empty() || !options.data_dir.empty())) {
    auto reader = OpenReader(options);
    if (!reader.ok()) return reader.status();
    return DirectSource(std::move(*reader));
  }
  auto secret = FindSecret(options);
  if (!secret.ok()) {
    if (secret.status().code() != Code::kNotFound) return secret.status();
    return core::Status(Code::kDenied,
                        "no admin secret: give --secret-file, BLUEMARBLE_ADMIN_SECRET_FILE, or "
                        "--data-dir with --url",
                        secret.status().detail());
  }
  return HttpSource(options.url.empty() ? kDefaultUrl : options.url, std::move(*secret),
                    options.ca_file, options.timeout_s);
}

}  // namespace bluemarble::zonectl
