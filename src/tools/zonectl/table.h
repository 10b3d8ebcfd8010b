/// Rows of text in columns for a terminal. One thread.
#pragma once

#include <string>
#include <vector>

namespace bluemarble::zonectl {

/// The first row is the head. Columns as wide as their widest cell; the last one is not padded.
/// Control characters and invalid bytes become \xNN.
std::string Table(const std::vector<std::vector<std::string>>& rows);

}  // namespace bluemarble::zonectl
