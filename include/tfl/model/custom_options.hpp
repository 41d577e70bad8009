#pragma once
// Options of custom ops: raw bytes, which most converters fill with a FlexBuffers map.

#include <cstdint>
#include <span>
#include <string_view>

#include "tfl/model/flexbuffers.hpp"

namespace tfl {

/// What a custom op's Options::read gets. The map is verified before any field is read; where the bytes are no map,
/// every look-up answers with its default.
class CustomOptions {
 public:
  explicit CustomOptions(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    is_map_ = bytes.size() >= 3 && flexbuffers::VerifyBuffer(bytes.data(), bytes.size(), nullptr) &&
              flexbuffers::GetRoot(bytes.data(), bytes.size()).IsMap();
  }

  std::span<const std::uint8_t> bytes() const { return bytes_; }
  bool is_map() const { return is_map_; }
  bool has(const char* key) const { return is_map_ && !find(key).IsNull(); }
  std::int64_t integer(const char* key, std::int64_t otherwise = 0) const { return has(key) ? find(key).AsInt64() : otherwise; }
  float real(const char* key, float otherwise = 0) const { return has(key) ? find(key).AsFloat() : otherwise; }
  bool boolean(const char* key, bool otherwise = false) const { return has(key) ? find(key).AsBool() : otherwise; }

 private:
  flexbuffers::Reference find(const char* key) const { return flexbuffers::GetRoot(bytes_.data(), bytes_.size()).AsMap()[key]; }

  std::span<const std::uint8_t> bytes_;
  bool is_map_ = false;
};

}  // namespace tfl
