#pragma once
// Shapes: Shape (run-time rank, up to 8 beside leading ones) and Extents (compile-time rank, each extent static or dynamic, as
// std::mdspan's).

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace tfl {

inline constexpr int max_rank = 8;
inline constexpr int max_full_rank = 1024;  // with leading ones

/// Dimensions of a tensor, outermost first. A plain value: no heap, usable in constant evaluation. Beyond the last 8 dimensions there may
/// be more of size 1, which are counted only: kernels never see them, and only ops that say so (OpTraits::any_rank) get such shapes.
class Shape {
 public:
  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<std::int32_t> dims) {
    for (const std::int32_t d : dims) push_back(d);
  }
  /// Whether a shape can have these dimensions: all beyond the last 8 are 1.
  static constexpr bool can_hold(std::span<const std::int32_t> dims) {
    for (std::size_t i = 0; i + max_rank < dims.size(); ++i) {
      if (dims[i] != 1) return false;
    }
    return dims.size() <= max_full_rank;
  }
  /// Whoever reads untrusted shapes asks can_hold() first.
  static constexpr Shape from(std::span<const std::int32_t> dims) {
    Shape shape;
    for (const std::int32_t d : dims) shape.push_back(d);
    return shape;
  }
  static constexpr Shape of_rank(int rank, std::int32_t fill = 1) {
    Shape shape;
    for (int i = 0; i < rank; ++i) shape.push_back(fill);
    return shape;
  }

  constexpr int rank() const { return rank_; }
  /// Dimensions of size 1 before those that rank() counts, and all together.
  constexpr int leading_ones() const { return ones_; }
  constexpr int full_rank() const { return ones_ + rank_; }
  constexpr std::int32_t operator[](int axis) const { return dims_[axis]; }
  constexpr std::int32_t& operator[](int axis) { return dims_[axis]; }
  constexpr std::span<const std::int32_t> dims() const { return {dims_, static_cast<std::size_t>(rank_)}; }
  /// The last dimension; 1 for a scalar.
  constexpr std::int32_t last() const { return rank_ > 0 ? dims_[rank_ - 1] : 1; }
  /// Ignored where there is no room left: 8 dimensions of which the first is not 1.
  constexpr void push_back(std::int32_t dim) {
    if (rank_ == max_rank && dims_[0] == 1 && full_rank() < max_full_rank) {
      for (int i = 1; i < max_rank; ++i) dims_[i - 1] = dims_[i];
      --rank_;
      ++ones_;
    }
    if (rank_ < max_rank) dims_[rank_++] = dim;
  }
  constexpr void add_leading_ones(int count) {
    for (; count > 0 && full_rank() < max_full_rank; --count) {
      if (rank_ == max_rank) {
        ++ones_;
        continue;
      }
      for (int i = rank_++; i > 0; --i) dims_[i] = dims_[i - 1];
      dims_[0] = 1;
    }
  }

  /// Number of elements. Requires a shape that passed checked_count(), or is hollow.
  constexpr std::int64_t count() const { return count(0, rank_); }
  /// Product of the dimensions first <= axis < last.
  constexpr std::int64_t count(int first, int last) const {
    std::int64_t n = 1;
    for (int i = first; i < last; ++i) n *= dims_[i];
    return n;
  }
  /// Number of elements, or -1 where a dimension is negative or the product of the others passes 2^31 - 1 (indices are 32 bits wide).
  constexpr std::int64_t checked_count() const {
    constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    std::int64_t n = 1;
    bool zero = false;
    for (int i = 0; i < rank_; ++i) {
      if (dims_[i] < 0) return -1;
      if (dims_[i] == 0) {
        zero = true;
      } else {
        n *= dims_[i];  // both fit 31 bits
        if (n > limit) return -1;
      }
    }
    return zero ? 0 : n;
  }

  /// Whether there is no element, but other dimensions whose product passes 2^31 - 1 (never 2^62). Only ops that say so
  /// (OpTraits::any_extent) get such shapes.
  constexpr bool is_hollow() const {
    constexpr std::int64_t limit = std::int64_t{1} << 62;
    std::int64_t n = 1;
    bool zero = false;
    for (int i = 0; i < rank_; ++i) {
      if (dims_[i] < 0 || (dims_[i] > 0 && n > limit / dims_[i])) return false;
      if (dims_[i] > 0) n *= dims_[i];
      zero = zero || dims_[i] == 0;
    }
    return zero && checked_count() < 0;
  }

  friend constexpr bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_ || a.ones_ != b.ones_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a.dims_[i] != b.dims_[i]) return false;
    }
    return true;
  }

 private:
  std::int16_t rank_ = 0, ones_ = 0;  // no leading ones where fewer than 8 dimensions are held
  std::int32_t dims_[max_rank] = {};
};

