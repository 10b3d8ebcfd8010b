/// Before the first use of libsodium. Any thread.
#pragma once

namespace bluemarble::accounts {

/// Idempotent. Ends the process when the machine has no random numbers.
void StartSodium();

}  // namespace bluemarble::accounts
