#include "client/ticket.h"

#include "net/connect_token.h"

namespace bluemarble::client {
namespace {

bool IsSealed(const JoinTicket& ticket) { return ticket.security == "sealed"; }

}  // namespace

core::Status ConnectWith(const JoinTicket& ticket, net::ClientEndpoint& endpoint) {
  if (!IsSealed(ticket)) return endpoint.Connect(ticket.address, ticket.port);
  const auto token = net::DecodeConnectToken(ticket.token);
  if (!token.ok()) return token.status();
  return endpoint.Connect(ticket.address, ticket.port, *token);
}

std::string LoginToken(const JoinTicket& ticket) { return IsSealed(ticket) ? "" : ticket.token; }

}  // namespace bluemarble::client
