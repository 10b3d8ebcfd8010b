#include "persistence/account_sql.h"

#include <utility>

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Result;
using core::Status;
using Query = AccountSql::Query;

// account_id, name, password_hash, created_us, banned_until_us, ban_reason, role
constexpr std::string_view kAccountColumns = "ittiiti";
// at_us, kind, account_id, name, address, detail
constexpr std::string_view kEventColumns = "iiittt";

int64_t Int(const SqlCell& cell) { return std::get<int64_t>(cell); }
std::string Text(SqlCell& cell) { return std::move(std::get<std::string>(cell)); }

LoginAccount AccountOf(std::vector<SqlCell>& row) {
  return {.account_id = Int(row[0]),
          .name = Text(row[1]),
          .password_hash = Text(row[2]),
          .created_us = Int(row[3]),
          .banned_until_us = Int(row[4]),
          .ban_reason = Text(row[5]),
          .role = Int(row[6]) == 1 ? LoginRole::kOperator : LoginRole::kPlayer};
}

std::vector<LoginEvent> EventsOf(SqlTable& rows) {
  std::vector<LoginEvent> events;
  for (auto& row : rows) {
    events.push_back({.at_us = Int(row[0]),
                      .kind = static_cast<LoginEventKind>(Int(row[1])),
                      .account_id = Int(row[2]),
                      .name = Text(row[3]),
                      .address = Text(row[4]),
                      .detail = Text(row[5])});
  }
  return events;
}

Status AddEvent(const Query& query, const LoginEvent& event) {
  return query(
             "INSERT INTO login_event (at_us, kind, account_id, name, address, detail)"
             " VALUES ($1, $2, $3, $4, $5, $6)",
             "",
             {event.at_us, static_cast<int64_t>(event.kind), event.account_id,
              std::string_view(event.name), std::string_view(event.address),
              std::string_view(event.detail)})
      .status();
}

class SqlAccountStore final : public AccountStore {
 public:
  explicit SqlAccountStore(std::unique_ptr<AccountSql> sql) : sql_(std::move(sql)) {}

  Result<LoginAccount> Create(const std::string& name, const std::string& name_key,
                              const std::string& password_hash, int64_t now_us,
                              const std::string& address) override;
  Result<LoginAccount> Find(const std::string& name_key) override;
  Status ChangePassword(int64_t account_id, const std::string& old_hash,
                        const std::string& new_hash) override;
  Status OpenSession(const LoginSession& session, int max_sessions,
                     const LoginEvent& event) override;
  Result<Rotated> Rotate(const SecretHash& session, const SecretHash& old_secret,
                         const SecretHash& new_secret, int64_t now_us, int64_t expires_us,
                         const std::string& address) override;
  Result<EndedSession> EndSession(const SecretHash& session, const SecretHash& secret,
                                  int64_t now_us, const std::string& address) override;
  Result<LoginAccount> SetBan(const std::string& name_key, int64_t until_us,
                              const std::string& reason, int64_t now_us,
                              const std::string& by) override;
  Result<std::vector<ActiveBan>> Bans(int64_t now_us) override;
  Status Record(const LoginEvent& event) override {
    return sql_->Transaction([&](const Query& query) { return AddEvent(query, event); });
  }
  Result<LoginAccount> SetRole(const std::string& name_key, LoginRole role, int64_t now_us,
                               const std::string& by) override;
  Result<std::vector<LoginEvent>> Events(int64_t account_id, size_t limit) override;
  Result<std::vector<LoginEvent>> Actions(size_t limit) override;
  Result<uint64_t> Purge(int64_t now_us, int64_t events_before_us, int64_t max_events,
                         int64_t limit) override;

 private:
  std::unique_ptr<AccountSql> sql_;
};

Result<LoginAccount> SqlAccountStore::Create(const std::string& name, const std::string& name_key,
                                             const std::string& password_hash, int64_t now_us,
                                             const std::string& address) {
  LoginAccount account{.name = name, .password_hash = password_hash, .created_us = now_us};
  const Status status = sql_->Transaction([&](const Query& query) -> Status {
    auto made = query(
        "INSERT INTO login_account (name, name_key, password_hash, created_us)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (name_key) DO NOTHING RETURNING account_id",
        "i",
        {std::string_view(name), std::string_view(name_key), std::string_view(password_hash),
         now_us});
    if (!made.ok()) return made.status();
    if (made->empty()) return {Code::kConflict, "the name is taken"};
    account.account_id = Int((*made)[0][0]);
    return AddEvent(query, {.at_us = now_us,
                            .kind = LoginEventKind::kRegistered,
                            .account_id = account.account_id,
                            .name = name,
                            .address = address});
  });
  if (!status.ok()) return status;
  return account;
}

