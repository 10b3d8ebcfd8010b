/// Players' WebSockets: the streams of net/stream_transport.h on the daemon's HTTP port
/// (proto/SESSION.md "Over WebSocket").
#pragma once

#include <string>

#include "api/http_server.h"
#include "net/stream_transport.h"

namespace bluemarble::app {

inline constexpr const char* kPlayPath = "/v1/play";

/// `streams` outlives the server that the router is for.
void AddPlay(api::Router& router, net::StreamTransport& streams);

/// What limits by address know an HTTP client by: its IPv4 address, or a number of class E for the
/// /64 of an IPv6 one. 0: neither.
uint32_t AddressOf(const std::string& remote_address);

}  // namespace bluemarble::app
