#pragma once
// Decompresses DEFLATE (RFC 1951), for arrays in .npz files.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tfl::converter {

/// The decompressed bytes; nothing where the data is damaged or would exceed `most_bytes`.
std::optional<std::vector<std::uint8_t>> inflate(std::span<const std::uint8_t> data, std::size_t most_bytes);

}  // namespace tfl::converter