Result<LoginAccount> SqlAccountStore::Find(const std::string& name_key) {
  LoginAccount account;
  const Status status = sql_->Read([&](const Query& query) -> Status {
    auto rows = query(
        "SELECT account_id, name, password_hash, created_us, banned_until_us, ban_reason, role"
        " FROM login_account WHERE name_key = $1",
        kAccountColumns, {std::string_view(name_key)});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return {Code::kNotFound, "no such account"};
    account = AccountOf((*rows)[0]);
    return Status::Ok();
  });
  if (!status.ok()) return status;
  return account;
}

Status SqlAccountStore::ChangePassword(int64_t account_id, const std::string& old_hash,
                                       const std::string& new_hash) {
  return sql_->Transaction([&](const Query& query) {
    return query(
               "UPDATE login_account SET password_hash = $1"
               " WHERE account_id = $2 AND password_hash = $3",
               "", {std::string_view(new_hash), account_id, std::string_view(old_hash)})
        .status();
  });
}

Status SqlAccountStore::OpenSession(const LoginSession& session, int max_sessions,
                                    const LoginEvent& event) {
  return sql_->Transaction([&](const Query& query) -> Status {
    auto made = query(
        "INSERT INTO login_session (session_hash, account_id, secret_hash, generation,"
        " created_us, used_us, expires_us) VALUES ($1, $2, $3, 1, $4, $5, $6)",
        "",
        {std::span<const std::byte>(session.session), session.account_id,
         std::span<const std::byte>(session.secret), session.created_us, session.created_us,
         session.expires_us});
    if (!made.ok()) return made.status();
    auto ended = query(
        "DELETE FROM login_session WHERE account_id = $1 AND session_hash IN"
        " (SELECT session_hash FROM login_session WHERE account_id = $1"
        " ORDER BY created_us DESC, session_hash LIMIT 1000 OFFSET $2)",
        "", {session.account_id, int64_t{max_sessions}});
    if (!ended.ok()) return ended.status();
    return AddEvent(query, event);
  });
}

Result<Rotated> SqlAccountStore::Rotate(const SecretHash& session, const SecretHash& old_secret,
                                        const SecretHash& new_secret, int64_t now_us,
                                        int64_t expires_us, const std::string& address) {
  Rotated rotated;
  const Status status = sql_->Transaction([&](const Query& query) -> Status {
    rotated = {};
    // The comparison and the change are one statement: of two that bring the same token, the second
    // waits for the first and then finds another secret.
    auto changed = query(
        "UPDATE login_session SET secret_hash = $1, generation = generation + 1, used_us = $2,"
        " expires_us = $3 WHERE session_hash = $4 AND secret_hash = $5 AND expires_us > $6"
        " RETURNING account_id",
        "i",
        {std::span<const std::byte>(new_secret), now_us, expires_us,
         std::span<const std::byte>(session), std::span<const std::byte>(old_secret), now_us});
    if (!changed.ok()) return changed.status();
    const bool newest = !changed->empty();
    int64_t account_id = newest ? Int((*changed)[0][0]) : 0;
    bool reused = false;
    if (!newest) {
      auto ended = query(
          "DELETE FROM login_session WHERE session_hash = $1 RETURNING account_id, expires_us",
          "ii", {std::span<const std::byte>(session)});
      if (!ended.ok()) return ended.status();
      if (ended->empty()) return Status::Ok();
      account_id = Int((*ended)[0][0]);
      reused = Int((*ended)[0][1]) > now_us;
      if (!reused) return Status::Ok();
    }
    auto rows = query(
        "SELECT account_id, name, password_hash, created_us, banned_until_us, ban_reason, role"
        " FROM login_account WHERE account_id = $1",
        kAccountColumns, {account_id});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return {Code::kCorrupt, "a session without its account"};
    rotated.account = AccountOf((*rows)[0]);
    if (reused) {
      rotated.rotation = Rotation::kReused;
      return AddEvent(query, {.at_us = now_us,
                              .kind = LoginEventKind::kTokenReused,
                              .account_id = account_id,
                              .name = rotated.account.name,
                              .address = address});
    }
    rotated.rotation = Rotation::kRotated;
    if (!rotated.account.banned(now_us)) return Status::Ok();
    rotated.rotation = Rotation::kBanned;
    return query("DELETE FROM login_session WHERE session_hash = $1", "",
                 {std::span<const std::byte>(session)})
        .status();
  });
  if (!status.ok()) return status;
  return rotated;
}

