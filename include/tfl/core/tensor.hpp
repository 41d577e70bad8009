#pragma once
// TensorDescription: everything known about a tensor but its bytes. View: typed elements with extents.

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/core/packed.hpp"
#include "tfl/core/shape.hpp"
#include "tfl/core/type.hpp"

namespace tfl {

/// real = scale * (stored - zero_point), per tensor or per slice along `axis`. Spans point into the model.
struct Quantization {
  float scale = 0;                                      // of the tensor, or of its first channel; 0: not quantized
  std::int32_t zero_point = 0;                          // likewise
  std::span<const float> channel_scales{};              // one per channel; empty where the tensor has one scale
  std::span<const std::int64_t> channel_zero_points{};  // likewise
  std::int32_t axis = 0;
  // Of blocks of so many neighbours in the last dimension, instead: one scale each, zero points 0.
  std::span<const Float16> block_scales{};
  std::int32_t block_size = 0;

  constexpr bool by_block() const { return !block_scales.empty(); }
  constexpr bool present() const { return scale != 0; }
  constexpr bool per_channel() const { return channel_scales.size() > 1; }
  constexpr float scale_of(std::int64_t channel) const { return per_channel() ? channel_scales[static_cast<std::size_t>(channel)] : scale; }
};

/// The data of an integer tensor as far as it is known before running: shapes, axes, paddings.
class KnownIntegers {
 public:
  constexpr KnownIntegers() = default;
  constexpr explicit KnownIntegers(std::span<const std::int8_t> values) : bytes_(values.data()), size_(values.size()), known_(true) {}
  constexpr explicit KnownIntegers(std::span<const std::int16_t> values) : shorts_(values.data()), size_(values.size()), known_(true) {}
  constexpr explicit KnownIntegers(std::span<const std::int32_t> values) : narrow_(values.data()), size_(values.size()), known_(true) {}
  constexpr explicit KnownIntegers(std::span<const std::int64_t> values) : wide_(values.data()), size_(values.size()), known_(true) {}

  constexpr bool known() const { return known_; }
  constexpr int size() const { return static_cast<int>(size_); }
  constexpr std::int64_t operator[](int i) const {
    if (narrow_ != nullptr) return narrow_[i];
    if (wide_ != nullptr) return wide_[i];
    return shorts_ != nullptr ? shorts_[i] : bytes_[i];
  }

 private:
  const std::int8_t* bytes_ = nullptr;
  const std::int16_t* shorts_ = nullptr;
  const std::int32_t* narrow_ = nullptr;
  const std::int64_t* wide_ = nullptr;
  std::size_t size_ = 0;
  bool known_ = false;
};

struct TensorDescription {
  TensorType type = TensorType::none;
  Shape shape;
  Quantization quantization{};
  KnownIntegers integers{};       // the data, where it is integer and known before running
  bool is_constant = false;       // the data is known before running and never changes
  bool is_variable = false;       // the data survives from one invoke to the next
  bool is_sparse = false;         // the file holds some of the elements only; the others are 0
  std::int32_t sparse_runs = 0;   // of the rows' runs of 16 bytes those that do not hold zeros alone, where is_sparse; 0: not known
  std::int64_t string_bytes = 0;  // of strings: what all of them take, as Strings has them

  constexpr bool present() const { return type != TensorType::none; }
  constexpr int rank() const { return shape.rank(); }
  constexpr std::int64_t count() const { return shape.count(); }
  constexpr std::int64_t bytes() const { return type == TensorType::string ? string_bytes : bytes_of(type, shape.count()); }
};

/// Elements of one tensor as a kernel sees them. Does not own. T is const for inputs.
template <class T, class E = DynamicExtents<1>> class View {
 public:
  using value_type = std::remove_const_t<T>;
  using extents_type = E;

  constexpr View() = default;
  constexpr View(T* data, E extents) : data_(data), extents_(extents) {}

  static constexpr int rank() { return E::rank(); }
  constexpr T* data() const { return data_; }
  constexpr std::int32_t extent(int axis) const { return extents_.extent(axis); }
  constexpr const E& extents() const { return extents_; }
  constexpr std::int64_t count() const { return extents_.count(); }
  constexpr T& operator[](std::int64_t i) const { return data_[i]; }
  /// False for an optional tensor that is absent.
  constexpr explicit operator bool() const { return data_ != nullptr; }

 private:
  T* data_ = nullptr;
  [[no_unique_address]] E extents_{};
};

/// Stored booleans: any byte may come from outside, every byte but 0 is true.
struct Boolean {
  std::uint8_t byte = 0;
  constexpr Boolean() = default;
  constexpr Boolean(bool value) : byte(value ? 1 : 0) {}  // NOLINT: a bool is a Boolean
  constexpr operator bool() const { return byte != 0; }   // NOLINT: and the other way
};
template <> inline constexpr TensorType tensor_type_of<Boolean> = TensorType::boolean;

/// One element of whatever type has this size, for ops that only move data.
template <int Bytes> struct Raw {
  std::byte bytes[Bytes];
  friend constexpr bool operator==(const Raw&, const Raw&) = default;
};

}  // namespace tfl
