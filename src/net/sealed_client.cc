#include "net/sealed_client.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "net/byte_order.h"

namespace bluemarble::net {
namespace {

uint8_t GoodCiphers() {
  const auto chacha = static_cast<uint8_t>(Cipher::kChaCha20Poly1305);
  return HasAesHardware() ? kAllCiphers : chacha;
}

DisconnectReason ReasonOf(RefusedReason refused) {
  return refused == RefusedReason::kFull ? DisconnectReason::kZoneFull
                                         : DisconnectReason::kBadToken;
}

}  // namespace

SealedClient::SealedClient(const ConnectToken& token, uint8_t ciphers, int64_t now_ns)
    : token_(token), ciphers_(ciphers == 0 ? GoodCiphers() : ciphers), request_due_ns_(now_ns) {}

SealedClient::~SealedClient() {
  Wipe(token_.to_server);
  Wipe(token_.to_client);
  pipe_.Forget();
}

std::span<const std::byte> SealedClient::Poll(int64_t now_ns) {
  if (state_ == State::kOpen && path_challenge_) {
    const auto body = *path_challenge_;
    path_challenge_.reset();
    return SealControl(ControlKind::kPathResponse, body);
  }
  if (state_ != State::kAsking) return {};
  if (refused_ && now_ns >= refused_until_ns_) {
    End(*refused_);
    return {};
  }
  if (now_ns < request_due_ns_) return {};
  request_due_ns_ = now_ns + kResendNs;
  WriteRequest(token_, ciphers_, cookie_, out_);
  return out_;
}

int64_t SealedClient::next_due_ns() const {
  if (state_ == State::kAsking)
    return refused_ ? std::min(request_due_ns_, refused_until_ns_) : request_due_ns_;
  return std::numeric_limits<int64_t>::max();
}

bool SealedClient::Open(std::span<std::byte>& datagram, int64_t now_ns) {
  const auto type = TypeOf(datagram);
  if (!type || state_ == State::kEnded) return false;
  if (state_ == State::kAsking) {
    switch (*type) {
      case PacketType::kChallenge: OnChallenge(datagram, now_ns); break;
      case PacketType::kAccept: OnAccept(datagram); break;
      case PacketType::kRefused: OnRefused(datagram, now_ns); break;
      default: break;
    }
    return false;
  }
  if (*type == PacketType::kReset) OnReset(datagram);
  const bool sealed = *type == PacketType::kData || *type == PacketType::kControl;
  if (!sealed || datagram.size() < kSealBytes || ReadLe<uint64_t>(datagram, 1) != pipe_.session())
    return false;
  const auto text = pipe_.Open(aead_, datagram);
  if (text.opened != SealedPipe::Opened::kOk) return false;
  if (*type == PacketType::kControl) {
    OnControl(text.bytes);
    return false;
  }
  datagram = text.bytes;
  return true;
}

void SealedClient::OnChallenge(std::span<const std::byte> datagram, int64_t now_ns) {
  const auto challenge = ReadChallenge(datagram);
  // The tag's echo: who did not see the request cannot make us repeat it with a wrong cookie.
  if (!challenge || !EqualSecret(challenge->token_tag, std::span(token_.sealed).last<kTagBytes>()))
    return;
  Cookie cookie;
  std::copy(challenge->cookie.begin(), challenge->cookie.end(), cookie.begin());
  if (cookie == cookie_) return;
  cookie_ = cookie;
  request_due_ns_ = now_ns;
}

void SealedClient::OnRefused(std::span<const std::byte> datagram, int64_t now_ns) {
  if (datagram.size() != kRefusedBytes ||
      !EqualSecret(datagram.last<kTagBytes>(), std::span(token_.sealed).last<kTagBytes>()) ||
      refused_) {
    return;
  }
  refused_ = static_cast<uint32_t>(ReasonOf(static_cast<RefusedReason>(datagram[1])));
  refused_until_ns_ = now_ns + kRefusalGraceNs;
}

void SealedClient::OnAccept(std::span<const std::byte> datagram) {
  const auto accept = ReadAccept(aead_, token_.to_client, datagram);
  if (!accept || (static_cast<uint8_t>(accept->cipher) & ciphers_) == 0) return;
  cipher_ = accept->cipher;
  reset_token_ = accept->reset_token;
  pipe_.Start(SealedPipe::Side::kClient, accept->cipher, accept->session, token_.to_server,
              token_.to_client);
  Wipe(token_.to_server);
  Wipe(token_.to_client);
  state_ = State::kOpen;
}

void SealedClient::OnReset(std::span<const std::byte> datagram) {
  if (datagram.size() != kResetBytes || ReadLe<uint64_t>(datagram, 1) != pipe_.session() ||
      !EqualSecret(datagram.last<16>(), reset_token_)) {
    return;
  }
  End(static_cast<uint32_t>(DisconnectReason::kSessionUnknown));
}

void SealedClient::OnControl(std::span<const std::byte> text) {
  if (text.empty()) return;
  const auto kind = static_cast<ControlKind>(text[0]);
  const auto body = text.subspan(1);
  if (kind == ControlKind::kPathChallenge && body.size() == 8) {
    path_challenge_.emplace();
    std::copy(body.begin(), body.end(), path_challenge_->begin());
  } else if (kind == ControlKind::kGoodbye && body.size() == 4) {
    End(ReadLe<uint32_t>(body, 0));
  }
}

std::span<const std::byte> SealedClient::Seal(std::span<const iovec> parts) {
  if (state_ != State::kOpen) return {};
  size_t bytes = 0;
  for (const iovec& part : parts) {
    if (bytes + part.iov_len > kEnetMtu) return {};
    std::memcpy(out_.data() + kSealHeadBytes + bytes, part.iov_base, part.iov_len);
    bytes += part.iov_len;
  }
  const auto datagram = std::span(out_).first(bytes + kSealBytes);
  pipe_.Seal(aead_, PacketType::kData, datagram);
  return datagram;
}

std::span<const std::byte> SealedClient::Goodbye(uint32_t reason) {
  if (state_ != State::kOpen) return {};
  std::array<std::byte, 4> body;
  WriteLe(std::span<std::byte>(body), 0, reason);
  return SealControl(ControlKind::kGoodbye, body);
}

std::span<const std::byte> SealedClient::SealControl(ControlKind kind,
                                                     std::span<const std::byte> body) {
  out_[kSealHeadBytes] = static_cast<std::byte>(kind);
  std::copy(body.begin(), body.end(), out_.begin() + kSealHeadBytes + 1);
  const auto datagram = std::span(out_).first(kSealBytes + 1 + body.size());
  pipe_.Seal(aead_, PacketType::kControl, datagram);
  return datagram;
}

void SealedClient::End(uint32_t reason) {
  state_ = State::kEnded;
  end_reason_ = reason;
}

}  // namespace bluemarble::net
