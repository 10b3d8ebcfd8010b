#include "protocol/control.h"

#include <string>

#include "control.pb.h"

namespace bluemarble::protocol {
namespace {

using core::Code;

template <typename Message>
std::vector<std::byte> Serialize(const Message& message) {
  std::vector<std::byte> bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

// Size is checked before protobuf sees a byte: a few bytes can cost it a hundred times as many
// (PITFALLS B-1).
template <typename Message>
core::Status Parse(std::span<const std::byte> bytes, Message& message) {
  if (bytes.size() > kMaxControlBytes) return {Code::kInvalid, "control message is too long"};
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {Code::kInvalid, "control message is not protobuf"};
  }
  return core::Status::Ok();
}

}  // namespace

std::vector<std::byte> Encode(const ClientControl& message) {
  wire::ClientControl out;
  if (const auto* login = std::get_if<Login>(&message)) {
    auto* body = out.mutable_login();
    body->set_protocol_version(login->protocol_version);
    body->set_token(login->token);
    body->set_client_version(login->client_version);
    if (login->spawn) {
      body->mutable_spawn()->set_lon_deg(login->spawn->lon_deg);
      body->mutable_spawn()->set_lat_deg(login->spawn->lat_deg);
      body->mutable_spawn()->set_alt_m(login->spawn->alt_m);
    }
  } else {
    out.mutable_goodbye();
  }
  return Serialize(out);
}

std::vector<std::byte> Encode(const ServerControl& message) {
  wire::ServerControl out;
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    auto* body = out.mutable_welcome();
    body->set_protocol_version(welcome->protocol_version);
    body->set_entity_id(welcome->entity_id);
    body->set_tick(welcome->tick);
    body->set_tick_hz(welcome->tick_hz);
    body->set_x(welcome->position.x);
    body->set_y(welcome->position.y);
    body->set_z(welcome->position.z);
    body->set_ground_height_m(welcome->ground_height_m);
    body->set_yaw(welcome->yaw);
    body->set_max_speed_mps(welcome->max_speed_mps);
    body->set_acceleration_mps2(welcome->acceleration_mps2);
    for (double radius : welcome->class_radius_m) body->add_class_radius_m(radius);
    for (uint32_t period : welcome->class_period_ticks) body->add_class_period_ticks(period);
    body->set_shard_id(welcome->shard_id);
    body->set_player_id(welcome->player_id);
    body->set_lon_min_deg(welcome->lon_min_deg);
    body->set_lon_max_deg(welcome->lon_max_deg);
  } else if (const auto* refused = std::get_if<Refused>(&message)) {
    auto* body = out.mutable_refused();
    body->set_reason(static_cast<uint32_t>(refused->reason));
    body->set_text(refused->text);
    body->set_redirect(refused->redirect);
    body->set_version_min(refused->version_min);
    body->set_version_max(refused->version_max);
  } else {
    const auto& goodbye = std::get<ServerGoodbye>(message);
    out.mutable_goodbye()->set_reason(static_cast<uint32_t>(goodbye.reason));
    out.mutable_goodbye()->set_text(goodbye.text);
  }
  return Serialize(out);
}

core::Result<ClientControl> DecodeClientControl(std::span<const std::byte> bytes) {
  wire::ClientControl in;
  if (core::Status status = Parse(bytes, in); !status.ok()) return status;
  if (in.has_goodbye()) return ClientControl(ClientGoodbye{});
  if (!in.has_login()) return {Code::kInvalid, "control message has no known body"};
  const auto& body = in.login();
  if (body.token().size() > kMaxTokenBytes) return {Code::kInvalid, "login token is too long"};
  if (body.client_version().size() > 64)
    return {Code::kInvalid, "login client_version is too long"};
  Login login{.protocol_version = body.protocol_version(),
              .token = body.token(),
              .client_version = body.client_version(),
              .spawn = std::nullopt};
  if (body.has_spawn()) {
    login.spawn =
        geo::Geodetic{body.spawn().lon_deg(), body.spawn().lat_deg(), body.spawn().alt_m()};
  }
  return ClientControl(std::move(login));
}

core::Result<ServerControl> DecodeServerControl(std::span<const std::byte> bytes) {
  wire::ServerControl in;
  if (core::Status status = Parse(bytes, in); !status.ok()) return status;
  if (in.has_welcome()) {
    const auto& body = in.welcome();
    if (body.class_radius_m_size() != kReplicationClasses ||
        body.class_period_ticks_size() != kReplicationClasses) {
      return {Code::kInvalid, "welcome does not have three classes"};
    }
    if (body.tick_hz() < 1 || body.tick_hz() > 240)
      return {Code::kInvalid, "welcome tick_hz is out of range"};
    Welcome welcome;
    welcome.protocol_version = body.protocol_version();
    welcome.entity_id = body.entity_id();
    welcome.tick = body.tick();
    welcome.tick_hz = body.tick_hz();
    welcome.position = {body.x(), body.y(), body.z()};
    welcome.ground_height_m = body.ground_height_m();
    welcome.yaw = static_cast<uint16_t>(body.yaw());
    welcome.max_speed_mps = body.max_speed_mps();
    welcome.acceleration_mps2 = body.acceleration_mps2();
    for (int i = 0; i < kReplicationClasses; ++i) {
      welcome.class_radius_m[static_cast<size_t>(i)] = body.class_radius_m(i);
      welcome.class_period_ticks[static_cast<size_t>(i)] = body.class_period_ticks(i);
    }
    welcome.shard_id = body.shard_id();
    welcome.player_id = body.player_id();
    welcome.lon_min_deg = body.lon_min_deg();
    welcome.lon_max_deg = body.lon_max_deg();
    return ServerControl(std::move(welcome));
  }
  if (in.has_refused()) {
    const auto& body = in.refused();
    return ServerControl(Refused{static_cast<DisconnectReason>(body.reason()), body.text(),
                                 body.redirect(), body.version_min(), body.version_max()});
  }
  if (in.has_goodbye()) {
    return ServerControl(
        ServerGoodbye{static_cast<DisconnectReason>(in.goodbye().reason()), in.goodbye().text()});
  }
  return {Code::kInvalid, "control message has no known body"};
}

}  // namespace bluemarble::protocol
