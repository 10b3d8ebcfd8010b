/// Registering, logging in, staying logged in and logging out, over HTTP; and the operator's bans.
/// docs/openapi.yaml describes every member. Bodies are read strictly: a member that is unknown,
/// missing, there twice or of the wrong type is refused by name.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "api/admin_guard.h"
#include "api/http_server.h"
#include "services/accounts/accounts.h"

namespace bluemarble::api {

/// POST /v1/accounts, /v1/login, /v1/refresh, /v1/logout. `accounts` outlives the router.
void AddAuthEndpoints(Router& router, accounts::Accounts& accounts);

/// POST /v1/admin/ban, /v1/admin/unban, /v1/admin/role; GET /v1/admin/account. Both outlive the
/// router.
void AddAccountAdminEndpoints(Router& router, accounts::Accounts& accounts, AdminGuard& guard);

/// Who sends this request, by the access token in "Authorization: Bearer ..."; or the answer to who
/// has none that is valid. Waits for nothing.
std::variant<accounts::Identity, HttpResponse> Authenticate(accounts::Accounts& accounts,
                                                            const HttpRequest& request);

/// What counts as one address: IPv4 whole, IPv6 its /64, which one customer has for himself.
std::string AddressKey(const std::string& remote_address);

}  // namespace bluemarble::api
