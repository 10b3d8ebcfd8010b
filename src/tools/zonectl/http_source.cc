// The daemon's endpoints over libcurl. Only loopback, or an address the operator typed, ever gets
// the secret: no proxies, no redirects.
#include <curl/curl.h>

#include "tools/zonectl/source.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;

constexpr size_t kMaxBodyBytes = 64 << 20;

size_t Append(char* data, size_t size, size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > kMaxBodyBytes) return 0;
  body.append(data, size * count);
  return size * count;
}

struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

class Http final : public Source {
 public:
  Http(std::string url, std::string secret, std::string ca_file, int timeout_s)
      : url_(std::move(url)),
        secret_(std::move(secret)),
        ca_file_(std::move(ca_file)),
        timeout_s_(timeout_s) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  core::Result<Reply> Ask(const std::string& method, const std::string& target,
                          const std::string& body) override {
    if (!easy_) easy_.reset(curl_easy_init());
    CURL* const easy = easy_.get();
    if (easy == nullptr) return core::Status(Code::kInternal, "curl");
    curl_easy_reset(easy);
    Reply reply;
    std::unique_ptr<curl_slist, ListFree> headers(
        curl_slist_append(nullptr, ("Authorization: Bearer " + secret_).c_str()));
    curl_slist_append(headers.get(), "Content-Type: application/json");
    curl_slist_append(headers.get(), "Expect:");
    const std::string url = url_ + target;
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!ca_file_.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file_.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 5L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, static_cast<long>(timeout_s_));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Append);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply.body);
    if (method == "POST") {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
    }
    const CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_URL_MALFORMAT)
      return core::Status(Code::kInvalid, "--url is malformed", url_);
    if (code != CURLE_OK)
      return core::Status(Code::kUnavailable, "zoned does not answer",
                          url_ + ": " + curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    return reply;
  }

 private:
  std::string url_, secret_, ca_file_;
  int timeout_s_;
  std::unique_ptr<CURL, EasyFree> easy_;
};

}  // namespace

std::unique_ptr<Source> HttpSource(std::string url, std::string secret, std::string ca_file,
                                   int timeout_s) {
  return std::make_unique<Http>(std::move(url), std::move(secret), std::move(ca_file), timeout_s);
}

}  // namespace bluemarble::zonectl
