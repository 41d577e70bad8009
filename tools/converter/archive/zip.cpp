#include "tools/converter/archive/zip.hpp"

#include <algorithm>
#include <array>

#include "tools/converter/archive/inflate.hpp"

namespace tfl::converter {
namespace {

constexpr std::size_t tail_size = 22, entry_size = 46, local_size = 30;
constexpr std::uint32_t tail_mark = 0x06054b50, entry_mark = 0x02014b50, local_mark = 0x04034b50;

std::uint64_t little(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
  return value;
}

void put(std::vector<std::uint8_t>& bytes, std::uint64_t value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// Where the end of the directory stands, or the size of the bytes.
std::size_t find_tail(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < tail_size) return bytes.size();
  const std::size_t last = bytes.size() - tail_size, lowest = last > 65535 ? last - 65535 : 0;
  for (std::size_t at = last + 1; at-- > lowest;) {
    if (little(bytes, at, 4) == tail_mark && at + tail_size + little(bytes, at + 20, 2) == bytes.size()) return at;
  }
  return bytes.size();
}

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xEDB88320U ^ value >> 1 : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) crc = table[(crc ^ byte) & 255] ^ crc >> 8;
  return ~crc;
}

/// What a member's two headers have in common: from the version needed to the length of its name.
void put_member(std::vector<std::uint8_t>& bytes, const ZipMember& member) {
  constexpr std::uint64_t version = 20, flags = 0, stored = 0, midnight = 0, first_day = 0x0021;  // 1980-01-01
  put(bytes, version, 2);
  put(bytes, flags, 2);
  put(bytes, stored, 2);
  put(bytes, midnight, 2);
  put(bytes, first_day, 2);
  put(bytes, crc32(member.bytes), 4);
  put(bytes, member.bytes.size(), 4);
  put(bytes, member.bytes.size(), 4);
  put(bytes, member.name.size(), 2);
}

}  // namespace

bool ends_with_zip(std::span<const std::uint8_t> bytes) { return find_tail(bytes) != bytes.size(); }

bool read_zip(std::span<const std::uint8_t> bytes, const std::string& what, std::size_t most_bytes, std::vector<ZipMember>& members,
              Problems& problems) {
  const auto refuse = [&](const std::string& why) { return problems.add("'" + what + "': " + why), false; };
  const std::size_t tail = find_tail(bytes);
  if (tail == bytes.size()) return refuse("is no zip archive, or cut short");
  std::size_t at = little(bytes, tail + 16, 4);
  std::size_t room = most_bytes;
  for (std::uint64_t n = little(bytes, tail + 10, 2); n > 0; --n) {
    if (at > bytes.size() || bytes.size() - at < entry_size || little(bytes, at, 4) != entry_mark)
      return refuse("its directory is damaged");
    const std::uint64_t method = little(bytes, at + 10, 2), packed = little(bytes, at + 20, 4), unpacked = little(bytes, at + 24, 4);
    const std::size_t name_size = little(bytes, at + 28, 2), rest = little(bytes, at + 30, 2) + little(bytes, at + 32, 2);
    const std::size_t local = little(bytes, at + 42, 4);
    if (bytes.size() - at - entry_size < name_size + rest) return refuse("its directory is damaged");
    const std::string name(reinterpret_cast<const char*>(bytes.data()) + at + entry_size, name_size);
    at += entry_size + name_size + rest;
    if (local > bytes.size() || bytes.size() - local < local_size) return refuse("member '" + name + "' lies outside of the file");
    const std::size_t start = local + local_size + little(bytes, local + 26, 2) + little(bytes, local + 28, 2);
    if (start > bytes.size() || bytes.size() - start < packed) return refuse("member '" + name + "' lies outside of the file");
    const std::span<const std::uint8_t> data = bytes.subspan(start, packed);
    std::vector<std::uint8_t> own;
    if (method == 8) {
      auto result = inflate(data, std::min<std::size_t>(unpacked, room));
      if (!result) return refuse("member '" + name + "' is damaged, or larger than it says");
      own = std::move(*result);
    } else if (method == 0 && data.size() <= room) {
      own.assign(data.begin(), data.end());
    } else {
      return refuse("member '" + name + "' is " + (method == 0 ? "too large" : "packed in a way that tfl_convert does not know"));
    }
    room -= own.size();
    members.push_back({name, std::move(own)});
  }
  return true;
}

void append_zip(std::vector<std::uint8_t>& bytes, std::span<const ZipMember> members) {
  std::vector<std::size_t> starts;
  for (const ZipMember& member : members) {
    starts.push_back(bytes.size());
    put(bytes, local_mark, 4);
    put_member(bytes, member);
    put(bytes, 0, 2);  // no extra field
    bytes.insert(bytes.end(), member.name.begin(), member.name.end());
    bytes.insert(bytes.end(), member.bytes.begin(), member.bytes.end());
  }
  const std::size_t directory = bytes.size();
  for (std::size_t i = 0; i < members.size(); ++i) {
    put(bytes, entry_mark, 4);
    put(bytes, 20, 2);  // made by version 2.0
    put_member(bytes, members[i]);
    bytes.insert(bytes.end(), 12, 0);  // no extra field, no comment, first disk, no attributes
    put(bytes, starts[i], 4);
    bytes.insert(bytes.end(), members[i].name.begin(), members[i].name.end());
  }
  const std::size_t size = bytes.size() - directory;
  put(bytes, tail_mark, 4);
  put(bytes, 0, 4);  // one disk
  put(bytes, members.size(), 2);
  put(bytes, members.size(), 2);
  put(bytes, size, 4);
  put(bytes, directory, 4);
  put(bytes, 0, 2);  // no comment
}

}  // namespace tfl::converter
