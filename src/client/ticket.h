/// How a ticket of POST /v1/join is used: sealed or plain, as it says. Any thread; the endpoint by
/// its owner's.
#pragma once

#include <string>

#include "bluemarble/client.h"
#include "core/result.h"
#include "net/client_endpoint.h"

namespace bluemarble::client {

/// Begins to connect. kInvalid: the ticket is sealed, and its token is none; or as
/// ClientEndpoint::Connect.
core::Status ConnectWith(const JoinTicket& ticket, net::ClientEndpoint& endpoint);

/// What the login says: nothing when sealed, since the connect token names the player.
std::string LoginToken(const JoinTicket& ticket);

}  // namespace bluemarble::client
