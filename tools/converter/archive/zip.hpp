#pragma once
// Zip archives: .npz files, and the files that stand behind a .tflite model's tables.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/converter/ir/problems.hpp"

namespace tfl::converter {

struct ZipMember {
  std::string name;
  std::vector<std::uint8_t> bytes{};
};

/// The members of an archive, stored or deflated; what stands before it does not matter. `what` names it in problems. False, with a
/// problem, where it is damaged or its members together exceed `most_bytes`.
bool read_zip(std::span<const std::uint8_t> bytes, const std::string& what, std::size_t most_bytes, std::vector<ZipMember>& members,
              Problems& problems);

/// Whether an archive's end stands at the end of the bytes.
bool ends_with_zip(std::span<const std::uint8_t> bytes);

/// Puts an archive with these members, not compressed, behind the bytes. The members' times are fixed: equal members give equal bytes.
/// Requires less than 4 GB in all.
void append_zip(std::vector<std::uint8_t>& bytes, std::span<const ZipMember> members);

}  // namespace tfl::converter
