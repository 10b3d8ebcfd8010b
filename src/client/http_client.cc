#include "client/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace bluemarble::client {
namespace {

using core::Code;
using core::Result;
using core::Status;

constexpr size_t kMaxBodyBytes = 1 << 20;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// A thread's handle keeps its connections open: thousands of joins cost no handshake each.
CURL* ThreadHandle() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) return nullptr;
  thread_local const std::unique_ptr<CURL, FreeEasy> easy(curl_easy_init());
  return easy.get();
}

size_t Append(char* bytes, size_t size, size_t count, void* body) {
  auto& out = *static_cast<std::string*>(body);
  if (out.size() + size * count > kMaxBodyBytes) return 0;
  out.append(bytes, size * count);
  return size * count;
}

Status Failure(CURLcode code, const std::string& url, const char* cause) {
  const std::string detail = fmt::format("{}: {}", url, *cause ? cause : curl_easy_strerror(code));
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return {Code::kInvalid, "not an http address", detail};
    case CURLE_WRITE_ERROR:
      return {Code::kNoSpace, "answer is too large", fmt::format("{}: more than 1 MiB", url)};
    default: return {Code::kUnavailable, "http request failed", detail};
  }
}

Result<HttpReply> Perform(const std::string& url, const std::string* json_body, int timeout_ms,
                          const HttpTrust& trust, const std::string& access_token) {
  CURL* easy = ThreadHandle();
  if (easy == nullptr) return Status(Code::kInternal, "libcurl does not start");
  curl_easy_reset(easy);
  HttpReply reply;
  char cause[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, cause);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  // The game itself goes by UDP, which no HTTP proxy would carry.
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply.body);
  if (!trust.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, trust.ca_file.c_str());
  if (!trust.check_name) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  std::unique_ptr<curl_slist, FreeList> headers;
  if (json_body != nullptr) {
    headers.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
    if (!access_token.empty()) {
      const std::string bearer = "Authorization: Bearer " + access_token;
      curl_slist_append(headers.get(), bearer.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json_body->size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json_body->data());
  }
  const CURLcode code = curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);  // the handle outlives `cause`
  if (code != CURLE_OK) return Failure(code, url, cause);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  curl_off_t retry_after_s = 0;
  constexpr curl_off_t kMostRetryS = 3600;
  if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK)
    reply.retry_after_s = static_cast<int>(std::clamp<curl_off_t>(retry_after_s, 0, kMostRetryS));
  return reply;
}

}  // namespace

Result<HttpReply> HttpGet(const std::string& url, int timeout_ms, const HttpTrust& trust) {
  return Perform(url, nullptr, timeout_ms, trust, {});
}

Result<HttpReply> HttpPost(const std::string& url, const std::string& json_body, int timeout_ms,
                           const HttpTrust& trust, const std::string& access_token) {
  return Perform(url, &json_body, timeout_ms, trust, access_token);
}

}  // namespace bluemarble::client
