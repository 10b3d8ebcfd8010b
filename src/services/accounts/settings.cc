#include "services/accounts/settings.h"

#include <fmt/format.h>

#include "core/text.h"

namespace bluemarble::accounts {

void AccountSettings::Validate(std::vector<std::string>& problems) const {
  if (!development() && (hash_memory_kib < kLeastHashMemoryKib || hash_passes < kLeastHashPasses)) {
    problems.push_back(
        fmt::format("auth.hash_memory_kib, auth.hash_passes: below {} KiB in {} passes password "
                    "hashes are too weak; less is for auth.mode = \"development\"",
                    kLeastHashMemoryKib, kLeastHashPasses));
  }
  for (const auto& [name, value] :
       {std::pair{"auth.issuer", &issuer}, {"auth.audience", &audience}}) {
    if (const core::Status text = core::ValidateText(*value, 64); !text.ok())
      problems.push_back(fmt::format("{}: {}", name, text.ToString()));
  }
}

}  // namespace bluemarble::accounts
