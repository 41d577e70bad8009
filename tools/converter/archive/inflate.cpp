#include "tools/converter/archive/inflate.hpp"

#include <array>

namespace tfl::converter {
namespace {

constexpr int longest_code = 15;

/// A canonical Huffman code: how many codes have each length, and the symbols in order of their codes.
struct Huffman {
  std::array<int, longest_code + 1> counts{};
  std::vector<int> symbols{};

  /// False where the lengths ask for more codes than there are.
  bool build(std::span<const int> lengths) {
    counts.fill(0);
    for (const int length : lengths) ++counts[static_cast<std::size_t>(length)];
    counts[0] = 0;
    int left = 1;
    std::array<int, longest_code + 2> offsets{};
    for (std::size_t length = 1; length <= longest_code; ++length) {
      left = left * 2 - counts[length];
      if (left < 0) return false;
      offsets[length + 1] = offsets[length] + counts[length];
    }
    symbols.assign(lengths.size(), 0);
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      if (lengths[symbol] != 0)
        symbols[static_cast<std::size_t>(offsets[static_cast<std::size_t>(lengths[symbol])]++)] = static_cast<int>(symbol);
    }
    return true;
  }
};

class Inflater {
 public:
  Inflater(std::span<const std::uint8_t> data, std::size_t most) : data_(data), most_(most) {}

  bool run() {
    while (true) {
      const int last = bits(1), kind = bits(2);
      if (failed_) return false;
      const bool done = kind == 0 ? stored() : kind == 1 ? fixed() : kind == 2 ? dynamic() : false;
      if (!done || failed_) return false;
      if (last == 1) return true;
    }
  }
  std::vector<std::uint8_t> take() { return std::move(result_); }

 private:
  int bits(int count) {
    while (held_ < count) {
      if (at_ == data_.size()) return failed_ = true, 0;
      buffer_ |= static_cast<std::uint32_t>(data_[at_++]) << held_;
      held_ += 8;
    }
    const std::uint32_t value = buffer_ & ((1u << count) - 1);
    buffer_ >>= count;
    held_ -= count;
    return static_cast<int>(value);
  }

  int symbol(const Huffman& code) {
    int word = 0, first = 0, index = 0;
    for (std::size_t length = 1; length <= longest_code; ++length) {
      word |= bits(1);
      if (failed_) return 0;
      const int count = code.counts[length];
      if (word - first < count) return code.symbols[static_cast<std::size_t>(index + word - first)];
      index += count;
      first = (first + count) * 2;
      word *= 2;
    }
    failed_ = true;
    return 0;
  }

  bool stored() {
    buffer_ = 0;
    held_ = 0;
    if (data_.size() - at_ < 4) return false;
    const std::size_t length = data_[at_] | static_cast<std::size_t>(data_[at_ + 1]) << 8;
    const std::size_t check = data_[at_ + 2] | static_cast<std::size_t>(data_[at_ + 3]) << 8;
    at_ += 4;
    if (check != (length ^ 0xffff) || data_.size() - at_ < length || most_ - result_.size() < length) return false;
    const auto begin = data_.begin() + static_cast<std::ptrdiff_t>(at_);
    result_.insert(result_.end(), begin, begin + static_cast<std::ptrdiff_t>(length));
    at_ += length;
    return true;
  }

  bool fixed() {
    std::array<int, 288> lengths{};
    for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    std::array<int, 30> distances{};
    distances.fill(5);
    Huffman literal, distance;
    return literal.build(lengths) && distance.build(distances) && codes(literal, distance);
  }

  bool dynamic() {
    static constexpr std::array<std::size_t, 19> order{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    const auto literals = static_cast<std::size_t>(bits(5)) + 257, distances = static_cast<std::size_t>(bits(5)) + 1;
    const auto short_ones = static_cast<std::size_t>(bits(4)) + 4;
    if (failed_ || literals > 286 || distances > 30) return false;
    std::array<int, 19> first{};
    for (std::size_t i = 0; i < short_ones; ++i) first[order[i]] = bits(3);
    Huffman lengths_code;
    if (failed_ || !lengths_code.build(first)) return false;
    std::vector<int> lengths;
    while (lengths.size() < literals + distances) {
      const int s = symbol(lengths_code);
      if (failed_ || (s == 16 && lengths.empty())) return false;
      const int value = s < 16 ? s : s == 16 ? lengths.back() : 0;
      const int repeat = s < 16 ? 1 : s == 16 ? 3 + bits(2) : s == 17 ? 3 + bits(3) : 11 + bits(7);
      lengths.insert(lengths.end(), static_cast<std::size_t>(repeat), value);
    }
    if (failed_ || lengths.size() != literals + distances || lengths[256] == 0) return false;
    Huffman literal, distance;
    const std::span<const int> all(lengths);
    return literal.build(all.first(literals)) && distance.build(all.subspan(literals)) && codes(literal, distance);
  }

  bool codes(const Huffman& literal, const Huffman& distance_code) {
    static constexpr std::array<int, 29> length_base{3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                     31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static constexpr std::array<int, 29> length_extra{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static constexpr std::array<int, 30> distance_base{1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                                       33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                                       1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    while (true) {
      const int s = symbol(literal);
      if (failed_) return false;
      if (s == 256) return true;
      if (s < 256) {
        if (result_.size() == most_) return false;
        result_.push_back(static_cast<std::uint8_t>(s));
        continue;
      }
      const auto l = static_cast<std::size_t>(s - 257);
      if (l >= length_base.size()) return false;
      const int length = length_base[l] + bits(length_extra[l]);
      const auto d = static_cast<std::size_t>(symbol(distance_code));
      if (failed_ || d >= distance_base.size()) return false;
      const int extra = d < 4 ? 0 : static_cast<int>(d / 2) - 1;
      const auto distance = static_cast<std::size_t>(distance_base[d] + bits(extra));
      if (failed_ || distance > result_.size() || most_ - result_.size() < static_cast<std::size_t>(length)) return false;
      for (int i = 0; i < length; ++i) result_.push_back(result_[result_.size() - distance]);
    }
  }

  std::span<const std::uint8_t> data_;
  std::size_t most_, at_ = 0;
  std::uint32_t buffer_ = 0;
  int held_ = 0;
  bool failed_ = false;
  std::vector<std::uint8_t> result_;
};

}  // namespace

std::optional<std::vector<std::uint8_t>> inflate(std::span<const std::uint8_t> data, std::size_t most_bytes) {
  Inflater inflater(data, most_bytes);
  if (!inflater.run()) return std::nullopt;
  return inflater.take();
}

}  // namespace tfl::converter
