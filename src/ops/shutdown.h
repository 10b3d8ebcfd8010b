/// Signals of the daemon. SIGTERM and SIGINT: the first asks for a stop, a second ends the process
/// at once with kExitSecondSignal. SIGHUP asks to read the log level again. SIGPIPE is ignored: a
/// closed socket is an error of the write. Process-wide; install once, before threads start.
#pragma once

#include "core/result.h"

namespace bluemarble::ops {

core::Status InstallSignalHandlers();

/// Any thread, no lock; fit for a tick loop.
bool StopRequested();
/// The same as a first signal; for tests and for fatal errors of a thread.
void RequestStop();
/// Sleeps until a stop or a reload is asked for, or `timeout_ms` passed (negative: no limit). One
/// thread.
void WaitForSignal(int timeout_ms);
/// True once per SIGHUP (several at once count as one).
bool TakeReloadRequest();

}  // namespace bluemarble::ops
