#include "app/settings_http.h"

#include "api/origin.h"

namespace bluemarble::app {

using ops::ConfigSchema;
using ops::ConfigSection;

void BindHttp(ConfigSchema& schema, api::HttpSettings& http) {
  ConfigSection& s =
      schema.Section("http", "/metrics, /healthz, /readyz, /v1/stats and POST /v1/join.");
  s.Add("bind", &http.bind,
        {.help = "IP address. Anything but loopback shows the metrics to the network."});
  s.Add("port", &http.port, {.help = "TCP port. 0: the system chooses."});
  s.Add(
      "tls_certificate_file", &http.tls_certificate_file,
      {.help = "PEM, the whole chain, the server's own first. With tls_key_file: HTTPS instead of "
               "plain HTTP. Read again on SIGHUP."});
  s.Add("tls_key_file", &http.tls_key_file, {.help = "PEM, the certificate's private key."});
  s.Add("allow_plaintext", &http.allow_plaintext,
        {.help = "Accept an address that is not loopback without TLS: passwords and tokens cross "
                 "that network readable. For a TLS proxy on a private network."});
  s.Add("threads", &http.threads,
        {.min = 1,
         .max = 16,
         .help = "Too low: joins wait behind a scrape; too high: threads that compete with the "
                 "zone for cores."});
  s.Add("max_body_bytes", &http.max_body_bytes,
        {.min = 1024,
         .max = 1 << 24,
         .unit = "bytes",
         .help = "Too low: honest requests are answered 413; too high: memory for each of "
                 "max_connections."});
  s.Add("max_header_bytes", &http.max_header_bytes,
        {.min = 1024,
         .max = 1 << 20,
         .unit = "bytes",
         .help = "Too low: requests through proxies are answered 431; too high: memory for each of "
                 "max_connections."});
  s.Add("timeout_ms", &http.timeout_ms,
        {.min = 100,
         .max = 600000,
         .unit = "ms",
         .help = "Of a request, an answer, and an idle connection. Too low: slow links fail; too "
                 "high: slow clients hold connections."});
  s.Add("max_connections", &http.max_connections,
        {.min = 1,
         .max = 65536,
         .help = "One more closes the one that has waited for its client for longest; 503 when all "
                 "are being served. Too low: slow clients are cut off in a crowd; too high: "
                 "descriptors, and memory, over TLS some 30 KiB each."});
  s.Add("blocking_threads", &http.blocking_threads,
        {.min = 1,
         .max = 64,
         .help = "For requests that wait for the database. Too low: one slow question delays the "
                 "others; too high: threads."});
  s.Add("blocking_queue", &http.blocking_queue,
        {.min = 0,
         .max = 10000,
         .help = "Such requests that may wait for a thread; more are answered 503. Too low: bursts "
                 "are refused; too high: they wait in vain."});
  s.Add("origins", &http.origins,
        {.max = 64,
         .help = "Web pages of these origins (\"https://play.example\") may ask too, besides those "
                 "of the server's own host and port. \"*\": of any."});
  s.Add("max_websockets", &http.max_websockets,
        {.min = 0,
         .max = 16384,
         .help = "Open WebSockets, of players and operators; more are answered 503. 0: none. Too "
                 "low: players are sent away; too high: descriptors, and memory, "
                 "websocket_queue_bytes each when their clients do not read."});
  s.Add("websocket_message_bytes", &http.websocket_message_bytes,
        {.min = 2048,
         .max = 1 << 24,
         .unit = "bytes",
         .help = "A client's message. Too low: messages of pages are refused; too high: memory for "
                 "each of max_websockets."});
  s.Add("websocket_queue_bytes", &http.websocket_queue_bytes,
        {.min = 65536,
         .max = 1 << 28,
         .unit = "bytes",
         .help = "What may wait to be written to one; more closes it. Too low: clients on slow "
                 "links are cut off; too high: memory."});
  s.Add("websocket_messages_per_s", &http.websocket_messages_per_s,
        {.min = 10,
         .max = 100000,
         .unit = "per second",
         .help = "Messages that the client of one may send, and twice as many at once; more closes "
                 "it. Too low: players send one at least every tick; too high: CPU."});
  s.Add("websocket_ping_ms", &http.websocket_ping_ms,
        {.min = 100,
         .max = 600000,
         .unit = "ms",
         .help = "One that says nothing for so long is pinged. Too low: traffic; too high: dead "
                 "ones hold their places."});
  s.Add("websocket_timeout_ms", &http.websocket_timeout_ms,
        {.min = 100,
         .max = 600000,
         .unit = "ms",
         .help = "And lost when it says nothing for so long then. Too low: bad links lose it; too "
                 "high: likewise."});
}

void ValidateHttp(const api::HttpSettings& http, std::vector<std::string>& problems) {
  if (http.tls_certificate_file.empty() != http.tls_key_file.empty()) {
    problems.push_back(
        "http.tls_certificate_file: needs http.tls_key_file, and the other way round");
  }
  if (!api::IsLoopback(http.bind) && http.tls_certificate_file.empty() && !http.allow_plaintext) {
    problems.push_back(
        "http.bind: without TLS only a loopback address is accepted; set http.tls_certificate_file "
        "and http.tls_key_file, or http.allow_plaintext = true behind a proxy that speaks TLS");
  }
  api::ValidateOrigins(http.origins, problems);
}

}  // namespace bluemarble::app
