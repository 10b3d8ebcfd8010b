/// A parser of outside bytes as a fuzzer knows it. In the Fuzz build every source of this folder is
/// a libFuzzer program; in all others they are linked into fuzz_corpus_test, which gives each
/// target every file of tests/fuzz/corpus/<name>/ and those files cut short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bluemarble::fuzz {

using Target = void (*)(std::span<const std::byte> bytes);

/// Adds a target to the list that fuzz_corpus_test walks. At static initialisation.
struct Registration {
  Registration(std::string_view name, Target target);
};

inline std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A finding: the parser accepted something that breaks its own promise.
inline void Require(bool held) {
  if (!held) __builtin_trap();
}

}  // namespace bluemarble::fuzz

/// FUZZ_TARGET(precheck) { ... uses `bytes` ... }
#ifdef BLUEMARBLE_FUZZING
#define FUZZ_TARGET(name)                                                   \
  static void FuzzOne(std::span<const std::byte> bytes);                    \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    FuzzOne(std::as_bytes(std::span(data, size)));                          \
    return 0;                                                               \
  }                                                                         \
  static void FuzzOne(std::span<const std::byte> bytes)
#else
#define FUZZ_TARGET(name)                                                      \
  static void FuzzOne(std::span<const std::byte> bytes);                       \
  static const ::bluemarble::fuzz::Registration registration(#name, &FuzzOne); \
  static void FuzzOne(std::span<const std::byte> bytes)
#endif