inline constexpr std::int32_t dynamic_extent = -1;

/// Extents of a view: each known to the compiler, or kept at run time (dynamic_extent).
template <std::int32_t... E> class Extents {
 public:
  static constexpr int rank() { return static_cast<int>(sizeof...(E)); }
  static constexpr std::int32_t static_extent(int axis) { return fixed[axis]; }
  static constexpr bool is_static = ((E != dynamic_extent) && ...);

  constexpr Extents() = default;
  /// Requires shape.rank() == rank() and equal dimensions where an extent is static.
  constexpr explicit Extents(const Shape& shape) {
    if constexpr (!is_static) {
      for (int i = 0; i < rank(); ++i) kept_[i] = shape[i];
    }
  }
  constexpr std::int32_t extent(int axis) const {
    if constexpr (is_static) {
      return fixed[axis];
    } else {
      return fixed[axis] != dynamic_extent ? fixed[axis] : kept_[axis];
    }
  }
  constexpr std::int64_t count() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank(); ++i) n *= extent(i);
    return n;
  }

 private:
  static constexpr std::int32_t fixed[sizeof...(E) + 1] = {E..., 0};
  struct Nothing {};
  struct Kept {
    std::int32_t dims[sizeof...(E) + 1] = {};
    constexpr std::int32_t operator[](int i) const { return dims[i]; }
    constexpr std::int32_t& operator[](int i) { return dims[i]; }
  };
  [[no_unique_address]] std::conditional_t<is_static, Nothing, Kept> kept_;
};

template <int Rank> struct DynamicExtentsOf;
template <> struct DynamicExtentsOf<1> { using type = Extents<dynamic_extent>; };
template <> struct DynamicExtentsOf<2> { using type = Extents<dynamic_extent, dynamic_extent>; };
template <> struct DynamicExtentsOf<4> { using type = Extents<dynamic_extent, dynamic_extent, dynamic_extent, dynamic_extent>; };
/// Extents of this rank, all kept at run time.
template <int Rank> using DynamicExtents = typename DynamicExtentsOf<Rank>::type;

/// How a kernel wants to see a tensor. A canonical rank keeps the number of instantiations small.
enum class Fold : std::uint8_t {
  flat,  // [elements]
  rows,  // [everything but the last axis, last axis]
  nhwc,  // rank 4, missing leading dimensions are 1
};
constexpr int rank_of(Fold fold) { return fold == Fold::flat ? 1 : fold == Fold::rows ? 2 : 4; }

/// The shape as the fold shows it. Requires checked dimensions whose product fits 31 bits, and rank <= 4 for Fold::nhwc.
constexpr Shape fold(Fold how, const Shape& shape) {
  const auto count = static_cast<std::int32_t>(shape.count());
  if (how == Fold::flat) return {count};
  if (how == Fold::rows) {
    const std::int32_t last = shape.last();
    return {last > 0 ? count / last : 0, last};
  }
  Shape folded{1, 1, 1, 1};
  for (int i = 0; i < shape.rank() && i < 4; ++i) folded[4 - shape.rank() + i] = shape[i];
  return folded;
}

}  // namespace tfl