Result<EndedSession> SqlAccountStore::EndSession(const SecretHash& session,
                                                 const SecretHash& secret, int64_t now_us,
                                                 const std::string& address) {
  EndedSession ended;
  const Status status = sql_->Transaction([&](const Query& query) -> Status {
    ended = {};
    auto rows = query(
        "DELETE FROM login_session WHERE session_hash = $1 AND secret_hash = $2"
        " RETURNING account_id",
        "i", {std::span<const std::byte>(session), std::span<const std::byte>(secret)});
    if (!rows.ok()) return rows.status();
    if (!rows->empty()) {
      ended = {SessionEnd::kLoggedOut, Int((*rows)[0][0])};
    } else {
      auto older = query(
          "DELETE FROM login_session WHERE session_hash = $1 RETURNING account_id, expires_us",
          "ii", {std::span<const std::byte>(session)});
      if (!older.ok()) return older.status();
      if (older->empty() || Int((*older)[0][1]) <= now_us) return Status::Ok();
      ended = {SessionEnd::kReused, Int((*older)[0][0])};
    }
    auto names =
        query("SELECT name FROM login_account WHERE account_id = $1", "t", {ended.account_id});
    if (!names.ok()) return names.status();
    return AddEvent(query, {.at_us = now_us,
                            .kind = ended.how == SessionEnd::kReused ? LoginEventKind::kTokenReused
                                                                     : LoginEventKind::kLoggedOut,
                            .account_id = ended.account_id,
                            .name = names->empty() ? std::string() : Text((*names)[0][0]),
                            .address = address});
  });
  if (!status.ok()) return status;
  return ended;
}

Result<LoginAccount> SqlAccountStore::SetBan(const std::string& name_key, int64_t until_us,
                                             const std::string& reason, int64_t now_us,
                                             const std::string& by) {
  LoginAccount account;
  const Status status = sql_->Transaction([&](const Query& query) -> Status {
    auto rows = query(
        "UPDATE login_account SET banned_until_us = $1, ban_reason = $2 WHERE name_key = $3"
        " RETURNING account_id, name, password_hash, created_us, banned_until_us, ban_reason, role",
        kAccountColumns, {until_us, std::string_view(reason), std::string_view(name_key)});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return {Code::kNotFound, "no such account"};
    account = AccountOf((*rows)[0]);
    if (until_us != 0) {
      auto ended =
          query("DELETE FROM login_session WHERE account_id = $1", "", {account.account_id});
      if (!ended.ok()) return ended.status();
    }
    return AddEvent(query,
                    {.at_us = now_us,
                     .kind = until_us != 0 ? LoginEventKind::kBanned : LoginEventKind::kUnbanned,
                     .account_id = account.account_id,
                     .name = account.name,
                     .address = by,
                     .detail = reason});
  });
  if (!status.ok()) return status;
  return account;
}

Result<LoginAccount> SqlAccountStore::SetRole(const std::string& name_key, LoginRole role,
                                              int64_t now_us, const std::string& by) {
  LoginAccount account;
  const Status status = sql_->Transaction([&](const Query& query) -> Status {
    auto rows = query(
        "UPDATE login_account SET role = $1 WHERE name_key = $2"
        " RETURNING account_id, name, password_hash, created_us, banned_until_us, ban_reason, role",
        kAccountColumns, {static_cast<int64_t>(role), std::string_view(name_key)});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return {Code::kNotFound, "no such account"};
    account = AccountOf((*rows)[0]);
    if (role == LoginRole::kPlayer) {
      auto ended =
          query("DELETE FROM login_session WHERE account_id = $1", "", {account.account_id});
      if (!ended.ok()) return ended.status();
    }
    return AddEvent(query, {.at_us = now_us,
                            .kind = LoginEventKind::kRoleGiven,
                            .account_id = account.account_id,
                            .name = account.name,
                            .address = by,
                            .detail = std::string(LoginRoleName(role))});
  });
  if (!status.ok()) return status;
  return account;
}

