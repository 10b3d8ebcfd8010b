/// Little-endian integers of any alignment, as every format of proto/SESSION.md has them. Pure
/// functions over bytes, any thread; the caller has checked the length.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

namespace bluemarble::net {

template <std::unsigned_integral T>
T ReadLe(std::span<const std::byte> bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(bytes[at + i]) << (8 * i));
  return value;
}

template <std::unsigned_integral T>
void WriteLe(std::span<std::byte> bytes, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

}  // namespace bluemarble::net
