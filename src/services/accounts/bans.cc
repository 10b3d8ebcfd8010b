// What operators do to accounts. Bans: set here or by another daemon of the same database, and told
// to whoever has them in play.
#include <unordered_map>
#include <utility>

#include "core/text.h"
#include "services/accounts/accounts.h"

namespace bluemarble::accounts {

using core::Code;
using core::Status;
using persistence::LoginAccount;

Status Accounts::ReadBans() {
  // Held meanwhile, so that what is read does not undo a ban that is being set.
  const std::lock_guard store_lock(store_mutex_);
  auto bans = store_->Bans(clock_.WallUs());
  if (!bans.ok()) return bans.status();
  std::unordered_map<int64_t, int64_t> by_account;
  for (const persistence::ActiveBan& ban : *bans) by_account[ban.account_id] = ban.until_us;
  const size_t attempts = limits_.size();
  std::unordered_map<int64_t, int64_t> before = by_account;
  {
    const std::lock_guard lock(mutex_);
    bans_.swap(before);
    stats_.bans.Set(bans_.size());
    stats_.attempts.Set(attempts);
  }
  if (!on_ban_) return Status::Ok();
  for (const auto& [account_id, until_us] : by_account)
    if (!before.contains(account_id)) TellBan(account_id, until_us);
  for (const auto& [account_id, until_us] : before)
    if (!by_account.contains(account_id)) TellBan(account_id, 0);
  TellBansAgain();
  return Status::Ok();
}

void Accounts::TellBan(int64_t account_id, int64_t until_us) {
  if (!on_ban_) return;
  untold_.erase(account_id);
  if (!on_ban_(account_id, until_us)) untold_[account_id] = until_us;
}

void Accounts::TellBansAgain() {
  std::erase_if(untold_, [this](const auto& ban) { return on_ban_(ban.first, ban.second); });
}

core::Result<LoginAccount> Accounts::SetBan(const std::string& name, int64_t until_us,
                                            const std::string& reason, const std::string& by) {
  if (Status status = core::ValidateName(name); !status.ok()) return status;
  if (!reason.empty()) {
    if (Status status = core::ValidateText(reason, 200); !status.ok())
      return Status(Code::kInvalid, "the reason", status.ToString());
  }
  const int64_t now_us = clock_.WallUs();
  if (until_us != 0 && until_us <= now_us)
    return Status(Code::kInvalid, "the ban would end in the past");
  const std::lock_guard store_lock(store_mutex_);
  auto account = store_->SetBan(NameKey(name), until_us, reason, now_us, by);
  if (!account.ok()) return account;
  {
    const std::lock_guard lock(mutex_);
    if (until_us == 0) {
      bans_.erase(account->account_id);
    } else {
      bans_[account->account_id] = until_us;
    }
    stats_.bans.Set(bans_.size());
  }
  TellBan(account->account_id, until_us);  // after Authenticate knows: no more tokens from here on
  return account;
}

core::Result<LoginAccount> Accounts::SetRole(const std::string& name, persistence::LoginRole role,
                                             const std::string& by) {
  if (Status status = core::ValidateName(name); !status.ok()) return status;
  const std::lock_guard store_lock(store_mutex_);
  auto account = store_->SetRole(NameKey(name), role, clock_.WallUs(), by);
  if (!account.ok()) return account;
  const std::lock_guard lock(mutex_);
  roles_[account->account_id] = role;
  return account;
}

core::Result<std::vector<persistence::LoginEvent>> Accounts::Actions(size_t limit) {
  const std::lock_guard lock(store_mutex_);
  return store_->Actions(limit);
}

Status Accounts::NoteAction(persistence::LoginEventKind kind, int64_t account_id,
                            const std::string& name, const std::string& by,
                            const std::string& detail) {
  const std::lock_guard lock(store_mutex_);
  return store_->Record({.at_us = clock_.WallUs(),
                         .kind = kind,
                         .account_id = account_id,
                         .name = name,
                         .address = by,
                         .detail = detail});
}

}  // namespace bluemarble::accounts
