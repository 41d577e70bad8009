#pragma once
// The index of a variables bundle: a table of sorted keys and values, as LevelDB lays it out.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tfl::converter {

/// The CRC-32C of the bytes.
std::uint32_t crc32c(std::string_view bytes);
/// As the table and its entries store it, so that a CRC over CRCs stays strong.
std::uint32_t masked_crc(std::uint32_t crc);

/// All keys and values of a table. Throws ImportError where it is damaged.
std::vector<std::pair<std::string, std::string>> read_table(std::string_view file);

}  // namespace tfl::converter
