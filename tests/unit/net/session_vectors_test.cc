// proto/SESSION.md's test vectors, read from the page itself.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "net/byte_order.h"
#include "sealed_pair.h"

namespace bluemarble::net {
namespace {

constexpr uint64_t kSession = 0x0123456789abcdef;

std::string Hex(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes) {
    out += kDigits[std::to_integer<int>(byte) >> 4];
    out += kDigits[std::to_integer<int>(byte) & 15];
  }
  return out;
}

template <typename Bytes>
Bytes Counting(int first) {
  Bytes bytes{};
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(static_cast<size_t>(first) + i);
  return bytes;
}

std::map<std::string, std::string> ReadVectors() {
  std::map<std::string, std::string> vectors;
  const char* root = std::getenv("BLUEMARBLE_SOURCE_DIR");
  std::ifstream page(std::string(root == nullptr ? "." : root) + "/proto/SESSION.md");
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line == "```vectors") {
      inside = true;
    } else if (line == "```") {
      inside = false;
    } else if (const size_t equals = line.find(" = "); inside && equals != std::string::npos) {
      vectors[line.substr(0, equals)] = line.substr(equals + 3);
    }
  }
  return vectors;
}

class SessionVectors : public testing::Test {
 protected:
  SessionVectors() {
    token_.address = {0x7f000001, 7777};
    token_.life_s = 60;
    token_.ciphers = kAllCiphers;
    token_.to_server = Counting<Key>(0);
    token_.to_client = Counting<Key>(32);
    token_.sealed = Counting<SealedToken>(0);
  }
  Datagram Seal(SealedPipe& pipe, PacketType type, std::span<const std::byte> text) {
    Datagram buffer(text.size() + kSealBytes);
    std::copy(text.begin(), text.end(), buffer.begin() + kSealHeadBytes);
    pipe.Seal(aead_, type, buffer);
    return buffer;
  }

  ConnectToken token_;
  Aead aead_;
};

TEST_F(SessionVectors, AreWhatThisCodeWrites) {
  std::map<std::string, std::string> made;
  made["public_token"] = EncodeConnectToken(token_);
  const auto cookie = Counting<Cookie>(1);
  std::array<std::byte, kRequestBytes> request;
  WriteRequest(token_, kAllCiphers, cookie, request);
  made["request_head"] = Hex(std::span(request).first(28));
  made["request_proof"] = Hex(std::span(request).subspan(kProofAt, 16));
  const auto tag = std::span(token_.sealed).last<kTagBytes>();
  std::array<std::byte, kChallengeBytes> challenge;
  WriteChallenge(tag, cookie, challenge);
  made["challenge"] = Hex(challenge);
  std::array<std::byte, kResetBytes> reset;
  WriteReset(kSession, Counting<Mac16>(0x40), reset);
  made["reset"] = Hex(reset);
  std::array<std::byte, kRefusedBytes> refused;
  WriteRefused(RefusedReason::kExpired, tag, refused);
  made["refused"] = Hex(refused);

  for (const auto& [cipher, name] :
       {std::pair{Cipher::kAes256Gcm, std::string("aes")}, {Cipher::kChaCha20Poly1305, "chacha"}}) {
    std::array<std::byte, kAcceptBytes> accept;
    WriteAccept(aead_, token_.to_client, {cipher, kSession, Counting<Mac16>(0x40), 10'000}, accept);
    made[name + "_accept"] = Hex(accept);
    std::array<std::byte, 9> context{static_cast<std::byte>(cipher)};
    WriteLe(std::span<std::byte>(context), 1, kSession);
    const Key up = DeriveKey(token_.to_server, "bm1 up", context);
    made[name + "_up_key"] = Hex(up);
    made[name + "_down_key"] = Hex(DeriveKey(token_.to_client, "bm1 down", context));
    made[name + "_up_next_key"] = Hex(DeriveKey(up, "bm1 next"));

    SealedPipe server, client;
    server.Start(SealedPipe::Side::kServer, cipher, kSession, token_.to_server, token_.to_client);
    client.Start(SealedPipe::Side::kClient, cipher, kSession, token_.to_server, token_.to_client);
    const std::string hello = "hello";
    const auto text = std::as_bytes(std::span(hello));
    made[name + "_data_up_0"] = Hex(Seal(client, PacketType::kData, text));
    made[name + "_data_down_0"] = Hex(Seal(server, PacketType::kData, text));
    ASSERT_TRUE(server.NextPhase());
    Datagram turning = Seal(server, PacketType::kData, text);
    made[name + "_data_down_1_phase_1"] = Hex(turning);
    ASSERT_TRUE(client.Open(aead_, turning).rekeyed);
    made[name + "_data_up_1_phase_1"] = Hex(Seal(client, PacketType::kData, text));
    const std::array<std::byte, 5> goodbye{std::byte{3}, std::byte{1}};
    made[name + "_goodbye_up_2_phase_1"] = Hex(Seal(client, PacketType::kControl, goodbye));
  }
  const auto vectors = ReadVectors();
  ASSERT_FALSE(vectors.empty()) << "proto/SESSION.md not found, or without vectors";
  EXPECT_EQ(vectors, made);
}

TEST_F(SessionVectors, AreWhatThisCodeReads) {
  auto vectors = ReadVectors();
  const auto token = DecodeConnectToken(vectors["public_token"]);
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->address, token_.address);
  EXPECT_EQ(token->life_s, 60u);
  EXPECT_EQ(token->to_server, token_.to_server);
  EXPECT_EQ(token->to_client, token_.to_client);
  EXPECT_EQ(token->sealed, token_.sealed);
}

}  // namespace
}  // namespace bluemarble::net