Result<std::vector<ActiveBan>> SqlAccountStore::Bans(int64_t now_us) {
  std::vector<ActiveBan> bans;
  const Status status = sql_->Read([&](const Query& query) -> Status {
    // "> 0" lets both databases use the partial index.
    auto rows = query(
        "SELECT account_id, banned_until_us FROM login_account"
        " WHERE banned_until_us > 0 AND banned_until_us > $1",
        "ii", {now_us});
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) bans.push_back({Int(row[0]), Int(row[1])});
    return Status::Ok();
  });
  if (!status.ok()) return status;
  return bans;
}

Result<std::vector<LoginEvent>> SqlAccountStore::Events(int64_t account_id, size_t limit) {
  std::vector<LoginEvent> events;
  const Status status = sql_->Read([&](const Query& query) -> Status {
    auto rows = query(
        "SELECT at_us, kind, account_id, name, address, detail FROM login_event"
        " WHERE account_id = $1 ORDER BY event_id DESC LIMIT $2",
        kEventColumns, {account_id, static_cast<int64_t>(limit)});
    if (rows.ok()) events = EventsOf(*rows);
    return rows.status();
  });
  if (!status.ok()) return status;
  return events;
}

Result<std::vector<LoginEvent>> SqlAccountStore::Actions(size_t limit) {
  std::vector<LoginEvent> events;
  const Status status = sql_->Read([&](const Query& query) -> Status {
    // The 7 is written out so that both databases use the partial index.
    auto rows = query(
        "SELECT at_us, kind, account_id, name, address, detail FROM login_event"
        " WHERE kind >= 7 ORDER BY event_id DESC LIMIT $1",
        kEventColumns, {static_cast<int64_t>(limit)});
    if (rows.ok()) events = EventsOf(*rows);
    return rows.status();
  });
  if (!status.ok()) return status;
  return events;
}

Result<uint64_t> SqlAccountStore::Purge(int64_t now_us, int64_t events_before_us,
                                        int64_t max_events, int64_t limit) {
  uint64_t gone = 0;
  const Status status = sql_->Transaction([&](const Query& query) -> Status {
    gone = 0;
    const std::pair<const char*, std::vector<SqlValue>> deletions[] = {
        {"DELETE FROM login_session WHERE session_hash IN (SELECT session_hash FROM login_session"
         " WHERE expires_us <= $1 LIMIT $2) RETURNING 1",
         {now_us, limit}},
        {"DELETE FROM login_event WHERE event_id IN (SELECT event_id FROM login_event"
         " WHERE at_us < $1 LIMIT $2) RETURNING 1",
         {events_before_us, limit}},
        {"DELETE FROM login_event WHERE event_id IN (SELECT event_id FROM login_event"
         " WHERE event_id <= (SELECT coalesce(max(event_id), 0) FROM login_event) - $1"
         " ORDER BY event_id LIMIT $2) RETURNING 1",
         {max_events, limit}},
    };
    for (const auto& [sql, values] : deletions) {
      auto rows = query(sql, "i", values);
      if (!rows.ok()) return rows.status();
      gone += rows->size();
    }
    return Status::Ok();
  });
  if (!status.ok()) return status;
  return gone;
}

}  // namespace

std::string_view LoginRoleName(LoginRole role) {
  return role == LoginRole::kOperator ? "operator" : "player";
}

std::string_view LoginEventName(LoginEventKind kind) {
  switch (kind) {
    case LoginEventKind::kRegistered: return "registered";
    case LoginEventKind::kLoggedIn: return "logged_in";
    case LoginEventKind::kLoginFailed: return "login_failed";
    case LoginEventKind::kLoginRefused: return "login_refused";
    case LoginEventKind::kTokenReused: return "token_reused";
    case LoginEventKind::kLoggedOut: return "logged_out";
    case LoginEventKind::kBanned: return "banned";
    case LoginEventKind::kUnbanned: return "unbanned";
    case LoginEventKind::kRoleGiven: return "role_given";
    case LoginEventKind::kKicked: return "kicked";
    case LoginEventKind::kTeleported: return "teleported";
    case LoginEventKind::kAnnounced: return "announced";
  }
  return "unknown";
}

std::unique_ptr<AccountStore> MakeAccountStore(std::unique_ptr<AccountSql> sql) {
  return std::make_unique<SqlAccountStore>(std::move(sql));
}

}  // namespace bluemarble::persistence
