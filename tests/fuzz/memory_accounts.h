/// An account store in memory for the fuzzers of HTTP bodies: the contract of AccountStore without
/// a disk, and without what no request can ask for.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "persistence/account_store.h"

namespace bluemarble::fuzz {

class MemoryAccounts final : public persistence::AccountStore {
 public:
  using LoginAccount = persistence::LoginAccount;
  using SecretHash = persistence::SecretHash;

  core::Result<LoginAccount> Create(const std::string& name, const std::string& name_key,
                                    const std::string& password_hash, int64_t now_us,
                                    const std::string& address) override {
    const auto [found, added] = accounts_.try_emplace(name_key);
    if (!added) return core::Status(core::Code::kConflict, "the name is taken");
    found->second = {.account_id = static_cast<int64_t>(accounts_.size()),
                     .name = name,
                     .password_hash = password_hash,
                     .created_us = now_us};
    events_.push_back({.at_us = now_us,
                       .account_id = found->second.account_id,
                       .name = name,
                       .address = address});
    return found->second;
  }
  core::Result<LoginAccount> Find(const std::string& name_key) override {
    const auto found = accounts_.find(name_key);
    if (found == accounts_.end()) return core::Status(core::Code::kNotFound, "no such account");
    return found->second;
  }
  core::Status ChangePassword(int64_t, const std::string&, const std::string&) override {
    return core::Status::Ok();
  }
  core::Status OpenSession(const persistence::LoginSession& session, int,
                           const persistence::LoginEvent& event) override {
    sessions_[session.session] = session;
    return Record(event);
  }
  core::Result<persistence::Rotated> Rotate(const SecretHash& session, const SecretHash& old_secret,
                                            const SecretHash& new_secret, int64_t now_us,
                                            int64_t expires_us, const std::string&) override {
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || found->second.expires_us <= now_us)
      return persistence::Rotated{};
    if (found->second.secret != old_secret) {
      sessions_.erase(found);
      return persistence::Rotated{.rotation = persistence::Rotation::kReused};
    }
    found->second.secret = new_secret;
    found->second.expires_us = expires_us;
    return persistence::Rotated{persistence::Rotation::kRotated, ById(found->second.account_id)};
  }
  core::Result<persistence::EndedSession> EndSession(const SecretHash& session,
                                                     const SecretHash& secret, int64_t,
                                                     const std::string&) override {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return persistence::EndedSession{};
    const bool newest = found->second.secret == secret;
    const int64_t account_id = found->second.account_id;
    sessions_.erase(found);
    return persistence::EndedSession{
        newest ? persistence::SessionEnd::kLoggedOut : persistence::SessionEnd::kReused,
        account_id};
  }
  core::Result<LoginAccount> SetBan(const std::string& name_key, int64_t until_us,
                                    const std::string& reason, int64_t,
                                    const std::string&) override {
    const auto found = accounts_.find(name_key);
    if (found == accounts_.end()) return core::Status(core::Code::kNotFound, "no such account");
    found->second.banned_until_us = until_us;
    found->second.ban_reason = reason;
    std::erase_if(sessions_, [&](const auto& entry) {
      return entry.second.account_id == found->second.account_id;
    });
    return found->second;
  }
  core::Result<LoginAccount> SetRole(const std::string& name_key, persistence::LoginRole role,
                                     int64_t, const std::string&) override {
    const auto found = accounts_.find(name_key);
    if (found == accounts_.end()) return core::Status(core::Code::kNotFound, "no such account");
    found->second.role = role;
    return found->second;
  }
  core::Result<std::vector<persistence::LoginEvent>> Actions(size_t limit) override {
    return std::vector<persistence::LoginEvent>(
        events_.rbegin(),
        events_.rbegin() + static_cast<std::ptrdiff_t>(std::min(limit, events_.size())));
  }
  core::Result<std::vector<persistence::ActiveBan>> Bans(int64_t) override {
    return std::vector<persistence::ActiveBan>{};
  }
  core::Status Record(const persistence::LoginEvent& event) override {
    events_.push_back(event);
    return core::Status::Ok();
  }
  core::Result<std::vector<persistence::LoginEvent>> Events(int64_t account_id,
                                                            size_t limit) override {
    std::vector<persistence::LoginEvent> found;
    for (auto event = events_.rbegin(); event != events_.rend() && found.size() < limit; ++event) {
      if (event->account_id == account_id) found.push_back(*event);
    }
    return found;
  }
  core::Result<uint64_t> Purge(int64_t, int64_t, int64_t, int64_t) override { return uint64_t{0}; }

 private:
  LoginAccount ById(int64_t account_id) const {
    const auto found = std::find_if(accounts_.begin(), accounts_.end(), [&](const auto& entry) {
      return entry.second.account_id == account_id;
    });
    return found == accounts_.end() ? LoginAccount{} : found->second;
  }

  std::map<std::string, LoginAccount> accounts_;
  std::map<SecretHash, persistence::LoginSession> sessions_;
  std::vector<persistence::LoginEvent> events_;
};

}  // namespace bluemarble::fuzz
