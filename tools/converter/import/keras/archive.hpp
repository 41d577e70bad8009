#pragma once
// Zip archives, within limits.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tfl::converter {

/// The file `name` of a zip archive, or nothing where it has none. What is damaged or larger than `most_bytes` is thrown as ImportError.
/// Nothing is written to disk, so that names in the archive can't point anywhere.
std::optional<std::vector<std::byte>> read_from_archive(const std::string& archive, const std::string& name, std::size_t most_bytes);

}  // namespace tfl::converter
