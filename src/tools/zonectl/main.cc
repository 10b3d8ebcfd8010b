#include <csignal>
#include <cstdio>
#include <exception>

#include "ops/exit_codes.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/options.h"
#include "tools/zonectl/source.h"

namespace {

using namespace bluemarble;

int Run(const zonectl::Options& options) {
  if (options.command == zonectl::Command::kArchive) return zonectl::RunArchive(options);
  auto source = zonectl::OpenSource(options);
  if (!source.ok()) return zonectl::Fail(source.status());
  switch (options.command) {
    case zonectl::Command::kHistory: return zonectl::RunHistory(**source, options);
    case zonectl::Command::kState: return zonectl::RunState(**source, options);
    case zonectl::Command::kNotes: return zonectl::RunNotes(**source, options);
    case zonectl::Command::kVerify: return zonectl::RunVerify(**source, options);
    case zonectl::Command::kAudit: return zonectl::RunAudit(**source, options);
    case zonectl::Command::kRollback: return zonectl::RunRollback(**source, options);
    case zonectl::Command::kCheckHistory: return zonectl::RunCheckHistory(**source, options);
    case zonectl::Command::kAccount: return zonectl::RunAccount(**source, options);
    case zonectl::Command::kBan: return zonectl::RunBan(**source, options);
    case zonectl::Command::kUnban: return zonectl::RunUnban(**source, options);
    case zonectl::Command::kConduct: return zonectl::RunConduct(**source, options);
    case zonectl::Command::kSlow: return zonectl::RunSlow(**source, options);
    case zonectl::Command::kStatus: return zonectl::RunStatus(**source, options);
    case zonectl::Command::kPlayers: return zonectl::RunPlayers(**source, options);
    case zonectl::Command::kInspect: return zonectl::RunInspect(**source, options);
    case zonectl::Command::kKick: return zonectl::RunKick(**source, options);
    case zonectl::Command::kTeleport: return zonectl::RunTeleport(**source, options);
    case zonectl::Command::kAnnounce: return zonectl::RunAnnounce(**source, options);
    case zonectl::Command::kRole: return zonectl::RunRole(**source, options);
    case zonectl::Command::kActions: return zonectl::RunActions(**source, options);
    case zonectl::Command::kArchive:
    case zonectl::Command::kNone: break;
  }
  return ops::kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  zonectl::Options options;
  if (const auto code = zonectl::ParseOptions(argc, argv, options)) return *code;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return Run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zonectl: %s\n", error.what());
    return ops::kExitInternal;
  }
}
