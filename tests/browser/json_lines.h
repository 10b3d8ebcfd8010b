/// The parts of browser_vectors: each prints JSON lines.
#pragma once

#include <cstddef>
#include <cstdio>
#include <span>

namespace browser_test {

void PrintHex(FILE* out, std::span<const std::byte> bytes);
void PrintBelongings(FILE* out);

}  // namespace browser_test
