/// What the programs' exit codes mean; docs/operations.md is the same table for operators.
#pragma once

namespace bluemarble::ops {

enum ExitCode : int {
  kExitOk = 0,             ///< done, or stopped by a first SIGTERM or SIGINT
  kExitUsage = 2,          ///< unknown option or subcommand
  kExitBadData = 65,       ///< a database, trace or recording is corrupt or of the wrong kind
  kExitUnavailable = 69,   ///< a dependency is away at start, or the store gave up in service
  kExitInternal = 70,      ///< our own mistake; the log says where
  kExitCannotCreate = 73,  ///< the data folder cannot be created or written
  kExitLostLease = 75,     ///< not used yet: ownership lost to another process, restart me
  kExitNoPermission = 77,  ///< the system refuses, or a port is in use
  kExitBadConfig = 78,     ///< the settings have problems; each was printed on a line
  kExitSecondSignal = 130  ///< a second SIGTERM or SIGINT ended the process at once
};

}  // namespace bluemarble::ops
