#include "protocol/input.h"

#include "core/bits.h"

namespace bluemarble::protocol {
namespace {

using core::Code;

void WriteCommand(core::BitWriter& out, const Command& command) {
  out.Write(static_cast<uint8_t>(command.move_east), 8);
  out.Write(static_cast<uint8_t>(command.move_north), 8);
  out.Write(command.yaw, 16);
  out.Write(command.buttons, 8);
}

Command ReadCommand(core::BitReader& in) {
  Command command;
  command.move_east = static_cast<int8_t>(in.Read(8));
  command.move_north = static_cast<int8_t>(in.Read(8));
  command.yaw = static_cast<uint16_t>(in.Read(16));
  command.buttons = static_cast<uint8_t>(in.Read(8));
  return command;
}

}  // namespace

core::Result<size_t> EncodeInput(const InputMessage& message, std::span<std::byte> out) {
  if (message.count < kMinInputCommands || message.count > kMaxInputCommands) {
    return {Code::kInvalid, "input command count is out of range"};
  }
  core::BitWriter writer(out);
  writer.Write(static_cast<uint32_t>(DatagramType::kInput), 8);
  writer.Write(message.ack, 16);
  writer.Write64(message.ack_bits, 64);
  writer.Write(message.newest_tick, 32);
  writer.Write(message.digest, 16);
  writer.Write(static_cast<uint32_t>(message.count - 1), 5);
  for (int i = 0; i < message.count; ++i) {
    const auto& command = message.commands[static_cast<size_t>(i)];
    if (i > 0) {
      const bool same = command == message.commands[static_cast<size_t>(i - 1)];
      writer.WriteBool(same);
      if (same) continue;
    }
    WriteCommand(writer, command);
  }
  writer.Align();
  if (writer.overflow()) return {Code::kNoSpace, "input message does not fit"};
  return writer.size_bytes();
}

core::Result<InputMessage> DecodeInput(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxInputBytes) return {Code::kInvalid, "input message is too long"};
  core::BitReader reader(bytes);
  if (reader.Read(8) != static_cast<uint32_t>(DatagramType::kInput)) {
    return {Code::kInvalid, "not an input message"};
  }
  InputMessage message;
  message.ack = static_cast<uint16_t>(reader.Read(16));
  message.ack_bits = reader.Read64(64);
  message.newest_tick = reader.Read(32);
  message.digest = static_cast<uint16_t>(reader.Read(16));
  message.count = static_cast<int>(reader.Read(5)) + 1;
  if (message.count < kMinInputCommands || message.count > kMaxInputCommands) {
    return {Code::kInvalid, "input command count is out of range"};
  }
  for (int i = 0; i < message.count; ++i) {
    const bool same = i > 0 && reader.ReadBool();
    message.commands[static_cast<size_t>(i)] =
        same ? message.commands[static_cast<size_t>(i - 1)] : ReadCommand(reader);
  }
  if (reader.overflow()) return {Code::kInvalid, "input message is truncated"};
  if (reader.remaining_bytes() != 0) return {Code::kInvalid, "input message has trailing bytes"};
  return message;
}

}  // namespace bluemarble::protocol
