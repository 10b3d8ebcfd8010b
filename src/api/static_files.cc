#include "api/static_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/hash.h"

namespace bluemarble::api {
namespace {

namespace fs = std::filesystem;
using core::Code;
using core::Status;

// Nothing inline, nothing from elsewhere, in nobody's frame: what a stranger's text may become in
// the page has nowhere to go.
constexpr const char* kPolicy =
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
constexpr const char* kImmutable = "public, max-age=31536000, immutable";

struct StaticFile {
  std::string body, type, etag, cache;
};

bool IsPlainName(const std::string& name) {
  if (name.empty() || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// "W/" of a weak one is left aside: for GET they compare alike.
bool Matches(const std::string& if_none_match, const std::string& etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string::npos;
}

HttpResponse ServeFile(const StaticFile& file, const HttpRequest& request) {
  HttpResponse answer{.content_type = file.type,
                      .body = {},
                      .headers = {{"ETag", file.etag},
                                  {"Cache-Control", file.cache},
                                  {"Content-Security-Policy", kPolicy},
                                  {"X-Content-Type-Options", "nosniff"},
                                  {"Referrer-Policy", "no-referrer"}}};
  if (Matches(request.if_none_match, file.etag)) {
    answer.status = 304;
  } else {
    answer.body = file.body;
  }
  return answer;
}

core::Result<std::shared_ptr<const StaticFile>> ReadFile(const fs::path& path, bool immutable) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Status(Code::kDenied, "cannot read", path.string());
  auto file = std::make_shared<StaticFile>();
  file->body.assign(std::istreambuf_iterator<char>(in), {});
  file->type = ContentTypeOf(path.filename().string());
  file->etag =
      fmt::format("\"{:016x}\"",
                  core::HashBytes(std::as_bytes(std::span(file->body.data(), file->body.size()))));
  file->cache = immutable ? kImmutable : "no-cache";
  return std::shared_ptr<const StaticFile>(std::move(file));
}

}  // namespace

std::string ContentTypeOf(const std::string& file_name) {
  constexpr std::array<std::pair<std::string_view, const char*>, 14> kTypes = {{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".txt", "text/plain; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".webp", "image/webp"},
      {".woff2", "font/woff2"},
      {".wasm", "application/wasm"},
      {".webmanifest", "application/manifest+json"},
  }};
  for (const auto& [ending, type] : kTypes) {
    if (file_name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

core::Result<size_t> AddStaticFiles(Router& router, const std::string& folder,
                                    const std::string& prefix) {
  std::error_code error;
  if (!fs::is_regular_file(fs::path(folder) / "index.html", error))
    return Status(Code::kNotFound, "no index.html", folder);
  std::vector<std::pair<std::string, std::shared_ptr<const StaticFile>>> files;
  size_t bytes = 0;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const fs::file_status status = entry->symlink_status(error);
    if (error || !IsPlainName(name)) {
      if (fs::is_directory(status)) entry.disable_recursion_pending();
      continue;
    }
    if (!fs::is_regular_file(status)) continue;  // folders are gone through; links are not followed
    const std::string path =
        prefix + "/" + fs::relative(entry->path(), folder, error).generic_string();
    auto file = ReadFile(entry->path(), path.starts_with(prefix + "/assets/"));
    if (!file.ok()) return file.status();
    bytes += (*file)->body.size();
    files.emplace_back(path, std::move(*file));
    if (bytes > kMaxStaticBytes || files.size() > kMaxStaticFiles)
      return Status(Code::kFull, "more than 64 MiB or 2,000 files to serve", folder);
  }
  if (error) return Status(Code::kDenied, "cannot read", folder + ": " + error.message());
  for (const auto& [path, file] : files) {
    const auto handler = [file = file](const HttpRequest& request) {
      return ServeFile(*file, request);
    };
    router.Add("GET", path, handler);
    if (path == prefix + "/index.html") router.Add("GET", prefix + "/", handler);
  }
  AddRedirect(router, prefix, prefix + "/");
  return files.size();
}

void AddRedirect(Router& router, const std::string& from, const std::string& to) {
  router.Add("GET", from, [to](const HttpRequest&) {
    return HttpResponse{.status = 302, .body = "see " + to + "\n", .headers = {{"Location", to}}};
  });
}

}  // namespace bluemarble::api
