/// A player's account: register, log in, stay logged in, and join a world whose datagrams are
/// sealed. Every call blocks for an HTTP request or two, so games make them beside the frame loop
/// (bluemarble/connection.h does).
#pragma once

#include <memory>
#include <string>

#include "bluemarble/client.h"

namespace bluemarble {

struct AccountResult {
  bool ok = false;
  RequestFailure failure = RequestFailure::kNone;
  int retry_after_ms = 0;
  std::string error;  ///< For people, when !ok.
};

/// Any thread may call it; calls wait for each other, since a refresh token is good once. Tokens
/// are kept in memory only.
class BLUEMARBLE_API Account {
 public:
  /// `http_url` such as "https://play.example:8080". Passwords go over it: plain http:// only to
  /// this machine.
  explicit Account(std::string http_url, HttpOptions options = {});
  ~Account();
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  /// Makes the account and logs in.
  AccountResult Register(const std::string& name, const std::string& password);
  AccountResult LogIn(const std::string& name, const std::string& password);
  /// Goes on with a login of before: the newest refresh_token() of another run.
  AccountResult Resume(const std::string& refresh_token);
  /// Gets new tokens; Join does it by itself when they are about to expire.
  AccountResult Refresh();
  /// Ends the login on the server and forgets it here.
  AccountResult LogOut();

  /// A ticket for Client::Connect. kDenied: log in again.
  JoinResult Join();

  bool logged_in() const;
  std::string name() const;
  /// Changes with every refresh. Secret: it is as good as the password until it is used.
  std::string refresh_token() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bluemarble
