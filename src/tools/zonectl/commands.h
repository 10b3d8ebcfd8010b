/// What zonectl's subcommands do with a source's answers. Each returns the exit code. One thread.
#pragma once

#include "core/result.h"
#include "tools/zonectl/options.h"
#include "tools/zonectl/source.h"

namespace bluemarble::zonectl {

int RunHistory(Source& source, const Options& options);
int RunState(Source& source, const Options& options);
int RunNotes(Source& source, const Options& options);
int RunVerify(Source& source, const Options& options);
int RunAudit(Source& source, const Options& options);
int RunRollback(Source& source, const Options& options);
/// The daemon's only: the database does not have it.
int RunConduct(Source& source, const Options& options);
/// Likewise.
int RunSlow(Source& source, const Options& options);
int RunCheckHistory(Source& source, const Options& options);
int RunAccount(Source& source, const Options& options);
int RunBan(Source& source, const Options& options);
int RunUnban(Source& source, const Options& options);
int RunArchive(const Options& options);

// Of the running zone: the daemon's only.
int RunStatus(Source& source, const Options& options);
int RunPlayers(Source& source, const Options& options);
int RunInspect(Source& source, const Options& options);
int RunKick(Source& source, const Options& options);
int RunTeleport(Source& source, const Options& options);
int RunAnnounce(Source& source, const Options& options);
int RunRole(Source& source, const Options& options);
int RunActions(Source& source, const Options& options);

/// Says what went wrong on stderr; the exit code that tells it.
int Fail(const core::Status& status);

}  // namespace bluemarble::zonectl
