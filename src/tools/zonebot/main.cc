#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "ops/exit_codes.h"
#include "tools/zonebot/options.h"
#include "tools/zonebot/run.h"

namespace {

std::atomic<bool> g_stop{false};

extern "C" void OnSignal(int) {
  if (g_stop.exchange(true)) std::_Exit(bluemarble::ops::kExitSecondSignal);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bluemarble;
  zonebot::Options options;
  if (const auto code = zonebot::ParseOptions(argc, argv, options)) return *code;
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return zonebot::Run(options, g_stop);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zonebot: %s\n", error.what());
    return ops::kExitInternal;
  }
}
