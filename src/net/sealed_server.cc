#include "net/sealed_server.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/look_ahead.h"
#include "net/byte_order.h"

namespace bluemarble::net {
namespace {

constexpr int64_t kMs = 1'000'000;
// A cookie is good for the rest of its period and the next one.
constexpr int64_t kCookiePeriodNs = 5'000 * kMs;
// Virtual addresses are of class E (240.0.0.0/4), which no datagram can come from.
constexpr uint32_t kVirtualV4 = 0xf000'0000;
constexpr int kGoodbyes = 3;
// Malformed datagrams of one session. What opens is what the client sealed, so no path is to blame.
constexpr int kMalformedEnds = 8;
constexpr int64_t kEndingNs = 1'000 * kMs;
constexpr int64_t kChallengeEveryNs = 100 * kMs;
constexpr int64_t kChallengeLifeNs = 5'000 * kMs;
constexpr size_t kPathBytes = kSealBytes + 1 + 8;  // a path challenge, and its response

// ENet's CONNECT is alone in its datagram, which names no peer (net/precheck.cc has the layout).
constexpr size_t kEnetConnectBytes = 52, kEnetConnectIdAt = 44;

uint64_t Random64() {
  std::array<std::byte, 8> bytes;
  FillRandom(bytes);
  return ReadLe<uint64_t>(bytes, 0);
}

SealEvent EventOf(TokenVerdict verdict) {
  switch (verdict) {
    case TokenVerdict::kUnknownKey: return SealEvent::kTokenUnknownKey;
    case TokenVerdict::kExpired: return SealEvent::kTokenExpired;
    case TokenVerdict::kEarly: return SealEvent::kTokenEarly;
    case TokenVerdict::kWrongHost: return SealEvent::kTokenWrongHost;
    case TokenVerdict::kForged:
    case TokenVerdict::kOk: break;
  }
  return SealEvent::kTokenForged;
}

}  // namespace

uint8_t SealedServer::CiphersOf(const NetSettings& settings) {
  if (settings.cipher == "aes256gcm") return static_cast<uint8_t>(Cipher::kAes256Gcm);
  if (settings.cipher == "chacha20poly1305") return static_cast<uint8_t>(Cipher::kChaCha20Poly1305);
  return kAllCiphers;
}

SealedServer::SealedServer(const NetSettings& settings, const TokenMint& mint, const Key& reset_key)
    : mint_(mint),
      max_per_address_(static_cast<size_t>(settings.max_peers_per_address)),
      ciphers_(CiphersOf(settings)),
      rekey_datagrams_(static_cast<uint64_t>(settings.rekey_datagrams)),
      rekey_ns_(int64_t{settings.rekey_s} * 1000 * kMs),
      half_open_ns_(settings.half_open_ms * kMs),
      idle_ns_(2 * settings.peer_timeout_ms * kMs),
      mark_key_(DeriveKey(reset_key, "bm1 mark")),
      cookie_mac_(RandomKey()),
      reset_mac_(DeriveKey(reset_key, "bm1 reset")),
      unproven_gate_(settings.requests_per_s, settings.requests_per_address_s, Random64()),
      proven_gate_(settings.requests_per_s, settings.requests_per_address_s, Random64()),
      reset_gate_(settings.resets_per_s, settings.resets_per_address_s, Random64()),
      sessions_(static_cast<size_t>(settings.max_peers_per_host)),
      index_(std::bit_ceil(2 * sessions_.size())),
      index_mask_(index_.size() - 1),
      token_numbers_(sessions_.size(), kNoToken),
      addresses_v4_(sessions_.size(), 0),
      half_open_accounts_(sessions_.size(), kNoAccount),
      used_tokens_(std::make_unique<NumberWindow<16'384>>()) {
  for (size_t slot = sessions_.size(); slot-- > 0;) free_.push_back(static_cast<uint16_t>(slot));
}

SealedServer::~SealedServer() {
  for (Session& session : sessions_) session.pipe.Forget();
}

void SealedServer::Attach(DatagramOutlet& outlet, HostStats& stats, uint16_t port) {
  outlet_ = &outlet;
  stats_ = &stats;
  port_ = port;
  std::array<std::byte, 2> context;
  WriteLe(std::span<std::byte>(context), 0, port);
  mark_ = SessionMark(DeriveKey(mark_key_, "bm1 host", context));
  flood_filter_ = mark_.Filter();
}

DatagramSeam::Opened SealedServer::Open(Address& from, std::span<std::byte>& datagram) noexcept {
  const auto type = TypeOf(datagram);
  if (type == PacketType::kData || type == PacketType::kControl)
    return OnSealed(from, datagram, *type);
  if (type == PacketType::kRequest) return OnRequest(from, datagram);
  return Refuse(SealEvent::kUnknownType);
}

// ---- before a session

DatagramSeam::Opened SealedServer::OnRequest(const Address& from,
                                             std::span<const std::byte> datagram) {
  const auto request = ReadRequest(datagram);
  if (!request) return Refuse(SealEvent::kBadRequest);
  if (CookieFits(from, *request)) return OnProvenRequest(from, *request);
  if (!unproven_gate_.Allow(from.v4, now_ns_)) return Refuse(SealEvent::kRequestLimited);
  Challenge(from, *request);
  return Opened::kTaken;
}

bool SealedServer::CookieFits(const Address& from, const RequestView& request) {
  const auto asked = ReadLe<uint32_t>(request.cookie, 0);
  if (asked == 0) return false;
  const auto period = static_cast<uint32_t>(now_ns_ / kCookiePeriodNs + 1);
  if (asked == period || asked + 1 == period) {
    const Cookie right = MakeCookie(cookie_mac_, from, request.token_tag(), asked);
    if (EqualSecret(right, request.cookie)) return true;
  }
  Count(SealEvent::kBadCookie);
  return false;
}

void SealedServer::Challenge(const Address& from, const RequestView& request) {
  const auto period = static_cast<uint32_t>(now_ns_ / kCookiePeriodNs + 1);
  const Cookie cookie = MakeCookie(cookie_mac_, from, request.token_tag(), period);
  std::array<std::byte, kChallengeBytes> answer;
  WriteChallenge(request.token_tag(), cookie, answer);
  outlet_->SendDirect(from, answer);
  Count(SealEvent::kChallenged);
}

DatagramSeam::Opened SealedServer::OnProvenRequest(const Address& from,
                                                   const RequestView& request) {
  if (!proven_gate_.Allow(from.v4, now_ns_)) return Refuse(SealEvent::kRequestLimited);
  TokenContent token;
  const TokenVerdict verdict = mint_.Open(request.token, port_, aead_, token);
  if (verdict != TokenVerdict::kOk) {
    const bool expired = verdict == TokenVerdict::kExpired;
    return RefuseToken(from, request, EventOf(verdict),
                       expired ? RefusedReason::kExpired : RefusedReason::kBadToken);
  }
  if (!EqualSecret(ProofOf(token.to_server, request.proven), request.proof))
    return RefuseToken(from, request, SealEvent::kTokenUnproven, RefusedReason::kBadToken);
  const uint64_t number = TokenNumber(request.token);
  if (used_tokens_->Seen(number)) return RepeatAccept(from, request, number);
  const auto cipher = Choose(request.ciphers);
  if (!cipher) return RefuseToken(from, request, SealEvent::kNoCipher, RefusedReason::kNoCipher);
  if (free_.empty()) return RefuseToken(from, request, SealEvent::kFull, RefusedReason::kFull);
  if (max_per_address_ > 0 && SessionsFrom(from.v4) >= max_per_address_)
    return RefuseToken(from, request, SealEvent::kAddressFull, RefusedReason::kFull);
  used_tokens_->Mark(number);
  return Accept(from, request, token, *cipher);
}

// The address is proven, so an answer is worth its bytes; it is no larger than a 64th of the
// request.
DatagramSeam::Opened SealedServer::RefuseToken(const Address& from, const RequestView& request,
                                               SealEvent event, RefusedReason reason) {
  std::array<std::byte, kRefusedBytes> answer;
  WriteRefused(reason, request.token_tag(), answer);
  outlet_->SendDirect(from, answer);
  return Refuse(event);
}

DatagramSeam::Opened SealedServer::RepeatAccept(const Address& from, const RequestView& request,
                                                uint64_t number) {
  const auto found = std::find(token_numbers_.begin(), token_numbers_.end(), number);
  if (found == token_numbers_.end())
    return RefuseToken(from, request, SealEvent::kTokenUsed, RefusedReason::kUsed);
  Session& session = sessions_[static_cast<size_t>(found - token_numbers_.begin())];
  if (session.bound != from) return Refuse(SealEvent::kTokenStolen);
  if (session.state == State::kEnding) return Refuse(SealEvent::kSessionEnding);
  // Repeating does not keep what is half open: its time runs from the first Accept.
  outlet_->SendDirect(from, session.accept);
  Count(SealEvent::kAcceptRepeated);
  return Opened::kTaken;
}

std::optional<Cipher> SealedServer::Choose(uint8_t offered) const {
  const uint8_t common = offered & ciphers_;
  const bool aes = (common & static_cast<uint8_t>(Cipher::kAes256Gcm)) != 0;
  const bool chacha = (common & static_cast<uint8_t>(Cipher::kChaCha20Poly1305)) != 0;
  if (aes && (HasAesHardware() || !chacha)) return Cipher::kAes256Gcm;
  if (chacha) return Cipher::kChaCha20Poly1305;
  return std::nullopt;
}

size_t SealedServer::SessionsFrom(uint32_t v4) const {
  return static_cast<size_t>(std::count(addresses_v4_.begin(), addresses_v4_.end(), v4));
}

DatagramSeam::Opened SealedServer::Accept(const Address& from, const RequestView& request,
                                          const TokenContent& token, Cipher cipher) {
  // An account that begins anew gives up what it left half open; else one could hold every slot.
  if (const auto older =
          std::find(half_open_accounts_.begin(), half_open_accounts_.end(), token.account_id);
      older != half_open_accounts_.end()) {
    Session& left = sessions_[static_cast<size_t>(older - half_open_accounts_.begin())];
    if (left.state == State::kAccepted) Free(left);
    *older = kNoAccount;
  }
  const uint16_t slot = free_.back();
  free_.pop_back();
  uint64_t id = 0;
  while (id == 0 || FindSession(id) != nullptr) id = mark_.IdOf(Random64());

  Session& session = sessions_[slot];
  const auto uses =
      static_cast<uint16_t>(session.virtual_port == 65535 ? 1 : session.virtual_port + 1);
  session = {};
  session.virtual_port = uses;
  session.state = State::kAccepted;
  session.pipe.Start(SealedPipe::Side::kServer, cipher, id, token.to_server, token.to_client);
  session.address = session.bound = from;
  session.asked_ns = session.heard_ns = session.phase_ns = now_ns_;
  session.identity_bytes =
      static_cast<uint8_t>(WriteIdentity({token.account_id, token.name()}, session.identity));
  net::Accept accept{cipher, id, ResetTokenOf(reset_mac_, port_, id),
                     static_cast<uint32_t>(idle_ns_ / kMs)};
  WriteAccept(aead_, token.to_client, accept, session.accept);
  token_numbers_[slot] = TokenNumber(request.token);
  half_open_accounts_[slot] = token.account_id;
  addresses_v4_[slot] = from.v4;
  Index(id, slot);
  stats_->seal_sessions.Set(sessions());
  outlet_->SendDirect(from, session.accept);
  Count(SealEvent::kAccepted);
  return Opened::kTaken;
}

// ---- in a session

DatagramSeam::Opened SealedServer::OnSealed(Address& from, std::span<std::byte>& datagram,
                                            PacketType type) {
  if (datagram.size() < kSealBytes) return Refuse(SealEvent::kTooShort);
  const auto id = ReadLe<uint64_t>(datagram, 1);
  Session* session = FindSession(id);
  if (session == nullptr) {
    AnswerUnknown(from, id);
    return Refuse(SealEvent::kUnknownSession);
  }
  if (session->state == State::kEnding) return Refuse(SealEvent::kSessionEnding);
  const auto text = session->pipe.Open(aead_, datagram);
  if (text.opened == SealedPipe::Opened::kReplayed) return Refuse(SealEvent::kReplayed);
  if (text.opened == SealedPipe::Opened::kBadTag) return Refuse(SealEvent::kBadTag);
  session->heard_ns = now_ns_;
  stats_->seal_opened.Add();
  // A client that leaps counts for no more than the window, or one could spoil everybody's figure.
  stats_->seal_sequences.Add(std::min(text.steps, SealedPipe::kReplaySpan));
  if (type == PacketType::kControl)
    return OnControl(*session, from, text.bytes) ? Opened::kTaken : Opened::kRefused;
  if (from != session->address && text.steps > 0) ConsiderPath(*session, from, datagram.size());
  if (!AdmitConnect(*session, text.bytes)) return Refuse(SealEvent::kSecondConnect);
  from = {kVirtualV4 | SlotOf(*session), session->virtual_port};
  datagram = text.bytes;
  return Opened::kPass;
}

// Shorter than what asks (33 bytes at least), and itself never answered.
void SealedServer::AnswerUnknown(const Address& from, uint64_t session) {
  if (!reset_gate_.Allow(from.v4, now_ns_)) {
    Count(SealEvent::kResetLimited);
    return;
  }
  static_assert(kResetBytes <= kSealBytes);
  std::array<std::byte, kResetBytes> answer;
  WriteReset(session, ResetTokenOf(reset_mac_, port_, session), answer);
  outlet_->SendDirect(from, answer);
  Count(SealEvent::kResetSent);
}

// ENet repeats its CONNECT until it is answered; another one would be a second peer.
bool SealedServer::AdmitConnect(Session& session, std::span<const std::byte> enet) const {
  const bool names_a_peer = enet.size() < 2 || (enet[0] & std::byte{0x0f}) != std::byte{0x0f} ||
                            enet[1] != std::byte{0xff};
  // Of another size it is not passed by the pre-check either.
  if (names_a_peer || enet.size() != kEnetConnectBytes) return true;
  const auto id = ReadLe<uint32_t>(enet, kEnetConnectIdAt);
  if (!session.connect_id) session.connect_id = id;
  return *session.connect_id == id;
}

bool SealedServer::OnControl(Session& session, const Address& from,
                             std::span<const std::byte> text) {
  const size_t body = text.empty() ? 0 : text.size() - 1;
  const auto kind = text.empty() ? ControlKind{} : static_cast<ControlKind>(text[0]);
  if (kind == ControlKind::kPathResponse && body == 8) {
    const bool right = from == session.candidate &&
                       now_ns_ - session.challenged_ns <= kChallengeLifeNs &&
                       ReadLe<uint64_t>(text, 1) == session.challenge;
    if (!right) {
      Count(SealEvent::kPathUnproven);
      return false;
    }
    session.address = from;
    session.challenged_ns = session.drawn_ns = kNever;
    addresses_v4_[SlotOf(session)] = from.v4;
    Count(SealEvent::kPathMoved);
    return true;
  }
  if (kind == ControlKind::kGoodbye && body == 4) {
    Count(SealEvent::kClientGoodbye);
    End(session, ReadLe<uint32_t>(text, 1), false, true);
    return true;
  }
  Count(SealEvent::kBadControl);
  return false;
}

// Who copies a datagram and is faster than the original can cause one challenge to itself, smaller
// than what it sent; without the session's keys it has no response. Until there is one, everything
// goes to the proven address.
void SealedServer::ConsiderPath(Session& session, const Address& from, size_t bytes_in) {
  if (bytes_in < kPathBytes || now_ns_ - session.challenged_ns < kChallengeEveryNs) return;
  // On a path slower than the pause between challenges the answer to one comes after the next: both
  // must be the same question.
  if (from != session.candidate || now_ns_ - session.drawn_ns > kChallengeLifeNs / 2) {
    session.candidate = from;
    session.challenge = Random64();
    session.drawn_ns = now_ns_;
  }
  session.challenged_ns = now_ns_;
  std::array<std::byte, 8> body;
  WriteLe(std::span<std::byte>(body), 0, session.challenge);
  SendControl(session, from, ControlKind::kPathChallenge, body);
  Count(SealEvent::kPathChallenged);
}

size_t SealedServer::Seal(Address& to, std::span<const iovec> parts,
                          std::span<std::byte> out) noexcept {
  Session* session = FindVirtual(to);
  if (session == nullptr || out.size() < kSealBytes) return 0;
  const size_t room = std::min(out.size() - kSealBytes, size_t{kEnetMtu});
  const size_t bytes = CopyParts(parts, out.subspan(kSealHeadBytes, room));
  if (bytes == 0) return 0;
  if ((session->pipe.datagrams_in_phase() >= rekey_datagrams_ ||
       now_ns_ - session->phase_ns >= rekey_ns_) &&
      session->pipe.NextPhase()) {
    session->phase_ns = now_ns_;
    Count(SealEvent::kRekeyed);
  }
  session->pipe.Seal(aead_, PacketType::kData, out.first(bytes + kSealBytes));
  to = session->address;
  return bytes + kSealBytes;
}

void SealedServer::SendControl(Session& session, const Address& to, ControlKind kind,
                               std::span<const std::byte> body) {
  std::array<std::byte, kPathBytes> buffer;
  const auto datagram = std::span(buffer).first(kSealBytes + 1 + body.size());
  buffer[kSealHeadBytes] = static_cast<std::byte>(kind);
  std::copy(body.begin(), body.end(), buffer.begin() + kSealHeadBytes + 1);
  session.pipe.Seal(aead_, PacketType::kControl, datagram);
  outlet_->SendDirect(to, datagram);
}

// ---- its end

DatagramSeam::Peer SealedServer::OnConnected(const Address& seen) noexcept {
  Session* session = FindVirtual(seen);
  if (session == nullptr) return {};
  if (session->state == State::kAccepted) {
    session->state = State::kConnected;
    half_open_accounts_[SlotOf(*session)] = kNoAccount;
  }
  return {session->address.v4, std::span(session->identity).first(session->identity_bytes)};
}

void SealedServer::OnGone(const Address& seen, uint32_t reason) noexcept {
  Session* session = FindVirtual(seen);
  if (session != nullptr && session->state != State::kEnding) End(*session, reason, true, false);
}

void SealedServer::OnMalformed(const Address& seen) noexcept {
  Session* session = FindVirtual(seen);
  if (session == nullptr || session->state == State::kEnding) return;
  if (++session->malformed < kMalformedEnds) return;
  Count(SealEvent::kMalformedEnded);
  End(*session, static_cast<uint32_t>(DisconnectReason::kMalformed), true, true);
}

std::optional<uint32_t> SealedServer::Ended(const Address& seen) const noexcept {
  const Session* session = FindVirtual(seen);
  if (session == nullptr) return static_cast<uint32_t>(DisconnectReason::kNone);
  if (session->ended_below) return session->end_reason;
  return std::nullopt;
}

void SealedServer::End(Session& session, uint32_t reason, bool tell_client, bool tell_enet) {
  session.state = State::kEnding;
  session.ended_below = tell_enet;
  session.end_reason = reason;
  session.ending_ns = now_ns_;
  session.goodbyes_left = tell_client ? kGoodbyes : 0;
  if (tell_client) SendGoodbye(session);
}

void SealedServer::SendGoodbye(Session& session) {
  --session.goodbyes_left;
  std::array<std::byte, 4> body;
  WriteLe(std::span<std::byte>(body), 0, session.end_reason);
  SendControl(session, session.address, ControlKind::kGoodbye, body);
}

void SealedServer::Maintain() noexcept {
  if (sessions() == 0) return;
  for (Session& session : sessions_) {
    switch (session.state) {
      case State::kFree: break;
      case State::kAccepted:
        if (now_ns_ - session.asked_ns < half_open_ns_) break;
        Count(SealEvent::kHalfOpenFreed);
        Free(session);
        break;
      case State::kConnected:
        // ENet notices first; this is for a session whose ENet peer is no more.
        if (now_ns_ - session.heard_ns < idle_ns_) break;
        Count(SealEvent::kIdleFreed);
        End(session, static_cast<uint32_t>(DisconnectReason::kTimeout), true, true);
        break;
      case State::kEnding:
        if (session.goodbyes_left > 0) SendGoodbye(session);
        if (now_ns_ - session.ending_ns >= kEndingNs) Free(session);
        break;
    }
  }
}

void SealedServer::SayGoodbye(uint32_t reason) noexcept {
  for (Session& session : sessions_) {
    if (session.state == State::kFree) continue;
    if (session.state != State::kEnding) End(session, reason, true, false);
    while (session.goodbyes_left > 0) SendGoodbye(session);
  }
}

void SealedServer::Free(Session& session) {
  const uint16_t slot = SlotOf(session);
  Unindex(session.pipe.session());
  session.pipe.Forget();
  session.state = State::kFree;
  token_numbers_[slot] = kNoToken;
  half_open_accounts_[slot] = kNoAccount;
  addresses_v4_[slot] = 0;
  free_.push_back(slot);
  stats_->seal_sessions.Set(sessions());
}

// ---- finding

// Thousands of sessions are more than the caches hold, and a wait for memory costs as much as the
// seal itself.
void SealedServer::ExpectFar(std::span<const std::byte> datagram) noexcept {
  if (datagram.size() < kSealBytes) return;
  core::Fetch(&index_[ReadLe<uint64_t>(datagram, 1) & index_mask_]);
}

void SealedServer::ExpectNear(std::span<const std::byte> datagram) noexcept {
  if (datagram.size() < kSealBytes) return;
  if (const Session* session = FindSession(ReadLe<uint64_t>(datagram, 1))) Fetch(*session);
}

void SealedServer::ExpectSeal(const Address& to) noexcept {
  const uint32_t slot = to.v4 - kVirtualV4;
  if (slot < sessions_.size()) Fetch(sessions_[slot]);
}

// All but what joining needs, which lies at the end.
void SealedServer::Fetch(const Session& session) {
  const auto* const begin = reinterpret_cast<const char*>(&session);
  core::Fetch(begin, static_cast<size_t>(reinterpret_cast<const char*>(&session.accept) - begin));
}

SealedServer::Session* SealedServer::FindVirtual(const Address& seen) {
  const uint32_t slot = seen.v4 - kVirtualV4;
  if (slot >= sessions_.size()) return nullptr;
  Session& session = sessions_[slot];
  if (session.state == State::kFree || session.virtual_port != seen.port) return nullptr;
  return &session;
}

// Ids are random and ours, so their low bits spread; a stranger chooses only what is looked for.
SealedServer::Session* SealedServer::FindSession(uint64_t session) {
  if (session == 0) return nullptr;
  for (size_t at = session & index_mask_; index_[at].session != 0; at = (at + 1) & index_mask_) {
    if (index_[at].session == session) return &sessions_[index_[at].slot];
  }
  return nullptr;
}

void SealedServer::Index(uint64_t session, uint16_t slot) {
  size_t at = session & index_mask_;
  while (index_[at].session != 0) at = (at + 1) & index_mask_;
  index_[at] = {session, slot};
}

// Closes the gap, so that no tombstones gather.
void SealedServer::Unindex(uint64_t session) {
  size_t gap = session & index_mask_;
  while (index_[gap].session != session) gap = (gap + 1) & index_mask_;
  for (size_t at = (gap + 1) & index_mask_; index_[at].session != 0; at = (at + 1) & index_mask_) {
    const size_t home = index_[at].session & index_mask_;
    if (((at - home) & index_mask_) < ((at - gap) & index_mask_)) continue;
    index_[gap] = index_[at];
    gap = at;
  }
  index_[gap] = {};
}

}  // namespace bluemarble::net
