// needs: exceptions
#include "tools/converter/import/tensorflow/bundle_table.hpp"

#include <array>

#include "tools/converter/import/import_error.hpp"

namespace tfl::converter {

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 28;

[[noreturn]] void damaged(const char* what) { throw ImportError(std::string("the index of the variables is damaged: ") + what); }

std::uint64_t fixed(std::string_view bytes, std::size_t at, std::size_t width) {
  if (width > bytes.size() || at > bytes.size() - width) damaged("it is cut off");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

/// Seven bits a byte, the lowest first.
std::uint64_t varint(std::string_view bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at >= bytes.size()) break;
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  damaged("a number is cut off");
}

/// Snappy: literals and copies of what came before.
std::string unpack_snappy(std::string_view bytes) {
  std::size_t at = 0;
  const std::uint64_t size = varint(bytes, at);
  // A copy of three bytes makes 64 at most.
  if (size > bytes.size() * 64 || size > most_bytes) damaged("a block claims to be too large");
  std::string result;
  while (at < bytes.size()) {
    const auto tag = static_cast<unsigned char>(bytes[at++]);
    std::uint64_t length = (tag >> 2) + 1U, offset = 0;
    if ((tag & 3) == 0) {
      if (length > 60) {
        const std::size_t width = length - 60;
        length = fixed(bytes, at, width) + 1;
        at += width;
      }
      if (length > bytes.size() - at) damaged("a literal is cut off");
      result.append(bytes.substr(at, length));
      at += length;
      if (result.size() > size) damaged("a block is larger than it says");
      continue;
    }
    if ((tag & 3) == 1) {
      length = ((tag >> 2) & 7) + 4U;
      offset = (static_cast<std::uint64_t>(tag >> 5) << 8) | fixed(bytes, at, 1);
      at += 1;
    } else {
      const std::size_t width = (tag & 3) == 2 ? 2 : 4;
      offset = fixed(bytes, at, width);
      at += width;
    }
    if (offset == 0 || offset > result.size() || result.size() + length > size) damaged("a copy reaches outside of its block");
    for (std::uint64_t i = 0; i < length; ++i) result += result[result.size() - offset];
  }
  if (result.size() != size) damaged("a block is smaller than it says");
  return result;
}

/// The contents of the block at this place; behind it lie its kind and its CRC.
std::string block(std::string_view file, std::uint64_t offset, std::uint64_t size) {
  if (size > file.size() || offset > file.size() - size || file.size() - size - offset < 5) damaged("a block lies outside of the file");
  const std::string_view with_kind = file.substr(offset, size + 1);
  if (fixed(file, offset + size + 1, 4) != masked_crc(crc32c(with_kind))) damaged("a checksum is wrong");
  const char kind = with_kind.back();
  if (kind == 1) return unpack_snappy(with_kind.substr(0, size));
  if (kind != 0) damaged("a block is compressed in an unknown way");
  return std::string(with_kind.substr(0, size));
}

/// Keys share their beginnings with the ones before them.
std::vector<std::pair<std::string, std::string>> entries(std::string_view block) {
  if (block.size() < 4) damaged("a block is too small");
  const std::uint64_t restarts = fixed(block, block.size() - 4, 4);
  if (restarts > (block.size() - 4) / 4) damaged("a block is too small");
  block = block.substr(0, block.size() - 4 - 4 * restarts);
  std::vector<std::pair<std::string, std::string>> result;
  std::string key;
  for (std::size_t at = 0; at < block.size();) {
    const std::uint64_t shared = varint(block, at), own = varint(block, at), length = varint(block, at);
    if (shared > key.size() || own > block.size() - at || length > block.size() - at - own) damaged("an entry is cut off");
    key = key.substr(0, shared) + std::string(block.substr(at, own));
    at += own;
    result.emplace_back(key, block.substr(at, length));
    at += length;
  }
  return result;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> values{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
      values[i] = value;
    }
    return values;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

std::uint32_t masked_crc(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U; }

std::vector<std::pair<std::string, std::string>> read_table(std::string_view file) {
  constexpr std::size_t footer_size = 48;
  if (file.size() < footer_size) damaged("it is cut off");
  const std::string_view footer = file.substr(file.size() - footer_size);
  if (fixed(footer, footer_size - 8, 8) != 0xDB4775248B80FB57U) damaged("its end is not that of a table");
  std::size_t at = 0;
  varint(footer, at);
  varint(footer, at);
  const std::uint64_t offset = varint(footer, at), size = varint(footer, at);
  std::vector<std::pair<std::string, std::string>> result;
  std::size_t total = 0;
  for (const auto& [last_key, handle] : entries(block(file, offset, size))) {
    std::size_t place = 0;
    const std::uint64_t from = varint(handle, place), length = varint(handle, place);
    for (auto& entry : entries(block(file, from, length))) {
      total += entry.first.size() + entry.second.size();
      if (total > most_bytes) damaged("it holds too much");
      result.push_back(std::move(entry));
    }
  }
  return result;
}

}  // namespace tfl::converter
